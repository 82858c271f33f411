// Timers and clocks of promise code on a loop for tests, as Node has them, and nobody else's.
// Covers: LoopTimeout, LoopTimers, promises
import { AsyncLocalStorage } from "node:async_hooks"
import * as timers from "node:timers"
import { scheduler, setInterval as every, setTimeout as after } from "node:timers/promises"
import { promisify } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Effect, TestContext } from "effect"
import { TestLoop } from "effect-aio/testing"
import { Loop, type EventLoop } from "../../src/index.js"

/** Runs code of a loop that is left to itself, under TestClock, and then a check. */
const onLoop = (
  code: (log: Array<unknown>, loop: EventLoop) => unknown,
  check: (log: Array<unknown>, loop: EventLoop) => Effect.Effect<unknown, unknown, Loop>,
  options: TestLoop.TestLoopOptions = {}
) =>
  Effect.gen(function* () {
    const loop = yield* Loop
    const log: Array<unknown> = []
    const task = loop.createTask(async () => code(log, loop))
    yield* TestLoop.settle
    yield* check(log, loop)
    expect(task.exception()).toBeUndefined()
  }).pipe(Effect.provide(TestLoop.layer(options)))

/** What code of a loop that is there has logged. */
const onLoopHere = (code: (log: Array<unknown>) => unknown) =>
  Effect.flatMap(Loop, (loop) => {
    const log: Array<unknown> = []
    const task = loop.createTask(async () => code(log))
    return Effect.map(TestLoop.settle, () => {
      expect(task.exception()).toBeUndefined()
      return log
    })
  })

const expecting = (log: Array<unknown>, expected: ReadonlyArray<unknown>) =>
  Effect.sync(() => expect(log).toEqual(expected))

