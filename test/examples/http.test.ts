// The example of servers, run as its users run it: as a process that is told to end, with real clients.
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"
import { RawClient, head } from "../support/requests.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

const start = (...options: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [compiled("examples/http/main.ts"), ...options], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  let text = ""
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
  }
  const exited = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      running.delete(child)
      resolve(code)
    })
  })
  running.add(child)
  const prints = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const found = pattern.exec(text)
      if (found !== null) return found
      if (!running.has(child)) throw new Error(`it has ended before it printed ${String(pattern)}:\n${text}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return { child, exited, output: () => text, prints }
}

const running = new Set<ReturnType<typeof spawn>>()
afterEach(() => {
  for (const child of running) child.kill("SIGKILL")
})

describe("examples/http", () => {
  it("--once: under load, every request is answered whole or refused, and the database closes last", async () => {
    const program = start("--once")
    expect(await program.exited, program.output()).toBe(0)
    expect(program.output()).toMatch(
      /phase listening [^]*phase lameDuck [^]*phase draining [^]*phase answering [^]*phase closed [^]*database closed [^]*0 of them running/
    )
    expect(program.output()).toMatch(
      /\d+ requests of 20 clients were answered whole, 0 were not; exit code 143/
    )
  }, 30_000)

  it("told to end, it lets a Stream say its last word, and a client that has gone holds nobody up", async () => {
    const program = start()
    const [, site, control] = await program.prints(/site at \S+:(\d+), control at \S+:(\d+)/)
    const events = await RawClient.to(Number(site))
    events.write(head("GET /events"))
    await events.until(/data: tick/)
    const gone = await RawClient.to(Number(site))
    gone.write(head("GET /forever"))
    const ready = await RawClient.to(Number(control))
    ready.write(head("GET /ready", "Connection: close"))
    expect(await ready.closed()).toMatch(/^HTTP\/1\.1 200 /)
    await gone.destroy()
    program.child.kill("SIGTERM")
    expect(await events.closed()).toMatch(/event: bye\ndata: see you\n\n\r\n0\r\n\r\n$/)
    expect(await program.exited, program.output()).toBe(143)
    // It was all drained: there was nobody to be interrupted.
    expect(program.output()).toMatch(/phase draining [^]*phase closed [^]*database closed /)
    expect(program.output()).not.toMatch(/phase answering|level=(WARN|ERROR)| (WARN|ERROR) /)
  }, 30_000)
})
