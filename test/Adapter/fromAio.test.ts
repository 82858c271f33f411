import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Either, Exit, Fiber, Option, TestClock } from "effect"
import { poll } from "../../src/effect.js"
import type { AioError } from "../../src/index.js"
import {
  allowAio,
  CancelledError,
  currentFlavor,
  currentSignal,
  currentTask,
  fromAio,
  fromCallback,
  getRunningLoop,
  isCancelledError,
  Loop,
  LoopClosedError,
  QueueFullError,
  runAioCoroutine,
  runAioGenerator,
  runEffect,
  type Task,
  toAio,
  WrongLoopError
} from "../../src/index.js"
import { interruptedAtOnce } from "../support/border.js"
import { collecting, forever, scoped, settle, track } from "../support/scopedLoops.js"
import { perLine, timeoutTag } from "../support/effect/line.js"

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause))[0] : undefined

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

describe("fromAio of a function", () => {
  it.live(
    "J9 L1 is called at once where the loop is idle, and after what is queued before it where it is not",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<string> = []
          const say = fromAio((what: string) => void log.push(`${what} on ${String(currentFlavor())}`))
          const before = Effect.sync(() => void log.push("before"))
          yield* settle
          // Nothing of the loop's, and no other fiber, comes between the two.
          yield* Effect.all([before, say("idle")], { concurrency: 1 })
          expect(log.splice(0)).toEqual(["before", "idle on aio"])
          loop.callSoon(() => log.push("queued"))
          yield* say("busy")
          expect(log).toEqual(["queued", "busy on aio"])
        })
      )
  )

  it.live(
    "J9 L1 is called at once in a fiber that the last callback of a pass has started, and else after what is queued",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<string> = []
          const say = fromAio((what: string) => void log.push(`${what} on ${String(currentFlavor())}`))
          const effect = yield* toAio(() =>
            Effect.zipRight(
              Effect.sync(() => {
                log.push("effect")
                queueMicrotask(() => log.push("microtask"))
              }),
              say("call")
            )
          )
          yield* fromAio(async () => {
            await effect()
            expect(log.splice(0)).toEqual(["effect", "call on aio", "microtask"])
            const later = effect()
            loop.callSoon(() => log.push("queued"))
            await later
            expect(log.splice(0)).toEqual(["effect", "microtask", "queued", "call on aio"])
          })()
        })
      )
  )

  it.live("L1 lets timers and I/O have their turn, however many calls come one after the other", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const value = fromAio((i: number) => i)
        let immediates = 0
        let timers = 0
        const count = () => {
          immediates++
          pending = setImmediate(count)
        }
        let pending = setImmediate(count)
        const every = () => {
          timers++
          timer = loop.callLater(1, every)
        }
        let timer = loop.callLater(1, every)
        const start = loop.time()
        // A busy machine may give it little of a second; what starves them would do so for ever.
        const fewTurns = () => immediates === 0 || timers <= 3
        for (let i = 0; fewTurns() && loop.time() - start < 5_000; i++) yield* value(i)
        clearImmediate(pending)
        timer.cancel()
        expect(immediates).toBeGreaterThan(0)
        expect(timers).toBeGreaterThan(3)
      })
    )
  )

  it.live("runs an aio function on the loop and gives its value (bridge-001)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const f = fromAio(async (a: number, b: number) => {
          expect(currentFlavor()).toBe("aio")
          await loop.sleep(1)
          expect(currentFlavor()).toBe("aio")
          expect(getRunningLoop()).toBe(loop)
          return a + b
        })
        expect(yield* f(1, 3)).toBe(4)
      })
    )
  )

  it.live("J9 calls the function inside the loop: running loop and current task are set", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const named = fromAio(function work() {
          log.push(currentFlavor(), getRunningLoop() === loop, currentTask(loop)?.getName())
        })
        yield* named()
        expect(log).toEqual(["aio", true, "work"])
      })
    )
  )

  it.live("J9 calls nothing before the Effect runs, and once for each run, in a later pass", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const effect = fromAio((n: number) => void log.push(`call ${n}`))(1)
        log.push("built")
        const fiber = yield* Effect.fork(effect)
        yield* Effect.sync(() => log.push("forked"))
        yield* Fiber.join(fiber)
        yield* effect
        expect(log).toEqual(["built", "forked", "call 1", "call 1"])
      })
    )
  )

  it.live("passes `this` of every call of a method (bridge-004)", () =>
    scoped(
      Effect.gen(function* () {
        class Client {
          calls = 0
          async get(this: Client, path: string): Promise<string> {
            this.calls++
            return `${path} ${this.calls}`
          }
          readonly load = fromAio(this.get)
        }
        const one = new Client()
        const two = new Client()
        expect(yield* one.load("/a")).toBe("/a 1")
        expect(yield* one.load("/b")).toBe("/b 2")
        expect(yield* two.load("/c")).toBe("/c 1")
      })
    )
  )

  it.live(
    "is an Effect itself where it needs no arguments: a toAio function in it need not be called (bridge-006)",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const eight = yield* toAio(() =>
            Effect.sync(() => {
              log.push(currentFlavor())
              return 8
            })
          )
          expect(yield* fromAio(eight)).toBe(8)
          expect(yield* fromAio(eight)()).toBe(8)
          expect(
            yield* Effect.map(
              fromAio(async () => 4),
              (n) => n + 1
            )
          ).toBe(5)
          expect(log).toEqual(["effect", "effect"])
        })
      )
  )

  it.live("fails with the error object that an async function threw (bridge-020)", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const failing = fromAio(async () => {
          await Promise.resolve()
          throw boom
        })
        const caught = yield* Effect.catchTag(failing(), "AioError", (error) => Effect.succeed(error.cause))
        expect(caught).toBe(boom)
      })
    )
  )

  it.live("fails when the function throws synchronously, not while the Effect is built (bridge-021)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        let time: number | undefined
        const f = fromAio((): number => {
          time = loop.time()
          throw boom
        })
        const effect = f()
        expect(time).toBe(undefined)
        const error = yield* Effect.flip(effect)
        expect((error as AioError).cause).toBe(boom)
        expect(time).toBeTypeOf("number")
      })
    )
  )

  it.live(
    "fails with CancelledError when the aio code ends with it, and the fiber goes on (bridge-027)",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<string> = []
          const awaited = fromAio(async () => {
            const future = loop.createFuture<number>()
            loop.callSoon(() => future.cancel("awaited"))
            return await future
          })
          const returned = fromAio(() => {
            const future = loop.createFuture<number>()
            future.cancel("returned")
            return future
          })
          for (const f of [awaited, returned]) {
            yield* Effect.catchTag(f(), "CancelledError", (error) =>
              Effect.sync(() => log.push(String(error.reason)))
            )
            yield* Effect.yieldNow()
            log.push("goes on")
          }
          expect(log).toEqual(["awaited", "goes on", "returned", "goes on"])
        })
      )
  )

  it.live(
    "fails with CancelledError when a plain function throws it: the caller is not interrupted (bridge-030)",
    () =>
      scoped(
        Effect.gen(function* () {
          const cancelled = new CancelledError("thrown")
          const exit = yield* Effect.exit(
            fromAio((): number => {
              throw cancelled
            })()
          )
          expect(exit).toEqual(Exit.fail(cancelled))
          expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(false)
        })
      )
  )

  it.live("runs 10,000 calls at once and leaves nothing behind", () =>
    scoped(
      Effect.gen(function* () {
        const double = fromAio(async (n: number) => n * 2)
        const results = yield* Effect.all(
          Array.from({ length: 10_000 }, (_, n) => double(n)),
          { concurrency: "unbounded" }
        )
        expect(results[9_999]).toBe(19_998)
        expect(yield* Loop.statistics).toMatchObject({ tasks: 0, ready: 0, timers: 0 })
      })
    )
  )

  it.live("takes generator functions, whose calls wait with yield*", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const sum = fromAio(function* (a: number, b: number) {
          const one = yield* loop.sleep(1, a)
          return one + b
        })
        expect(yield* sum(1, 2)).toBe(3)
      })
    )
  )

  it.live("works under every combinator, as the Effect it is", () =>
    scoped(
      Effect.gen(function* () {
        const get = fromAio(async (n: number) => n)
        const text = fromAio(async () => "text")
        expect(yield* Effect.all([get(1), get(2), text])).toEqual([1, 2, "text"])
        expect(yield* text.pipe(Effect.map((s) => s.length))).toBe(4)
        expect(yield* Effect.succeed(5).pipe(Effect.flatMap(get))).toBe(5)
      })
    )
  )
})

