import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Context, Data, Effect, Exit, Fiber, FiberRef, Option, type Scope } from "effect"
import {
  AioError,
  allowAio,
  type AllowAio,
  CancelledError,
  currentFlavor,
  currentTask,
  type EventLoop,
  fromAio,
  type Future,
  getRunningLoop,
  isCancelledError,
  Loop,
  LoopClosedError,
  runEffect,
  type Task
} from "../../src/index.js"
import { interruptedAtOnce } from "../support/border.js"
import { collecting, open, scoped, settle } from "../support/scopedLoops.js"
import { perLine, servicesOf } from "../support/effect/line.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Option.getOrUndefined(Cause.failureOption(exit.cause)) : undefined

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}
class Db extends Context.Tag("allowAio/Db")<Db, { readonly rows: number }>() {}

/** Runs `use` with a loop whose reports are collected. */
const withLoop = <A, E>(
  use: (loop: EventLoop) => Effect.Effect<A, E, Loop | Scope.Scope>,
  options: Parameters<typeof scoped>[1] = {}
) => scoped(Effect.scoped(Effect.flatMap(Loop, use)), options)

describe("allowAio", () => {
  it.live("bridge-012 an aio function that sleeps on the loop is awaited directly, and gives 4", () =>
    withLoop((loop) =>
      Effect.gen(function* () {
        const aio = async (n: number): Promise<number> => {
          await loop.sleep(1)
          return n * 2
        }
        const program = allowAio(function* ($) {
          yield* Effect.sleep(1)
          return yield* $(aio(2))
        })
        expect(yield* program).toBe(4)
        // Every run is a new one.
        expect(yield* program).toBe(4)
      })
    )
  )

  it.live(
    "bridge-014 a plain function that returns a Future has its result, and so has one that returns a promise",
    () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const later = (): Future<number> => {
            const future = loop.createFuture<number>()
            loop.createTask(async () => {
              await loop.sleep(1)
              future.setResult(4)
            })
            return future
          }
          expect(yield* allowAio(later)).toBe(4)
          expect(yield* allowAio(async () => await later())).toBe(4)
          const exit = yield* Effect.exit(allowAio(() => Effect.void as never))
          expect(defectsOf(exit).map(String)).toEqual([expect.stringMatching(/returned an Effect/)])
        })
      )
  )

  it.live("bridge-016 an async generator and an aio resource are used as in aio code", () =>
    withLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        async function* numbers() {
          try {
            for (let n = 1; ; n++) {
              await loop.sleep(1)
              yield n
            }
          } finally {
            await loop.sleep(1)
            log.push("generator closed")
          }
        }
        const resource = {
          async enter() {
            await loop.sleep(1)
            log.push("acquired")
            return this
          },
          async [Symbol.asyncDispose]() {
            await loop.sleep(1)
            log.push("released")
          }
        }
        yield* allowAio(function* ($) {
          const used = yield* $(resource.enter())
          try {
            const iterator = numbers()
            try {
              for (;;) {
                const { value } = yield* $(iterator.next())
                log.push(`item ${value}`)
                if (value === 2) break
              }
            } finally {
              yield* $(iterator.return(undefined))
            }
          } finally {
            yield* $(used[Symbol.asyncDispose]())
          }
        })
        expect(log).toEqual(["acquired", "item 1", "item 2", "generator closed", "released"])
      })
    )
  )

  it.live(
    "waits for Effects, Futures, promises, coroutines of each kind, raw yields and nothing at all",
    () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const values = yield* allowAio(function* ($) {
            const out: Array<unknown> = []
            out.push(yield* Effect.succeed("effect"))
            out.push(yield* perLine("E4", { 3: Option.some("option"), 4: Effect.succeed("option") }))
            out.push(yield* fromAio(async () => "fromAio"))
            out.push(yield* loop.sleep(1, "future"))
            out.push(yield* $(loop.sleep(1, "$(future)")))
            out.push(yield* $(Promise.resolve("promise")))
            out.push(yield* $(async () => "async"))
            out.push(
              yield* $(function* () {
                return yield* loop.sleep(1, "generator")
              })
            )
            out.push(yield* $(() => "plain"))
            out.push(yield* $(() => loop.sleep(1, "function returning a future")))
            out.push(yield Promise.resolve("raw promise"))
            out.push(yield loop.sleep(0, "raw future"))
            out.push(yield)
            out.push(yield* allowAio(() => Promise.resolve("nested")))
            return out
          })
          expect(values).toEqual([
            "effect",
            "option",
            "fromAio",
            "future",
            "$(future)",
            "promise",
            "async",
            "generator",
            "plain",
            "function returning a future",
            "raw promise",
            "raw future",
            undefined,
            "nested"
          ])
        })
      )
  )

  it.live(
    "J9 its plain code is aio code: running loop, current task, callSoon, and Futures tied to the task",
    () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const task = yield* allowAio(
            function* ($) {
              const look = () => [currentFlavor(), getRunningLoop() === loop, currentTask()?.getName()]
              log.push(look())
              yield* Effect.sync(() => log.push(currentFlavor()))
              log.push(look())
              yield* $(Promise.resolve())
              log.push(look())
              loop.callSoon(() => log.push("callback"))
              yield
              return currentTask()
            },
            { name: "program" }
          )
          const inside = ["aio", true, "program"]
          expect(log).toEqual([inside, "effect", inside, inside, "callback"])
          expect(task?.done()).toBe(true)
          expect(yield* Effect.sync(() => currentTask())).toBe(null)
        })
      )
  )

  it.live(
    "J2 interruption reaches a Future that an aio function, called in the body and not yielded, awaits",
    () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const log: Array<string> = []
          const aio = async () => {
            try {
              await loop.createFuture()
            } finally {
              log.push("aio cancelled")
            }
          }
          const fiber = yield* Effect.fork(
            allowAio(function* ($) {
              const signal = currentTask()?.signal
              signal?.addEventListener("abort", () => log.push("signal"))
              const running = aio()
              yield* $(running)
            })
          )
          yield* settle
          expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
          expect(log).toEqual(["signal", "aio cancelled"])
        })
      )
  )

  it.live(
    "gives Effects the Context, FiberRefs, children and Scope of the caller, and hands changes on",
    () =>
      withLoop(() =>
        Effect.gen(function* () {
          const ref = FiberRef.unsafeMake("at first")
          const log: Array<string> = []
          yield* FiberRef.set(ref, "by the caller")
          const child = yield* Effect.scoped(
            Effect.gen(function* () {
              const child = yield* allowAio(function* ($) {
                log.push(`${(yield* Db).rows} rows, ${yield* FiberRef.get(ref)}`)
                yield* FiberRef.set(ref, "by the program")
                log.push(yield* FiberRef.get(ref))
                // aio code of the body calls back into Effect as the program, not as its caller (T6).
                log.push(yield* $(() => runEffect(FiberRef.get(ref))))
                log.push(yield* runEffect(FiberRef.get(ref)))
                yield* Effect.acquireRelease(Effect.void, () => Effect.sync(() => log.push("released")))
                const child = yield* Effect.fork(Effect.never)
                yield* $(Promise.resolve())
                yield* Effect.sleep(1)
                return child
              })
              log.push("program ended")
              return child
            })
          )
          expect(log).toEqual([
            "1 rows, by the caller",
            ...perLine("E3", {
              3: ["by the program", "by the program", "by the program"],
              4: ["by the caller", "by the caller", "by the caller"]
            }),
            "program ended",
            "released"
          ])
          expect(yield* FiberRef.get(ref)).toBe(perLine("E3", { 3: "by the program", 4: "by the caller" }))
          expect(yield* Fiber.poll(child)).toEqual(Option.none())
          expect(yield* Effect.serviceOption(Db)).toMatchObject({ value: { rows: 1 } })
          yield* Fiber.interrupt(child)
        }).pipe(Effect.provideService(Db, { rows: 1 }))
      )
  )

  it.scoped("leaves the caller's Context as it was", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const keys = Effect.map(Effect.context<never>(), (context) => [...servicesOf(context).keys()])
      const program = Effect.gen(function* () {
        const before = yield* keys
        yield* allowAio(function* () {
          yield* Effect.void
        })
        expect(yield* keys).toEqual(before)
      })
      yield* Effect.provideService(program, Loop, loop)
    })
  )

  describe("errors", () => {
    it.live("J8 of both sides are thrown into the body as they are, and finally runs on both sides", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const boom = new Error("boom")
          const missing = new NotFound({ id: 1 })
          const wrapped = new AioError({ cause: boom, task: "t" })
          const sources: ReadonlyArray<
            readonly [unknown, ($: AllowAio) => Iterable<unknown, unknown, unknown>]
          > = [
            [missing, () => Effect.fail(missing)],
            ["text", () => Effect.fail("text")],
            [wrapped, () => Effect.fail(wrapped)],
            [boom, () => Effect.die(boom)],
            [boom, ($) => $(Promise.reject(boom))],
            [
              boom,
              ($) =>
                $(async () => {
                  throw boom
                })
            ],
            [
              boom,
              ($) =>
                $(() => {
                  throw boom
                })
            ]
          ]
          for (const [error, fails] of sources) {
            const log: Array<unknown> = []
            yield* allowAio(function* ($) {
              try {
                try {
                  yield* fails($)
                } finally {
                  yield* Effect.sync(() => log.push("effect"))
                  yield* $(() => log.push("aio"))
                }
              } catch (thrown) {
                log.push(thrown)
              }
            })
            expect(log).toEqual(["effect", "aio", error])
          }
          const failed = loop.createFuture()
          failed.setException(boom)
          expect(
            yield* allowAio(function* ($) {
              try {
                yield* $(failed)
              } catch (thrown) {
                return thrown
              }
              return undefined
            })
          ).toBe(boom)
        })
      )
    )

    it.live("J3 that nobody catches are what the Effect failed with, its whole Cause, or AioError", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const boom = new Error("boom")
          const missing = new NotFound({ id: 1 })
          const exitOf = <A, E>(effect: Effect.Effect<A, E, Loop>) => Effect.exit(effect)
          expect(
            yield* exitOf(
              allowAio(function* () {
                yield* Effect.fail(missing)
              })
            )
          ).toEqual(Exit.fail(missing))
          expect(
            yield* exitOf(
              allowAio(function* () {
                yield* Effect.fail("text")
              })
            )
          ).toEqual(Exit.fail("text"))
          const cause = Cause.parallel(Cause.fail(missing), Cause.die(boom))
          const both = yield* exitOf(
            allowAio(function* () {
              try {
                yield* Effect.failCause(cause)
              } catch (error) {
                expect(error).toBe(missing)
                throw error
              }
            })
          )
          expect(Exit.isFailure(both) && both.cause).toEqual(cause)
          expect(
            defectsOf(
              yield* exitOf(
                allowAio(function* () {
                  yield* Effect.die(boom)
                })
              )
            )
          ).toEqual([boom])
          for (const body of [
            function* ($: AllowAio) {
              yield* $(Promise.reject(boom))
            },
            function* () {
              throw boom
            }
          ]) {
            const error = failureOf(yield* exitOf(allowAio(body, { name: "program" })))
            expect(error).toBeInstanceOf(AioError)
            expect(error).toMatchObject({ cause: boom, task: "program" })
          }
          // An Effect that interrupts itself is no cancel by others.
          expect(
            interruptedOnly(
              yield* exitOf(
                allowAio(function* () {
                  try {
                    yield* Effect.interrupt
                  } catch (error) {
                    expect(error).toBeInstanceOf(CancelledError)
                    throw error
                  }
                })
              )
            )
          ).toBe(true)
          const cancelled = loop.createFuture()
          cancelled.cancel("by others")
          expect(
            failureOf(
              yield* exitOf(
                allowAio(function* ($) {
                  yield* $(cancelled)
                })
              )
            )
          ).toMatchObject({ _tag: "CancelledError", reason: "by others" })
        })
      )
    )

    it.live("B1 of a yield that nobody can wait for, or of $ with no aio work, name the remedy", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const other = yield* open()
          const texts = yield* allowAio(function* ($) {
            const out: Array<string> = []
            const attempts: ReadonlyArray<() => Generator<unknown, unknown, unknown>> = [
              function* () {
                yield 7
              },
              function* () {
                yield* $(Effect.void as never)
              },
              function* () {
                yield* $(fromAio(async () => 1) as never)
              },
              function* () {
                yield* $(null as never)
              },
              function* () {
                yield* other.createFuture()
              },
              function* () {
                yield* $(() => Effect.void)
              }
            ]
            for (const attempt of attempts) {
              try {
                yield* attempt()
                out.push("nothing thrown")
              } catch (error) {
                out.push(String(error))
              }
            }
            return out
          })
          expect(texts).toEqual([
            expect.stringMatching(/yielded 7: in allowAio, yield\* Effects/),
            expect.stringMatching(/which is an Effect: yield\* it without \$/),
            expect.stringMatching(/which is an Effect: yield\* it without \$/),
            expect.stringMatching(/\$ takes a promise, a Future or a function, not null/),
            expect.stringMatching(/different loop/),
            expect.stringMatching(/returned an Effect/)
          ])
          expect(loop.statistics().tasks).toBe(0)
        })
      )
    )

    it("B2 refuses what is no generator function, before anything is scheduled", () => {
      const generator = (function* () {})()
      for (const wrong of [undefined, null, 1, {}, Promise.resolve(1), Effect.void]) {
        expect(() => allowAio(wrong as never)).toThrow(/allowAio takes a generator function/)
      }
      expect(() => allowAio(generator as never)).toThrow(/give it the function/)
    })
  })

  describe("is stopped", () => {
    /** What a program waits for: each can be let go on, and logs how it was stopped. */
    interface Gate {
      readonly wait: ($: AllowAio) => Iterator<unknown, unknown, unknown>
      readonly go: () => void
    }
    const gates: Record<string, (loop: EventLoop, log: Array<string>) => Gate> = {
      "an Effect": (loop, log) => {
        const future = loop.createFuture<void>()
        return {
          wait: () =>
            Effect.onInterrupt(fromAio(future), () => Effect.sync(() => log.push("wait stopped")))[
              Symbol.iterator
            ]() as never,
          go: () => future.setResult()
        }
      },
      "a Future": (loop, log) => {
        const future = loop.createFuture<void>()
        future.addDoneCallback(() => future.cancelled() && log.push("wait stopped"))
        return { wait: ($) => $(future)[Symbol.iterator](), go: () => future.setResult() }
      },
      "a coroutine": (loop, log) => {
        const future = loop.createFuture<void>()
        const coroutine = async () => {
          try {
            await future
          } catch (error) {
            log.push("wait stopped")
            throw error
          }
        }
        return { wait: ($) => $(coroutine)[Symbol.iterator](), go: () => future.setResult() }
      }
    }
    const body = (loop: EventLoop, log: Array<string>, gate: Gate, cleanup: Future<void>) =>
      function* ($: AllowAio): Generator<unknown, string, unknown> {
        log.push("begins")
        try {
          yield* { [Symbol.iterator]: () => gate.wait($) }
          return "value"
        } catch (error) {
          log.push(isCancelledError(error) ? "CancelledError" : String(error))
          throw error
        } finally {
          yield* fromAio(cleanup)
          yield* $(() => loop.sleep(0))
          log.push("cleaned up on both sides")
        }
      }

    for (const [name, make] of Object.entries(gates)) {
      it.live(
        `J1 J2 while it waits for ${name}: cancels and joins that, then the body's cleanup, then ends`,
        () =>
          withLoop((loop) =>
            Effect.gen(function* () {
              const log: Array<string> = []
              const cleanup = loop.createFuture<void>()
              const fiber = yield* Effect.fork(allowAio(body(loop, log, make(loop, log), cleanup)))
              yield* settle
              const interrupting = yield* Effect.fork(
                Effect.tap(Fiber.interrupt(fiber), () => log.push("fiber ended"))
              )
              yield* settle
              log.push("gate opens")
              cleanup.setResult()
              expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
              expect(log).toEqual([
                "begins",
                "wait stopped",
                "CancelledError",
                "gate opens",
                "cleaned up on both sides",
                "fiber ended"
              ])
            })
          )
      )

      it.live(
        `J3 cancelled by others while it waits for ${name}: fails with CancelledError, after the cleanup`,
        () =>
          withLoop((loop) =>
            Effect.gen(function* () {
              const log: Array<string> = []
              const cleanup = loop.createFuture<void>()
              cleanup.setResult()
              const fiber = yield* Effect.fork(
                allowAio(body(loop, log, make(loop, log), cleanup), { name: "program" })
              )
              yield* settle
              for (const task of loop.allTasks()) if (task.getName() === "program") task.cancel("by others")
              expect(failureOf(yield* Fiber.await(fiber))).toMatchObject({
                _tag: "CancelledError",
                reason: "by others"
              })
              expect(log).toEqual(["begins", "wait stopped", "CancelledError", "cleaned up on both sides"])
            })
          )
      )

      it.live(
        `S1 by its loop's crash while it waits for ${name}: cleans up on both sides, then LoopClosedError`,
        () =>
          Effect.scoped(
            Effect.gen(function* () {
              const { exceptionHandler } = collecting()
              const loop = yield* open({ exceptionHandler })
              const log: Array<string> = []
              const cleanup = loop.createFuture<void>()
              cleanup.setResult()
              const fiber = yield* Effect.fork(
                Effect.provideService(allowAio(body(loop, log, make(loop, log), cleanup)), Loop, loop)
              )
              yield* settle
              loop._crashWith(new Error("crash"), "test")
              expect(failureOf(yield* Fiber.await(fiber))).toBeInstanceOf(LoopClosedError)
              expect(log).toEqual(["begins", "wait stopped", "CancelledError", "cleaned up on both sides"])
            })
          )
      )

      it.live(`C3 by loop.close() while it waits for ${name}: fails with LoopClosedError at once`, () =>
        Effect.scoped(
          Effect.gen(function* () {
            const loop = yield* open()
            const log: Array<string> = []
            const fiber = yield* Effect.fork(
              Effect.provideService(
                allowAio(body(loop, log, make(loop, log), loop.createFuture<void>())),
                Loop,
                loop
              )
            )
            yield* settle
            loop.close()
            expect(failureOf(yield* Fiber.await(fiber))).toBeInstanceOf(LoopClosedError)
            yield* settle
          })
        )
      )
    }

    it.live("T3 before the start: nothing begins", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          let begun = false
          const program = allowAio(function* () {
            begun = true
            yield* Effect.void
          })
          expect(interruptedOnly(yield* interruptedAtOnce(loop, program))).toBe(true)
          yield* settle
          expect(begun).toBe(false)
        })
      )
    )

    it.live(
      "J1 while it waits for a foreign promise: joins it, and the late value is dropped and counted",
      () =>
        withLoop((loop) =>
          Effect.gen(function* () {
            const log: Array<unknown> = []
            let give = (_: string): void => {}
            const promise = new Promise<string>((resolve) => (give = resolve))
            const fiber = yield* Effect.fork(
              allowAio(function* ($) {
                try {
                  log.push(yield* $(promise))
                } catch (error) {
                  log.push(isCancelledError(error))
                  throw error
                }
              })
            )
            yield* settle
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* settle
            log.push("promise settles")
            give("value")
            expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
            expect(log).toEqual(["promise settles", true])
            expect(loop.statistics().late).toBe(1)
          })
        )
    )

    it.live("what it waits for may refuse, the body learns of the cancel all the same", () =>
      withLoop((loop) =>
        Effect.gen(function* () {
          const refusals: ReadonlyArray<
            ($: AllowAio, gate: Promise<void>) => Iterator<unknown, unknown, unknown>
          > = [
            ($) =>
              $(async () => {
                try {
                  await loop.createFuture()
                } catch {
                  return "refused"
                }
                return "not reached"
              })[Symbol.iterator](),
            (_, gate) =>
              Effect.uninterruptible(
                Effect.as(
                  Effect.promise(() => gate),
                  "refused"
                )
              )[Symbol.iterator]() as never
          ]
          for (const refusing of refusals) {
            let give = (): void => {}
            const gate = new Promise<void>((resolve) => (give = resolve))
            const log: Array<unknown> = []
            const fiber = yield* Effect.fork(
              allowAio(function* ($) {
                try {
                  log.push(yield* { [Symbol.iterator]: () => refusing($, gate) })
                } catch (error) {
                  log.push(isCancelledError(error))
                }
                return "went on"
              })
            )
            yield* settle
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* settle
            give()
            expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
            expect(log).toEqual([true])
          }
        })
      )
    )

    it.live("J4 and fails in its cleanup: a defect in the Cause, and a late report", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        (loop) =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const waits: ReadonlyArray<($: AllowAio) => Iterator<unknown, unknown, unknown>> = [
              () => Effect.never[Symbol.iterator]() as never,
              ($) => $(loop.createFuture())[Symbol.iterator]()
            ]
            for (const wait of waits) {
              const fiber = yield* Effect.fork(
                allowAio(function* ($) {
                  try {
                    yield* { [Symbol.iterator]: () => wait($) }
                  } finally {
                    yield* Effect.fail(boom)
                  }
                })
              )
              yield* settle
              expect(defectsOf(yield* Fiber.interrupt(fiber))).toEqual([boom])
            }
            expect(reports.map(({ kind, exception }) => [kind, exception])).toEqual([
              ["late", boom],
              ["late", boom]
            ])
          }),
        { exceptionHandler }
      )
    })

    it.live("J4 and the Effect it waits for dies in its finalizer: the body sees the defect", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        () =>
          Effect.gen(function* () {
            const boom = new Error("boom")
            const log: Array<unknown> = []
            const fiber = yield* Effect.fork(
              allowAio(function* () {
                try {
                  yield* Effect.ensuring(Effect.never, Effect.die(boom))
                } catch (error) {
                  log.push(error)
                  throw error
                }
              })
            )
            yield* settle
            expect(defectsOf(yield* Fiber.interrupt(fiber))).toEqual([boom])
            expect(log).toEqual([boom])
            expect(reports.map(({ kind }) => kind)).toEqual(["late"])
          }),
        { exceptionHandler }
      )
    })

    it.live("J6 and does not end: the wait is reported, with the program's name", () => {
      const { exceptionHandler, reports } = collecting()
      return withLoop(
        (loop) =>
          Effect.gen(function* () {
            const cleanup = loop.createFuture<void>()
            const fiber = yield* Effect.fork(
              allowAio(
                function* ($) {
                  try {
                    yield* Effect.never
                  } finally {
                    yield* $(cleanup)
                  }
                },
                { name: "stubborn" }
              )
            )
            yield* settle
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* Effect.promise(async () => {
              while (reports.length === 0) await new Promise((resolve) => setTimeout(resolve, 1))
            })
            expect(reports[0]).toMatchObject({ kind: "slowJoin", message: expect.stringMatching(/stubborn/) })
            cleanup.setResult()
            yield* Fiber.join(interrupting)
          }),
        { exceptionHandler, slowJoin: 5 }
      )
    })

    it.live("S4 on a closed loop: fails with LoopClosedError, and the body is never called", () =>
      Effect.gen(function* () {
        const loop = yield* Effect.scoped(open())
        let begun = false
        const program = allowAio(function* () {
          begun = true
          yield* Effect.void
        })
        const exit = yield* Effect.exit(Effect.provideService(program, Loop, loop))
        expect(failureOf(exit)).toBeInstanceOf(LoopClosedError)
        expect(begun).toBe(false)
      })
    )
  })

  it.live("a cancel that the body swallows lets it go on, and its fiber still ends interrupted", () =>
    withLoop(() =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        let task: Task<unknown> | null = null
        const fiber = yield* Effect.fork(
          allowAio(function* ($) {
            task = currentTask()
            try {
              yield* Effect.never
            } catch (error) {
              log.push(error instanceof CancelledError)
            }
            log.push(yield* Effect.succeed("effect"))
            log.push(yield* $(async () => "aio"))
            return "value"
          })
        )
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(log).toEqual([true, "effect", "aio"])
        expect((task as Task<unknown> | null)?.done()).toBe(true)
      })
    )
  )
})
