// The echo example, run as its users run it, and talked to by sockets that know nothing of it.
import { spawn } from "node:child_process"
import * as net from "node:net"
import { fileURLToPath } from "node:url"
import { afterEach, describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const names = ["protocol", "streams", "effect"]
const running = new Set<ReturnType<typeof spawn>>()

const start = (...options: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [compiled("examples/echo/main.ts"), ...options], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "" },
    stdio: ["ignore", "pipe", "pipe"]
  })
  running.add(child)
  let output = ""
  const listeners = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString()
      for (const listener of listeners) listener()
    })
  }
  const exited = new Promise<number | null>((resolve) => {
    child.on("close", (code) => {
      running.delete(child)
      resolve(code)
    })
  })
  /** The ports at which the three listen. */
  const ports = new Promise<ReadonlyArray<number>>((resolve, reject) => {
    listeners.add(() => {
      const found = [...output.matchAll(/listens at port (\d+)/g)].map(([, port]) => Number(port))
      if (found.length === names.length) resolve(found)
    })
    void exited.then(() => reject(new Error(`it exited before it listened:\n${output}`)))
  })
  ports.catch(() => {})
  return { signal: (name: NodeJS.Signals) => child.kill(name), exited, ports, output: () => output }
}

afterEach(() => {
  for (const child of running) child.kill("SIGKILL")
})

/** What a server sends back, until it ends. */
const talk = (port: number, data: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true })
    const got: Array<Buffer> = []
    socket.on("data", (chunk: Buffer) => got.push(chunk))
    socket.on("error", reject)
    socket.on("end", () => {
      socket.destroy()
      resolve(Buffer.concat(got))
    })
    socket.end(data)
  })

describe("examples/echo", () => {
  it("answers once by each of its three servers, and ends", async () => {
    const program = start("--once")
    expect(await program.exited).toBe(0)
    expect(program.output().match(/^\w+ answers: .*$/gm)).toEqual(
      names.map((name) => `${name} answers: hello, world`)
    )
  })

  it("gives back a megabyte, bears clients that go or never read, and ends when it is told to", async () => {
    const program = start()
    const ports = await program.ports
    const megabyte = Buffer.alloc(1024 * 1024, "echo")
    const idle: Array<net.Socket> = []
    for (const port of ports) {
      const rude = net.connect(port, "127.0.0.1", () => {
        rude.write("gone")
        rude.resetAndDestroy()
      })
      rude.on("error", () => {})
      const never = net.connect(port, "127.0.0.1", () => void never.write(megabyte))
      never.on("error", () => {})
      never.pause()
      idle.push(never)
      expect((await talk(port, megabyte)).equals(megabyte)).toBe(true)
    }
    program.signal("SIGTERM")
    expect(await program.exited).toBe(143)
    for (const socket of idle) socket.destroy()
    expect(
      program
        .output()
        .split("\n")
        .filter((line) => !/listens at port|INFO/.test(line))
    ).toEqual([""])
  })
})