describe("joining", () => {
  it.live("J1 ends the fiber only after the cancelled task has cleaned up (bridge-029)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const work = fromAio(async () => {
          try {
            await loop.createFuture()
            log.push("not reached")
          } catch (error) {
            log.push(isCancelledError(error) ? "CancelledError" : "other")
            throw error
          } finally {
            await loop.sleep(5)
            log.push("cleaned up")
          }
        })
        const fiber = yield* work().pipe(
          Effect.onInterrupt(() => Effect.sync(() => log.push("inner finalizer"))),
          Effect.ensuring(Effect.sync(() => log.push("outer finalizer"))),
          Effect.fork
        )
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        log.push("fiber ended")
        expect(log).toEqual([
          "CancelledError",
          "cleaned up",
          "inner finalizer",
          "outer finalizer",
          "fiber ended"
        ])
        expect(interruptedOnly(exit)).toBe(true)
      })
    )
  )

  it.live(
    "J1 ends the fiber of a task that swallows its CancelledError and returns; the value is counted (bridge-029)",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const fiber = yield* Effect.fork(
            fromAio(async () => {
              try {
                await loop.createFuture()
              } catch {
                return "swallowed"
              }
              return "not reached"
            })()
          )
          yield* settle
          expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
          expect((yield* Loop.statistics).late).toBe(1)
        })
      )
  )

  it.live("J1 a second interruption does not break the join", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const gate = loop.createFuture<void>()
        const log: Array<string> = []
        const fiber = yield* Effect.fork(
          fromAio(async () => {
            try {
              await loop.createFuture()
            } finally {
              await gate
              log.push("cleaned up")
            }
          })()
        )
        yield* settle
        const first = yield* Effect.fork(Fiber.interrupt(fiber))
        const second = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        expect(poll(fiber)).toBeUndefined()
        log.push("gate opens")
        gate.setResult()
        yield* Fiber.join(first)
        yield* Fiber.join(second)
        expect(log).toEqual(["gate opens", "cleaned up"])
      })
    )
  )

  it.live(
    "J1 does not cancel in an uninterruptible region: the call ends, then the fiber is interrupted",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const gate = loop.createFuture<string>()
          const log: Array<string> = []
          const fiber = yield* Effect.fork(
            Effect.andThen(
              Effect.uninterruptible(
                Effect.tap(fromAio(async () => await gate)(), (v) => Effect.sync(() => log.push(v)))
              ),
              Effect.sync(() => log.push("not reached"))
            )
          )
          yield* settle
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* settle
          expect(gate.done()).toBe(false)
          gate.setResult("value")
          expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
          expect(log).toEqual(["value"])
        })
      )
  )

  it.live("J2 a task that has not started never starts", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const work = fromAio(async () => void log.push("started"))
        expect(interruptedOnly(yield* interruptedAtOnce(loop, work()))).toBe(true)
        yield* settle
        expect(log).toEqual([])
        expect(loop.statistics()).toMatchObject({ tasks: 0, late: 0 })
      })
    )
  )

  it.live(
    "J2 an async function has its signal aborted with the CancelledError, and the Future it awaits cancelled",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<unknown> = []
          const awaited = loop.createFuture()
          const fiber = yield* Effect.fork(
            fromAio(async () => {
              const signal = currentSignal()
              signal.addEventListener("abort", () => log.push("aborted", isCancelledError(signal.reason)))
              await awaited
            })()
          )
          yield* settle
          yield* Fiber.interrupt(fiber)
          expect(log).toEqual(["aborted", true])
          expect(awaited.cancelled()).toBe(true)
        })
      )
  )

  it.live("J2 a listener of the signal is aio code: it has the loop, and no fiber", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const fiber = yield* Effect.fork(
          fromAio(async () => {
            currentSignal().addEventListener("abort", () => {
              log.push(currentFlavor(), getRunningLoop() === loop)
              runEffect(Effect.sync(() => log.push("effect ran"))).addDoneCallback(() => log.push("done"))
            })
            await loop.createFuture()
          })()
        )
        yield* settle
        yield* Fiber.interrupt(fiber)
        yield* settle
        expect(log).toEqual(["aio", true, "effect ran", "done"])
      })
    )
  )

  it.live("J2 a library that answers its signal with an AbortError of its own counts as cancelled", () =>
    scoped(
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(
          fromAio(() => {
            const signal = currentSignal()
            return new Promise((_, reject) =>
              signal.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")))
            )
          })()
        )
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
      })
    )
  )

  it.live(
    "J10 the AbortController is made when the signal is first read, whatever the function's arity",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          let made = 0
          const abort = loop.host.abort.bind(loop.host)
          loop.host.abort = (spins) => {
            made++
            return abort(spins)
          }
          yield* fromAio(async () => 1)()
          yield* fromAio(async (...args: Array<number>) => args)(1, 2)
          expect(made).toBe(0)
          const same = yield* fromAio(async () => currentSignal() === currentSignal())()
          expect(same).toBe(true)
          expect(made).toBe(1)
        })
      )
  )
})

