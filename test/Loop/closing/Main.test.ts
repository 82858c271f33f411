import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { afterAll, describe, expect, it } from "vitest"
import { compiled } from "../../support/compiled.js"

const fixture = compiled("test/fixtures/main.ts")
const root = fileURLToPath(new URL("../../../", import.meta.url))

/** Generous: a process takes a second or two to start on a busy machine. */
const TIMEOUT = 60_000

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** Standard output and standard error, in the order in which they arrived. */
  readonly output: string
}

const children = new Set<ReturnType<typeof spawn>>()

afterAll(() => {
  // Only what a failed test has left behind.
  for (const child of children) child.kill("SIGKILL")
})

/** Runs one program of the fixture. `paused`: nobody reads its standard output. */
const start = (program: string, { paused = false } = {}) => {
  const child = spawn(process.execPath, [fixture, program], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "", EFFECT_AIO_DEBUG: "" }
  })
  children.add(child)
  let output = ""
  const listeners = new Set<() => void>()
  const take = (chunk: Buffer) => {
    output += chunk.toString()
    for (const listener of listeners) listener()
  }
  if (!paused) child.stdout.on("data", take)
  child.stderr.on("data", take)
  const ended = new Promise<Ended>((resolve) => {
    child.on(paused ? "exit" : "close", (code, signal) => {
      children.delete(child)
      child.stdout.destroy()
      resolve({ code, signal, output })
    })
  })
  return {
    ended,
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    /** Waits until the text has been printed. */
    until: (text: string) =>
      new Promise<void>((resolve, reject) => {
        const look = () => {
          if (!output.includes(text)) return
          listeners.delete(look)
          resolve()
        }
        listeners.add(look)
        look()
        void ended.then(() => reject(new Error(`ended before it printed ${text}:\n${output}`)))
      })
  }
}

/** The lines that the programs print themselves. */
const said = ({ output }: Ended) =>
  output
    .split("\n")
    .filter((line) => /^(ready|flushing|finalizing|task cancelled|inner|outer|exit|threw)/.test(line))

const count = (text: string, part: string) => text.split(part).length - 1

