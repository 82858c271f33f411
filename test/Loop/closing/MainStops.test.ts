// Covers: StopSignals, inBrief, outliving
import { describe, expect, it } from "vitest"
import { runs } from "../../fixtures/child/children.js"
import { count, type Ended, later, programsOf, said, TIMEOUT } from "../../support/programs.js"
import { logLines } from "../../support/logs.js"

const start = programsOf("test/fixtures/stopping.ts")

/** Starts a program, has it told to stop, and gives its end. */
const stopped = async (name: string, signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> => {
  const program = start(name)
  await program.until("ready")
  program.kill(signal)
  return program.ended
}

/** Frames of the library's own files. */
const ownFrames = ({ output }: Ended) => output.split("\n").filter((line) => /^\s+at .*\/src\//.test(line))

/** The process that the program has started. */
const childOf = (output: string) => Number(/child (\d+)/.exec(output)?.[1])

describe.concurrent("a program that was told to stop", () => {
  it("exits with the signal's code where late errors were reported (S7)", { timeout: TIMEOUT }, async () => {
    const ended = await stopped("late")
    expect(ended).toMatchObject({ code: 143, signal: null })
    expect(said(ended)).toEqual(["ready", "outer finalizer", "exit Failure"])
    expect(ended.output).not.toContain("the program failed")
    expect(logLines(ended.output, "ERROR")).toEqual([])
  })

  it(
    "tells each late error once, in one line that says where in the program it was made (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await stopped("late", "SIGINT")
      expect(ended.code).toBe(130)
      const lines = logLines(ended.output)
      expect(lines).toHaveLength(2)
      for (const line of lines) {
        expect(line).toMatch(/kind(=|: ')late/)
        expect(line).toMatch(/Error: the query was taken back, at .*stopping\.js:/)
      }
      expect(ownFrames(ended)).toEqual([])
    }
  )

  it.each([1, 2])(
    "leaves without a thread that cannot be ended, by its signal, at the deadline and at once: %s (S3)",
    { timeout: TIMEOUT },
    async (signals) => {
      const program = start("deafThread")
      await program.until("ready")
      program.kill("SIGTERM")
      if (signals === 2) {
        await later()
        program.kill("SIGTERM")
      }
      const began = performance.now()
      const ended = await program.ended
      expect(ended).toMatchObject({ code: null, signal: "SIGTERM" })
      // The call itself takes six seconds.
      expect(performance.now() - began).toBeLessThan(4_000)
      expect(
        count(ended.output, "a thread is in a call that cannot be ended: the process ends by SIGTERM")
      ).toBe(1)
      expect(count(ended.output, "exit listeners")).toBe(1)
      expect(ended.output).toMatch(/^job +execFileSync/m)
    }
  )

  it.each(["pollsTimers", "pollsEvents", "pollsItself"])(
    "names a task that swallows its cancel and spins on its aborted signal, and stops at the deadline: %s (S2)",
    { timeout: TIMEOUT },
    async (name) => {
      const ended = await stopped(name)
      expect(ended).toMatchObject({ code: 143, signal: null })
      expect(said(ended)).toEqual(["ready", "outer finalizer", "exit Failure"])
      expect(count(ended.output, "deaf poller was cancelled and has not ended: it goes on calling")).toBe(1)
      expect(ended.output).toMatch(/^task +deaf poller/m)
    }
  )

  it(
    "exits with the signal's code where another loop of it has reported the late error (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await stopped("nested")
      expect(ended.code).toBe(143)
      expect(logLines(ended.output)).toHaveLength(1)
    }
  )

  it(
    "exits with the signal's code where an echo of a cancel is in its Cause (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await stopped("echoInFinalizer")
      expect(ended.code).toBe(143)
      expect(logLines(ended.output)).toEqual([])
    }
  )

  it(
    "exits with the signal's code where a close fails, and tells of that once (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await stopped("closeFails")
      expect(ended.code).toBe(143)
      const lines = logLines(ended.output)
      expect(lines).toHaveLength(1)
      expect(logLines(ended.output, "WARN")).toEqual(lines)
      expect(lines[0]).toMatch(/closing pool failed as its fiber was being stopped.*the pool is stuck/)
    }
  )

  it(
    "exits with 1 where it failed itself, and prints only that failure at the end (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await stopped("bug")
      expect(ended.code).toBe(1)
      expect(count(ended.output, "the program failed")).toBe(1)
      expect(ended.output.slice(ended.output.indexOf("the program failed"))).toContain("a bug in a finalizer")
      expect(ended.output.slice(ended.output.indexOf("the program failed"))).not.toContain("the query")
    }
  )

  it(
    "takes the library's own CancelledError at a promise nobody awaits for no accident (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await stopped("echoes")
      expect(ended.code).toBe(143)
      expect(said(ended)).toEqual(["ready", "outer finalizer", "exit Failure"])
      expect(logLines(ended.output)).toEqual([])
    }
  )

  it("takes an AbortError of somebody else for an accident (S7)", { timeout: TIMEOUT }, async () => {
    const ended = await start("abort").ended
    expect(ended.code).toBe(1)
    expect(count(ended.output, "unhandled rejection")).toBe(1)
  })

  it(
    "asks the exception handler first about an accident of the process, and goes on if that decides so (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("handler").ended
      expect(ended.code).toBe(0)
      expect(ended.output.split("\n")).toEqual([
        "handler callback: unhandled rejection: Error: decided",
        "handler callback: uncaught exception: Error: also decided",
        "exit Success went on",
        ""
      ])
    }
  )

  it(
    "closes in order for an accident that the exception handler hands on, and tells it once (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("delegating").ended
      expect(ended.code).toBe(1)
      expect(said(ended)).toEqual(["ready", "outer finalizer", "exit Failure"])
      expect(logLines(ended.output, "ERROR")).toHaveLength(1)
    }
  )

  it("counts the same signal within 200 ms once (S7)", { timeout: TIMEOUT }, async () => {
    const program = start("slowly")
    await program.until("ready")
    program.kill("SIGINT")
    program.kill("SIGINT")
    await program.until("finalizing")
    program.kill("SIGINT")
    const ended = await program.ended
    expect(ended).toMatchObject({ code: 130, signal: null })
    expect(said(ended)).toEqual(["ready", "outer finalizer", "finalizing", "exit Failure"])
    expect(ended.output).not.toContain("leaving at once")
  })

  it("takes another signal for the second one at once (S7)", { timeout: TIMEOUT }, async () => {
    const program = start("slowly")
    await program.until("ready")
    program.kill("SIGINT")
    await program.until("finalizing")
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended.code).toBe(143)
    expect(ended.output).toContain("SIGTERM after SIGINT: leaving at once")
  })

  it(
    "does no harm to a program that is stopped and continued while it works and closes (S7)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("slowly")
      const pause = async () => {
        program.kill("SIGSTOP")
        // Past the deadline.
        await new Promise((resolve) => setTimeout(resolve, 3_500))
        program.kill("SIGCONT")
      }
      await program.until("ready")
      await pause()
      program.kill("SIGTERM")
      await program.until("finalizing")
      await pause()
      const ended = await program.ended
      expect(ended).toMatchObject({ code: 143, signal: null })
      expect(said(ended)).toEqual(["ready", "outer finalizer", "finalizing", "exit Failure"])
    }
  )
})