describe("late results", () => {
  const boom = new Error("late failure")

  /** Fails as its answer to the cancel. */
  const stubborn = (loop: { createFuture(): PromiseLike<unknown> }) =>
    fromAio(
      async () => {
        try {
          await loop.createFuture()
        } catch {
          throw boom
        }
      },
      { name: "stubborn" }
    )

  it.live("J4 a failure after the cancel is a defect of the Cause and goes to the exception handler", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const fiber = yield* Effect.fork(stubborn(loop)())
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        expect(defectOf(exit)).toBe(boom)
        expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(true)
        expect(reports.map((r) => [r.kind, r.message, r.exception])).toEqual([
          ["late", "stubborn failed after it was cancelled", boom]
        ])
        expect((yield* Loop.statistics).late).toBe(1)
      }),
      { exceptionHandler }
    )
  })

  it.effect("J4 under timeout, race and all, which drop the loser's Cause, the handler still gets it", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []

        const timeout = yield* Effect.fork(Effect.either(Effect.timeout(stubborn(loop)(), "1 second")))
        yield* settle
        yield* TestClock.adjust("1 second")
        yield* settle
        const left = yield* Fiber.join(timeout)
        expect(Either.isLeft(left) && left.left._tag).toBe(timeoutTag)
        log.push(`timeout ${reports.length}`)

        expect(yield* Effect.race(stubborn(loop)(), Effect.as(settle, "winner"))).toBe("winner")
        yield* settle
        log.push(`race ${reports.length}`)

        const gate = loop.createFuture<void>()
        const all = yield* Effect.fork(
          Effect.exit(
            Effect.all(
              [stubborn(loop)(), Effect.zipRight(fromAio(async () => await gate)(), Effect.fail("sibling"))],
              {
                concurrency: "unbounded"
              }
            )
          )
        )
        yield* settle
        gate.setResult()
        const exit = yield* Fiber.join(all)
        const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
        expect([[...Cause.failures(cause)], [...Cause.defects(cause)]]).toEqual(
          perLine("E2", { 3: [["sibling"], []], 4: [[], ["sibling", boom]] })
        )
        log.push(`all ${reports.length}`)

        expect(log).toEqual(["timeout 1", "race 2", "all 3"])
        expect(reports.every((r) => r.kind === "late" && r.exception === boom)).toBe(true)
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 a failure that had arrived when the interruption came is not lost either", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const gate = loop.createFuture<number>()
        const fiber = yield* Effect.fork(fromAio(gate))
        yield* settle
        gate.setException(boom)
        // The outcome is on its way to the fiber: the interruption overtakes it at every possible place.
        const exit = yield* Fiber.interrupt(fiber)
        expect(defectOf(exit)).toBe(boom)
        expect(reports.map((r) => [r.kind, r.exception])).toEqual([["late", boom]])
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 whatever the moment of the interruption, a failure arrives once: as failure, or late", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (let i = 0; i < 24; i++) {
          const turns = i >> 1
          reports.length = 0
          const gate = loop.createFuture<number>()
          let reject = (_: unknown): void => {}
          const promise = new Promise<number>((_, no) => (reject = no))
          const fiber = yield* Effect.fork(i % 2 === 0 ? fromAio(gate) : fromAio(() => promise)())
          yield* settle
          if (i % 2 === 0) gate.setException(boom)
          else reject(boom)
          yield* Effect.promise(async () => {
            for (let i = 0; i < turns; i++) await null
          })
          const exit = yield* Fiber.interrupt(fiber)
          const failed = Exit.isFailure(exit) && Chunk.toArray(Cause.failures(exit.cause)).length === 1
          const late = reports.filter((r) => r.kind === "late").length
          expect([failed, late]).toEqual(failed ? [true, 0] : [false, 1])
          // Never both: a failure beside an interruption is in a Cause that timeout and race would throw away.
          expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(!failed)
        }
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 whatever the moment of the interruption, a value arrives once: as success, or counted", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (let i = 0; i < 24; i++) {
          const turns = i >> 1
          const before = (yield* Loop.statistics).late
          const gate = loop.createFuture<number>()
          let resolve = (_: number): void => {}
          const promise = new Promise<number>((yes) => (resolve = yes))
          const fiber = yield* Effect.fork(i % 2 === 0 ? fromAio(gate) : fromAio(() => promise)())
          yield* settle
          if (i % 2 === 0) gate.setResult(1)
          else resolve(1)
          yield* Effect.promise(async () => {
            for (let i = 0; i < turns; i++) await null
          })
          const exit = yield* Fiber.interrupt(fiber)
          const late = (yield* Loop.statistics).late - before
          expect(late).toBe(Exit.isSuccess(exit) ? 0 : 1)
        }
      })
    )
  )

  it.effect("J4 a late value under timeout is dropped and counted", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const fiber = yield* Effect.fork(
          Effect.timeoutOption(
            fromAio(async () => {
              await Promise.resolve(loop.createFuture()).catch(() => {})
              return "late"
            })(),
            "1 second"
          )
        )
        yield* settle
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(yield* Fiber.join(fiber)).toEqual(Option.none())
        expect((yield* Loop.statistics).late).toBe(1)
      })
    )
  )
})

