/**
 * A Stream over an async iterable, stopped at every moment: by its fiber, its Scope, its loop, and by others.
 *
 * Covers: ReadingTask, Pump, Life
 */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { interruptFork } from "../../../src/effect.js"
import {
  currentSignal,
  currentTask,
  type EventLoop,
  fromAio,
  type Future,
  isCancelledError,
  type IterableOptions,
  Loop,
  LoopClosedError,
  runAioGenerator
} from "../../../src/index.js"
import { interruptedAtOnce } from "../../support/border.js"
import { collecting, forever, open, scoped, settle, track } from "../../support/scopedLoops.js"
import { onLine } from "../../support/effect/line.js"

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.failures(exit.cause))[0] : undefined

const interruptedOnly = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)

/** A generator of one item, which then awaits `wait`; its cleanup awaits `cleanup`. All of it is logged. */
const work = (loop: EventLoop) => {
  const log: Array<unknown> = []
  const wait = loop.createFuture<number>()
  const cleanup = loop.createFuture<void>()
  async function* source() {
    log.push("open")
    const signal = currentSignal()
    try {
      yield 1
      log.push("waits")
      yield await wait
      log.push("goes on")
    } catch (error) {
      log.push(isCancelledError(error) ? "cancelled" : error)
      throw error
    } finally {
      log.push(signal?.aborted === true ? "cleans up, aborted" : "cleans up")
      await cleanup
      log.push("cleaned up")
    }
  }
  return { log, wait, cleanup, source }
}

/** Reads the Stream in a fiber that logs its items and its end. */
const reader = <A>(
  { log, source }: { readonly log: Array<unknown>; readonly source: () => AsyncIterable<A> },
  options?: IterableOptions
) =>
  Effect.fork(
    Stream.runForEach(fromAio(source, options)(), (item) => Effect.sync(() => log.push(item))).pipe(
      Effect.onExit(() => Effect.sync(() => log.push("fiber ended")))
    )
  )

/** Pulls by hand, in a Scope by hand. */
const pulling = <A, E>(stream: Stream.Stream<A, E, Loop>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const pull = yield* Scope.extend(Stream.toPull(stream), scope)
    const next = Effect.mapError(
      Effect.map(pull, (chunk) => Chunk.toArray(chunk)),
      (end) => Option.getOrElse(end, () => "end" as const)
    )
    return { next, close: (exit: Exit.Exit<unknown, unknown> = Exit.void) => Scope.close(scope, exit) }
  })

/** One pull, in the caller's fiber from the first: running a Stream would start another. */
const onePull = <A, E>(stream: Stream.Stream<A, E, Loop>) =>
  Effect.scoped(Effect.flatMap(Stream.toPull(stream), (pull) => Effect.mapError(pull, Option.getOrUndefined)))

