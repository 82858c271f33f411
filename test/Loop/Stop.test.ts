import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { poll } from "../../src/effect.js"
import {
  acquireAio,
  Event,
  fromAio,
  InvalidStateError,
  Loop,
  LoopClosedError,
  runAioCoroutine,
  runAioFuture,
  runEffect,
  toAio
} from "../../src/index.js"
import { collecting, forever, open, scoped, settle } from "../support/scopedLoops.js"

describe("synchronize", () => {
  it.live("completes when what was queued before has run, and waits for nothing else (bridge-058)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        loop.callLater(1e6, () => void log.push("timer"))
        loop.callSoon(() => {
          log.push("one")
          loop.callSoon(() => void log.push("queued by one"))
        })
        loop.callSoon(() => void log.push("two"))
        yield* Loop.synchronize.pipe(Effect.tap(() => Effect.sync(() => void log.push("synchronized"))))
        expect(log.slice(0, 2)).toEqual(["one", "two"])
        expect(log).not.toContain("timer")
        expect(loop.statistics().timers).toBe(1)
        // A callback that queues itself for ever does not keep it either.
        let runs = 0
        const again = (): void => void (runs++ < 10_000 && loop.callSoon(again))
        again()
        yield* Loop.synchronize
        expect(runs).toBeLessThan(100)
      })
    )
  )

  it.live("starts a loop that is stopped (bridge-058)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        loop.stop()
        yield* Loop.waitStopped
        const log: Array<string> = []
        loop.callSoon(() => void log.push("ran"))
        yield* settle
        expect(log).toEqual([])
        yield* Loop.synchronize
        expect(log).toEqual(["ran"])
        expect(loop.isRunning()).toBe(true)
      })
    )
  )

  it.live("completes when the loop is closed under it (C3)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const waiting = yield* Effect.fork(Loop.synchronize)
        loop.close()
        expect(yield* Fiber.await(waiting)).toEqual(Exit.void)
        expect(yield* Effect.exit(Loop.synchronize)).toEqual(Exit.void)
      })
    )
  )
})

describe("stop and waitStopped", () => {
  it.live("complete after what was queued before, for any number of waiters (bridge-059)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const waiter = (name: string) =>
          Effect.fork(Loop.waitStopped.pipe(Effect.tap(() => Effect.sync(() => void log.push(name)))))
        const waiters = [yield* waiter("a"), yield* waiter("b"), yield* waiter("c")]
        yield* settle
        loop.callSoon(() => {
          log.push("before")
          loop.callSoon(() => void log.push("after"))
        })
        loop.stop()
        yield* Fiber.joinAll(waiters)
        yield* settle
        expect(log).toEqual(["before", "a", "b", "c"])
        yield* Loop.waitStopped
        expect(loop.isRunning()).toBe(false)
        expect(loop.statistics()).toMatchObject({ state: "stopped", ready: 1 })
        yield* Loop.synchronize
        expect(log.at(-1)).toBe("after")
      })
    )
  )

  it.live(
    "share one waiter, and take an event that is cleared first and set when the loop has stopped (bridge-060)",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const event = new Event()
          event.set()
          const first = loop.stop()
          expect(loop.stop()).toBe(first)
          expect(loop.stop(event)).toBe(event)
          expect([first.isSet(), event.isSet()]).toEqual([false, false])
          yield* Effect.promise(() => event.wait())
          expect([first.isSet(), event.isSet(), loop.isRunning()]).toEqual([true, true, false])
          expect(loop.stop().isSet()).toBe(true)
          const late = new Event()
          expect(loop.stop(late)).toBe(late)
          expect(late.isSet()).toBe(true)
          expect(() => loop.stop({} as Event)).toThrow(TypeError)
          yield* Loop.synchronize
          // One stop was enough: the loop that runs again does not stop for the old ones.
          yield* Loop.synchronize
          expect(loop.isRunning()).toBe(true)
        })
      )
  )

  it.live("by the body do not keep the scope from exiting promptly (bridge-033)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(Effect.map(Loop, (loop) => void loop.stop()))
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => {
            await loop.sleep(1e6).finally(() => void log.push("cancelled"))
          })
          yield* Loop.synchronize
          loop.stop()
          loop.stop()
          yield* Loop.waitStopped
        })
      )
      expect(log).toEqual(["cancelled"])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open()
          loop.callSoon(() => void loop.stop())
        })
      )
    })
  )

  it.live("with waits pending are reported once, and a new wait starts the loop again (C3)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const gate = loop.createFuture<void>()
          const waiting = yield* Effect.fork(fromAio(() => gate, { name: "napping" })())
          yield* Loop.synchronize
          loop.stop()
          loop.stop()
          yield* Loop.waitStopped
          expect(reports.map((report) => report.kind)).toEqual(["leftover"])
          expect(reports[0]?.message).toMatch(/^L has stopped while Effects wait for it \(1\)/)
          expect(reports[0]?.message).toMatch(/\ntask +napping /)
          loop.stop()
          gate.setResult()
          yield* settle
          expect(poll(waiting)).toBeUndefined()
          yield* fromAio(() => 1)()
          yield* Fiber.join(waiting)
        }),
        { exceptionHandler, name: "L" }
      )
      expect(reports).toHaveLength(1)
    })
  )

  it.live("say nothing of work that a fiber has abandoned, which nobody waits for (C3)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          let open = (): void => {}
          const gate = new Promise<void>((resolve) => (open = resolve))
          const stubborn = fromAio(() => gate, { onInterrupt: "abandon" })
          const fiber = yield* Effect.fork(stubborn())
          yield* settle
          yield* Fiber.interrupt(fiber)
          loop.stop()
          yield* Loop.waitStopped
          expect(reports).toEqual([])
          open()
          yield* fromAio(() => 1)()
        }),
        { exceptionHandler }
      )
    })
  )

  it.live("with nobody waiting say nothing (C3)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          yield* fromAio(() => loop.sleep(0))()
          loop.callLater(1e6, () => {})
          loop.createTask(() => loop.sleep(1e6).finally(() => {}))
          yield* Loop.synchronize
          loop.stop()
          yield* Loop.waitStopped
        }),
        { exceptionHandler }
      )
      expect(reports).toEqual([])
    })
  )

  it.live("end waitStopped when the loop is closed instead (C3)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const waiting = yield* Effect.fork(Loop.waitStopped)
        yield* settle
        expect(poll(waiting)).toBeUndefined()
        loop.close()
        expect(yield* Fiber.await(waiting)).toEqual(Exit.void)
      })
    )
  )
})