describe("abandoning", () => {
  it.live(
    "J5 abandon returns at once; the task stays on the loop, is listed, and the loop's close joins it",
    () => {
      const log: Array<string> = []
      return Effect.gen(function* () {
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const fiber = yield* Effect.fork(
              fromAio(
                async () => {
                  try {
                    await loop.createFuture()
                  } finally {
                    // A Future of the loop would be cancelled again by its closing, and the cleanup cut short.
                    await new Promise((resolve) => setTimeout(resolve, 20))
                    log.push("cleaned up")
                  }
                },
                { onInterrupt: "abandon", name: "left" }
              )()
            )
            yield* settle
            const exit = yield* Fiber.interrupt(fiber)
            log.push("fiber ended")
            expect(interruptedOnly(exit)).toBe(true)
            expect([...loop.allTasks()].map((task) => task.getName())).toEqual(["left"])
          })
        )
        log.push("closed")
        expect(log).toEqual(["fiber ended", "cleaned up", "closed"])
      })
    }
  )

  it.live("J5 an abandoned task that fails is reported as late, and is not unretrieved", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const fiber = yield* Effect.fork(
          fromAio(
            async () => {
              try {
                await loop.createFuture()
              } catch {
                await Promise.resolve()
                throw boom
              }
            },
            { onInterrupt: "abandon" }
          )()
        )
        yield* settle
        yield* Fiber.interrupt(fiber)
        yield* settle
        expect(reports.map((r) => [r.kind, r.exception])).toEqual([["late", boom]])
      }),
      { exceptionHandler }
    )
  })

  it.live("J5 abandon still tells of a failure that had arrived when the interruption came", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (let turns = 0; turns < 6; turns++) {
          reports.length = 0
          const gate = loop.createFuture<number>()
          const fiber = yield* Effect.fork(fromAio(gate, { onInterrupt: "abandon" }))
          yield* settle
          gate.setException(boom)
          yield* Effect.promise(async () => {
            for (let i = 0; i < turns; i++) await null
          })
          const exit = yield* Fiber.interrupt(fiber)
          yield* settle
          const failed = Exit.isFailure(exit) && Chunk.toArray(Cause.failures(exit.cause)).length === 1
          expect([failed, reports.length]).toEqual(failed ? [true, 0] : [false, 1])
        }
      }),
      { exceptionHandler }
    )
  })

  it.effect("J5 grace joins for at most that long, then abandons and reports a leftover", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const gate: { open?: () => void } = {}
        const fiber = yield* Effect.fork(
          fromAio(() => new Promise<void>((resolve) => (gate.open = resolve)), {
            onInterrupt: "join",
            grace: "5 seconds",
            name: "refuses"
          })()
        )
        yield* settle
        const interrupting = yield* Effect.fork(
          Effect.tap(Fiber.interrupt(fiber), () => log.push("fiber ended"))
        )
        yield* settle
        yield* TestClock.adjust("4999 millis")
        yield* settle
        log.push("before grace is over")
        yield* TestClock.adjust("1 millis")
        yield* settle
        expect(log).toEqual(["before grace is over", "fiber ended"])
        expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
        expect(reports.map((r) => [r.kind, (r.task as Task<unknown>).getName()])).toEqual([
          ["slowJoin", "refuses"],
          ["leftover", "refuses"]
        ])
        expect(reports[1]?.message).toMatch(
          /^abandoned after a grace of 5000ms: refuses \(age 5\d\d\dms, created at /
        )
        expect(loop.allTasks().size).toBe(1)
        gate.open?.()
        yield* settle
        expect(loop.statistics()).toMatchObject({ tasks: 0, timers: 0 })
      }),
      { exceptionHandler }
    )
  })

  it.effect("J5 a task that ends within its grace is joined, and leaves no timer", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const fiber = yield* Effect.fork(
          fromAio(
            async () => {
              try {
                await loop.createFuture()
              } finally {
                await loop.sleep(100)
              }
            },
            { grace: "1 second" }
          )()
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("100 millis")
        yield* Fiber.join(interrupting)
        expect(loop.statistics()).toMatchObject({ tasks: 0, timers: 0 })
        expect(reports).toEqual([])
      }),
      { exceptionHandler }
    )
  })

  it.effect("J6 a join longer than slowJoin is reported once, with the task's name, age and origin", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const gate: { open?: () => void } = {}
        const openLate = () => new Promise<void>((resolve) => (gate.open = resolve))
        const fiber = yield* Effect.fork(fromAio(openLate, { name: "slow" })())
        yield* settle
        yield* TestClock.adjust("10 seconds")
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("999 millis")
        expect(reports).toEqual([])
        yield* TestClock.adjust("1 millis")
        yield* TestClock.adjust("1 minute")
        yield* settle
        expect(reports).toHaveLength(1)
        expect(reports[0]).toMatchObject({ kind: "slowJoin" })
        expect(reports[0]?.message).toMatch(
          /^an interrupted fiber has waited 1000ms for slow \(age 11000ms, created at \S*fromAio\.test\.ts:\d+:\d+\), which/
        )
        gate.open?.()
        yield* Fiber.join(interrupting)
        expect(loop.statistics().timers).toBe(0)
      }),
      { exceptionHandler, debug: true }
    )
  })

  it.effect("J5 what was given up after its grace does not hold the closing: it was reported", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(fromAio(forever, { name: "deaf", grace: 50 })())
          yield* settle
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* settle
          yield* TestClock.adjust(50)
          yield* Fiber.join(interrupting)
          log.push("given up")
        }),
        { exceptionHandler }
      )
      // The clock stands still: nothing has waited for a deadline.
      log.push("closed")
      expect([log, reports.map(({ kind }) => kind)]).toEqual([["given up", "closed"], ["leftover"]])
      expect(reports[0]?.message).toMatch(/^abandoned after a grace of 50ms: deaf /)
    })
  )

  it.effect("J6 slowJoin is an option of the loop", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const gate: { open?: () => void } = {}
        const fiber = yield* Effect.fork(
          fromAio(() => new Promise<void>((resolve) => (gate.open = resolve)))()
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("1 minute")
        expect(reports).toEqual([])
        yield* TestClock.adjust("1 minute")
        expect(reports.map((r) => r.kind)).toEqual(["slowJoin"])
        gate.open?.()
        yield* Fiber.join(interrupting)
      }),
      { exceptionHandler, slowJoin: "2 minutes" }
    )
  })
})

