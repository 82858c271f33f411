import { describe, expect, it } from "@effect/vitest"
import { Clock, Duration, Effect, Fiber, ManagedRuntime, TestClock, TestContext } from "effect"
import fc from "fast-check"
import { vi } from "vitest"
import { poll } from "../../src/effect.js"
import { Loop, runAioFuture, type TimerHandle } from "../../src/index.js"
import { clockOf } from "../support/clockOf.js"
import { forever, layer, open, scoped, settle } from "../support/scopedLoops.js"

describe("the clock of a loop", () => {
  it.scoped("is Effect's TestClock where one is: nothing moves until it is adjusted (L4)", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const log: Array<string> = []
      const begun = loop.time()
      loop.callLater(100, () => void log.push("late"))
      yield* settle
      expect(log).toEqual([])
      yield* TestClock.adjust(99)
      expect(log).toEqual([])
      expect(loop.time() - begun).toBe(99)
      yield* TestClock.adjust(1)
      expect(log).toEqual(["late"])
      expect(loop.time() - begun).toBe(100)
    })
  )

  it.scoped("is read by loop.time() as the fibers read it (L4)", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      yield* TestClock.setTime(123_456)
      expect(loop.time()).toBe(yield* Clock.currentTimeMillis)
      expect(loop.time()).toBe(123_456)
    })
  )

  it.scoped(
    "is reached where a due time is no whole number of nanoseconds, which it counts in (L2, L4)",
    () =>
      Effect.gen(function* () {
        const loop = yield* open()
        const log: Array<number> = []
        // 7 of these are a little less than 1 when a clock has cut each of them.
        for (let n = 1; n <= 7; n++) loop.callAt(n / 7, () => void log.push(n))
        for (let n = 1; n <= 7; n++) {
          yield* TestClock.setTime(n / 7)
          yield* settle
          expect(log.length).toBe(n)
          expect(loop.time()).toBeGreaterThanOrEqual(n / 7)
        }
      })
  )

  it.effect("interleaves callLater, sleep, nested timers and fiber sleeps exactly under TestClock (L4)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const at = (name: string) => void log.push(`${name}@${loop.time()}`)
        loop.callLater(100, at, "timer")
        loop.callLater(50, () => {
          at("outer")
          loop.callLater(25, at, "inner")
          loop.callSoon(at, "soon")
        })
        loop.callAt(loop.time() + 85, at, "callAt")
        loop.createTask(async () => {
          for (let i = 0; i < 3; i++) {
            await loop.sleep(30)
            at("async")
          }
        })
        loop.createTask(function* () {
          yield* loop.sleep(55)
          at("generator")
          yield* loop.sleep(10)
          at("generator")
        })
        const fiber = yield* Effect.fork(
          Effect.gen(function* () {
            yield* Effect.sleep(40)
            at("fiber")
            yield* Effect.sleep(40)
            at("fiber")
            yield* runAioFuture(loop.sleep(15))
            at("fiber")
          })
        )
        yield* TestClock.adjust(100)
        expect(log).toEqual([
          "async@30",
          "fiber@40",
          "outer@50",
          "soon@50",
          "generator@55",
          "async@60",
          "generator@65",
          "inner@75",
          "fiber@80",
          "callAt@85",
          "async@90",
          "fiber@95",
          "timer@100"
        ])
        yield* Fiber.join(fiber)
      })
    )
  )

  it.effect("runs any set of timers in the order of a stable sort, however it is adjusted (L4)", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 12 }),
          fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 3 }),
          (delays, steps) =>
            Effect.gen(function* () {
              const loop = yield* Loop
              const ran: Array<{ readonly due: number; readonly i: number; readonly at: number }> = []
              delays.forEach((due, i) =>
                loop.callLater(due, () => void ran.push({ due, i, at: loop.time() }))
              )
              for (const step of steps) yield* TestClock.adjust(step)
              const total = steps.reduce((a, b) => a + b, 0)
              const expected = delays
                .map((due, i) => ({ due, i, at: due }))
                .filter(({ due }) => due <= total)
                .sort((a, b) => a.due - b.due || a.i - b.i)
              expect(ran).toEqual(expected)
            }).pipe(scoped, Effect.provide(TestContext.TestContext), Effect.runPromise)
        ),
        { numRuns: 15 }
      )
    )
  )

  it.live("is monotonic where the clock is the live one, whatever the wall clock does (L4)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const now = vi.spyOn(Date, "now").mockReturnValue(0)
        const before = loop.time()
        loop.callLater(5, () => void log.push("5"))
        loop.callLater(1, () => {
          now.mockReturnValue(-1e9)
          log.push("1")
        })
        yield* runAioFuture(loop.sleep(10))
        now.mockRestore()
        expect(log).toEqual(["1", "5"])
        expect(loop.time() - before).toBeGreaterThanOrEqual(10)
        expect(loop.time() - before).toBeLessThan(5_000)
      })
    )
  )

  it.live("is any other Clock that the loop was opened under (L4)", () =>
    Effect.gen(function* () {
      let sleeps: Array<{ readonly until: number; readonly wake: () => void }> = []
      let now = 1_000
      const clock = clockOf(
        () => now,
        (duration) =>
          Effect.async<void>((resume) => {
            const until = now + Duration.toMillis(duration)
            sleeps.push({ until, wake: () => resume(Effect.void) })
          })
      )
      const move = (to: number) => {
        now = to
        const due = sleeps.filter((sleep) => sleep.until <= now)
        sleeps = sleeps.filter((sleep) => sleep.until > now)
        for (const sleep of due) sleep.wake()
        return settle
      }
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<number> = []
          loop.callLater(500, () => void log.push(loop.time()))
          yield* settle
          expect(loop.time()).toBe(1_000)
          yield* move(1_499)
          expect(log).toEqual([])
          yield* move(1_500)
          expect(log).toEqual([1_500])
        })
      ).pipe(Effect.withClock(clock))
    })
  )

  it.effect("is the live one for a layer that was built outside of the TestClock (L4)", () =>
    Effect.gen(function* () {
      const live = ManagedRuntime.make(layer())
      const loop = yield* Effect.promise(() => live.runPromise(Loop))
      const before = loop.time()
      yield* Effect.provideService(runAioFuture(loop.sleep(2)), Loop, loop)
      expect(loop.time()).toBeGreaterThanOrEqual(before + 2)
      yield* Effect.promise(() => live.dispose())
    })
  )

  it.effect("also times the closing of the loop: ten seconds pass in no time (L4, S2)", () =>
    Effect.gen(function* () {
      const reports: Array<string> = []
      const fiber = yield* scoped(
        Effect.flatMap(Loop, (loop) => Effect.sync(() => void loop.createTask(forever, { name: "stuck" }))),
        { exceptionHandler: (_, report) => void reports.push(report.kind ?? "none") }
      ).pipe(Effect.fork)
      yield* settle
      expect(poll(fiber)).toBeUndefined()
      yield* TestClock.adjust("1 seconds")
      expect(reports).toEqual(["slowJoin"])
      yield* TestClock.adjust("8999 millis")
      expect(poll(fiber)).toBeUndefined()
      yield* TestClock.adjust(1)
      yield* settle
      expect(poll(fiber)).not.toBeUndefined()
      expect(reports).toEqual(["slowJoin", "leftover"])
      yield* Fiber.join(fiber)
    })
  )

  it.effect("runs what is due before a stop, and nothing that comes later (timers-016)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        loop.callLater(100, () => void log.push("Hello"))
        loop.callLater(500, () => {
          log.push("World")
          loop.stop()
        })
        yield* TestClock.adjust(300)
        expect(log).toEqual(["Hello"])
        const stopped = yield* Effect.fork(Loop.waitStopped)
        yield* TestClock.adjust(200)
        yield* Fiber.join(stopped)
        expect(log).toEqual(["Hello", "World"])
        expect(loop.isRunning()).toBe(false)
      })
    )
  )

  it.effect("cancels timers that are pending when the scope exits, and they never run (timers-020)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const timers: Array<TimerHandle> = []
      yield* scoped(
        Effect.map(Loop, (loop) => {
          timers.push(loop.callLater(10, () => void log.push("10")))
          timers.push(loop.callLater(1e9, () => void log.push("1e9")))
          timers.push(loop.callAt(Infinity, () => void log.push("never")))
        })
      )
      expect(timers.map((timer) => timer.cancelled())).toEqual([true, true, true])
      yield* TestClock.adjust("30 days")
      yield* settle
      expect(log).toEqual([])
    })
  )

  it.live("takes the one Node timer of a loop away when the loop closes (timers-020)", () =>
    Effect.gen(function* () {
      const armed = new Set<unknown>()
      const set = vi.spyOn(globalThis, "setTimeout")
      const clear = vi.spyOn(globalThis, "clearTimeout")
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callLater(60_000, () => {})
          loop.callLater(90_000, () => {})
          yield* Loop.synchronize
          yield* settle
          set.mock.results.forEach(({ value }, i) => {
            const delay = set.mock.calls[i]?.[1] ?? 0
            if (delay > 50_000) armed.add(value)
          })
          expect(armed.size).toBe(1)
        })
      )
      for (const [timeout] of clear.mock.calls) armed.delete(timeout)
      expect(armed.size).toBe(0)
    })
  )
})