describe("the fiber is interrupted", () => {
  it.live("J1 before the task has started: nothing is opened", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const w = work(loop)
        expect(interruptedOnly(yield* interruptedAtOnce(loop, onePull(fromAio(w.source)())))).toBe(true)
        yield* settle
        expect(w.log).toEqual([])
        expect(loop.statistics()).toMatchObject({ tasks: 0, crossings: 0 })
      })
    )
  )

  it.live(
    "J1 J2 bridge-032 while a next() waits: what it awaits is cancelled, it completes, and nothing after it runs",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const w = work(loop)
          const fiber = yield* reader(w)
          yield* settle
          const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
          yield* settle
          expect(w.log).toEqual(["open", 1, "waits", "cancelled", "cleans up, aborted"])
          w.log.push("gate opens")
          w.cleanup.setResult()
          expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
          expect(w.log.slice(5)).toEqual(["gate opens", "cleaned up", "fiber ended"])
          expect(w.wait.cancelled()).toBe(true)
          expect(loop.statistics()).toMatchObject({ tasks: 0, crossings: 0, late: 0 })
        })
      )
  )

  it.live("J1 while the consumer is busy: return() is called, and nothing is cancelled", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const w = work(loop)
        const fiber = yield* Effect.fork(Stream.runForEach(fromAio(w.source)(), () => Effect.never))
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        expect(w.log).toEqual(["open", "cleans up"])
        w.cleanup.setResult()
        expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
        expect(w.log).toEqual(["open", "cleans up", "cleaned up"])
      })
    )
  )

  it.live("J1 while the generator cleans up by itself: the cleanup is cancelled in turn, and joined", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const w = work(loop)
        const fiber = yield* reader(w)
        yield* settle
        w.wait.setResult(2)
        yield* settle
        expect(w.log.slice(-2)).toEqual(["goes on", "cleans up"])
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(w.cleanup.cancelled()).toBe(true)
        expect(w.log.slice(-2)).toEqual(["cleans up", "fiber ended"])
      })
    )
  )

  it.live("J4 a value that still comes is dropped and counted, and return() is called", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        let arrive = (_: number): void => {}
        async function* source() {
          try {
            yield await new Promise<number>((resolve) => (arrive = resolve))
            log.push("goes on")
          } finally {
            // The cancel has been heeded already: this is not cancelled by it.
            await loop.sleep(1)
            log.push("cleaned up")
          }
        }
        const fiber = yield* reader({ log, source })
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        expect(log).toEqual([])
        arrive(1)
        expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
        expect(log).toEqual(["cleaned up", "fiber ended"])
        expect(loop.statistics().late).toBe(1)
      })
    )
  )

  it.live("J2 a cancel that meets a foreign promise is delivered at the next await of the same next()", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        let arrive = (): void => {}
        async function* source() {
          await new Promise<void>((resolve) => (arrive = resolve))
          try {
            yield await loop.createFuture<number>()
          } catch (error) {
            log.push(isCancelledError(error))
            throw error
          }
        }
        const fiber = yield* reader({ log, source })
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        arrive()
        expect(interruptedOnly(yield* Fiber.join(interrupting))).toBe(true)
        expect(log).toEqual([true, "fiber ended"])
      })
    )
  )

  it.live("J4 a next() that fails late is a defect of the Cause, and reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        const log: Array<unknown> = []
        async function* source() {
          try {
            yield await loop.createFuture<number>()
          } finally {
            // eslint-disable-next-line no-unsafe-finally
            throw boom
          }
        }
        const fiber = yield* reader({ log, source })
        yield* settle
        expect(defectsOf(yield* Fiber.interrupt(fiber))).toEqual([boom])
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
        // `timeout` throws the Cause away.
        yield* Effect.timeoutOption(Stream.runDrain(fromAio(source)()), 5)
        expect(reports).toHaveLength(2)
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 a return() that fails is a defect of the Cause, and reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        for (const busy of [true, false]) {
          const source = {
            [Symbol.asyncIterator]: () => ({
              next: () => (busy ? { done: false, value: 1 } : loop.createFuture()),
              return: () => Promise.reject(boom)
            })
          } as unknown as AsyncIterable<number>
          const fiber = yield* Effect.fork(Stream.runForEach(fromAio(source), () => Effect.never))
          yield* settle
          expect(defectsOf(yield* Fiber.interrupt(fiber))).toEqual([boom])
        }
        expect(reports).toMatchObject([
          { kind: "late", exception: boom },
          { kind: "late", exception: boom }
        ])
      }),
      { exceptionHandler }
    )
  })

  it.live("an item that was delivered and not taken is counted", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const exit = yield* Effect.async<Exit.Exit<void, unknown>>((resume) => {
          const source = {
            // Answers at once, inside the pass; the fiber would be resumed after it.
            next: () => {
              interruptFork(fiber)
              return { done: false, value: 1 }
            },
            return: () => void log.push("return")
          } as unknown as AsyncIterator<number>
          const fiber = Effect.runFork(
            Effect.provideService(
              Stream.runForEach(runAioGenerator(source), (n) => Effect.sync(() => log.push(n))),
              Loop,
              loop
            )
          )
          fiber.addObserver((end) => resume(Effect.succeed(end)))
        })
        expect(interruptedOnly(exit)).toBe(true)
        expect(log).toEqual(["return"])
        expect(loop.statistics().late).toBe(1)
      })
    )
  )

  for (const fails of [false, true]) {
    it.live(`an end that was ${fails ? "a failure" : "none"}, and was not taken`, () => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const boom = new Error("boom")
          const exit = yield* Effect.async<Exit.Exit<unknown, unknown>>((resume) => {
            const source = {
              next: () => {
                // After the pull was answered, and before its fiber is resumed.
                currentTask()?.addDoneCallback(() => interruptFork(fiber))
                if (fails) throw boom
                return { done: true, value: undefined }
              }
            } as unknown as AsyncIterator<number>
            const fiber = Effect.runFork(Effect.provideService(onePull(runAioGenerator(source)), Loop, loop))
            fiber.addObserver((end) => resume(Effect.succeed(end)))
          })
          // On line 4 the fiber has ended before the interruption can overtake what it was given.
          const overtaken = onLine("E5", 3)
          expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(overtaken)
          expect(new Set(defectsOf(exit))).toEqual(new Set(fails && overtaken ? [boom] : []))
          expect(reports).toMatchObject(fails && overtaken ? [{ kind: "late", exception: boom }] : [])
          expect(loop.statistics().late).toBe(fails && overtaken ? 1 : 0)
          if (fails && !overtaken)
            expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ cause: boom })
        }),
        { exceptionHandler }
      )
    })
  }

  it.live("the Future that a next() has answered with is cancelled", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const answers: Array<Future<unknown>> = []
        const log: Array<unknown> = []
        const source = {
          next: () => {
            answers.push(loop.createFuture())
            return answers.at(-1)
          },
          return: () => void log.push("return")
        } as unknown as AsyncIterator<number>
        const fiber = yield* Effect.fork(Stream.runDrain(runAioGenerator(source)))
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(answers.map((answer) => answer.cancelled())).toEqual([true])
        expect(log).toEqual(["return"])
      })
    )
  )

  it.live("an uninterruptible pull waits for its item", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const w = work(loop)
        w.cleanup.setResult()
        const fiber = yield* Effect.fork(
          Effect.uninterruptible(
            Stream.runForEach(fromAio(w.source)(), (item) => Effect.sync(() => w.log.push(item)))
          )
        )
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        expect(w.log).toEqual(["open", 1, "waits"])
        w.wait.setResult(2)
        yield* Fiber.join(interrupting)
        expect(w.log).toEqual(["open", 1, "waits", 2, "goes on", "cleans up", "cleaned up"])
      })
    )
  )

  it.live("a further pull fails with CancelledError, and closing waits for nothing more", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const w = work(loop)
        w.cleanup.setResult()
        const { close, next } = yield* pulling(fromAio(w.source)())
        expect(yield* next).toEqual([1])
        expect(Option.isNone(yield* Effect.timeoutOption(next, 5))).toBe(true)
        expect(w.log.at(-1)).toBe("cleaned up")
        expect(yield* Effect.flip(next)).toMatchObject({ _tag: "CancelledError" })
        expect(yield* Effect.flip(next)).toMatchObject({ _tag: "CancelledError" })
        yield* close()
      })
    )
  )

  it.live("closing while an interrupted pull still waits: no second cancel, and one report", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const w = work(yield* Loop)
        const { close, next } = yield* pulling(fromAio(w.source)())
        expect(yield* next).toEqual([1])
        const fiber = yield* Effect.fork(next)
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        const closing = yield* Effect.fork(Effect.exit(close()))
        yield* settle
        expect(w.cleanup.done()).toBe(false)
        w.cleanup.setException(boom)
        yield* Fiber.join(interrupting)
        expect(defectsOf(yield* Fiber.join(closing))).toEqual([boom])
        expect(w.log).toEqual(["open", "waits", "cancelled", "cleans up, aborted"])
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
      }),
      { exceptionHandler }
    )
  })
})