describe("fromAio of a promise", () => {
  it.live("gives the value of work that has begun already (bridge-002)", () =>
    scoped(
      Effect.gen(function* () {
        const started = (async () => 4)()
        expect(yield* fromAio(started)).toBe(4)
        expect(yield* fromAio(Promise.resolve("done"))).toBe("done")
      })
    )
  )

  it.live("fails with what the promise was rejected with", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const error = yield* Effect.flip(fromAio(Promise.reject(boom)))
        expect(error).toMatchObject({ _tag: "AioError", task: "promise" })
        expect((error as AioError).cause).toBe(boom)
      })
    )
  )

  it.live("J1 interruption waits for the promise, also when it comes before the loop had a turn", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        let open = (): void => {}
        const promise = new Promise<void>((resolve) => (open = resolve)).then(() => void log.push("promise"))
        const interrupting = yield* Effect.fork(
          Effect.tap(interruptedAtOnce(loop, fromAio(promise)), () => log.push("fiber ended"))
        )
        yield* settle
        open()
        yield* Fiber.join(interrupting)
        expect(log).toEqual(["promise", "fiber ended"])
      })
    )
  )

  it.live("J4 a rejection that comes after the interruption is reported, never an unhandledRejection", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (const atOnce of [true, false]) {
          reports.length = 0
          let fail = (_: unknown): void => {}
          const effect = fromAio(new Promise<void>((_, reject) => (fail = reject)))
          const interrupting = yield* Effect.fork(
            atOnce
              ? interruptedAtOnce(loop, effect)
              : Effect.flatMap(Effect.fork(effect), (fiber) =>
                  Effect.zipRight(settle, Fiber.interrupt(fiber))
                )
          )
          yield* settle
          yield* settle
          fail(boom)
          expect(defectOf(yield* Fiber.join(interrupting))).toBe(boom)
          expect(reports.map((r) => [r.kind, r.exception])).toEqual([["late", boom]])
        }
      }),
      { exceptionHandler }
    )
  })

  it.live("takes thenables: heard once, whatever they do", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const twice: PromiseLike<number> = {
          then: ((f: (n: number) => void, g: (e: unknown) => void) => {
            f(1)
            f(2)
            g(boom)
            throw boom
          }) as never
        }
        expect(yield* fromAio(twice)).toBe(1)
        const throws: PromiseLike<number> = {
          then: () => {
            throw boom
          }
        }
        expect(((yield* Effect.flip(fromAio(throws))) as AioError).cause).toBe(boom)
        const getter = {
          get then(): never {
            throw boom
          }
        } as unknown as PromiseLike<number>
        expect(((yield* Effect.flip(fromAio(getter))) as AioError).cause).toBe(boom)
        expect(((yield* Effect.flip(fromAio(() => getter)())) as AioError).cause).toBe(boom)
        expect(yield* fromAio(() => twice)()).toBe(1)
      })
    )
  )

  it.live("takes Futures, which are cancelled by interruption", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        expect(yield* fromAio(loop.sleep(1, 4))).toBe(4)
        const future = loop.createFuture()
        const fiber = yield* Effect.fork(fromAio(future))
        yield* settle
        yield* Fiber.interrupt(fiber)
        expect(future.cancelled()).toBe(true)
      })
    )
  )
})