describe("close() under waits", () => {
  const error = <A, E>(exit: Exit.Exit<A, E>): unknown =>
    Exit.isSuccess(exit) ? new Error(`succeeded with ${String(exit.value)}`) : Cause.squash(exit.cause)

  it.live("settles every kind of wait with LoopClosedError, and nothing hangs (C3)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({ exceptionHandler })
          const on = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
            Effect.fork(Effect.exit(Effect.provideService(effect, Loop, loop)))
          const future = loop.createFuture<void>()
          const waits = [
            yield* on(runAioFuture(future)),
            yield* on(fromAio(() => loop.sleep(1e6))()),
            yield* on(fromAio(forever)()),
            yield* on(fromAio(forever())),
            yield* on(
              runAioCoroutine(function* () {
                yield* loop.sleep(1e6)
              })
            ),
            yield* on(Effect.scoped(acquireAio({ open: forever, close: () => {} })))
          ]
          const call = yield* Effect.provideService(
            toAio(() => Effect.never),
            Loop,
            loop
          )
          const inTask = (name: string, wait: () => PromiseLike<unknown>) =>
            loop.createTask(async () => {
              try {
                await wait()
                log.push(`${name} went on`)
              } catch (e) {
                log.push(`${name}: ${(e as Error).name}`)
              }
            })
          inTask("a task's own wait", () => loop.sleep(1e6))
          const outside = [
            Promise.resolve(loop.sleep(1e6)),
            Promise.resolve(loop.createTask(forever)),
            Promise.resolve(call()),
            Promise.resolve(future.then(() => 1))
          ].map((promise) =>
            promise.then(
              () => "value",
              (e: Error) => e.name
            )
          )
          yield* settle
          loop.close()
          for (const wait of waits) expect(error(yield* Fiber.join(wait))).toBeInstanceOf(LoopClosedError)
          const names = yield* Effect.promise(() => Promise.all(outside))
          for (const name of names) expect(["LoopClosedError", "AbortError"]).toContain(name)
          yield* settle
        })
      )
      // The coroutine of a task that was given up stays where it is: it was not asked to stop.
      expect(log).toEqual([])
      expect(reports.filter((report) => report.kind !== "late")).toEqual([])
    })
  )

  it.live("is waited for by the Scope as far as fibers are still unwinding (C3, S1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open(), scope)
      const running = yield* Deferred.make<void>()
      loop.runEffectTask(
        Effect.zipRight(Deferred.succeed(running, undefined), Effect.never).pipe(
          Effect.ensuring(
            Effect.delay(
              Effect.sync(() => void log.push("finalizer")),
              5
            )
          )
        )
      )
      yield* Deferred.await(running)
      loop.close()
      expect(loop.isClosed()).toBe(true)
      yield* Scope.close(scope, Exit.void)
      log.push("scope closed")
      expect(log).toEqual(["finalizer", "scope closed"])
    })
  )

  it.live("by the body of Loop.scoped leaves the body its value (C3)", () =>
    Effect.gen(function* () {
      const value = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.close()
          const failed = yield* Effect.flip(fromAio(() => 1)())
          expect(failed).toBeInstanceOf(LoopClosedError)
          return "value"
        })
      )
      expect(value).toBe("value")
    })
  )

  it.live("while the loop is closing in order ends that too, with nothing hanging (C3, S5)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
      loop.createTask(forever)
      loop.runEffectTask(Effect.ensuring(Effect.never, Effect.sleep(200)))
      yield* settle
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* settle
      expect(loop.statistics().state).toBe("closing")
      loop.close()
      yield* Fiber.join(closing)
      expect(loop.statistics().effects).toBe(0)
      expect(reports).toEqual([])
    })
  )

  it.live("from inside a callback or task is refused, with words that say so (S4, C3)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const errors: Array<unknown> = []
        const attempt = () => {
          try {
            loop.close()
          } catch (e) {
            errors.push(e)
          }
        }
        loop.callSoon(attempt)
        yield* fromAio(async () => {
          attempt()
          await loop.sleep(0)
          attempt()
        })()
        expect(errors).toHaveLength(3)
        for (const e of errors) {
          expect(e).toBeInstanceOf(InvalidStateError)
          expect((e as Error).message).toContain("cannot close the loop it runs on")
        }
        expect(loop.isRunning()).toBe(true)
      })
    )
  )

  it.live("drops callbacks and timers, which never run and are no errors (shutdown-014)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.stop()
          yield* Loop.waitStopped
          const handles = [
            loop.callSoon(() => void log.push("soon")),
            loop.callLater(1, () => void log.push("later")),
            loop.callLater(1e6, () => void log.push("much later"))
          ]
          const before = process.getActiveResourcesInfo()
          loop.close()
          expect(handles.map((handle) => handle.cancelled())).toEqual([true, true, true])
          expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before.length)
          yield* Effect.sleep(5)
        }),
        { exceptionHandler }
      )
      expect(log).toEqual([])
      expect(reports).toEqual([])
    })
  )
})

