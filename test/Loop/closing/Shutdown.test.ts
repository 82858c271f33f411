// The closing of a loop: its order, its deadline, and who is to blame for a slow one.
// Covers: Deadline, Leftovers, origin
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope, TestClock } from "effect"
import { poll } from "../../../src/effect.js"
import {
  type CancelledError,
  type EventLoop,
  fromAio,
  Future,
  Loop,
  LoopClosedError,
  runAioFuture,
  runEffect,
  type Report,
  type Task,
  toAio
} from "../../../src/index.js"
import { capturing, collecting, forever, open, scoped, settle } from "../../support/scopedLoops.js"
import { perLine } from "../../support/effect/line.js"

/** An Effect that tells when it is interrupted, and when its cleanup is done. */
const sleeper = (log: Array<string>, name: string, cleanup: Effect.Effect<unknown> = Effect.void) =>
  Effect.never.pipe(
    Effect.onInterrupt(() =>
      Effect.zipRight(
        Effect.sync(() => void log.push(`${name} interrupted`)),
        Effect.zipRight(
          cleanup,
          Effect.sync(() => void log.push(`${name} ended`))
        )
      )
    )
  )

describe("closing, in order", () => {
  it.live("S1 tells every task to stop, also when telling one of them fails", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const { exceptionHandler, reports } = collecting()
      const wrong = new Error("cannot be told")
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            const foreign: Future<void> = new Future<void>(loop, () => {
              foreign.setResult()
              throw wrong
            })
            await foreign
          })
          loop.createTask(() => loop.sleep(1e6).finally(() => void log.push("second")))
          loop.createTask(() => loop.sleep(1e6).finally(() => void log.push("third")))
          yield* Loop.synchronize
        }),
        { exceptionHandler }
      )
      expect(log).toEqual(["second", "third"])
      expect(reports.map(({ exception, kind }) => [kind, exception])).toContainEqual(["late", wrong])
    })
  )

  it.live(
    "runs what was queued, then cancels tasks and fibers together, then their last callbacks (S1)",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const stateOf = (loop: EventLoop) => loop.statistics().state
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            loop.createTask(async () => {
              try {
                await loop.sleep(1e6)
              } catch (error) {
                log.push(`task cancelled: ${stateOf(loop)}`)
                loop.callSoon(() => void log.push(`its callback: ${stateOf(loop)}`))
                throw error
              }
            })
            loop.effectAsFuture(sleeper(log, "fiber")).addDoneCallback(() => void log.push("fiber's Future"))
            yield* Loop.synchronize
            loop.callSoon(() => {
              log.push("queued")
              loop.callSoon(() => void log.push("queued by it"))
            })
            loop.callLater(60_000, () => void log.push("a timer"))
            log.push("body ends")
          })
        )
        log.push("closed")
        expect(log).toEqual([
          "body ends",
          "queued",
          // What it has added is for the next pass; a fiber of line 4 goes on before that.
          ...perLine("E5", {
            3: ["queued by it", "fiber interrupted", "fiber ended"],
            4: ["fiber interrupted", "fiber ended", "queued by it"]
          }),
          "task cancelled: closing",
          "fiber's Future",
          "its callback: closing",
          "closed"
        ])
      })
  )

  it.live("waits for no fiber that the cancel of its task has ended meanwhile (S1)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            const ended = Effect.sync(() => void log.push("fiber ended"))
            await runEffect(Effect.ensuring(Effect.never, ended))
          })
          yield* Loop.synchronize
        }),
        { closeDeadline: "1 hour", exceptionHandler }
      )
      expect(log).toEqual(["fiber ended"])
      expect(reports).toEqual([])
    })
  )

  it.live("cancels tasks and fibers at once, so that each kind may use the other while unwinding (S1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const handedOver = loop.createFuture<void>()
          loop.createTask(async () => {
            try {
              await loop.sleep(1e6)
            } finally {
              log.push("task: cancelled")
              await runEffect(Effect.sync(() => void log.push("task: its Effect")))
              log.push("task: ended")
              handedOver.setResult()
            }
          })
          const usesTask = fromAio(async () => {
            await handedOver
            log.push("fiber: its task")
          })().pipe(Effect.provideService(Loop, loop), Effect.orDie)
          loop.effectAsFuture(sleeper(log, "fiber:", usesTask))
          yield* Loop.synchronize
        })
      )
      log.push("closed")
      expect(log).toEqual([
        "fiber: interrupted",
        "task: cancelled",
        "task: its Effect",
        "task: ended",
        "fiber: its task",
        "fiber: ended",
        "closed"
      ])
    })
  )

  it.live("sweeps until quiet: what a cleanup starts is stopped after it, however deep (S1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const generation = (n: number) => async (): Promise<void> => {
            log.push(`${n} starts`)
            try {
              await loop.sleep(1e6)
            } finally {
              if (n < 4) loop.createTask(generation(n + 1))
              log.push(`${n} ends`)
            }
          }
          loop.createTask(generation(1))
          yield* Loop.synchronize
        })
      )
      expect(log).toEqual([1, 2, 3, 4].flatMap((n) => [`${n} starts`, `${n} ends`]))
    })
  )

  it.live("waits for a task and for what its cleanup started, each in its own time (S1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const generation = (n: number) => async (): Promise<void> => {
            log.push(`${n} starts`)
            try {
              await loop.sleep(1e6)
            } finally {
              if (n < 3) {
                const next = loop.createTask(generation(n + 1))
                await loop.sleep(2)
                log.push(`${n} ends, ${n + 1} ${next.done() ? "done" : "runs"}`)
              } else log.push(`${n} ends`)
            }
          }
          loop.createTask(generation(1))
          yield* Loop.synchronize
        })
      )
      expect(log).toEqual(["1 starts", "2 starts", "1 ends, 2 runs", "3 starts", "2 ends, 3 runs", "3 ends"])
    })
  )

  it.live(
    "ends a sleeping task and a background Effect, both with cleanup that uses the loop (bridge-049)",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        let task: Task<void> | undefined
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            task = loop.createTask(async () => {
              try {
                await loop.sleep(1e6)
              } finally {
                await loop.sleep(0)
                log.push("task")
              }
            })
            const onTheLoop = fromAio(() => loop.sleep(0))().pipe(
              Effect.provideService(Loop, loop),
              Effect.zipRight(Effect.sync(() => void log.push("effect"))),
              Effect.orDie
            )
            loop.runEffectTask(Effect.ensuring(Effect.never, onTheLoop))
            yield* Loop.synchronize
            expect(loop.statistics()).toMatchObject({ tasks: 1, effects: 1 })
          })
        )
        expect(log.sort()).toEqual(["effect", "task"])
        expect(task?.cancelled()).toBe(true)
      })
  )

  it.live(
    "runs and interrupts an Effect that cleanup starts, and waits for a task that it starts (bridge-050)",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            loop.createTask(async () => {
              try {
                await loop.sleep(1e6)
              } finally {
                loop.runEffectTask(
                  Effect.zipRight(
                    Effect.sync(() => void log.push("late effect runs")),
                    sleeper(log, "late effect")
                  )
                )
                loop.createTask(async () => {
                  log.push("late task runs")
                  try {
                    await loop.sleep(1e6)
                  } finally {
                    log.push("late task cancelled")
                  }
                })
                await loop.sleep(2)
              }
            })
            yield* Loop.synchronize
          })
        )
        log.push("closed")
        expect(log).toEqual([
          "late effect runs",
          "late task runs",
          "late effect interrupted",
          "late effect ended",
          "late task cancelled",
          "closed"
        ])
      })
  )

  it.live(
    "runs callbacks of the body before, and callbacks of the cancelling before the end (bridge-062)",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        let kept: EventLoop | undefined
        yield* scoped(
          Effect.gen(function* () {
            const loop = (kept = yield* Loop)
            loop.createTask(function* () {
              try {
                yield* loop.sleep(1e6)
              } finally {
                log.push("cancelling")
                loop.callSoon(() => void log.push("while cancelling"))
              }
            })
            yield* Loop.synchronize
            loop.callSoon(() => void log.push("before"))
          })
        )
        expect(log).toEqual(["before", "cancelling", "while cancelling"])
        expect(() => kept?.callSoon(() => {})).toThrow(LoopClosedError)
      })
  )

  it.live("cancels and awaits the tasks before the body's error propagates (bridge-066)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            try {
              await loop.sleep(1e6)
            } finally {
              await loop.sleep(2)
              log.push("cleaned")
            }
          })
          yield* Loop.synchronize
          return yield* Effect.fail("body")
        })
      ).pipe(
        Effect.onExit(() => Effect.sync(() => void log.push("propagates"))),
        Effect.exit
      )
      expect(exit).toEqual(Exit.fail("body"))
      expect(log).toEqual(["cleaned", "propagates"])
    })
  )

  it.live(
    "ends toAio calls in flight before the loop closes: none fails with a closed loop (shutdown-006)",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const fiber = yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const call = yield* toAio((name: string) =>
              Effect.ensuring(
                Effect.never,
                Effect.ignore(
                  Effect.zipRight(
                    fromAio(() => loop.sleep(1))(),
                    Effect.sync(() => void log.push(`${name} ended`))
                  )
                )
              )
            )
            for (const name of ["a", "b"]) {
              loop.createTask(async () => {
                try {
                  await call(name)
                } catch (error) {
                  log.push(`${name} saw ${(error as CancelledError)._tag}`)
                  throw error
                }
              })
            }
            call("c").addDoneCallback(
              (future) => void log.push(`c ${future.cancelled() ? "cancelled" : "?"}`)
            )
            return yield* Effect.never
          })
        ).pipe(Effect.fork)
        yield* settle
        yield* Fiber.interrupt(fiber)
        expect(log.sort()).toEqual([
          "a ended",
          "a saw CancelledError",
          "b ended",
          "b saw CancelledError",
          "c cancelled",
          "c ended"
        ])
      })
  )

  it.live(
    "gives the body's value although a task it started sleeps; the task is cancelled (shutdown-007)",
    () =>
      Effect.gen(function* () {
        let task: Task<void> | undefined
        const value = yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            task = loop.createTask(() => loop.sleep(1e6))
            yield* fromAio(() => loop.sleep(0))
            return 123
          })
        )
        expect(value).toBe(123)
        expect(task?.cancelled()).toBe(true)
      })
  )

  it.live("reports a task that answers its cancellation with another error, once (shutdown-008)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const boom = new Error("boom")
      let task: Task<void> | undefined
      const value = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          task = loop.createTask(async () => {
            try {
              await loop.sleep(1e6)
            } catch {
              throw boom
            }
          })
          yield* fromAio(() => loop.sleep(0))
          return 123
        }),
        { exceptionHandler }
      )
      expect(value).toBe(123)
      expect(reports).toHaveLength(1)
      expect(reports[0]).toMatchObject({ kind: "late", exception: boom })
      expect(reports[0]?.task === task).toBe(true)
      expect(reports[0]?.message).toContain("during loop shutdown")
    })
  )

  it.live("fails with what the program threw, after the shutdown (shutdown-009)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const spam = new Error("spam")
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            await loop.sleep(1e6).finally(() => log.push("cancelled"))
          })
          yield* Effect.catchTag(
            fromAio(async () => {
              await loop.sleep(0)
              throw spam
            })(),
            "AioError",
            (error) => Effect.fail(error.cause)
          )
        })
      ).pipe(Effect.exit)
      expect(exit).toEqual(Exit.fail(spam))
      expect(log).toEqual(["cancelled"])
    })
  )

  it.live("refuses new work from outside while cleanup inside still schedules (S1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open(), scope)
      const release = loop.createFuture<void>()
      const cleaning = yield* Deferred.make<void>()
      loop.createTask(async () => {
        try {
          await loop.sleep(1e6)
        } finally {
          Deferred.unsafeDone(cleaning, Effect.void)
          loop.callSoon(() => void log.push("inside may"))
          await loop.createTask(() => release)
        }
      })
      yield* Loop.synchronize.pipe(Effect.provideService(Loop, loop))
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Deferred.await(cleaning)
      expect(loop.statistics().state).toBe("closing")
      const outside = yield* Effect.exit(fromAio(() => 1)().pipe(Effect.provideService(Loop, loop)))
      expect(Exit.isFailure(outside) && Cause.squash(outside.cause)).toBeInstanceOf(LoopClosedError)
      expect(() => loop.callSoon(() => {})).toThrow(LoopClosedError)
      expect(() => loop.callLater(1, () => {})).toThrow(LoopClosedError)
      expect(() => loop.createTask(() => {})).toThrow(LoopClosedError)
      expect(() => loop.effectAsFuture(Effect.void)).toThrow(LoopClosedError)
      expect(() => loop.runEffectTask(Effect.void)).toThrow(LoopClosedError)
      yield* settle
      release.setResult()
      yield* Fiber.join(closing)
      expect(log).toEqual(["inside may"])
    })
  )

  it.live("serves two closings of the same loop with one pipeline (S1)", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { exceptionHandler, reports } = collecting()
      const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
      let cancels = 0
      loop.createTask(async ({ signal }) => {
        signal.addEventListener("abort", () => void cancels++)
        await loop.sleep(1e6)
      })
      yield* settle
      loop._crashWith(new Error("first"), "test")
      yield* Scope.close(scope, Exit.void)
      expect(cancels).toBe(1)
      expect(reports).toEqual([])
    })
  )
})

