// Whole programs, each in a process of its own.
// Covers: NodeProcess
import { describe, expect, it } from "vitest"
import { count, later, programsOf, said, TIMEOUT } from "../../support/programs.js"
import { perLine } from "../../support/effect/line.js"
import { entriesOf, logLines } from "../../support/logs.js"

const linesOf = ({ output }: { readonly output: string }) => output.trim().split("\n")
const start = programsOf("test/fixtures/main.ts")

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

  it(
    "exits with the code that the error asks for, and logs none that asks for that, on Effect 4 (S3)",
    { timeout: TIMEOUT },
    async () => {
      const four = process.env["EFFECT_LINE"] === "4"
      const ended = await start("ownCode").ended
      expect(ended.code).toBe(four ? 42 : 1)
      expect(said(ended)).toEqual(["inner finalizer", "outer finalizer", "exit Failure"])
      expect(count(ended.output, "the program failed")).toBe(four ? 0 : 1)
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
        expect(logLines(ended.output)).toEqual([])
      }
    )
  }

  it(
    "gives the program a Scope, which closes after it and before the loop (S3)",
    { timeout: TIMEOUT },
    async () => {
      const program = start("resource")
      await program.until("ready")
      program.kill("SIGTERM")
      const ended = await program.ended
      expect(ended.code).toBe(143)
      expect(said(ended)).toEqual([
        "ready",
        "inner finalizer",
        "outer finalizer",
        "outer database closed",
        "exit Failure"
      ])
    }
  )

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
        await later()
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
      const program = start("floodAndWait", { unread: "stdout" })
      await program.until("ready")
      program.kill("SIGINT")
      await program.until("finalizing")
      await later()
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
      expect(entriesOf(ended.output, "Exception in callback broken()")).toBe(1)
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
    ["uncaught", "uncaught exception", "uncaught boom"],
    ["unhandled", "unhandled rejection", "unhandled boom"]
  ] as const) {
    it(
      `runs the finalizers and exits with 1 for an accident of the process: ${program} (S3)`,
      { timeout: TIMEOUT },
      async () => {
        const ended = await start(program).ended
        expect(ended.code).toBe(1)
        expect(said(ended)).toEqual(["ready", "inner finalizer", "outer finalizer", "exit Failure"])
        expect(entriesOf(ended.output, text)).toBe(1)
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
      expect(entriesOf(ended.output, "uncaught exception while stopping")).toBe(2)
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
    "leaves after a success where what it has given up may keep the process (S3)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("leftOver").ended
      expect(ended).toMatchObject({ code: 0, signal: null })
      expect(ended.output).toContain("exit Success undefined")
      expect(ended.output).toMatch(/abandoned after a grace of 20ms: close pool/)
      expect(ended.output).toMatch(/kept alive by: [\w, ]*Timeout[\w, ]*: leaving without what was left over/)
    }
  )

  it("tells in short of a failure that cannot be shown as a whole (S3)", { timeout: TIMEOUT }, async () => {
    const ended = await start("circular").ended
    expect(ended.code).toBe(1)
    // The printer of Effect 4 can show it, that of Effect 3 cannot.
    expect(ended.output).toMatch(/the program failed[\s\S]*AioError: .*it is its own cause/)
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

  it("says so where the program has interrupted itself (S3)", { timeout: TIMEOUT }, async () => {
    const ended = await start("selfInterrupted").ended
    expect(ended.code).toBe(1)
    expect(said(ended)).toEqual(["inner finalizer", "outer finalizer", "exit Failure"])
    expect(entriesOf(ended.output, "the program has interrupted itself: nobody has told it to stop")).toBe(1)
  })

  it("refuses a second main beside the first, which goes on (S3)", { timeout: TIMEOUT }, async () => {
    const ended = await start("twoMains").ended
    expect(ended.code).toBe(0)
    expect(linesOf(ended).sort()).toEqual([
      "exit Success undefined",
      "first",
      "inner finalizer",
      "outer finalizer",
      expect.stringMatching(
        /^threw InvalidStateError: Loop.runMain\(\) in a process whose program runs already/
      )
    ])
  })

  it("takes a second main after the first", { timeout: TIMEOUT }, async () => {
    const ended = await start("oneAfterTheOther").ended
    expect(ended.code).toBe(0)
    expect(linesOf(ended).filter((line) => !line.includes("finalizer"))).toEqual(["first", "second"])
  })
})

describe.concurrent("Loop.runMain, in a process of its own", () => {
  it("logs for people on Effect 3, and ends as Loop.run does (S3)", { timeout: TIMEOUT }, async () => {
    const program = start("asPlatform")
    await program.until("a log")
    program.kill("SIGTERM")
    const ended = await program.ended
    expect(ended.code).toBe(143)
    expect(ended.output).toMatch(
      perLine("E7", {
        3: /^\[[\d:.]+\] INFO \(#\d+\): a log$/m,
        4: /^\[[\d:.]+\] INFO \(#\d+\): a log$/m
      })
    )
    expect(linesOf(ended).filter((line) => line.includes("finalizer"))).toEqual([
      "inner finalizer",
      "outer finalizer"
    ])
  })

  it(
    "reports no error where that is not wanted, and has the teardown's code (S3)",
    { timeout: TIMEOUT },
    async () => {
      const ended = await start("asPlatformInPipe").ended
      expect(ended.code).toBe(42)
      expect(linesOf(ended)).toEqual(["inner finalizer", "outer finalizer"])
    }
  )

  it("leaves the logs as they are where that is wanted", { timeout: TIMEOUT }, async () => {
    const ended = await start("asPlatformPlain").ended
    expect(ended.code).toBe(1)
    expect(logLines(ended.output).map((line) => /a log|the program failed/.exec(line)?.[0])).toEqual([
      "a log",
      "the program failed"
    ])
  })

  it("throws a TypeError for bad options and for what is no Effect (B2)", { timeout: TIMEOUT }, async () => {
    const ended = await start("badOptions").ended
    expect(ended.code).toBe(0)
    expect(linesOf(ended)).toEqual([
      "TypeError: disableErrorReporting is a boolean, not 1",
      'TypeError: disablePrettyLogger is a boolean, not "no"',
      "TypeError: teardown is a function, not 7",
      "TypeError: Loop.runMain takes an Effect, not 1; wrap aio code with fromAio",
      "TypeError: Loop.runMain takes an Effect, not <Promise>; wrap aio code with fromAio"
    ])
  })
})
