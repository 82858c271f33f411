import { createServer } from "node:http"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Layer, Scope, TestClock } from "effect"
import { layerScoped, poll, Tag } from "../../src/effect.js"
import type { AioError } from "../../src/index.js"
import {
  acquireAio,
  currentFlavor,
  type EventLoop,
  fromAio,
  getRunningLoop,
  Loop,
  LoopClosedError,
  QueueFullError,
  type Task
} from "../../src/index.js"
import { interruptedAtOnce } from "../support/border.js"
import { collecting, scoped, settle, track } from "../support/scopedLoops.js"
import { timeoutTag } from "../support/effect/line.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

class First extends Tag<First, number>()("test/First") {}
class Second extends Tag<Second, number>()("test/Second") {}

/** A gate for `open`, which ignores its signal. */
const gated = () => {
  const log: Array<string> = []
  let give = (): void => {}
  let refuse = (_: unknown): void => {}
  const arrives = new Promise<string>((resolve, reject) => {
    give = () => resolve("resource")
    refuse = reject
  })
  const close = async (resource: string) => {
    await Promise.resolve()
    log.push(`closed ${resource}`)
  }
  return { log, arrives, close, give: () => give(), refuse: (error: unknown) => refuse(error) }
}

describe("acquireAio", () => {
  it.live("J7 opens before the body and closes after it, on the loop, and waits for both (bridge-009)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const say = (what: string) =>
          log.push(`${what} ${String(currentFlavor())} ${getRunningLoop() === loop}`)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const value = yield* acquireAio({
              open: async () => {
                say("open begins")
                await loop.sleep(1)
                say("open ends")
                return "resource"
              },
              close: async (resource) => {
                say(`close ${resource} begins`)
                await loop.sleep(1)
                say("close ends")
              }
            })
            log.push(`body ${value}`)
          })
        )
        log.push("after")
        expect(log).toEqual([
          "open begins aio true",
          "open ends aio true",
          "body resource",
          "close resource begins aio true",
          "close ends aio true",
          "after"
        ])
      })
    )
  )

  it.live("J7 takes generators and plain functions, for both", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* acquireAio({
              open: function* () {
                return yield* loop.sleep(1, "generator")
              },
              close: function* (resource) {
                yield* loop.sleep(1)
                log.push(`close ${resource}`)
              }
            })
            yield* acquireAio({ open: () => "plain", close: (resource) => log.push(`close ${resource}`) })
            yield* acquireAio({
              open: () => loop.sleep(1, "future"),
              close: (resource) => log.push(`close ${resource}`)
            })
          })
        )
        expect(log).toEqual(["close future", "close plain", "close generator"])
      })
    )
  )

  it.live("J7 interrupted while opening: cancels open, joins it, and closes nothing that never came", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const fiber = yield* Effect.fork(
          Effect.scoped(
            acquireAio({
              open: async ({ signal }) => {
                signal.addEventListener("abort", () => log.push("aborted"))
                try {
                  await loop.createFuture()
                } finally {
                  await loop.sleep(1)
                  log.push("open ended")
                }
              },
              close: () => log.push("closed")
            })
          )
        )
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        log.push("fiber ended")
        expect(log).toEqual(["aborted", "open ended", "fiber ended"])
      })
    )
  )

  it.live(
    "J7 a resource that arrives anyway is closed before the fiber ends: async, generator, plain, Future",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const opens: Record<string, (arrives: Promise<string>, task: Task<unknown>) => unknown> = {
            "async function": async (arrives) => await arrives,
            promise: (arrives) => arrives,
            generator: function* (arrives) {
              try {
                yield* loop.createFuture()
              } catch {
                return yield* loop.wrapFuture(arrives)
              }
              return "not reached"
            }
          }
          for (const [kind, open] of Object.entries(opens)) {
            const { arrives, close, give, log } = gated()
            const fiber = yield* Effect.fork(
              Effect.scoped(acquireAio({ open: (task) => open(arrives, task) as Promise<string>, close }))
            )
            yield* settle
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* settle
            log.push("arrives")
            give()
            const exit = yield* Fiber.join(interrupting)
            log.push("fiber ended")
            expect([kind, ...log]).toEqual([kind, "arrives", "closed resource", "fiber ended"])
            expect(interruptedOnly(exit)).toBe(true)
          }
        })
      )
  )

  it.live("J7 whatever the moment of the interruption, what was opened is closed once", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (let i = 0; i < 32; i++) {
          const turns = i >> 1
          const log: Array<string> = []
          const future = loop.createFuture<string>()
          const promise = Promise.resolve("resource")
          const fiber = yield* Effect.fork(
            Effect.scoped(
              Effect.zipRight(
                acquireAio({
                  open: () => {
                    log.push("open")
                    loop.callSoon(() => void (future.done() || future.setResult("resource")))
                    return i % 2 === 0 ? future : promise
                  },
                  close: () => void log.push("close")
                }),
                Effect.never
              )
            )
          )
          yield* Effect.promise(async () => {
            for (let n = 0; n < turns; n++) await null
          })
          yield* Fiber.interrupt(fiber)
          const opened = log.includes("open") && !future.cancelled()
          expect([i, ...log]).toEqual(opened ? [i, "open", "close"] : [i, ...log.filter((l) => l === "open")])
        }
      })
    )
  )

  it.live("J7 interrupted before the loop has a turn: open is never called", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const acquire = acquireAio({ open: () => log.push("open"), close: () => log.push("close") })
        expect(interruptedOnly(yield* interruptedAtOnce(loop, Effect.scoped(acquire)))).toBe(true)
        yield* settle
        expect(log).toEqual([])
      })
    )
  )

  it.live("J7 a failure of open is the failure, by `catch` where one is given, and closes nothing", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const log: Array<string> = []
        const close = () => void log.push("closed")
        const open = () => Promise.reject(boom)
        const plain = yield* Effect.flip(Effect.scoped(acquireAio({ open, close, name: "db" })))
        expect(plain).toMatchObject({ _tag: "AioError", task: "db" })
        expect((plain as AioError).cause).toBe(boom)
        const mapped = yield* Effect.flip(
          Effect.scoped(acquireAio({ open, close, catch: (cause) => ({ mapped: cause }) }))
        )
        expect(mapped).toEqual({ mapped: boom })
        expect(log).toEqual([])
      })
    )
  )

  it.live("J7 J4 open that fails after the interruption is a defect, and is reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const { arrives, close, log, refuse } = gated()
        const boom = new Error("boom")
        const fiber = yield* Effect.fork(
          Effect.scoped(acquireAio({ open: () => arrives, close, name: "db" }))
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        refuse(boom)
        expect(defectsOf(yield* Fiber.join(interrupting))).toEqual([boom])
        expect(reports.map((r) => [r.kind, r.message, r.exception])).toEqual([
          ["late", "db failed after it was cancelled", boom]
        ])
        expect(log).toEqual([])
      }),
      { exceptionHandler }
    )
  })

  it.live("J7 a failure of close is a defect of the Scope's closing, the error itself", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        for (const close of [
          () => Promise.reject(boom),
          () => {
            throw boom
          }
        ]) {
          const exit = yield* Effect.exit(Effect.scoped(acquireAio({ open: () => 1, close })))
          expect(defectsOf(exit)).toEqual([boom])
        }
      })
    )
  )

  it.live("J4 a close that fails where its fiber is stopped is reported, too: nobody sees that Cause", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    const failing = acquireAio({ open: () => 1, close: () => Promise.reject(boom), name: "pool" })
    const other = acquireAio({ open: () => 1, close: () => {} })
    // Layers side by side close in fibers of their own.
    const layers = Layer.mergeAll(layerScoped(First, failing), layerScoped(Second, other))
    return Effect.gen(function* () {
      for (const inScope of [
        Effect.scoped(Effect.zipRight(failing, Effect.never)),
        Effect.provide(Effect.never, layers)
      ]) {
        yield* Effect.exit(scoped(Effect.timeout(inScope, 1), { exceptionHandler }))
        const told = ["late", "closing pool failed as its fiber was being stopped", boom]
        expect(reports.splice(0).map(({ exception, kind, message }) => [kind, message, exception])).toEqual([
          told
        ])
      }
    })
  })

  it.live("J7 closing is not interruptible: a second interruption waits for it", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const gate = loop.createFuture<void>()
        const fiber = yield* Effect.fork(
          Effect.scoped(
            Effect.zipRight(
              acquireAio({
                open: () => 1,
                close: async () => {
                  await gate
                  log.push("closed")
                }
              }),
              Effect.never
            )
          )
        )
        yield* settle
        const one = yield* Effect.fork(Fiber.interrupt(fiber))
        const two = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        gate.setResult()
        yield* Fiber.join(one)
        yield* Fiber.join(two)
        expect(log).toEqual(["closed"])
      })
    )
  )

  it.live("J7 a resource of a Scope around the loop is closed without it: async, generator, plain", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const outer = yield* Scope.make()
      yield* scoped(
        Effect.gen(function* () {
          yield* acquireAio({
            open: () => "async",
            close: async (resource, task) => {
              await Promise.resolve()
              log.push(`closed ${resource} ${task.signal.aborted}`)
            }
          })
          yield* acquireAio({
            open: () => "generator",
            close: function* (resource) {
              const one: unknown = yield Promise.resolve(1)
              log.push(`closed ${resource} ${String(one)}`)
            }
          })
          yield* acquireAio({ open: () => "plain", close: (resource) => void log.push(`closed ${resource}`) })
        }).pipe(Scope.extend(outer))
      )
      log.push("loop closed")
      yield* Scope.close(outer, Exit.void)
      expect(log).toEqual(["loop closed", "closed plain", "closed generator 1", "closed async false"])
    })
  )

  it.live("J7 the closing of the loop's own Scope closes what was acquired in it first, on the loop", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = track(yield* Loop.open())
          yield* Effect.provideService(
            acquireAio({
              open: () => 1,
              close: async () => {
                await loop.sleep(1)
                log.push(`closed on the loop: ${getRunningLoop() === loop}`)
              }
            }),
            Loop,
            loop
          )
        })
      )
      expect(log).toEqual(["closed on the loop: true"])
    })
  )

  it.live("J7 a resource that arrives after the loop gave it up is closed then, without the loop", () => {
    const { exceptionHandler, reports } = collecting()
    const { arrives, close, give, log } = gated()
    return Effect.gen(function* () {
      yield* scoped(
        Effect.gen(function* () {
          yield* Effect.forkDaemon(Effect.scoped(acquireAio({ open: () => arrives, close, name: "db" })))
          yield* settle
        }),
        { exceptionHandler, closeDeadline: 30 }
      )
      log.push("loop closed")
      expect(reports.map((r) => r.kind)).toEqual(["leftover"])
      give()
      yield* settle
      expect(log).toEqual(["loop closed", "closed resource"])
    })
  })

  it.effect("J6 interrupted while open does not answer: reported while the fiber waits", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const { arrives, close, give, log } = gated()
        const fiber = yield* Effect.fork(
          Effect.scoped(acquireAio({ open: () => arrives, close, name: "db" }))
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("1 minute")
        expect(reports.map((r) => [r.kind, r.task?.getName()])).toEqual([["slowJoin", "db"]])
        give()
        yield* Fiber.join(interrupting)
        expect(log).toEqual(["closed resource"])
      }),
      { exceptionHandler }
    )
  })

  it.live(
    "fails with LoopClosedError on a closed loop and with QueueFullError on a full one, and opens nothing",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const open = () => log.push("open")
        const acquire = Effect.scoped(acquireAio({ open, close: () => log.push("close") }))
        const loop = yield* Effect.scoped(Effect.map(Loop.open(), track))
        expect(yield* Effect.flip(Effect.provideService(acquire, Loop, loop))).toBeInstanceOf(LoopClosedError)
        yield* scoped(
          Effect.gen(function* () {
            const full = yield* Loop
            full.callSoon(() => {})
            expect(yield* Effect.flip(acquire)).toBeInstanceOf(QueueFullError)
            yield* settle
          }),
          { queueLength: 1 }
        )
        expect(log).toEqual([])
      })
  )

  it.effect("J12 a close that was given up does not run on when its loop has closed", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let goOn = (): void => {}
      let rounds = 0
      const foreign = new Promise<void>((resolve) => (goOn = resolve))
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const done = loop.createFuture<void>()
          done.setResult()
          const close = async () => {
            await foreign
            // Without a bound it would keep Node for ever.
            while (rounds < 1_000) {
              rounds++
              await Promise.allSettled([done])
            }
          }
          const fiber = yield* Effect.fork(
            Effect.scoped(acquireAio({ open: () => 1, close, name: "pool", grace: 50 }))
          )
          yield* settle
          yield* TestClock.adjust(50)
          yield* Fiber.join(fiber)
        }),
        { exceptionHandler }
      )
      goOn()
      yield* settle
      expect(rounds).toBe(1)
      expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
        ["leftover", expect.stringMatching(/^abandoned after a grace of 50ms: close pool/)],
        ["late", expect.stringMatching(/^close pool was given up when \S+ closed, and has gone on to await/)]
      ])
    })
  )

  it.effect("J12 a close that never settles is named after slowJoin and given up after closeDeadline", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const hang = acquireAio({ open: () => 1, close: () => new Promise(() => {}), name: "pool" })
        const fiber = yield* Effect.fork(
          Effect.exit(Effect.scoped(Effect.zipRight(hang, Effect.fail("its own"))))
        )
        yield* settle
        yield* TestClock.adjust("300 millis")
        expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
          [
            "slowJoin",
            expect.stringMatching(
              /^a Scope has waited 300ms for close pool \(age 300ms, acquired at .*acquireAio\.test\.ts:/
            )
          ]
        ])
        expect(poll(fiber)).toBeUndefined()
        yield* TestClock.adjust("700 millis")
        expect(yield* Fiber.join(fiber)).toEqual(Exit.fail("its own"))
        expect(reports.map(({ kind }) => kind)).toEqual(["slowJoin", "leftover"])
        expect(reports[1]?.message).toMatch(/^abandoned after a grace of 1000ms: close pool/)
      }),
      { exceptionHandler, slowJoin: "300 millis", closeDeadline: "1 second" }
    )
  })

  it.effect(
    "J12 grace bounds a close and an interrupted opening; what arrives or fails later is told",
    () => {
      const { exceptionHandler, reports } = collecting()
      const { arrives, give } = gated()
      const log: Array<string> = []
      const boom = new Error("boom")
      let fail = (): void => {}
      const close = (): Promise<never> => {
        log.push("close begins")
        return new Promise((_, reject) => (fail = () => reject(boom)))
      }
      return scoped(
        Effect.gen(function* () {
          const acquire = acquireAio({ open: () => arrives, close, name: "db", grace: "200 millis" })
          const fiber = yield* Effect.fork(Effect.exit(Effect.timeout(Effect.scoped(acquire), "100 millis")))
          yield* settle
          yield* TestClock.adjust("100 millis")
          yield* settle
          expect(poll(fiber)).toBeUndefined()
          yield* TestClock.adjust("200 millis")
          expect(String(yield* Fiber.join(fiber))).toContain(timeoutTag)
          expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
          give()
          yield* settle
          expect(log).toEqual(["close begins"])
          yield* TestClock.adjust("200 millis")
          fail()
          yield* settle
          expect(reports.map(({ kind }) => kind)).toEqual(["leftover", "leftover", "late"])
          expect(reports[2]).toMatchObject({
            message: "closing db failed after it was given up",
            exception: boom
          })
        }),
        { exceptionHandler }
      )
    }
  )

  it.effect(
    "J5 the grace of the loop bounds a join where the call says nothing, and the call's own goes first",
    () => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.gen(function* () {
          let end = (): void => {}
          const stubborn = () => new Promise<void>((resolve) => (end = resolve))
          for (const [options, waits] of [
            [{}, "200 millis"],
            [{ grace: "1 second" }, "1 second"]
          ] as const) {
            const fiber = yield* Effect.fork(fromAio(stubborn, options)())
            yield* settle
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* settle
            yield* TestClock.adjust("199 millis")
            expect(poll(interrupting)).toBeUndefined()
            yield* TestClock.adjust(waits)
            yield* Fiber.join(interrupting)
            end()
            yield* settle
          }
          expect(reports.map(({ kind, message }) => [kind, message.split(":")[0]])).toEqual([
            ["leftover", "abandoned after a grace of 200ms"],
            ["leftover", "abandoned after a grace of 1000ms"]
          ])
        }),
        { exceptionHandler, grace: "200 millis", slowJoin: "1 minute" }
      )
    }
  )

  it.effect("J12 hung closes do not add up once the loop has given up, and each of them has begun", () => {
    const { exceptionHandler, reports } = collecting()
    const log: Array<string> = []
    return Effect.gen(function* () {
      const fiber = yield* Effect.fork(
        scoped(
          Effect.scoped(
            Effect.gen(function* () {
              for (const name of ["a", "b", "c"]) {
                yield* acquireAio({
                  open: () => name,
                  close: (opened) => {
                    log.push(opened)
                    return new Promise(() => {})
                  },
                  name
                })
              }
              return yield* Effect.never
            })
          ),
          { exceptionHandler, slowJoin: "1 minute", closeDeadline: "1 second" }
        )
      )
      yield* settle
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* settle
      for (let moment = 0; moment < 3; moment++) {
        yield* TestClock.adjust("100 millis")
        yield* settle
      }
      yield* Fiber.join(interrupting)
      expect(log).toEqual(["c", "b", "a"])
      expect(reports.map(({ kind }) => kind)).toContain("leftover")
    })
  })

  it.live("J12 a close that says that nothing is open has not failed, others are a defect", () =>
    scoped(
      Effect.gen(function* () {
        const server = createServer()
        expect(yield* Effect.exit(Effect.scoped(acquireAio({ open: () => server })))).toMatchObject({
          _tag: "Success"
        })
        const twice = acquireAio({
          open: () => createServer().listen(0, "127.0.0.1"),
          close: (listening) =>
            new Promise<void>((resolve, reject) => {
              listening.close()
              listening.close((error) => (error === undefined ? resolve() : reject(error)))
            })
        })
        expect(yield* Effect.exit(Effect.scoped(twice))).toMatchObject({ _tag: "Success" })
        const refusing = acquireAio({ open: () => 1, close: () => Promise.reject(new Error("no")) })
        expect(defectsOf(yield* Effect.exit(Effect.scoped(refusing)))).toEqual([new Error("no")])
      })
    )
  )

  describe("J12 every resource that arrives is closed once, and waited for", () => {
    /** What ends the opening or the use, `k` turns after it began. */
    const ends: Record<
      string,
      (loop: EventLoop, fiber: Fiber.RuntimeFiber<unknown, unknown>) => Effect.Effect<unknown>
    > = {
      "its fiber is interrupted": (_, fiber) => Fiber.interrupt(fiber),
      "the loop crashes": (loop) =>
        Effect.sync(() =>
          loop.callSoon(() => {
            throw new Error("crash")
          })
        ),
      "the loop is closed at once": (loop) => Effect.promise(async () => Promise.resolve(loop.close())),
      "somebody cancels every task": (loop) =>
        Effect.sync(() => {
          for (const task of loop.allTasks()) task.cancel("by a stranger")
        }),
      "the Scope of the loop is closed": () => Effect.void
    }
    for (const [how, end] of Object.entries(ends)) {
      it.live(how, () =>
        Effect.gen(function* () {
          const { exceptionHandler } = collecting()
          for (let k = 0; k < 24; k++) {
            const seen = { opened: 0, begun: 0, closed: 0 }
            const turns = async (n: number): Promise<void> => {
              for (let i = 0; i < n; i++) await new Promise(setImmediate)
            }
            const acquire = acquireAio({
              open: async () => {
                await turns(k % 6)
                seen.opened++
              },
              close: async () => {
                seen.begun++
                await turns(2)
                seen.closed++
              }
            })
            const scope = yield* Scope.make()
            const loop = track(yield* Scope.extend(Loop.open({ exceptionHandler }), scope))
            const fiber = yield* Effect.forkDaemon(
              Effect.provideService(
                Effect.scoped(
                  Effect.zipRight(
                    acquire,
                    Effect.promise(() => turns(2))
                  )
                ),
                Loop,
                loop
              )
            )
            yield* Effect.promise(() => turns(Math.floor(k / 3)))
            yield* end(loop, fiber)
            yield* Scope.close(scope, Exit.void)
            yield* Fiber.await(fiber)
            yield* Effect.promise(() => turns(8))
            expect({ k, ...seen }).toEqual({
              k,
              opened: seen.opened,
              begun: seen.opened,
              closed: seen.opened
            })
          }
        })
      )
    }
  })

  it.live("J7 a full queue does not keep a resource from being closed", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* acquireAio({ open: () => 1, close: () => log.push("closed") })
            loop.callSoon(() => log.push("callback"))
          })
        )
        expect(log).toEqual(["callback", "closed"])
      }),
      { queueLength: 1 }
    )
  )

  it.live("B1 an open or close that returns an Effect is a defect with a hint", () =>
    scoped(
      Effect.gen(function* () {
        const opened = yield* Effect.exit(
          Effect.scoped(acquireAio({ open: () => Effect.succeed(1), close: () => {} }))
        )
        expect(String(defectsOf(opened)[0])).toMatch(/returned an Effect/)
        const closed = yield* Effect.exit(
          Effect.scoped(acquireAio({ open: () => 1, close: () => Effect.succeed(1) }))
        )
        expect(String(defectsOf(closed)[0])).toMatch(/returned an Effect/)
      })
    )
  )

  it("B2 refuses what is no { open, close } before anything is scheduled", () => {
    for (const wrong of [undefined, null, {}, { open: () => 1, close: null }, { open: 1, close: () => {} }]) {
      expect(() => acquireAio(wrong as never)).toThrow(/acquireAio takes \{ open, close \}/)
    }
  })
})