describe("closing, bounded", () => {
  const stuckOn = (loop: EventLoop, gate: Deferred.Deferred<void>) => {
    loop.createTask(forever, { name: "stuck" })
    loop.createTask(
      async () => {
        const never = loop.createFuture<void>()
        for (;;) await never.then(undefined, () => loop.createFuture<void>()).catch(() => forever())
      },
      { name: "retries" }
    )
    loop.effectAsFuture(Effect.uninterruptible(Deferred.await(gate)), { name: "shielded" })
  }

  it.effect("reports the leftovers once at the deadline, as a table, and moves on (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const ended: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          stuckOn(loop, gate)
          yield* TestClock.adjust(250)
        }),
        { exceptionHandler, closeDeadline: "3 seconds", slowJoin: "1 hour", name: "L" }
      ).pipe(Effect.ensuring(Effect.sync(() => ended.push("closed"))), Effect.fork)
      yield* settle
      yield* TestClock.adjust(2_999)
      expect(reports).toEqual([])
      yield* TestClock.adjust(1)
      yield* settle
      expect(ended).toEqual(["closed"])
      yield* Fiber.join(fiber)
      expect(reports.map((report) => report.kind)).toEqual(["leftover"])
      const lines = reports[0]?.message.split("\n") ?? []
      expect(lines[0]).toBe("3 left over on L at the deadline of 3000ms for closing L:")
      expect(lines[1]).toMatch(/^what +name +age +state +waiting on +created at$/)
      expect(lines[2]).toMatch(/^task +stuck +3250ms +cancelling +a foreign promise +forever/)
      expect(lines[3]).toMatch(/^task +retries +3250ms +cancelling +\S/)
      expect(lines[4]).toMatch(/^effect +shielded +3250ms +running +its fiber +aio code of this loop$/)
      expect(lines).toHaveLength(5)
      yield* Deferred.succeed(gate, undefined)
      yield* settle
    })
  )

  it.effect("says in debug mode where a leftover was created (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const fiber = yield* scoped(
        Effect.map(Loop, (loop) => void loop.createTask(forever, { name: "stuck" })),
        { exceptionHandler, closeDeadline: 10, debug: true }
      ).pipe(Effect.fork)
      yield* settle
      yield* TestClock.adjust(10)
      yield* Fiber.join(fiber)
      expect(reports[0]?.message).toMatch(/stuck .*Shutdown\.test\.ts:\d+/)
    })
  )

  it.effect("warns after slowJoin, once, with the same table (S2, J6)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let release: (() => void) | undefined
      const fiber = yield* scoped(
        Effect.map(Loop, (loop) => {
          loop.createTask(() => new Promise<void>((resolve) => (release = resolve)), { name: "slow" })
        }),
        { exceptionHandler, name: "L" }
      ).pipe(Effect.fork)
      yield* settle
      yield* TestClock.adjust("1 seconds")
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin"])
      expect(reports[0]?.message).toMatch(
        /^closing L has waited 1000ms for 1 to stop:\nwhat .*\ntask +slow +1000ms/
      )
      yield* TestClock.adjust("5 seconds")
      release?.()
      yield* Fiber.join(fiber)
      expect(reports).toHaveLength(1)
    })
  )

  it.effect("waits for ever where the deadline is infinite, and has said so (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let release: (() => void) | undefined
      const fiber = yield* scoped(
        Effect.map(Loop, (loop) => {
          loop.createTask(() => new Promise<void>((resolve) => (release = resolve)))
        }),
        { exceptionHandler, closeDeadline: Infinity }
      ).pipe(Effect.fork)
      yield* settle
      yield* TestClock.adjust("1000 days")
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin"])
      expect(poll(fiber)).toBeUndefined()
      release?.()
      yield* Fiber.join(fiber)
      expect(reports).toHaveLength(1)
    })
  )

  it.live("gives what stops at once its chance also where the deadline is 0 (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            await loop.sleep(1e6).finally(() => log.push("cleaned"))
          })
          loop.createTask(forever, { name: "stuck" })
          yield* Loop.synchronize
        }),
        { exceptionHandler, closeDeadline: 0 }
      )
      expect(log).toEqual(["cleaned"])
      expect(reports.map((report) => report.kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toContain("1 left over")
    })
  )

  it.effect("settles every wait on what is left over with LoopClosedError (S2, C3)", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { exceptionHandler } = collecting()
      const loop = yield* Scope.extend(open({ exceptionHandler, closeDeadline: 100 }), scope)
      const waits = yield* fromAio(forever)().pipe(
        Effect.provideService(Loop, loop),
        Effect.exit,
        Effect.fork
      )
      yield* settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settle
      yield* TestClock.adjust(100)
      yield* Fiber.join(closing)
      const exit = yield* Fiber.join(waits)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopClosedError)
    })
  )

  it.effect("gives a body that is stuck in a join up at the deadline (S2, J1)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      const fiber = yield* scoped(
        fromAio(forever, { name: "stuck" })().pipe(
          Effect.ensuring(Effect.sync(() => void log.push("the body's finalizer")))
        ),
        { exceptionHandler, closeDeadline: "2 seconds", name: "L" }
      ).pipe(
        Effect.onExit(() => Effect.sync(() => void log.push("outer finalizer"))),
        Effect.fork
      )
      yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("1 seconds")
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin"])
      expect(log).toEqual([])
      yield* TestClock.adjust("1 seconds")
      const exit = yield* Fiber.join(interrupting)
      expect(Exit.isInterrupted(exit)).toBe(true)
      expect(log).toEqual(["the body's finalizer", "outer finalizer"])
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin", "leftover"])
      expect(reports[1]?.message).toMatch(
        /^2 left over on L at the deadline of 2000ms for stopping the body of L:/
      )
      expect(reports[1]?.message).toMatch(/\neffect +body of L +2000ms +interrupting +a finalizer/)
      expect(reports[1]?.message).toMatch(/\ntask +stuck +2000ms +cancelling/)
    })
  )

  it.effect("bounds a body that is over while a child of it joins what never ends (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          yield* Effect.fork(fromAio(forever, { name: "stuck" })())
          yield* Loop.synchronize
          return "done"
        }),
        { exceptionHandler, closeDeadline: "2 seconds", slowJoin: "1 hour" }
      ).pipe(Effect.fork)
      yield* settle
      expect(poll(fiber)).toBeUndefined()
      yield* TestClock.adjust("2 seconds")
      expect(yield* Fiber.join(fiber)).toBe("done")
      expect(reports.map((report) => report.kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toMatch(/\ntask +stuck +2000ms +cancelling/)
    })
  )

  it.effect("reports what the body leaves over once, and does not wait for it again (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const gate = yield* Deferred.make<void>()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.runEffectTask(Effect.uninterruptible(Deferred.await(gate)), { name: "shielded" })
          yield* fromAio(forever, { name: "stuck" })()
        }),
        { exceptionHandler, closeDeadline: 100, slowJoin: "1 hour" }
      ).pipe(Effect.fork)
      yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust(100)
      yield* settle
      expect(poll(interrupting)).not.toBeUndefined()
      expect(reports.map((report) => report.kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toContain("3 left over")
      yield* Deferred.succeed(gate, undefined)
      yield* settle
    })
  )

  it.effect("names a body whose finalizer does not end, by its span, and goes on waiting for it (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const gate = yield* Deferred.make<void>()
      const fiber = yield* scoped(
        Effect.ensuring(Effect.never, Deferred.await(gate).pipe(Effect.withSpan("flush metrics"))),
        { exceptionHandler, closeDeadline: "5 seconds", name: "L" }
      ).pipe(Effect.fork)
      yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("1 seconds")
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin"])
      expect(reports[0]?.message).toContain("stopping the body of L has waited 1000ms")
      expect(reports[0]?.message).toContain("body of L, in span flush metrics")
      yield* TestClock.adjust("1 hours")
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin", "leftover"])
      expect(reports[1]?.message).toContain("in span flush metrics")
      expect(poll(fiber)).toBeUndefined()
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(interrupting)
    })
  )

  it.effect("shares one deadline between the body's stopping and the loop's closing (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(forever, { name: "stuck" })
          yield* Effect.ensuring(Effect.never, Effect.sleep(700))
        }),
        { exceptionHandler, closeDeadline: 1000, slowJoin: "1 hour" }
      ).pipe(Effect.fork)
      yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust(999)
      yield* settle
      expect(poll(interrupting)).toBeUndefined()
      yield* TestClock.adjust(1)
      yield* Fiber.join(interrupting)
      expect(reports.map((report) => report.kind)).toEqual(["leftover"])
    })
  )

  it.effect("is not stopped by cleanup that calls loop.stop() (S2, bridge-033)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            try {
              await loop.sleep(1e6)
            } finally {
              void loop
                .stop()
                .wait()
                .then(() => log.push("stopped"))
              await loop.sleep(0)
              await loop.sleep(0)
              log.push("cleaned")
            }
          })
          yield* Loop.synchronize
        })
      )
      expect(log).toEqual(["stopped", "cleaned"])
    })
  )

  it.effect("says so, in real time, when the clock it waits on stands still (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const fiber = yield* scoped(
        Effect.map(Loop, (loop) => void loop.createTask(forever, { name: "stuck" })),
        { exceptionHandler, name: "L" }
      ).pipe(Effect.fork)
      while (reports.length === 0) yield* settle
      expect(reports[0]?.kind).toBe("slowJoin")
      expect(reports[0]?.message).toContain("closing L waits, and its clock does not move")
      expect(reports[0]?.message).toContain("stuck")
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(fiber)
      expect(reports.map((report) => report.kind)).toEqual(["slowJoin", "slowJoin", "leftover"])
    })
  )

  it.effect("ends at its deadline in real time when the clock it waits on stands still (S2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.map(Loop, (loop) => void loop.createTask(forever, { name: "stuck" })),
        { closeDeadline: 300, exceptionHandler, name: "L" }
      )
      expect(reports.map(({ kind, message }) => [kind, message.split("\n")[0]])).toEqual([
        [
          "slowJoin",
          "closing L waits, and its clock does not move (a TestClock that nobody adjusts) for 1 to stop:"
        ],
        ["leftover", "1 left over on L at the deadline of 300ms for closing L:"]
      ])
    })
  )

  it.effect("logs the leftovers as a warning where no handler is set (S2, L6)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const fiber = yield* scoped(
        Effect.map(Loop, (loop) => void loop.createTask(forever, { name: "stuck" })),
        { closeDeadline: 10, name: "L" }
      ).pipe(Effect.provide(layer), Effect.fork)
      yield* settle
      yield* TestClock.adjust(10)
      yield* Fiber.join(fiber)
      expect(logged.map(({ annotations, level }) => ({ level, annotations }))).toEqual([
        { level: "WARN", annotations: { loop: "L", kind: "leftover" } }
      ])
    })
  )
})

