// Loops for tests: promise code follows the clock, a test settles, and what it leaves fails it.
// Covers: NotCleanError, settled, layer, clean, moving, left
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Effect, Exit, Fiber } from "effect"
import { TestLoop } from "effect-aio/testing"
import { fromAio, Loop, runEffect } from "../../src/index.js"

const quiet = { exceptionHandler: () => {} }

/** A retry as libraries write it. */
const retrying = async (log: Array<string>): Promise<string> => {
  for (let attempt = 1; ; attempt++) {
    log.push(`attempt ${attempt} at ${Date.now()}`)
    if (attempt === 3) return "done"
    await new Promise((resolve) => setTimeout(resolve, 10_000))
  }
}

/** What the defects of a failed run say. */
const defectsOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "no failure"

describe("a loop for tests", () => {
  it.effect("has the timers of a promise library follow TestClock", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const fiber = yield* Effect.fork(fromAio(() => retrying(log))())
      yield* TestLoop.advance("9999 millis")
      expect(log).toEqual(["attempt 1 at 0"])
      yield* TestLoop.advance("30 seconds")
      expect(yield* Fiber.join(fiber)).toBe("done")
      expect(log).toEqual(["attempt 1 at 0", "attempt 2 at 10000", "attempt 3 at 20000"])
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("leaves timers as they are where it is told to", () =>
    Effect.gen(function* () {
      const before = setTimeout
      yield* Loop
      expect(setTimeout).toBe(before)
    }).pipe(Effect.provide(TestLoop.layer({ timers: false })))
  )

  it("takes no timers without async-local state, and says so", () => {
    expect(() => TestLoop.layer({ asyncContext: false })).toThrow(RangeError)
    expect(() => TestLoop.layer({ timers: "yes" as never })).toThrow(
      new TypeError('timers is a boolean, not "yes"')
    )
    expect(() => TestLoop.advance(-1)).toThrow(RangeError)
  })

  it.live("cannot be moved under a clock that moves by itself", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(TestLoop.advance(1))
      expect(defectsOf(exit)).toContain("TestLoop.advance needs a TestClock")
    }).pipe(Effect.provide(TestLoop.layer()))
  )
})

describe("TestLoop.settle", () => {
  it.effect("waits for passes, promises and fibers, and not for timers", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const log: Array<string> = []
      loop.callLater(1, () => void log.push("timer"))
      loop.createTask(async () => {
        for (let i = 0; i < 100; i++) await Promise.resolve()
        for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
        log.push("promises")
        loop.callSoon(
          () => void runEffect(Effect.repeatN(Effect.yieldNow(), 50)).then(() => log.push("fiber"))
        )
      })
      yield* TestLoop.settle
      expect(log).toEqual(["promises", "fiber"])
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("ends with its loop", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(Loop.open())
      yield* Effect.provideService(TestLoop.settle, Loop, loop)
      expect(loop.isClosed()).toBe(true)
    })
  )
})

describe("TestLoop.advance", () => {
  it.effect("lets what runs begin before the clock moves, and end after it", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const log: Array<number> = []
      loop.createTask(async () => {
        for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
        await new Promise((resolve) => setTimeout(resolve, 10))
        for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
        log.push(loop.time())
      })
      yield* TestLoop.advance(10)
      expect(log).toEqual([10])
      expect(yield* Clock.currentTimeMillis).toBe(10)
    }).pipe(Effect.provide(TestLoop.layer()))
  )
})

describe("TestLoop.expectClean", () => {
  const run = <A, E>(effect: Effect.Effect<A, E, Loop>, options: TestLoop.TestLoopOptions = {}) =>
    Effect.exit(Effect.provide(effect, TestLoop.layer({ name: "mine", ...quiet, ...options })))

  it.effect("passes where nothing is left, and where timers hold no process", () =>
    Effect.gen(function* () {
      const exit = yield* run(fromAio(async () => void setTimeout(() => {}, 1).unref())())
      expect(exit._tag).toBe("Success")
    })
  )

  it.effect("names a task, a timer, an interval and a reader", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      loop.callSoon(() => {
        const left = loop.createTask(() => loop.sleep(1_000), { name: "poller" })
        void left.addDoneCallback(() => {})
        setTimeout(function retry() {}, 500)
        setInterval(function beat() {}, 250)
      })
      loop.addSignalHandler("SIGUSR2", () => {})
      const error = yield* Effect.flip(TestLoop.expectClean)
      expect(error._tag).toBe("NotCleanError")
      expect(error.leftovers.map(({ name, what }) => `${what} ${name}`)).toEqual([
        "task poller",
        "signal SIGUSR2 <anonymous () => { }>",
        "timer setTimeout(retry, 500)",
        "timer setInterval(beat, 250)"
      ])
      expect(error.message).toMatch(/^3 left on mine, and 1 watched:\nwhat /)
    }).pipe(Effect.provide(TestLoop.layer({ name: "mine", expectClean: false })))
  )

  it.effect("fails a test that leaves something, by its name, without being asked", () =>
    Effect.gen(function* () {
      const leak = Effect.flatMap(Loop, (loop) =>
        Effect.sync(() => void loop.createTask(() => loop.sleep(1_000), { name: "poller" }))
      )
      const exit = yield* run(leak)
      expect(defectsOf(exit)).toMatch(/NotCleanError: 1 left on mine:\nwhat.*\ntask +poller/)
      expect((yield* run(leak, { expectClean: false }))._tag).toBe("Success")
    })
  )

  it.effect("does not hide why a test has failed", () =>
    Effect.gen(function* () {
      const exit = yield* run(
        Effect.flatMap(Loop, (loop) => {
          loop.createTask(() => loop.sleep(1_000), { name: "poller" })
          return Effect.fail("the test's own")
        })
      )
      expect(defectsOf(exit)).toContain("the test's own")
      expect(defectsOf(exit)).not.toContain("poller")
    })
  )
})