/** Starts a program that has started a stubborn child, and waits until that runs. */
const startFamily = async (name: string) => {
  const program = start(name)
  await program.until("ready")
  return program
}

describe.concurrent("what a program leaves behind when it leaves at once", () => {
  it("is nothing of its child processes on a second signal (S7)", { timeout: TIMEOUT }, async () => {
    const program = await startFamily("family")
    program.kill("SIGINT")
    await program.until("finalizing")
    await later()
    program.kill("SIGINT")
    const ended = await program.ended
    expect(ended.code).toBe(130)
    expect(ended.output).toMatch(/SIGINT after SIGINT: leaving at once; not stopped:[^]*process +pid/)
    expect(runs(childOf(ended.output))).toBe(false)
  })

  it("is nothing of its child processes at the deadline (S7)", { timeout: TIMEOUT }, async () => {
    const program = await startFamily("familyAtDeadline")
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended.code).toBe(143)
    expect(ended.output).toContain("the program did not stop within 300ms")
    expect(runs(childOf(ended.output))).toBe(false)
  })

  it(
    "is the table, once, and nothing of its child processes where it calls process.exit (S7)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("exitInside").ended
      expect(ended.code).toBe(5)
      expect(count(ended.output, "the process exits with 5 before its program has ended; not stopped:")).toBe(
        1
      )
      expect(ended.output).toMatch(/task +stuck promise/)
      expect(ended.output).toMatch(/process +pid \d+: sh/)
      expect(runs(childOf(ended.output))).toBe(false)
    }
  )

  it("is not a word where it calls process.exit and nothing is left (S7)", { timeout: TIMEOUT }, async () => {
    expect(await start("exitWithNothing").ended).toEqual({ code: 6, signal: null, output: "" })
  })

  it("is no process that waits for a reader of its table (S7)", { timeout: TIMEOUT }, async () => {
    const program = start("exitUnread", { unread: "both" })
    expect(await program.ended).toMatchObject({ code: 7, signal: null })
  })

  it("is no process that waits for a reader of its output (S7)", { timeout: TIMEOUT }, async () => {
    const program = start("unread", { unread: "stdout" })
    await program.until("ready")
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended).toMatchObject({ code: 143, signal: null })
    expect(ended.output).toContain("exit Failure")
  })
})