describe("calls that come late", () => {
  it.live(
    "from a fiber of an outer scope while the loop shuts down complete or fail cleanly (bridge-034)",
    () =>
      Effect.gen(function* () {
        const outcomes: Array<string> = []
        const outer = yield* Scope.make()
        let fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            fiber = yield* Effect.forkIn(
              Effect.never.pipe(
                Effect.onInterrupt(() =>
                  Effect.exit(fromAio(() => loop.sleep(1))()).pipe(
                    Effect.tap((exit) =>
                      Effect.sync(
                        () =>
                          void outcomes.push(
                            Exit.isSuccess(exit) ? "ok" : (Cause.squash(exit.cause) as Error).name
                          )
                      )
                    )
                  )
                )
              ),
              outer
            )
            loop.createTask(async () => {
              try {
                await loop.sleep(1e6)
              } finally {
                await runEffect(Fiber.interrupt(fiber as Fiber.RuntimeFiber<unknown, unknown>))
              }
            })
            yield* settle
          })
        )
        yield* Scope.close(outer, Exit.void)
        expect(outcomes).toEqual(["LoopClosedError"])
      })
  )

  it.live(
    "from a fiber that survived the scope's failure fail, and the failure is what propagates (bridge-035)",
    () =>
      Effect.gen(function* () {
        const gate = yield* Deferred.make<void>()
        let survivor: Fiber.RuntimeFiber<unknown, unknown> | undefined
        const exit = yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            survivor = yield* Effect.forkDaemon(
              Effect.uninterruptible(Effect.zipRight(Deferred.await(gate), fromAio(() => loop.sleep(0))()))
            )
            yield* Effect.fail("original")
          })
        ).pipe(Effect.exit)
        expect(exit).toEqual(Exit.fail("original"))
        yield* Deferred.succeed(gate, undefined)
        const late = yield* Fiber.await(survivor as Fiber.RuntimeFiber<unknown, unknown>)
        expect(error(late)).toBeInstanceOf(LoopClosedError)
      })
  )

  const error = <A, E>(exit: Exit.Exit<A, E>): unknown =>
    Exit.isSuccess(exit) ? undefined : Cause.squash(exit.cause)
})