describe("setTimeout and setInterval of code of a loop", () => {
  it.effect(
    "run by due time, then in the order of their making, with their arguments and themselves as this",
    () =>
      onLoop(
        (log) => {
          const one = setTimeout(
            function (this: unknown, ...args: Array<string>) {
              log.push(this === one, ...args)
            },
            20,
            "a",
            "b"
          )
          setTimeout(() => log.push("second"), 20)
          setTimeout(() => log.push("first"), 10)
          timers.setTimeout(() => log.push("module"), 15)
        },
        (log) =>
          Effect.zipRight(TestLoop.advance(20), expecting(log, ["first", "module", true, "a", "b", "second"]))
      )
  )

  it.effect("clamp their delay as Node does: NaN, less than 1 and more than 2^31-1 are 1", () =>
    onLoop(
      (log) => {
        for (const delay of [NaN, 0, -5, 2 ** 31, Infinity, undefined, "x" as never, null as never])
          setTimeout(() => log.push(delay), delay)
        setTimeout(() => log.push("1.9 is 1"), 1.9)
        setTimeout(() => log.push("later"), "2" as never)
      },
      (log) =>
        Effect.zipRight(
          TestLoop.advance(1),
          expecting(log, [NaN, 0, -5, 2 ** 31, Infinity, undefined, "x", null, "1.9 is 1"])
        ).pipe(Effect.zipRight(TestLoop.advance(1)))
    )
  )

  it.effect("throw what Node throws for a callback that is none", () =>
    onLoop(
      (log) => {
        for (const make of [setTimeout, setInterval]) {
          for (const bad of [undefined, "x", {}])
            try {
              make(bad as never, 1)
            } catch (error) {
              log.push(error instanceof TypeError && "code" in error && error.code)
            }
        }
      },
      (log) => expecting(log, Array<string>(6).fill("ERR_INVALID_ARG_TYPE"))
    )
  )

  it.effect("an interval is timed from the end of its callback, and can be cleared in it", () =>
    onLoop(
      (log, loop) => {
        const interval = setInterval(() => {
          log.push(loop.time())
          if (log.length === 3) clearInterval(interval)
        }, 10)
      },
      (log) => Effect.zipRight(TestLoop.advance(100), expecting(log, [10, 20, 30]))
    )
  )

  it.effect("are cleared by themselves, their number, that as text, and by anybody", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const made: Array<NodeJS.Timeout> = []
      const log: Array<string> = []
      loop.callSoon(() => {
        for (const name of ["a", "b", "c", "d", "e", "f"]) made.push(setTimeout(() => log.push(name), 1))
        clearTimeout(made[0])
        clearInterval(made[1])
        clearTimeout(Number(made[2]))
        clearTimeout(`${Number(made[3])}`)
        clearTimeout(undefined)
        clearTimeout("no such timer")
      })
      yield* TestLoop.settle
      clearTimeout(made[4])
      yield* TestLoop.advance(1)
      expect(log).toEqual(["f"])
      expect(Number(made[5])).toBe(Number(made[5]))
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("have Node's methods", () =>
    onLoop(
      (log, loop) => {
        const at = (name: string) => () => log.push(`${name} at ${loop.time()}`)
        const timer = setTimeout(at("timer"), 10)
        log.push(timer.hasRef(), timer.unref() === timer, timer.hasRef(), timer.ref().hasRef())
        setTimeout(() => timer.refresh(), 5)
        setTimeout(() => timer.refresh(), 20)
        const closed = setTimeout(at("closed"), 1)
        closed.close()
        closed.refresh()
        setTimeout(at("disposed"), 1)[Symbol.dispose]()
      },
      (log) =>
        Effect.zipRight(
          TestLoop.advance(100),
          expecting(log, [true, true, false, true, "timer at 15", "timer at 30"])
        )
    )
  )

  it.effect("run as code of the loop, in the async-local state in which they were made", () => {
    const user = new AsyncLocalStorage<string>()
    return onLoop(
      (log) => {
        const refreshed = user.run("ann", () =>
          setTimeout(() => {
            log.push(user.getStore())
            setTimeout(() => log.push(user.getStore(), Date.now()), 10)
          }, 10)
        )
        user.run("ben", () => setTimeout(() => refreshed.refresh(), 5))
      },
      (log) => Effect.zipRight(TestLoop.advance(30), expecting(log, ["ann", "ann", 25]))
    )
  })

  it.effect("what a callback throws comes to the exception handler of the loop", () => {
    const reports: Array<unknown> = []
    return onLoop(
      () =>
        setTimeout(() => {
          throw new Error("in a timer")
        }, 1),
      () =>
        Effect.zipRight(
          TestLoop.advance(1),
          Effect.sync(() => expect(reports).toEqual([new Error("in a timer")]))
        ),
      { exceptionHandler: (_, { exception }) => void reports.push(exception) }
    )
  })

  it.effect("that wait when their loop closes never run, nor do those that its code makes later", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let late = (): void => {}
      const inner = yield* Effect.provide(
        Effect.flatMap(Loop, (inner) => {
          const code = AsyncLocalStorage.snapshot
          inner.createTask(async () => {
            setTimeout(() => log.push("waited"), 1)
            const run = code()
            late = () => run(() => void setTimeout(() => log.push("made late"), 1))
          })
          return Effect.as(TestLoop.settle, inner)
        }),
        TestLoop.layer({ expectClean: false })
      )
      expect(inner.isClosed()).toBe(true)
      setImmediate(late)
      const loop = yield* Loop
      loop.createTask(async () => void setTimeout(() => log.push("of an open one"), 1))
      yield* TestLoop.advance(5)
      yield* Effect.promise(() => after(10))
      expect(log).toEqual(["of an open one"])
    }).pipe(Effect.provide(TestLoop.layer()))
  )
})

describe("the promises and clocks of code of a loop", () => {
  it.effect(
    "node:timers/promises, scheduler.wait and promisify(setTimeout) follow, bound before the loop opened",
    () =>
      onLoop(
        async (log, loop) => {
          log.push(await after(10, "a"), loop.time())
          await scheduler.wait(10)
          log.push(loop.time())
          log.push(await promisify(setTimeout)(10, "b"), loop.time())
          for await (const value of every(10, "c")) {
            log.push(value, loop.time())
            if (loop.time() === 50) break
          }
        },
        (log) =>
          Effect.zipRight(TestLoop.advance(100), expecting(log, ["a", 10, 20, "b", 30, "c", 40, "c", 50]))
      )
  )

  it.effect("end by their signal, and refuse what Node refuses, with Node's errors", () =>
    onLoop(
      async (log) => {
        const controller = new AbortController()
        const waits = [
          after(10, undefined, { signal: controller.signal }),
          scheduler.wait(10, { signal: controller.signal }),
          every(10, undefined, { signal: controller.signal })[Symbol.asyncIterator]().next()
        ]
        controller.abort(new Error("enough"))
        const late = [
          after(10, undefined, { signal: controller.signal }),
          after("10" as never),
          scheduler.wait(10, { signal: 1 as never })
        ]
        for (const { reason } of (await Promise.allSettled([
          ...waits,
          ...late
        ])) as Array<PromiseRejectedResult>) {
          const { cause, code } = reason as { readonly cause?: unknown; readonly code: string }
          log.push(code, cause instanceof Error && cause.message)
        }
      },
      (log) =>
        expecting(log, [
          ...Array.from({ length: 4 }, () => ["ABORT_ERR", "enough"]).flat(),
          ...["ERR_INVALID_ARG_TYPE", false, "ERR_INVALID_ARG_TYPE", false]
        ])
    )
  )

  it.effect("Date and performance.now are the clock's, AbortSignal.timeout falls due by it", () =>
    Effect.gen(function* () {
      yield* TestLoop.advance("1 hour")
      const loop = yield* Loop
      const log: Array<unknown> = []
      loop.createTask(async () => {
        const begun = performance.now()
        log.push(Date.now(), new Date().toISOString(), Date().slice(11, 15), new Date(5).getTime())
        log.push(new Date() instanceof Date, begun === loop.time())
        const signal = AbortSignal.timeout(50)
        signal.addEventListener("abort", () => {
          log.push((signal.reason as Error).name, performance.now() - begun)
        })
        try {
          AbortSignal.timeout(-1)
        } catch (error) {
          log.push((error as NodeJS.ErrnoException).code)
        }
      })
      yield* TestLoop.advance(50)
      expect(log).toEqual([
        ...[3_600_000, "1970-01-01T01:00:00.000Z", "1970", 5],
        ...[true, true, "ERR_OUT_OF_RANGE", "TimeoutError", 50]
      ])
    }).pipe(Effect.provide(TestLoop.layer()))
  )
})