describe.concurrent("Loop.run, in a process of its own", () => {
  it(
    "exits with 0, runs the finalizers in order, and resolves with the Exit (S3, bridge-024)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("success").ended
      expect(ended).toMatchObject({ code: 0, signal: null })
      expect(said(ended)).toEqual([
        "inner finalizer",
        "outer finalizer",
        "task cancelled",
        "exit Success 123"
      ])
    }
  )

  it(
    "exits with 1 for a failure, which is logged once, and still resolves with the Exit (S3)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("failure").ended
      expect(ended.code).toBe(1)
      expect(said(ended)).toEqual(["inner finalizer", "outer finalizer", "exit Failure"])
      expect(count(ended.output, "the program failed")).toBe(1)
      expect(ended.output).toContain("Error: spam")
    }
  )

  for (const [signal, code] of [
    ["SIGINT", 130],
    ["SIGTERM", 143]
  ] as const) {
    it(
      `exits with ${code} for one ${signal}, after the finalizers, in order (S3, shutdown-013)`,
      { timeout: TIMEOUT },
      async () => {
        const program = start("waiting")
        await program.until("ready")
        program.kill(signal)
        const ended = await program.ended
        expect(ended).toMatchObject({ code, signal: null })
        expect(said(ended)).toEqual(["ready", "inner finalizer", "outer finalizer", "exit Failure"])
        expect(ended.output).not.toContain("level=")
      }
    )
  }

  it(
    "names a finalizer that never settles and exits at the deadline (S3, S2, P8)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("stuckFinalizer")
      await program.until("ready")
      program.kill("SIGINT")
      const ended = await program.ended
      expect(ended.code).toBe(130)
      expect(said(ended)).toEqual(["ready", "flushing"])
      expect(ended.output).toContain("in span flush metrics")
      expect(count(ended.output, "left over on")).toBe(1)
      expect(ended.output).toContain("the program did not stop within 300ms")
    }
  )

  it(
    "names a promise that never settles, gives it up, and runs the finalizers (S3, S2)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("stuckTask")
      await program.until("ready")
      program.kill("SIGTERM")
      const ended = await program.ended
      expect(ended.code).toBe(143)
      expect(said(ended)).toEqual(["ready", "inner finalizer", "outer finalizer", "exit Failure"])
      expect(ended.output).toMatch(/left over on main at the deadline of 300ms/)
      expect(ended.output).toMatch(/task +stuck promise +\d+ms +cancelling +a foreign promise/)
    }
  )

  for (const second of ["SIGINT", "SIGTERM"] as const) {
    it(
      `leaves at once on a second signal, ${second}, with a report (S3, P9)`,
      { timeout: TIMEOUT },
      async () => {
        const program = start("patient")
        await program.until("ready")
        program.kill("SIGINT")
        await program.until("finalizing")
        program.kill(second)
        const ended = await program.ended
        expect(ended).toMatchObject({ code: second === "SIGINT" ? 130 : 143, signal: null })
        expect(ended.output).toContain(`${second} after SIGINT: leaving at once; not stopped:`)
        expect(ended.output).toMatch(/task +stuck promise/)
        expect(ended.output).toMatch(/effect +body of loop-1 .*interrupting/)
      }
    )
  }

  it(
    "leaves on the third signal although nobody reads its report (S3, P9)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("floodAndWait", { paused: true })
      await program.until("ready")
      program.kill("SIGINT")
      await program.until("finalizing")
      program.kill("SIGINT")
      program.kill("SIGTERM")
      const ended = await program.ended
      expect([130, 143]).toContain(ended.code)
    }
  )

  it(
    "exits with 1 for a crash, logs it once, and what the finalizers added (S3, C1)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("crash").ended
      expect(ended.code).toBe(1)
      expect(said(ended)).toEqual(["inner finalizer", "outer finalizer", "exit Failure"])
      expect(count(ended.output, "Exception in callback broken()")).toBeGreaterThanOrEqual(1)
      expect(count(ended.output, 'message="Exception in callback broken()"')).toBe(1)
      expect(ended.output).toContain("also in a finalizer")
    }
  )

  it(
    "ends at the deadline also where a crash meets a finalizer that never settles (S3, C1)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("crashStuck").ended
      expect(ended.code).toBe(1)
      expect(ended.output).toContain("left over on")
      expect(ended.output).toContain("the program did not stop within 300ms")
    }
  )

  it(
    "exits with 1 where the loop crashes while a signal closes it (S3, S5)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("crashWhileClosing")
      await program.until("ready")
      program.kill("SIGINT")
      const ended = await program.ended
      expect(ended.code).toBe(1)
      expect(said(ended)).toEqual(["ready", "inner finalizer", "outer finalizer", "exit Failure"])
      expect(ended.output).toContain("while closing")
    }
  )

  for (const [program, text, error] of [
    ["uncaught", "uncaught exception: the loop crashes", "uncaught boom"],
    ["unhandled", "unhandled rejection: the loop crashes", "unhandled boom"]
  ] as const) {
    it(
      `runs the finalizers and exits with 1 for an accident of the process: ${program} (S3)`,
      { timeout: TIMEOUT },
      async () => {
        const ended = await start(program).ended
        expect(ended.code).toBe(1)
        expect(said(ended)).toEqual(["ready", "inner finalizer", "outer finalizer", "exit Failure"])
        expect(count(ended.output, text)).toBe(1)
        expect(ended.output).toContain(error)
      }
    )
  }

  it(
    "logs accidents while it stops, goes on stopping, and exits with 1 (S3, S5)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("uncaughtWhileStopping")
      await program.until("ready")
      program.kill("SIGINT")
      const ended = await program.ended
      expect(ended.code).toBe(1)
      expect(ended.output).toContain("uncaught exception: the loop crashes")
      expect(ended.output).toContain("uncaught exception while stopping")
      expect(said(ended)).toEqual(["ready", "exit Failure"])
    }
  )

  it(
    "exits with 1 for a background Effect that fails, after the finalizers (S3, C2)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("background").ended
      expect(ended.code).toBe(1)
      expect(said(ended)).toEqual(["inner finalizer", "outer finalizer", "exit Failure"])
      expect(ended.output).toContain("background effect poller failed")
      expect(ended.output).toContain("poller failed")
    }
  )

  it("exits with the code that a teardown chooses first (S3)", { timeout: TIMEOUT }, async () => {
    const program = start("teardown")
    await program.until("ready")
    program.kill("SIGINT")
    const ended = await program.ended
    expect(ended.code).toBe(7)
    expect(said(ended)).toEqual(["ready", "inner finalizer", "outer finalizer", "exit Failure"])
  })

  it("tells a teardown which code it would exit with (S3)", { timeout: TIMEOUT }, async () => {
    const program = start("lastWord")
    await program.until("ready")
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended.code).toBe(143)
    expect(ended.output).toContain("would exit with 143")
  })

  it("exits with 1 where the teardown throws, which is logged (S3)", { timeout: TIMEOUT }, async () => {
    const ended = await start("brokenTeardown").ended
    expect(ended.code).toBe(1)
    expect(ended.output).toContain("the teardown failed")
    expect(ended.output).toContain("broken teardown")
  })

  it("names what keeps the process alive after a success (S3)", { timeout: TIMEOUT }, async () => {
    const program = start("leak")
    await program.until("the program has ended, and the process is kept alive by: ")
    // The signals are the process's own again.
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended).toMatchObject({ code: null, signal: "SIGTERM" })
    // The loader of the sources may still be busy, too.
    expect(ended.output).toMatch(/kept alive by: [\w, ]*Timeout/)
  })

  it(
    "prints its last word into a pipe before it exits, however much came before (S3)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("flood").ended
      expect(ended.code).toBe(1)
      expect(ended.output.length).toBeGreaterThan(400_000)
      expect(ended.output).toContain("the last word")
      expect(said({ ...ended, output: ended.output.slice(400_000) })).toEqual(["exit Failure"])
    }
  )

  it("throws a TypeError for what is no Effect (S3, shutdown-010)", { timeout: TIMEOUT }, async () => {
    const ended = await start("noEffect").ended
    expect(ended.code).toBe(0)
    expect(said(ended)).toEqual(["threw TypeError"])
  })
})