describe("what does not stop", () => {
  /** A generator that is stuck in a foreign await, until it is let go. */
  const stuck = () => {
    const log: Array<unknown> = []
    let go = (): void => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    async function* source() {
      try {
        await gate
        yield 1
      } finally {
        log.push("cleaned up")
      }
    }
    return { log, source, go: () => go() }
  }

  it.live("J6 a next() in a foreign await is reported after slowJoin, by name", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const s = stuck()
        const fiber = yield* reader(s, { name: "stuck" })
        yield* settle
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        while (reports.length === 0) yield* Effect.sleep(1)
        expect(reports).toMatchObject([{ kind: "slowJoin", message: expect.stringContaining("stuck (age") }])
        s.go()
        yield* Fiber.join(interrupting)
        expect(s.log).toEqual(["cleaned up", "fiber ended"])
      }),
      { exceptionHandler, slowJoin: 1 }
    )
  })

  it.live("J5 grace: it is abandoned with a report, and returned when it comes round", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const s = stuck()
        const fiber = yield* reader(s, { name: "stuck", grace: 1 })
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(reports).toMatchObject([
          { kind: "leftover", message: expect.stringMatching(/grace of 1ms: stuck .* was cancelled/) }
        ])
        expect(yield* Loop.statistics).toMatchObject({ tasks: 1, crossings: 1 })
        s.go()
        yield* settle
        expect(s.log).toEqual(["fiber ended", "cleaned up"])
        expect(yield* Loop.statistics).toMatchObject({ tasks: 0, crossings: 0, late: 1 })
      }),
      { exceptionHandler }
    )
  })

  it.live('J5 "abandon": the fiber ends at once', () =>
    scoped(
      Effect.gen(function* () {
        const s = stuck()
        const fiber = yield* reader(s, { onInterrupt: "abandon" })
        yield* settle
        expect(interruptedOnly(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(s.log).toEqual(["fiber ended"])
        s.go()
        yield* settle
        expect(s.log).toEqual(["fiber ended", "cleaned up"])
      })
    )
  )

  it.live('J5 "abandon" is about interruption: a Stream that is left waits for return()', () =>
    scoped(
      Effect.gen(function* () {
        const w = work(yield* Loop)
        const fiber = yield* Effect.fork(
          Stream.runDrain(Stream.take(fromAio(w.source, { onInterrupt: "abandon" })(), 1))
        )
        yield* settle
        expect(w.log).toEqual(["open", "cleans up"])
        expect(Option.isNone(yield* Fiber.poll(fiber))).toBe(true)
        w.cleanup.setResult()
        yield* Fiber.join(fiber)
      })
    )
  )

  it.live("J5 J6 a return() that never ends: slowJoin, and grace", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        let end = (): void => {}
        const source = {
          next: async () => ({ done: false, value: 1 }),
          return: () => new Promise<void>((resolve) => (end = resolve))
        } as unknown as AsyncIterator<number>
        yield* Stream.runDrain(Stream.take(fromAio(source, { name: "source", grace: 30 }), 1))
        expect(reports).toMatchObject([
          {
            kind: "slowJoin",
            message: expect.stringMatching(/the end of a stream .*source .*told to return/)
          },
          { kind: "leftover", message: expect.stringContaining("told to return") }
        ])
        end()
        yield* settle
        expect(yield* Loop.statistics).toMatchObject({ tasks: 0, crossings: 0, late: 0 })
      }),
      { exceptionHandler, slowJoin: 1 }
    )
  })

  it.live("J4 a return() that fails after it was abandoned is reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        let fail = (_: unknown): void => {}
        const source = {
          next: async () => ({ done: false, value: 1 }),
          return: () => new Promise<void>((_, reject) => (fail = reject))
        } as unknown as AsyncIterator<number>
        yield* Stream.runDrain(Stream.take(fromAio(source, { grace: 1 }), 1))
        fail(boom)
        yield* settle
        expect(reports.slice(1)).toMatchObject([{ kind: "late", exception: boom }])
      }),
      { exceptionHandler }
    )
  })

  for (const [what, source, waitsFor] of [
    ["a next()", { next: forever }, "its next()"],
    ["a return()", { next: async () => ({ done: false, value: 1 }), return: forever }, "its return()"]
  ] as const) {
    it.live(`S2 ${what} that never ends is left at the deadline, in a row that names it`, () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        let exit: Exit.Exit<void, unknown> | undefined
        yield* scoped(
          Effect.gen(function* () {
            yield* Effect.forkDaemon(
              Effect.onExit(
                Stream.runForEach(
                  fromAio(source as AsyncIterator<number>, { name: "source" }),
                  () => Effect.never
                ),
                (end) => Effect.sync(() => (exit = end))
              )
            )
            yield* settle
          }),
          { exceptionHandler, closeDeadline: 20 }
        )
        yield* settle
        expect(reports).toMatchObject([{ kind: "leftover" }])
        expect(reports[0]?.message).toMatch(/\biterator\s+source\b/)
        expect(reports[0]?.message).toContain(waitsFor)
        // A pull that waits has failed; who has not pulled is not told.
        expect(exit === undefined ? undefined : failureOf(exit)).toEqual(
          what === "a next()" ? expect.any(LoopClosedError) : undefined
        )
      })
    })
  }
})