describe("what throws when it is looked at", () => {
  it.live("J3 a revoked proxy that is thrown or rejected with is a typed failure like any other", () =>
    scoped(
      Effect.gen(function* () {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        const ways = [
          fromAio((): number => {
            throw proxy
          }),

          fromAio(() => Promise.reject<number>(proxy))
        ]
        for (const way of ways) {
          const failure = yield* Effect.flip(way())
          expect(failure._tag).toBe("AioError")
          expect(failure.cause === proxy).toBe(true)
        }
      })
    )
  )
})

describe("mistakes", () => {
  it("B2 refuses what is no aio work before anything is scheduled", () => {
    const wrong = (u: unknown) => () => fromAio(u as never)
    expect(wrong(undefined)).toThrow(TypeError)
    expect(wrong(null)).toThrow(/fromAio takes a function, .* not null/)
    expect(wrong(42)).toThrow(TypeError)
    expect(wrong("text")).toThrow(TypeError)
    expect(wrong({})).toThrow(TypeError)
    expect(wrong({ try: () => 1 })).toThrow(/^fromAio\(\{ try \}\) has no catch, .* fromAio\(fn\)/)
    expect(wrong({ try: 1, catch: 2 })).toThrow(
      /fromAio\(\{ try, catch \}\) takes two functions, not 1 and 2/
    )
    expect(wrong({ try: 1, catch: () => 1 })).toThrow(TypeError)
  })

  it.each([7, "name", null, true])(
    "B2 refuses %s as options, as where a list is mapped with it",
    (options) => {
      const refused = /the options of \w+ are an object, not/
      const fn = async () => 1
      expect(() => fromAio(fn, options as never)).toThrow(refused)
      expect(() => [fn].map(fromAio as never)).toThrow(refused)
      expect(() => fromAio(Promise.resolve(1), options as never)).toThrow(refused)
      expect(() => runAioCoroutine(fn, options as never)).toThrow(refused)
      expect(() => runAioGenerator(async function* () {}, options as never)).toThrow(refused)
      expect(() => allowAio(function* () {}, options as never)).toThrow(refused)
      expect(() => fromCallback((done: () => void) => done(), options as never)).toThrow(refused)
      expect(() => toAio(() => Effect.void, options as never)).toThrow(refused)
    }
  )

  it.effect("J6 work that nobody has named is called by what it does, and by the line that gave it", () => {
    const { exceptionHandler, reports } = collecting()
    const never = { query: () => new Promise(() => {}) }
    const reason = (cause: unknown) => new Error("no", { cause })
    return scoped(
      Effect.gen(function* () {
        for (const work of [
          fromAio({ try: () => never.query(), catch: reason }),
          runAioCoroutine(async () => {
            return never.query()
          })
        ]) {
          const fiber = yield* Effect.fork(work)
          yield* settle
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* settle
          yield* TestClock.adjust("2 seconds")
          yield* Fiber.join(interrupting)
        }
        const named = /for never\.query\(\) \(age \d+ms, created at \S*fromAio\.test\.ts:\d+:\d+\)/
        expect(reports.filter(({ kind }) => kind === "slowJoin").map(({ message }) => message)).toEqual([
          expect.stringMatching(named),
          expect.stringMatching(named)
        ])
      }),
      { exceptionHandler, slowJoin: "1 second", grace: "1500 millis" }
    )
  })

  it("B2 refuses options out of range where they are given", () => {
    const withOptions = (options: unknown) => () => fromAio(() => 1, options as never)
    expect(withOptions({ onInterrupt: "kill" })).toThrow(RangeError)
    expect(withOptions({ grace: Number.NaN })).toThrow(RangeError)
    expect(withOptions({ grace: "soon" })).toThrow(/grace takes milliseconds or a Duration, not soon/)
    expect(withOptions({ grace: {} })).toThrow(RangeError)
    expect(withOptions(null)).toThrow(TypeError)
    expect(() => fromAio(Promise.resolve(1), { onInterrupt: "kill" as never })).toThrow(RangeError)
    expect(() => fromAio({ try: () => 1, catch: (e) => e, grace: "soon" as never })).toThrow(RangeError)
  })

  it.live("B1 an Effect given in place of aio work gets a hint", () =>
    Effect.sync(() => expect(() => fromAio(Effect.void as never)).toThrow(/is an Effect already: yield\* it/))
  )

  it.live("B1 a function that returns an Effect fails with a hint, past `catch`", () =>
    scoped(
      Effect.gen(function* () {
        let ran = false
        const effect = Effect.sync(() => void (ran = true))
        const mapped: Array<unknown> = []
        for (const wrong of [
          fromAio(() => effect),
          fromAio(() => Effect.succeed(1)),
          fromAio(() => Effect.gen(function* () {})),
          fromAio({ try: () => effect, catch: (error) => void mapped.push(error) }),
          fromAio(fromAio(() => 1))
        ]) {
          const exit = yield* Effect.exit(wrong() as Effect.Effect<unknown, unknown, Loop>)
          expect(defectOf(exit)).toBeInstanceOf(TypeError)
          expect(String(defectOf(exit))).toMatch(/returned an Effect.*yield\* it.*await runEffect\(effect\)/)
        }
        expect(ran).toBe(false)
        expect(mapped).toEqual([])
      })
    )
  )

  it.live("data that can be yielded as an Effect is a value all the same", () =>
    scoped(
      Effect.gen(function* () {
        const some = Option.some(1)
        const left = Either.left("no")
        const fiber = yield* Effect.fork(Effect.void)
        expect(yield* fromAio(() => some)()).toBe(some)
        expect(yield* fromAio(() => left)()).toBe(left)
        expect(yield* fromAio(() => fiber)()).toBe(fiber)
        const program = Effect.succeed(1)
        expect(yield* fromAio(async () => program)()).toBe(program)
      })
    )
  )

  it.live("B1 an Effect yielded in a generator coroutine fails with a hint", () =>
    scoped(
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          fromAio(function* () {
            yield Effect.void as never
          })()
        )
        expect((error as AioError).cause).toBeInstanceOf(TypeError)
        expect(String((error as AioError).cause)).toMatch(/an Effect with runEffect/)
      })
    )
  )

  it.live("B1 a Future of another loop is a defect, WrongLoopError, and is left alone", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = track(yield* Loop.open({ name: "other" }))
        const future = other.createFuture<number>()
        yield* scoped(
          Effect.gen(function* () {
            expect(defectOf(yield* Effect.exit(fromAio(future)))).toBeInstanceOf(WrongLoopError)
            const inside = yield* Effect.exit(fromAio(() => future)())
            expect(Exit.isFailure(inside) && Cause.squash(inside.cause)).toMatchObject({
              cause: expect.any(WrongLoopError)
            })
            expect(future.done()).toBe(false)
          })
        )
        future.cancel()
      })
    )
  )

  it.live("fails with LoopClosedError on a closed loop, and calls nothing", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(Effect.map(Loop.open(), track))
      let called = 0
      const error = yield* Effect.flip(Effect.provideService(fromAio(() => void called++)(), Loop, loop))
      expect(error).toBeInstanceOf(LoopClosedError)
      const promise = yield* Effect.flip(Effect.provideService(fromAio(Promise.resolve(1)), Loop, loop))
      expect(promise).toBeInstanceOf(LoopClosedError)
      expect(called).toBe(0)
    })
  )

  it.live("fails with QueueFullError when the queue is full, and calls nothing", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        let called = 0
        loop.callSoon(() => {})
        const error = yield* Effect.flip(fromAio(() => void called++)())
        expect(error).toBeInstanceOf(QueueFullError)
        yield* settle
        expect(called).toBe(0)
        yield* fromAio(() => void called++)()
        expect(called).toBe(1)
      }),
      { queueLength: 1 }
    )
  )

  it.live("J1 a full queue does not break a join", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const fiber = yield* Effect.fork(
          fromAio(
            async () => {
              try {
                await loop.createFuture()
              } finally {
                await Promise.resolve()
                log.push("cleaned up")
              }
            },
            { grace: "1 minute" }
          )()
        )
        yield* settle
        loop.callSoon(() => {})
        const exit = yield* Fiber.interrupt(fiber)
        log.push("fiber ended")
        expect(interruptedOnly(exit)).toBe(true)
        expect(log).toEqual(["cleaned up", "fiber ended"])
      }),
      { queueLength: 1 }
    )
  )

  it.live("a task factory that throws is a defect", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const bug = new Error("factory")
        loop.setTaskFactory(() => {
          throw bug
        })
        expect(defectOf(yield* Effect.exit(fromAio(() => 1)()))).toBe(bug)
        loop.setTaskFactory(null)
      })
    )
  )

  it.live("a Future whose cancel throws is reported, and joined all the same", () => {
    const { exceptionHandler, reports } = collecting()
    const bug = new Error("cancel")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const { Future } = yield* Effect.promise(() => import("../../src/index.js"))
        const future = new Future<void>(loop, () => {
          loop.callLater(5, () => future.setResult())
          throw bug
        })
        const fiber = yield* Effect.fork(fromAio(future))
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(future.done()).toBe(true)
        expect(reports.map((r) => [r.kind, r.exception])).toEqual([["late", bug]])
      }),
      { exceptionHandler }
    )
  })

  it.live("a promise that never settles is left at the loop's deadline, by name", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const exit = yield* Effect.exit(
        scoped(
          Effect.gen(function* () {
            yield* Effect.forkDaemon(fromAio(forever, { name: "stuck" })())
            yield* settle
          }),
          { exceptionHandler, closeDeadline: 30 }
        )
      )
      expect(Exit.isSuccess(exit)).toBe(true)
      expect(reports.map((r) => r.kind)).toEqual(["leftover"])
      expect(reports[0]?.message).toContain("stuck")
    })
  })
})
