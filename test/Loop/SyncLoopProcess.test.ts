import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { compiled } from "../support/compiled.js"
import { entriesOf, logLines } from "../support/logs.js"

const fixture = compiled("test/fixtures/syncLoop.ts")
const root = fileURLToPath(new URL("../../", import.meta.url))

/** Generous: a process takes a second or two to start on a busy machine. */
const options = { timeout: 60_000 }

const children = new Set<ReturnType<typeof spawn>>()

afterAll(() => {
  // Only what a failed test has left behind.
  for (const child of children) child.kill("SIGKILL")
})

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What the program itself printed, line by line. */
  readonly said: ReadonlyArray<string>
  /** Standard output and standard error. */
  readonly output: string
}

/** Runs one program of the fixture; `signal` is sent when it has printed "ready". */
const run = (program: string, signal?: NodeJS.Signals): Promise<Ended> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [fixture, program], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
    })
    children.add(child)
    let output = ""
    let wanted = signal
    const take = (chunk: Buffer): void => {
      output += chunk.toString()
      if (wanted === undefined || !output.includes("ready")) return
      child.kill(wanted)
      wanted = undefined
    }
    child.stdout.on("data", take)
    child.stderr.on("data", take)
    child.on("close", (code, by) => {
      children.delete(child)
      const said = output
        .split("\n")
        .filter((line) => line !== "" && !/^(timestamp=|\s|Error|Node|\[)/.test(line))
      resolve({ code, signal: by, said, output })
    })
  })

describe.concurrent("a run, in a process of its own", () => {
  it(
    "sync-loop-023 keeps the process until a signal handler calls stop(); then it exits by itself",
    options,
    async () => {
      expect(await run("signal", "SIGUSR2")).toMatchObject({
        code: 0,
        signal: null,
        said: ["ready", "signal", "run ended", "done", "exit"]
      })
    }
  )

  it("sync-loop-023 keeps the process until the message of a worker calls stop()", options, async () => {
    expect(await run("message")).toMatchObject({
      code: 0,
      said: ["from the worker", "run ended", "done", "exit"]
    })
  })

  it(
    "sync-loop-023 keeps the process while a Future is pending that nothing in Node stands behind",
    options,
    async () => {
      expect(await run("pending", "SIGUSR2")).toMatchObject({
        code: 0,
        said: ["ready", "from the signal", "done", "exit"]
      })
    }
  )

  it("S1 closing keeps the process as long as it waits", options, async () => {
    expect(await run("closing", "SIGUSR2")).toMatchObject({
      code: 0,
      said: ["ready", "cleaned up", "closed", "done", "exit"]
    })
  })

  it(
    "sync-loop-023 sync-loop-020 holds nothing afterwards, although a timer is left and nobody closed it",
    options,
    async () => {
      expect(await run("leftTimer")).toMatchObject({
        code: 0,
        said: ["first", "second", "1 timer is left", "done", "exit"]
      })
    }
  )

  it(
    "sync-loop-023 holds nothing after it was stopped, or broken off, or where it never ran",
    options,
    async () => {
      const ended = await Promise.all([run("stopped"), run("brokenOff"), run("unused")])
      expect(ended).toMatchObject([
        { code: 0, said: ["LoopStoppedError", "done", "exit"] },
        { code: 0, said: ["TimeoutError", "done", "exit"] },
        { code: 0, said: ["done", "exit"] }
      ])
    }
  )

  it("logs an uncaught error of a callback or a background Effect, and goes on", options, async () => {
    const { code, output, said } = await run("uncaught")
    expect({ code, said }).toEqual({ code: 0, said: ["goes on", "closed", "done", "exit"] })
    expect(entriesOf(output, "Exception in callback broken()")).toBe(1)
    const errors = logLines(output, "ERROR")
    expect(errors).toContainEqual(expect.stringContaining("in a callback"))
    expect(errors).toContainEqual(expect.stringContaining("background effect poller failed"))
  })

  it("L6 logs a failure that nobody looked at, which is no unhandled rejection", options, async () => {
    const { code, output, said } = await run("unretrieved")
    expect({ code, said }).toEqual({ code: 0, said: ["closed", "done", "exit"] })
    expect(logLines(output, "ERROR")).toContainEqual(expect.stringContaining("never retrieved"))
    expect(output).toContain("nobody looked")
  })

  it(
    "that rejects and that nobody awaits is Node's unhandled rejection, with the very error",
    options,
    async () => {
      const { code, output } = await run("unhandled")
      expect(code).toBe(1)
      expect(output).toContain("Error: nobody caught the run")
    }
  )

  it("that rejects and is caught leaves no other rejection behind", options, async () => {
    expect(await run("handled")).toMatchObject({
      code: 0,
      said: ["true", "TypeError", "closed", "done", "exit"]
    })
  })
})

describe.concurrent("Loop.run, in a process of its own", () => {
  it(
    "sync-loop-012 fails with exactly the error of its program, whose code may be the exit code",
    options,
    async () => {
      expect(await run("exitError")).toMatchObject({ code: 42, said: ["same error: true", "done", "exit"] })
    }
  )
})