describe("others cancel the reading task", () => {
  const cancelAll = Effect.map(Loop, (loop) => {
    for (const task of loop.allTasks()) task.cancel("by others")
  })

  it.live("J3 before it has started: CancelledError, and nothing is opened", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const w = work(loop)
        const exit = yield* Effect.async<Exit.Exit<unknown, unknown>>((resume) => {
          loop.callSoon(() => {
            const fiber = Effect.runFork(Effect.provideService(onePull(fromAio(w.source)()), Loop, loop))
            fiber.addObserver((end) => resume(Effect.succeed(end)))
            for (const task of loop.allTasks()) task.cancel("by others")
          })
        })
        expect(failureOf(exit)).toMatchObject({ _tag: "CancelledError", reason: "by others" })
        expect(w.log).toEqual([])
      })
    )
  )

  for (const busy of [false, true]) {
    it.live(
      `J3 ${busy ? "while the consumer is busy" : "while it reads"}: CancelledError, after return()`,
      () =>
        scoped(
          Effect.gen(function* () {
            const w = work(yield* Loop)
            w.cleanup.setResult()
            const go = yield* Deferred.make<void>()
            const fiber = yield* Effect.fork(
              Effect.exit(
                Stream.runForEach(fromAio(w.source)(), () => (busy ? Deferred.await(go) : Effect.void))
              )
            )
            yield* settle
            yield* cancelAll
            yield* settle
            expect(w.log.at(-1)).toBe("cleaned up")
            expect(w.log.includes("cancelled")).toBe(!busy)
            yield* Deferred.succeed(go, undefined)
            expect(failureOf(yield* Fiber.join(fiber))).toMatchObject({
              _tag: "CancelledError",
              reason: "by others"
            })
          })
        )
    )
  }

  it.live("an iterator whose next() heeds the signal is returned all the same", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const stream = runAioGenerator(({ signal }) => ({
          next: () =>
            new Promise<never>((_, reject) =>
              signal.addEventListener("abort", () => reject(new DOMException("stop", "AbortError")))
            ),
          return: async () => {
            log.push("return")
            return { done: true as const, value: undefined }
          }
        }))
        const fiber = yield* Effect.fork(Effect.exit(Stream.runDrain(stream)))
        yield* settle
        yield* cancelAll
        expect(failureOf(yield* Fiber.join(fiber))).toMatchObject({ reason: "by others" })
        expect(log).toEqual(["return"])
      })
    )
  )

  it.live("while it returns: what return() awaits is cancelled, and the end waits for it", () =>
    scoped(
      Effect.gen(function* () {
        const w = work(yield* Loop)
        const fiber = yield* Effect.fork(Effect.exit(Stream.runDrain(Stream.take(fromAio(w.source)(), 1))))
        yield* settle
        expect(w.log).toEqual(["open", "cleans up"])
        yield* cancelAll
        expect(Exit.isSuccess(yield* Fiber.join(fiber))).toBe(true)
        expect(w.cleanup.cancelled()).toBe(true)
      })
    )
  )

  it.live("a generator that cancels its own task", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const stream = runAioGenerator(async function* (task) {
          try {
            task.cancel("own")
            yield await loop.sleep(1, 1)
          } catch (error) {
            log.push(isCancelledError(error))
            throw error
          }
        })
        expect(yield* Effect.flip(Stream.runDrain(stream))).toMatchObject({ reason: "own" })
        expect(log).toEqual([true])
      })
    )
  )
})