describe("a closed loop", () => {
  const closed = (handler = collecting()) =>
    Effect.map(scoped(Loop, { exceptionHandler: handler.exceptionHandler, name: "L" }), (loop) => ({
      loop,
      reports: handler.reports
    }))

  it.live("throws LoopClosedError from everything that schedules, and schedules nothing (S4)", () =>
    Effect.gen(function* () {
      const { loop, reports } = yield* closed()
      const calls: Record<string, () => unknown> = {
        callSoon: () => loop.callSoon(() => {}),
        callSoonThreadsafe: () => loop.callSoonThreadsafe(() => {}),
        callLater: () => loop.callLater(1, () => {}),
        callAt: () => loop.callAt(1, () => {}),
        createTask: () => loop.createTask(async () => {}),
        sleep: () => loop.sleep(1),
        wrapFuture: () => loop.wrapFuture(Promise.resolve(1)),
        ensureFuture: () => loop.ensureFuture(async () => {}),
        effectAsFuture: () => loop.effectAsFuture(Effect.void),
        runEffectTask: () => loop.runEffectTask(Effect.void)
      }
      for (const [name, call] of Object.entries(calls)) {
        expect(call, name).toThrow(LoopClosedError)
        expect(call, name).toThrow(/L is closed/)
      }
      expect(reports).toEqual([])
    })
  )

  it.live("fails fromAio, runAioFuture and toAio's Futures with LoopClosedError (S4)", () =>
    Effect.gen(function* () {
      let kept: EventLoop | undefined
      let call: (() => PromiseLike<unknown>) | undefined
      yield* scoped(
        Effect.gen(function* () {
          kept = yield* Loop
          call = yield* toAio(() => Effect.succeed(1))
        })
      )
      const loop = kept as EventLoop
      let called = false
      const on = <A, E>(effect: Effect.Effect<A, E, Loop>) =>
        Effect.flip(Effect.provideService(effect, Loop, loop))
      expect(yield* on(fromAio(() => (called = true))())).toBeInstanceOf(LoopClosedError)
      expect(yield* on(runAioFuture(loop.createFuture()))).toBeInstanceOf(LoopClosedError)
      expect(called).toBe(false)
      const error = yield* Effect.promise(() => Promise.resolve(call?.()).catch((e: unknown) => e))
      expect(error).toBeInstanceOf(LoopClosedError)
    })
  )

  it.live("completes synchronize, waitStopped and statistics at once (S4)", () =>
    Effect.gen(function* () {
      const { loop } = yield* closed()
      yield* Loop.synchronize.pipe(Effect.provideService(Loop, loop))
      yield* Loop.waitStopped.pipe(Effect.provideService(Loop, loop))
      const { state } = yield* Loop.statistics.pipe(Effect.provideService(Loop, loop))
      expect(state).toBe("closed")
    })
  )

  it.live("is closed by close() any number of times (S4)", () =>
    Effect.gen(function* () {
      const { loop, reports } = yield* closed()
      loop.close()
      loop.close()
      expect(loop.isClosed()).toBe(true)
      expect(loop.stop().isSet()).toBe(true)
      expect(reports).toEqual([])
    })
  )

  it.live("logs a report once and never throws (S4, bridge-046)", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const loop = yield* scoped(Loop, { name: "L" }).pipe(Effect.provide(layer))
      loop.callExceptionHandler({ message: "after the end" })
      expect(logged).toEqual([
        { level: "ERROR", message: "after the end", annotations: { loop: "L", kind: "report" }, cause: "" }
      ])
      loop.setExceptionHandler(() => {
        throw new Error("the handler too")
      })
      loop.callExceptionHandler({ message: "again" })
      expect(logged).toHaveLength(2)
    })
  )

  it.live("reports late done callbacks and settles late waits, and throws in nobody's face (S4)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      const loop = yield* scoped(Loop, { exceptionHandler })
      const future = loop.createFuture<number>()
      expect(() => future.addDoneCallback(() => void log.push("callback"))).not.toThrow()
      const waited = future.then(
        (value) => void log.push(`then ${value}`),
        (error: unknown) => void log.push(`then ${(error as Error).name}`)
      )
      expect(() => future.done() || future.setResult(1)).not.toThrow()
      yield* settle
      expect(log).toEqual(["then LoopClosedError"])
      expect(reports.map((report: Report) => report.kind)).toEqual(["late"])
      expect(waited.done()).toBe(true)
      expect(future.cancel()).toBe(false)
    })
  )

  it.live("reports a task that fails after it was given up, when it does (S4, J4)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let fail: ((error: Error) => void) | undefined
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(() => new Promise((_, reject) => (fail = reject)), { name: "stuck" })
          yield* Loop.synchronize
        }),
        { exceptionHandler, closeDeadline: 0 }
      )
      expect(reports.map((report) => report.kind)).toEqual(["leftover"])
      const boom = new Error("much later")
      fail?.(boom)
      yield* settle
      expect(reports.slice(1)).toMatchObject([{ kind: "late", exception: boom }])
    })
  )
})
