import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, TestClock } from "effect"
import type { AioError } from "../../src/index.js"
import {
  Event,
  CancelledError,
  currentTask,
  Future,
  isCancelledError,
  Loop,
  LoopClosedError,
  runAioCoroutine,
  runAioFuture,
  WrongLoopError
} from "../../src/index.js"
import { collecting, scoped, settle, track } from "../support/scopedLoops.js"
import { collect } from "../support/closedLoops.js"

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

const defectOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause))[0] : undefined

describe("runAioFuture", () => {
  it.live("gives the result of a Task or Future that is on the loop already (bridge-003)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const task = loop.createTask(async () => {
          await loop.sleep(1)
          return 4
        })
        expect(yield* runAioFuture(task)).toBe(4)
        expect(yield* runAioFuture(task)).toBe(4)
        const future = loop.createFuture<number>()
        loop.callSoon(() => future.setResult(4))
        expect(yield* runAioFuture(future)).toBe(4)
      })
    )
  )

  it.live("fails with the error object, and with CancelledError where somebody else cancelled", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        const failed = loop.createFuture<number>()
        loop.callSoon(() => failed.setException(boom))
        const error = yield* Effect.flip(runAioFuture(failed, { name: "rows" }))
        expect(error).toMatchObject({ _tag: "AioError", task: "rows" })
        expect((error as AioError).cause).toBe(boom)
        const cancelled = loop.createFuture<number>()
        cancelled.cancel("gone")
        expect(yield* Effect.flip(runAioFuture(cancelled))).toMatchObject({
          _tag: "CancelledError",
          reason: "gone"
        })
      })
    )
  )

  it.live(
    "cancels the Future for everybody: a second fiber that waits for it fails with CancelledError (bridge-068)",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const future = loop.createFuture<number>()
          const first = yield* Effect.fork(runAioFuture(future))
          const second = yield* Effect.fork(Effect.flip(runAioFuture(future)))
          yield* settle
          expect(interruptedOnly(yield* Fiber.interrupt(first))).toBe(true)
          expect(future.cancelled()).toBe(true)
          expect(yield* Fiber.join(second)).toBeInstanceOf(CancelledError)
        })
      )
  )

  it.live("counts a failure as looked at: no report at collection or close (bridge-074)", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const unhandled: Array<unknown> = []
      const onUnhandled = (error: unknown) => void unhandled.push(error)
      process.on("unhandledRejection", onUnhandled)
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const failed = loop.createFuture<number>()
          loop.callSoon(() => failed.setException(new Error("boom")))
          yield* Effect.flip(runAioFuture(failed))
          yield* Effect.flip(
            runAioCoroutine(async () => {
              throw new Error("boom")
            })
          )
          const done = loop.createFuture<number>()
          done.setException(new Error("done already"))
          yield* Effect.flip(runAioFuture(done))
          expect(loop.statistics().unretrieved).toBe(0)
          let rounds = 0
          yield* Effect.promise(() => collect(() => ++rounds > 3))
        }),
        { exceptionHandler }
      )
      process.off("unhandledRejection", onUnhandled)
      expect(reports).toEqual([])
      expect(unhandled).toEqual([])
    })
  })

  it.live(
    "Fiber.interrupt completes when the Future is done and its done callbacks have run (bridge-075)",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<string> = []
          const future = loop.createFuture<number>()
          future.addDoneCallback(() => log.push("before"))
          const fiber = yield* Effect.fork(runAioFuture(future))
          yield* settle
          future.addDoneCallback(() => log.push("after"))
          yield* Fiber.interrupt(fiber)
          log.push("fiber ended")
          expect(log).toEqual(["before", "after", "fiber ended"])
        })
      )
  )

  it.live(
    "waits for a task that another fiber's interruption cancelled, until that has ended (bridge-075)",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<string> = []
          const task = loop.createTask(async () => {
            try {
              await loop.createFuture()
            } finally {
              await loop.sleep(5)
              log.push("task ended")
            }
          })
          const fiber = yield* Effect.fork(runAioFuture(task))
          yield* settle
          yield* Fiber.interrupt(fiber)
          log.push("fiber ended")
          expect(log).toEqual(["task ended", "fiber ended"])
          expect(task.cancelled()).toBe(true)
        })
      )
  )

  it.live("J5 a fiber that abandoned a Future is not kept by it", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        // Takes the cancel, and stays pending until it is settled.
        const future = new Future<void>(loop, () => true)
        const fibers: Array<WeakRef<object>> = []
        yield* Effect.promise(async () => {
          for (let i = 0; i < 10; i++) {
            const wait = runAioFuture(future, { onInterrupt: "abandon" })
            const fiber = Effect.runFork(Effect.provideService(wait, Loop, loop))
            fibers.push(new WeakRef(fiber))
            await Effect.runPromise(Fiber.interrupt(fiber))
          }
        })
        const gone = () => fibers.every((fiber) => fiber.deref() === undefined)
        expect(yield* Effect.promise(() => collect(gone))).toBe(true)
        expect(future.done()).toBe(false)
        future.setResult()
        yield* settle
        expect(loop.statistics().late).toBe(10)
      })
    )
  )

  it("B2 refuses what is no Future before anything is scheduled", () => {
    for (const wrong of [undefined, null, 1, "text", {}, Promise.resolve(1), () => 1]) {
      expect(() => runAioFuture(wrong as never)).toThrow(/runAioFuture takes a Future, not/)
    }
  })

  it.live("B1 a Future of another loop is a defect, WrongLoopError", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = track(yield* Loop.open({ name: "other" }))
        const future = other.createFuture<number>()
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            expect(defectOf(yield* Effect.exit(runAioFuture(future)))).toBeInstanceOf(WrongLoopError)
            // What the hint says works.
            const wrapped = loop.wrapFuture(future)
            other.callSoon(() => future.setResult(7))
            expect(yield* runAioFuture(wrapped)).toBe(7)
          })
        )
      })
    )
  )

  it.live("gives CancelledError for a Future of another loop that was cancelled there", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const other = track(yield* Loop.open())
        const future = other.createFuture<number>()
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const wrapped = loop.wrapFuture(future)
            other.callSoon(() => future.cancel("over there"))
            expect(yield* Effect.flip(runAioFuture(wrapped))).toBeInstanceOf(CancelledError)
          })
        )
      })
    )
  )

  it.live("gives what a done Future of a closed loop holds, and LoopClosedError for a pending one", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(Effect.map(Loop.open(), track))
      const done = loop.createFuture<number>()
      done.setResult(1)
      expect(yield* Effect.provideService(runAioFuture(done), Loop, loop)).toBe(1)
      const pending = loop.createFuture<number>()
      const error = yield* Effect.flip(Effect.provideService(runAioFuture(pending), Loop, loop))
      expect(error).toBeInstanceOf(LoopClosedError)
    })
  )

  it.live("does not suspend for a Future that is done", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const done = loop.createFuture<number>()
        done.setResult(1)
        const exit = Effect.runSyncExit(Effect.provideService(runAioFuture(done), Loop, loop))
        expect(exit).toEqual(Exit.succeed(1))
      })
    )
  )

  it.live("waits for a stopped loop by starting it", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        loop.stop()
        yield* settle
        expect(loop.isRunning()).toBe(false)
        expect(yield* runAioFuture(loop.sleep(1, "value"))).toBe("value")
      })
    )
  )
})

