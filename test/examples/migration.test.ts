// The steps of the migration guide, each run as its users run it: in a process of its own. All of them do the same job.
import { spawn } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"

const root = fileURLToPath(new URL("../..", import.meta.url))
const steps = readdirSync(`${root}/examples/migration`)
  .filter((name) => /^step\d\.ts$/.test(name))
  .sort()

/** What the first steps leave behind when they end early is a bug of theirs, and goes with this directory. */
const temporary = mkdtempSync(join(tmpdir(), "effect-aio-steps-"))
afterAll(() => rmSync(temporary, { recursive: true }))

const running = new Set<ReturnType<typeof spawn>>()

/** A step, what it has printed, and its exit code when it has exited. */
const start = (step: string, ...options: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, [compiled(`examples/migration/${step}`), ...options], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: "", TMPDIR: temporary },
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
  const listening = new Promise<string>((resolve, reject) => {
    listeners.add(() => {
      const [, url] = /listening on (http:\S+)\n/.exec(output) ?? []
      if (url !== undefined) resolve(url)
    })
    void exited.then(() => reject(new Error(`${step} exited before it listened:\n${output}`)))
  })
  listening.catch(() => {})
  return { signal: (name: NodeJS.Signals) => child.kill(name), exited, listening, output: () => output }
}

/** All that a step prints that has nothing to say; which port it had does not matter. */
const expected = [
  "listening",
  "closed: poller",
  "closed: server",
  "closed: jobs",
  "closed: ledger",
  ...Array.from({ length: 15 }, (_, n) => `job-${String(n + 1).padStart(2, "0")} paid-${(n + 1) * 10}`),
  "job-16 given up",
  "16 jobs: 15 paid, 1 given up"
]

const lines = (output: string): Array<string> =>
  output
    .trim()
    .replace(/^listening on .*$/m, "listening")
    .split("\n")

const post = (url: string, body: string, signal: AbortSignal | null = null): Promise<Response> =>
  fetch(`${url}/jobs`, { method: "POST", body, signal })

describe("examples/migration", () => {
  afterEach(() => {
    for (const child of running) child.kill("SIGKILL")
  })

  it("has five steps", () => {
    expect(steps).toEqual(["step1.ts", "step2.ts", "step3.ts", "step4.ts", "step5.ts"])
  })

  it.each(steps)(
    "%s --once does its 16 jobs, closes in order, and prints what every step prints",
    async (step) => {
      const program = start(step, "--once")
      expect(await program.exited, program.output()).toBe(0)
      expect(lines(program.output())).toEqual(expected)
    },
    60_000
  )

  it.each(steps.map((step, n) => [step, n % 2 === 0 ? "SIGTERM" : "SIGINT"] as const))(
    "S3 %s serves until %s, finishes what it accepted, and closes in order",
    async (step, signal) => {
      const program = start(step)
      const url = await program.listening
      // The bank does not answer the first attempt to pay this one: it is under way when the signal comes.
      expect((await post(url, JSON.stringify({ id: "slow", amount: 50 }))).status).toBe(202)
      expect(await (await fetch(`${url}/jobs`)).json()).toMatchObject({ accepted: 1 })
      program.signal(signal)
      expect(await program.exited, program.output()).toBe(signal === "SIGINT" ? 130 : 143)
      expect(lines(program.output())).toEqual(expected.slice(0, 5))
      await expect(fetch(url)).rejects.toThrow()
    },
    60_000
  )

  it("a body that is no job ends the process in step 1, the program in step 2, and is an answer in step 5", async () => {
    const broken = async (step: string) => {
      const program = start(step)
      // In step 2 the server waits, when it closes, for the client that never gets an answer: until that goes away.
      const answer = await post(await program.listening, "no job", AbortSignal.timeout(4_000)).then(
        ({ status }) => status,
        () => "no answer"
      )
      if (answer === 400) program.signal("SIGTERM")
      return { answer, code: await program.exited, closed: lines(program.output()).slice(-4) }
    }
    const [one, two, five] = await Promise.all(["step1.ts", "step2.ts", "step5.ts"].map(broken))
    expect(one).toMatchObject({ answer: "no answer", code: 1 })
    expect(one?.closed).not.toContain("closed: ledger")
    expect(two).toMatchObject({ answer: "no answer", code: 1 })
    expect(two?.closed).toContain("closed: ledger")
    expect(five).toEqual({ answer: 400, code: 143, closed: expected.slice(1, 5) })
  }, 60_000)
})
