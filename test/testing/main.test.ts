// Main programs without a process.
// Covers: TestProcess, prepare
import { describe, expect, it } from "@effect/vitest"
import { Cause, Console, Effect, Exit, Fiber } from "effect"
import { TestLoop } from "effect-aio/testing"
import { fromAio, Loop } from "../../src/index.js"

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What of the process a main program listens to, or changes. */
const ofProcess = () => ({
  listeners: Object.fromEntries(
    process.eventNames().map((name) => [String(name), process.listenerCount(name)])
  ),
  exitCode: process.exitCode,
  exit: process.exit
})

/** `TestLoop.main`, and the process must be what it was. */
const main = <A, E, E2 = never>(
  program: Parameters<typeof TestLoop.main<A, E, E2>>[0],
  options?: TestLoop.MainTestOptions<E2>
) =>
  Effect.gen(function* () {
    const before = ofProcess()
    const end = yield* TestLoop.main(program, options)
    expect(ofProcess()).toEqual(before)
    return end
  })

describe("TestLoop.main", () => {
  it.effect("gives code 0, the Exit, and what was written, in order", () =>
    Effect.gen(function* () {
      const program = Effect.gen(function* () {
        yield* Console.log("begins")
        yield* Effect.logWarning("careful")
        yield* fromAio(() => wait(86_400_000))()
        yield* Console.error("a day later")
        return 7
      })
      const { closing, code, exit, leftovers, output, signal } = yield* main(program)
      expect({ code, exit, leftovers, signal, closing }).toEqual({
        code: 0,
        exit: Exit.succeed(7),
        leftovers: [],
        signal: undefined,
        closing: []
      })
      expect(output).toMatch(/^begins\n.*WARN.*careful.*\na day later\n$/)
    })
  )

  it.effect("code 1 and the error for a failure, a defect, and a crash", () =>
    Effect.gen(function* () {
      const failed = yield* main(Effect.fail(new Error("no database")))
      expect([failed.code, failed.output]).toEqual([1, expect.stringContaining("the program failed")])
      expect(failed.output).toContain("no database")
      expect((yield* main(Effect.die("broken"))).code).toBe(1)
      const crashed = yield* main(
        Effect.zipRight(
          Effect.flatMap(Loop, (loop) =>
            Effect.sync(() => {
              loop.callSoon(() => {
                throw new Error("in a callback")
              })
            })
          ),
          Effect.never
        )
      )
      expect([crashed.code, crashed.signal]).toEqual([1, undefined])
      expect(crashed.output).toContain("in a callback")
    })
  )

  it.effect(
    "143 and 130 for SIGTERM and SIGINT, after handlers and finalizers, with the time that closing took",
    () =>
      Effect.gen(function* () {
        const program = Effect.gen(function* () {
          const loop = yield* Loop
          loop.addSignalHandler("SIGTERM", () => void Effect.runSync(Effect.void))
          loop.createTask(
            async ({ signal }) => {
              await new Promise((resolve) => signal.addEventListener("abort", resolve))
              await wait(3_000)
            },
            { name: "flush" }
          )
          yield* Effect.addFinalizer(() => Effect.delay(Console.log("closed the pool"), "2 seconds"))
          yield* Effect.never
        })
        const end = yield* main(program, {
          slowJoin: "1 minute",
          during: Effect.delay(TestLoop.signal("SIGTERM"), "1 hour")
        })
        expect([end.code, end.signal, end.output]).toEqual([143, "SIGTERM", "closed the pool\n"])
        expect(end.closing).toEqual([
          { step: "program", began: 3_600_000, took: 2_000 },
          { step: "work", began: 3_602_000, took: 3_000 }
        ])
        const interrupted = yield* main(Effect.never, { during: TestLoop.signal("SIGINT") })
        expect([interrupted.code, interrupted.signal]).toEqual([130, "SIGINT"])
      })
  )

  it.effect("names what did not stop at the deadline, which passes in no time", () =>
    Effect.gen(function* () {
      const program = Effect.flatMap(Loop, (loop) => {
        loop.createTask(() => new Promise(() => {}), { name: "stubborn" })
        return Loop.synchronize
      })
      const end = yield* main(program, { closeDeadline: "30 seconds" })
      expect(end.code).toBe(0)
      expect(end.leftovers.map(({ name, what }) => `${what} ${name}`)).toEqual(["task stubborn"])
      expect(end.output).toMatch(/1 left over on loop-\d+ at the deadline of 30000ms[^]*task +stubborn/)
      expect(end.closing).toEqual([{ step: "work", began: 0, took: 30_000 }])
    })
  )

  it.effect("a second signal leaves at once, with the table", () =>
    Effect.gen(function* () {
      const program = Effect.uninterruptible(Effect.delay(Console.log("too late"), "1 hour"))
      const interrupt = TestLoop.signal("SIGINT")
      const during = Effect.zipRight(interrupt, Effect.delay(interrupt, "1 second"))
      const end = yield* main(program, { during })
      expect([end.code, end.signal, end.exit]).toEqual([130, "SIGINT", undefined])
      expect(end.output).toMatch(/SIGINT after SIGINT: leaving at once; not stopped:\nwhat /)
      expect(end.output).not.toContain("too late")
      expect(end.leftovers.map(({ what }) => what)).toEqual(["effect"])
    })
  )

  it.effect("a teardown decides, and a timer that would keep the process is left over", () =>
    Effect.gen(function* () {
      const program = fromAio(async () => void setInterval(function beat() {}, 1_000))
      const end = yield* main(program(), { teardown: (_exit, onExit, code) => onExit(code + 42) })
      expect(end.code).toBe(42)
      expect(end.leftovers.map(({ name }) => name)).toEqual(["setInterval(beat, 1000)"])
    })
  )

  it.effect("a signal that nobody handles fails the test, and so does what else happens during it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(main(Effect.never, { during: TestLoop.signal("SIGHUP") }))
      expect(error.message).toContain("would end by it at once")
      const exit = yield* Effect.exit(main(Effect.never, { during: Effect.die(new Error("the test's own")) }))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("the test's own")
    })
  )

  it.effect("several run at once, each with its own output and signals", () =>
    Effect.gen(function* () {
      const one = (name: string) =>
        TestLoop.main(Effect.zipRight(Console.log(name), Effect.never), {
          during: Effect.delay(TestLoop.signal(name === "a" ? "SIGINT" : "SIGTERM"), "1 second")
        })
      const ends = yield* Effect.all([one("a"), one("b")], { concurrency: "unbounded" })
      expect(ends.map(({ code, output }) => [code, output])).toEqual([
        [130, "a\n"],
        [143, "b\n"]
      ])
    })
  )

  it.effect("interrupted, it leaves at once: its loop is closed and its finalizers begin", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let loop: Loop["Type"] | undefined
      const program = Effect.ensuring(
        Effect.flatMap(Loop, (opened) => {
          loop = opened
          return Effect.never
        }),
        Effect.sync(() => log.push("finalized"))
      )
      const fiber = yield* Effect.fork(main(program))
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* Fiber.interrupt(fiber)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      expect(loop?.isClosed()).toBe(true)
      expect(log).toEqual(["finalized"])
    })
  )

  it("refuses what is no program and no option, before anything runs", () => {
    expect(() => TestLoop.main((async () => {}) as never)).toThrow(/TestLoop.main takes an Effect, not/)
    expect(() => TestLoop.main(Effect.void, { closeDeadline: -1 })).toThrow(RangeError)
    expect(() => TestLoop.main(Effect.void, { teardown: 1 as never })).toThrow(TypeError)
    expect(() => TestLoop.main(Effect.void, { during: (() => {}) as never })).toThrow(TypeError)
    expect(() => TestLoop.main(Effect.void, { timers: 1 as never })).toThrow(TypeError)
    expect(() => TestLoop.main(Effect.void, { dumpOn: "SIGUSR2" } as never)).toThrow(/takes no dumpOn/)
  })

  it.live("has real time where the clock is a real one", () =>
    Effect.gen(function* () {
      const end = yield* main(fromAio(() => wait(20))())
      expect(end.code).toBe(0)
    })
  )
})