describe("runAioCoroutine", () => {
  it.live("waits with a coroutine that waits for a timer of the loop (timers-018)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const begun = loop.time()
        yield* runAioCoroutine(async () => {
          const event = new Event()
          loop.callAt(loop.time() + 100, () => event.set())
          await event.wait()
        })
        expect(loop.time() - begun).toBeGreaterThanOrEqual(100)
        expect(loop.time() - begun).toBeLessThan(1_000)
      })
    )
  )

  it.live("runs an async function that sleeps on the loop to its end (tasks-071)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const hello = async () => {
          log.push("Hello")
          await loop.sleep(1)
          log.push("World")
        }
        yield* runAioCoroutine(hello)
        log.push("coroutine")
        yield* runAioFuture(loop.createTask(hello))
        log.push("future")
        expect(log).toEqual(["Hello", "World", "coroutine", "Hello", "World", "future"])
      })
    )
  )

  it.live("waits for a Future of its own and for nested coroutines, in order (tasks-070)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const hello = async () => {
          log.push("Hello")
          await loop.sleep(1)
          log.push("World")
        }
        yield* runAioCoroutine(async () => {
          const future = loop.createFuture<string>()
          loop.callSoon(() => future.setResult("Future"))
          log.push(await future)
          await hello()
          log.push(".")
        })
        expect(log).toEqual(["Future", "Hello", "World", "."])
      })
    )
  )

  it.live("J10 gives the coroutine its Task, whose signal is aborted by interruption", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const fiber = yield* Effect.fork(
          runAioCoroutine(
            async (task) => {
              log.push(task === currentTask(), task.getName())
              task.signal.addEventListener("abort", () => log.push(isCancelledError(task.signal.reason)))
              await loop.createFuture()
            },
            { name: "named" }
          )
        )
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(log).toEqual([true, "named", true])
      })
    )
  )

  it.live("J10 no rule depends on a function's arity", () =>
    scoped(
      Effect.gen(function* () {
        const zero = async (...args: Array<{ readonly signal: AbortSignal }>) => args[0]?.signal
        const one = async ({ signal }: { readonly signal: AbortSignal }) => signal
        expect(yield* runAioCoroutine(zero)).toBeInstanceOf(AbortSignal)
        expect(yield* runAioCoroutine(one)).toBeInstanceOf(AbortSignal)
      })
    )
  )

  it.live("J2 a generator gets CancelledError thrown at its current yield", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const fiber = yield* Effect.fork(
          runAioCoroutine(function* () {
            try {
              yield* loop.sleep(10_000)
              log.push("not reached")
            } catch (error) {
              log.push(isCancelledError(error) ? "CancelledError" : "other")
              yield* loop.sleep(1)
              throw error
            } finally {
              yield* loop.sleep(1)
              log.push("finally")
            }
          })
        )
        yield* settle
        yield* Fiber.interrupt(fiber)
        log.push("fiber ended")
        expect(log).toEqual(["CancelledError", "finally", "fiber ended"])
        expect(loop.statistics().timers).toBe(0)
      })
    )
  )

  it.effect("J6 a coroutine that ignores its signal is reported while the fiber waits", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        let open = (): void => {}
        const fiber = yield* Effect.fork(
          runAioCoroutine(() => new Promise<void>((resolve) => (open = resolve)), { name: "deaf" })
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        yield* TestClock.adjust("1 second")
        expect(reports.map((r) => [r.kind, r.task?.getName()])).toEqual([["slowJoin", "deaf"]])
        open()
        yield* Fiber.join(interrupting)
      }),
      { exceptionHandler }
    )
  })

  it("B2 refuses what is no function, and options out of range, before anything is scheduled", () => {
    for (const wrong of [undefined, null, 1, "text", {}, Promise.resolve(1)]) {
      expect(() => runAioCoroutine(wrong as never)).toThrow(/takes an async or generator function, not/)
    }
    expect(() => runAioCoroutine(async () => 1, { grace: "soon" as never })).toThrow(RangeError)
    expect(() => runAioCoroutine(async () => 1, { onInterrupt: "" as never })).toThrow(RangeError)
  })

  it.live("B1 a coroutine that returns an Effect is a defect with a hint", () =>
    scoped(
      Effect.gen(function* () {
        const exit = yield* Effect.exit(runAioCoroutine(() => Effect.succeed(1)))
        expect(String(defectOf(exit))).toMatch(/returned an Effect/)
      })
    )
  )
})