describe("what else code of a loop may ask", () => {
  it.effect("classes of dates that it defines follow, and are dates", () =>
    Effect.gen(function* () {
      yield* TestLoop.advance("1 hour")
      yield* onLoopHere((log) => {
        class Stamp extends Date {
          label = "stamp"
        }
        const stamp = new Stamp()
        log.push(stamp.getTime(), stamp.label, stamp instanceof Stamp, stamp instanceof Date)
        log.push(new Stamp(7).getTime(), new Date(2020, 0).getFullYear(), Date.UTC(1970, 0, 2))
        log.push(Date.parse("1970-01-02T00:00:00Z"), Date.length, Date.name, typeof Date())
      }).pipe(
        Effect.map((log) =>
          expect(log).toEqual([
            ...[3_600_000, "stamp", true, true],
            ...[7, 2020, 86_400_000],
            ...[86_400_000, 7, "Date", "string"]
          ])
        )
      )
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect(
    "setImmediate, queueMicrotask, nextTick and scheduler.yield wait for no time, and stay the loop's",
    () =>
      onLoop(
        async (log, loop) => {
          await new Promise<void>((resolve) => {
            setImmediate(() => {
              log.push("immediate")
              setTimeout(() => log.push(`after it at ${loop.time()}`), 10)
              resolve()
            })
          })
          await new Promise<void>((resolve) => process.nextTick(resolve))
          await new Promise<void>((resolve) => queueMicrotask(resolve))
          await scheduler.yield()
          log.push(`yielded at ${loop.time()}`)
        },
        (log) =>
          Effect.zipRight(
            TestLoop.advance(10),
            expecting(log, ["immediate", "yielded at 0", "after it at 10"])
          )
      )
  )

  it.effect("waits with ref: false hold no test, and a cleared one of them never comes", () =>
    onLoop(
      (log) => {
        void after(1_000, undefined, { ref: false }).then(() => log.push("late"))
        void scheduler.wait(1_000, { ref: false } as never).then(() => log.push("late"))
        const interval = every(1_000, undefined, { ref: false })
        void interval.next()
        log.push(
          setTimeout(() => {}, 1_000)
            .unref()
            .hasRef()
        )
      },
      (log) => expecting(log, [false])
    )
  )

  it.effect("the names and the promise of setTimeout are Node's", () =>
    onLoop(
      (log) => {
        log.push(setTimeout.name, setInterval.name)
        log.push(Object.keys(setTimeout).length, promisify(setTimeout) === after)
      },
      (log) => expecting(log, ["setTimeout", "setInterval", 0, true])
    )
  )
})

describe("everybody else", () => {
  it.effect("two tests at once have clocks of their own, and code outside of both has real time", () =>
    Effect.gen(function* () {
      const one = (step: number) =>
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<number> = []
          const task = loop.createTask(async () => {
            for (let i = 0; i < 3; i++) {
              await after(step)
              log.push(Date.now())
              await new Promise((resolve) => setTimeout(resolve, step))
              log.push(performance.now())
            }
          })
          for (let i = 0; i < 6; i++) yield* TestLoop.advance(step)
          expect(task.done()).toBe(true)
          return log
        }).pipe(Effect.provide(TestLoop.layer()), Effect.provide(TestContext.TestContext))
      const outside = Effect.promise(async () => {
        const begun = performance.now()
        for (let i = 0; i < 5; i++) await after(2)
        return performance.now() - begun >= 9 && new Date().getFullYear() > 2020
      })
      const [hours, days, real] = yield* Effect.all([one(3_600_000), one(86_400_000), outside], {
        concurrency: "unbounded"
      })
      expect(hours).toEqual([1, 2, 3, 4, 5, 6].map((n) => n * 3_600_000))
      expect(days).toEqual([1, 2, 3, 4, 5, 6].map((n) => n * 86_400_000))
      expect(real).toBe(true)
    })
  )

  const places = (): ReadonlyArray<PropertyDescriptor | undefined> => [
    ...["setTimeout", "setInterval", "clearTimeout", "clearInterval", "Date"].map((key) =>
      Object.getOwnPropertyDescriptor(globalThis, key)
    ),
    Object.getOwnPropertyDescriptor(Date, "now"),
    Object.getOwnPropertyDescriptor(AbortSignal, "timeout"),
    Object.getOwnPropertyDescriptor(Performance.prototype, "now"),
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(scheduler), "wait")
  ]

  it.effect("finds what was there again, the same objects, when the last of several loops has closed", () =>
    Effect.gen(function* () {
      const before = places()
      const bound = [after, every, timers.setTimeout]
      const run = (inner: Effect.Effect<void>) =>
        Effect.provide(Effect.zipRight(Loop, inner), TestLoop.layer())
      yield* run(
        Effect.gen(function* () {
          yield* run(Effect.sync(() => expect(places()).not.toEqual(before)))
          expect(places()).not.toEqual(before)
          expect(after).not.toBe(bound[0])
        })
      )
      places().forEach((place, i) => expect(place).toStrictEqual(before[i]))
      expect([after, every, timers.setTimeout]).toEqual(bound)
      expect(setTimeout).toBe(timers.setTimeout)
    })
  )

  it.effect("keeps what somebody else has put there since", () =>
    Effect.gen(function* () {
      const real = globalThis.setTimeout
      const other = (() => {}) as never
      yield* Effect.provide(
        Effect.flatMap(Loop, () => Effect.sync(() => void (globalThis.setTimeout = other))),
        TestLoop.layer()
      ).pipe(
        Effect.flatMap(() => Effect.sync(() => expect(globalThis.setTimeout).toBe(other))),
        Effect.ensuring(Effect.sync(() => void (globalThis.setTimeout = real)))
      )
    })
  )

  it.effect("has real time while loops are open: the test, its fibers, other loops and plain Node code", () =>
    Effect.gen(function* () {
      const plain = yield* Loop.open()
      const real = yield* Effect.promise(
        () =>
          new Promise<ReadonlyArray<number>>((resolve) => {
            const begun = performance.now()
            setTimeout(() => {
              plain.callSoon(() => setTimeout(() => resolve([Date.now(), performance.now() - begun]), 5))
            }, 5)
          })
      )
      expect(real[0]).toBeGreaterThan(1_600_000_000_000)
      expect(real[1]).toBeGreaterThan(8)
      expect(new Date().getFullYear()).toBeGreaterThan(2020)
    }).pipe(Effect.scoped, Effect.provide(TestLoop.layer()))
  )

  it.effect("each of two loops has timers of its own", () =>
    Effect.gen(function* () {
      const outer = yield* Loop
      yield* TestLoop.advance(1_000)
      yield* Effect.gen(function* () {
        const inner = yield* Loop
        const log: Array<string> = []
        for (const loop of [outer, inner])
          loop.createTask(async () => void setTimeout(() => log.push(`${loop.name} ${Date.now()}`), 10))
        yield* TestLoop.advance(10)
        expect(log.sort()).toEqual(["inner 1010", "outer 1010"])
      }).pipe(Effect.provide(TestLoop.layer({ name: "inner" })))
    }).pipe(Effect.provide(TestLoop.layer({ name: "outer" })))
  )

  it.effect("Effect's scheduler is not held up by the clock that it drives", () =>
    Effect.gen(function* () {
      const loop = yield* Loop
      let turns = 0
      loop.callSoon(() => {
        Effect.runFork(
          Effect.forever(
            Effect.zipRight(
              Effect.yieldNow(),
              Effect.suspend(() => (++turns < 10_000 ? Effect.void : Effect.interrupt))
            )
          )
        )
      })
      yield* TestLoop.settle
      yield* Effect.promise(async () => {
        for (let i = 0; i < 100 && turns < 10_000; i++) await after(5)
      })
      expect(turns).toBe(10_000)
    }).pipe(Effect.provide(TestLoop.layer()))
  )
})