describe("the loop closes", () => {
  it.live("S1 idle: return() is called, nothing is cancelled; the consumer's next pull fails", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const go = yield* Deferred.make<void>()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const w = work(yield* Loop)
          w.log.push = (...items) => log.push(...items)
          w.cleanup.setResult()
          const reading = Stream.runForEach(fromAio(w.source)(), () => Deferred.await(go))
          const fiber = yield* Effect.forkDaemon(Effect.exit(reading))
          yield* settle
          return fiber
        })
      )
      expect(log).toEqual(["open", "cleans up", "cleaned up"])
      yield* Deferred.succeed(go, undefined)
      expect(failureOf(yield* Fiber.join(fiber))).toBeInstanceOf(LoopClosedError)
    })
  )

  it.live(
    "S1 a pending next() is cancelled, then return() is called; the pull fails with LoopClosedError",
    () =>
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const fiber = yield* scoped(
          Effect.gen(function* () {
            const w = work(yield* Loop)
            w.log.push = (...items) => log.push(...items)
            w.cleanup.setResult()
            const fiber = yield* Effect.forkDaemon(Effect.exit(Stream.runDrain(fromAio(w.source)())))
            yield* settle
            return fiber
          })
        )
        expect(log).toEqual(["open", "waits", "cancelled", "cleans up, aborted", "cleaned up"])
        expect(failureOf(yield* Fiber.join(fiber))).toBeInstanceOf(LoopClosedError)
      })
  )

  it.live("S1 after the tasks have unwound, in the order in which they were opened", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const logged = fromAio(async function* (name: string) {
            try {
              yield 1
              yield await loop.createFuture<number>()
            } finally {
              log.push(name)
              await loop.sleep(1)
              log.push(`${name} returned`)
            }
          })
          // One of the two is idle, the other reads.
          for (const [name, take] of [
            ["a", 1],
            ["b", 2]
          ] as const) {
            const { next } = yield* pulling(logged(name))
            yield* next
            if (take === 2) yield* Effect.forkDaemon(Effect.ignore(next))
          }
          loop.createTask(async () => {
            try {
              await loop.createFuture()
            } finally {
              await loop.sleep(5)
              log.push("task")
            }
          })
          yield* settle
        })
      )
      expect(log).toEqual(["task", "a", "b", "a returned", "b returned"])
    })
  )

  it.live(
    "asyncgens-004 a generator that was advanced once and dropped neither hangs the close nor reports",
    () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        const log: Array<string> = []
        yield* scoped(
          Effect.gen(function* () {
            const { next } = yield* pulling(
              fromAio(async function* () {
                try {
                  yield 1
                } finally {
                  log.push("finished")
                }
              })()
            )
            expect(yield* next).toEqual([1])
          }),
          { exceptionHandler }
        )
        expect(log).toEqual(["finished"])
        expect(reports).toEqual([])
      })
    }
  )

  it.live(
    "asyncgens-007 a body that fails while a task answers its cancel with an error: generators are finished",
    () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        const log: Array<string> = []
        const main = new Error("main")
        const other = new Error("other")
        const exit = yield* Effect.exit(
          scoped(
            Effect.gen(function* () {
              const loop = yield* Loop
              const numbers = fromAio(async function* () {
                try {
                  for (let n = 0; ; n++) {
                    yield n
                    await loop.sleep(1)
                  }
                } finally {
                  log.push("generator finished")
                }
              })
              const { next } = yield* pulling(numbers())
              yield* next
              loop.createTask(async () => {
                try {
                  await loop.createFuture()
                } catch {
                  log.push("task answers")
                  throw other
                }
              })
              yield* settle
              return yield* Effect.fail(main)
            }),
            { exceptionHandler }
          )
        )
        expect(failureOf(exit)).toBe(main)
        expect(log).toEqual(["task answers", "generator finished"])
        expect(reports).toMatchObject([{ kind: "late", exception: other }])
      })
    }
  )

  it.live("J4 a return() that fails is reported, once", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const boom = new Error("boom")
      const close = yield* scoped(
        Effect.gen(function* () {
          const source = {
            next: async () => ({ done: false, value: 1 }),
            return: () => Promise.reject(boom)
          } as unknown as AsyncIterator<number>
          const { close, next } = yield* pulling(fromAio(source))
          yield* next
          return close
        }),
        { exceptionHandler }
      )
      yield* close()
      expect(reports).toMatchObject([{ kind: "late", exception: boom }])
    })
  })

  it.live("S1 a Stream that is left while the loop closes, and the other way round", () =>
    Effect.gen(function* () {
      for (const first of ["scope", "loop"]) {
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open(), scope)
        const w = work(loop)
        const on = Effect.provideService(Loop, loop)
        const { close, next } = yield* on(pulling(fromAio(w.source)()))
        yield* on(next)
        const leaving = Effect.fork(on(close()))
        const closing = Effect.fork(Scope.close(scope, Exit.void))
        const fibers = first === "scope" ? [yield* leaving, yield* closing] : [yield* closing, yield* leaving]
        yield* settle
        expect(w.log).toEqual(["open", "cleans up"])
        w.cleanup.setResult()
        for (const fiber of fibers) yield* Fiber.join(fiber)
        expect(w.log).toEqual(["open", "cleans up", "cleaned up"])
      }
    })
  )

  it.live("S1 a return() that others have brought about is not cancelled by closing", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          async function* source() {
            try {
              yield 1
            } finally {
              await loop.sleep(5)
              log.push("cleaned up")
            }
          }
          const { next } = yield* pulling(fromAio(source)())
          yield* next
          for (const task of loop.allTasks()) task.cancel()
        })
      )
      expect(log).toEqual(["cleaned up"])
    })
  )

  it.live("C1 a crash ends it like a close; the crash is the cause of the LoopClosedError", () =>
    Effect.gen(function* () {
      const boom = new Error("boom")
      const log: Array<unknown> = []
      let exit: Exit.Exit<void, unknown> | undefined
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({
            exceptionHandler: (of, report) =>
              void (report.kind === "callback" && of.defaultExceptionHandler(report))
          })
          const w = work(loop)
          w.log.push = (...items) => log.push(...items)
          w.cleanup.setResult()
          const reading = Effect.provideService(Stream.runDrain(fromAio(w.source)()), Loop, loop)
          const fiber = yield* Effect.fork(Effect.exit(reading))
          yield* settle
          loop.callSoon(() => {
            throw boom
          })
          exit = yield* Fiber.join(fiber)
        })
      )
      expect(log).toEqual(["open", "waits", "cancelled", "cleans up, aborted", "cleaned up"])
      expect(exit === undefined ? undefined : failureOf(exit)).toMatchObject({
        _tag: "LoopClosedError",
        cause: { _tag: "LoopCrash", cause: boom }
      })
    })
  )

  for (const busy of [false, true]) {
    it.live(`C3 close() at once ${busy ? "while it is idle" : "while it reads"}: the pull fails`, () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({ exceptionHandler })
          const log: Array<string> = []
          const source = {
            next: () => (busy ? { done: false, value: 1 } : forever()),
            return: () => void log.push("return")
          } as unknown as AsyncIterator<number>
          const go = yield* Deferred.make<void>()
          const reading = Stream.runForEach(runAioGenerator(source), () => Deferred.await(go))
          const fiber = yield* Effect.fork(Effect.exit(Effect.provideService(reading, Loop, loop)))
          yield* settle
          loop.close()
          yield* settle
          yield* Deferred.succeed(go, undefined)
          expect(failureOf(yield* Fiber.join(fiber))).toBeInstanceOf(LoopClosedError)
          expect(log).toEqual(["return"])
          expect(reports).toEqual([])
        })
      )
    })
  }

  it.live("C3 what comes after close() is dropped, and the iterator returned", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open()
        const log: Array<string> = []
        let arrive = (_: unknown): void => {}
        const source = {
          next: () => new Promise((resolve) => (arrive = resolve)),
          return: () => void log.push("return")
        } as unknown as AsyncIterator<number>
        const reading = Effect.provideService(Stream.runDrain(runAioGenerator(source)), Loop, loop)
        const fiber = yield* Effect.fork(Effect.exit(reading))
        yield* settle
        loop.close()
        expect(failureOf(yield* Fiber.join(fiber))).toBeInstanceOf(LoopClosedError)
        expect(log).toEqual([])
        arrive({ done: false, value: 1 })
        yield* settle
        expect(log).toEqual(["return"])
        expect(loop.statistics().late).toBe(1)
      })
    )
  )
})

describe("shutdownAsyncIterators", () => {
  it.live("S1 returns idle ones, cancels pending ones, and the loop goes on", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const idle = work(loop)
        const reads = work(loop)
        idle.cleanup.setResult()
        reads.cleanup.setResult()
        const one = yield* pulling(fromAio(idle.source)())
        const two = yield* pulling(fromAio(reads.source)())
        yield* one.next
        yield* two.next
        const fiber = yield* Effect.fork(Effect.exit(two.next))
        yield* settle
        yield* fromAio(() => loop.shutdownAsyncIterators())()
        expect(idle.log).toEqual(["open", "cleans up", "cleaned up"])
        expect(reads.log).toEqual(["open", "waits", "cancelled", "cleans up, aborted", "cleaned up"])
        for (const exit of [yield* Fiber.join(fiber), yield* Effect.exit(one.next)]) {
          expect(failureOf(exit)).toMatchObject({
            _tag: "CancelledError",
            message: expect.stringContaining("shutdownAsyncIterators")
          })
        }
        expect(loop.statistics()).toMatchObject({ state: "running", tasks: 0, crossings: 0 })
        yield* one.close()
        yield* two.close()
      })
    )
  )

  it.live("J4 reports a return() that fails; the pull after it fails with CancelledError", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        const source = {
          next: async () => ({ done: false, value: 1 }),
          return: () => Promise.reject(boom)
        } as unknown as AsyncIterator<number>
        const { close, next } = yield* pulling(fromAio(source))
        yield* next
        yield* fromAio(() => loop.shutdownAsyncIterators())()
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
        expect(yield* Effect.flip(next)).toMatchObject({ _tag: "CancelledError" })
        yield* close()
        expect(reports).toHaveLength(1)
      }),
      { exceptionHandler }
    )
  })
})

describe("statistics", () => {
  it.live("counts an open iterator as a crossing and its task, until it has ended", () =>
    scoped(
      Effect.gen(function* () {
        const loop = track(yield* Loop)
        const w = work(loop)
        w.cleanup.setResult()
        const { close, next } = yield* pulling(fromAio(w.source)())
        yield* next
        expect(loop.statistics()).toMatchObject({ tasks: 1, crossings: 1 })
        yield* close()
        expect(loop.statistics()).toMatchObject({ tasks: 0, crossings: 0 })
      })
    )
  )
})
