/** Each kind of iterable that a Stream can be made of: how it is read, ended and closed. */
import { describe, expect, it } from "@effect/vitest"
import { EventEmitter, on } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { PassThrough, Readable } from "node:stream"
import { ReadableStream } from "node:stream/web"
import { Cause, Chunk, Effect, Exit, Fiber, Stream } from "effect"
import {
  CancelledError,
  currentSignal,
  fromAio,
  InvalidStateError,
  isCancelledError,
  Loop,
  runAioGenerator
} from "../../../src/index.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"
import { all, counting, defectsOf, end, failureOf } from "../../support/streams.js"

describe("how often a Stream can be run", () => {
  it.live("an iterable that makes iterators can be run again", () =>
    scoped(
      Effect.gen(function* () {
        const stream = fromAio({ [Symbol.asyncIterator]: () => counting([], 2)() })
        expect(yield* all(stream)).toEqual([1, 2])
        expect(yield* all(stream)).toEqual([1, 2])
      })
    )
  )

  const once: ReadonlyArray<readonly [string, () => AsyncIterable<number> | AsyncIterator<number>]> = [
    ["a generator", () => counting([], 2)()],
    ["a bare iterator", () => ({ next: async () => end })],
    ["a Readable", () => Readable.from([1, 2])],
    ["a ReadableStream", () => ReadableStream.from([1, 2]) as AsyncIterable<number>]
  ]
  for (const [what, make] of once) {
    it.live(`${what} can be run once: the second run dies, and says what to do`, () =>
      scoped(
        Effect.gen(function* () {
          const stream = fromAio(make(), { catch: () => "not mapped" })
          yield* all(stream)
          const [defect] = defectsOf(yield* Effect.exit(all(stream)))
          expect(defect).toBeInstanceOf(InvalidStateError)
          expect(String(defect)).toMatch(/only once.*runAioGenerator\(\(\) => \.\.\.\)/)
          expect(yield* Loop.statistics).toMatchObject({ tasks: 0, crossings: 0 })
        })
      )
    )
  }
})

describe("Node's streams", () => {
  const withFile = <A, E, R>(use: (file: string) => Effect.Effect<A, E, R>) =>
    Effect.acquireUseRelease(
      Effect.sync(() => {
        const dir = fs.mkdtempSync(path.join(os.tmpdir(), "effect-aio-"))
        const file = path.join(dir, "data")
        fs.writeFileSync(file, Buffer.alloc(300_000, "x"))
        return file
      }),
      use,
      (file) => Effect.sync(() => fs.rmSync(path.dirname(file), { recursive: true }))
    )

  it.live("a file is read to its end", () =>
    withFile((file) =>
      scoped(
        Effect.gen(function* () {
          const bytes = yield* Stream.runFold(
            fromAio(fs.createReadStream(file) as AsyncIterable<Buffer>),
            0,
            (total, chunk) => total + chunk.length
          )
          expect(bytes).toBe(300_000)
        })
      )
    )
  )

  it.live("a file that is left early is destroyed and its fd closed before the Stream has ended", () =>
    withFile((file) =>
      scoped(
        Effect.gen(function* () {
          const stream = fs.createReadStream(file, { highWaterMark: 1024 })
          yield* Stream.runDrain(Stream.take(fromAio(stream as AsyncIterable<Buffer>), 2))
          expect(stream.destroyed).toBe(true)
          expect(stream.closed).toBe(true)
          expect((stream as unknown as { fd: number | null }).fd).toBe(null)
        })
      )
    )
  )

  it.live("an error is the Stream's failure", () =>
    scoped(
      Effect.gen(function* () {
        const error = yield* Effect.flip(all(fromAio(fs.createReadStream("/nowhere/at/all"))))
        expect(error).toMatchObject({ _tag: "AioError", cause: { code: "ENOENT" } })
      })
    )
  )

  it.live("J1 interrupting a pending read destroys the Readable, and waits until it is closed", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const stream = new Readable({
          read() {},
          destroy(error, done) {
            log.push(isCancelledError(error) ? "destroy" : "?")
            setImmediate(() => {
              log.push("destroyed")
              done(error)
            })
          }
        })
        const fiber = yield* Effect.fork(all(fromAio(stream as AsyncIterable<Buffer>)))
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        log.push("fiber ended")
        expect(Exit.isInterrupted(exit) && defectsOf(exit)).toEqual([])
        expect(log).toEqual(["destroy", "destroyed", "fiber ended"])
        expect(stream.closed).toBe(true)
      })
    )
  )

  it.live("what a Readable holds comes as one chunk", () =>
    scoped(
      Effect.gen(function* () {
        const objects = new Readable({ objectMode: true, read() {} })
        for (let n = 1; n <= 4; n++) objects.push(n)
        const log: Array<unknown> = []
        const fiber = yield* Effect.fork(
          Stream.runForEachChunk(fromAio(objects as AsyncIterable<number>), (chunk) =>
            Effect.sync(() => log.push(Chunk.toArray(chunk)))
          )
        )
        yield* settle
        expect(log).toEqual([[1, 2, 3, 4]])
        objects.push(5)
        yield* settle
        expect(log).toEqual([[1, 2, 3, 4], [5]])
        objects.push(6)
        objects.push(7)
        objects.push(null)
        yield* Fiber.join(fiber)
        expect(log).toEqual([[1, 2, 3, 4], [5], [6, 7]])
      })
    )
  )

  it.live("a Readable whose close never says so does not keep the Stream", () =>
    scoped(
      Effect.gen(function* () {
        const silent = new Readable({
          objectMode: true,
          emitClose: false,
          read() {},
          destroy: (error, done) => void setImmediate(() => done(error))
        })
        silent.push(1)
        expect(yield* all(Stream.take(fromAio(silent as AsyncIterable<number>), 1))).toEqual([1])
        expect(silent.destroyed).toBe(true)
      })
    )
  )
})

describe("web streams", () => {
  const source = (log: Array<unknown>, items: number) => {
    let n = 0
    return new ReadableStream<number>(
      {
        pull: (controller) => {
          if (n < items) controller.enqueue(++n)
          else return new Promise(() => {})
        },
        cancel: async (reason) => {
          log.push(reason instanceof CancelledError ? "cancel: cancelled" : "cancel")
          await new Promise((resolve) => setImmediate(resolve))
          log.push("cancelled")
        }
      },
      { highWaterMark: 0 }
    )
  }

  it.live("a ReadableStream is cancelled when it is left, that is awaited, and the lock released", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const stream = source(log, 3)
        expect(yield* all(Stream.take(fromAio(stream), 2))).toEqual([1, 2])
        log.push("ended")
        expect(log).toEqual(["cancel", "cancelled", "ended"])
        expect(stream.locked).toBe(false)
      })
    )
  )

  it.live("J1 interrupting a pending read cancels it, that is awaited, and the lock released", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const stream = source(log, 1)
        const fiber = yield* Effect.fork(all(fromAio(stream)))
        yield* settle
        yield* Fiber.interrupt(fiber)
        log.push("fiber ended")
        expect(log).toEqual(["cancel: cancelled", "cancelled", "fiber ended"])
        expect(stream.locked).toBe(false)
      })
    )
  )

  it.live("the lock is released at its end and when it fails; a locked one fails", () =>
    scoped(
      Effect.gen(function* () {
        const ends = ReadableStream.from([1, 2]) as ReadableStream<number>
        expect(yield* all(fromAio(ends))).toEqual([1, 2])
        expect(ends.locked).toBe(false)
        const boom = new Error("boom")
        const fails = new ReadableStream<number>({ start: (controller) => controller.error(boom) })
        expect(yield* Effect.flip(all(fromAio(fails)))).toMatchObject({ cause: boom })
        expect(fails.locked).toBe(false)
        const locked = source([], 1)
        locked.getReader()
        expect(yield* Effect.flip(all(fromAio(locked)))).toMatchObject({ _tag: "AioError" })
      })
    )
  )

  it.live("J1 J3 a source that fails because the signal was aborted is only cancelled, read or not", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const stream = runAioGenerator(({ signal }) => {
          const aborted = new DOMException("aborted", "AbortError")
          return new ReadableStream<number>({
            start: (controller) => {
              controller.enqueue(1)
              signal.addEventListener("abort", () => controller.error(aborted))
            }
          })
        })
        const fiber = yield* Effect.fork(all(stream))
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit) && defectsOf(exit)).toEqual([])
        const cancels = Stream.tap(stream, () =>
          Effect.sync(() => loop.allTasks().forEach((t) => t.cancel()))
        )
        expect(failureOf(yield* Effect.exit(all(cancels)))).toBeInstanceOf(CancelledError)
        expect(reports).toEqual([])
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 a cancel() of the source that fails is a defect, and reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const failing = () =>
          new ReadableStream<number>({
            start: (controller) => controller.enqueue(1),
            cancel: () => Promise.reject(boom)
          })
        expect(defectsOf(yield* Effect.exit(all(Stream.take(fromAio(failing()), 1))))).toEqual([boom])
        expect(reports.splice(0)).toMatchObject([{ kind: "late", exception: boom }])
        const fiber = yield* Effect.fork(all(fromAio(failing())))
        yield* settle
        expect(defectsOf(yield* Fiber.interrupt(fiber))).toEqual([boom])
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
      }),
      { exceptionHandler }
    )
  })
})

describe("iterators with a signal", () => {
  it.live("J1 events.on gets the task's signal, and has no listener left when the fiber ends", () =>
    scoped(
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const stream = runAioGenerator(
          ({ signal }) => on(emitter, "item", { signal }) as AsyncIterable<[number]>
        )
        const log: Array<unknown> = []
        const fiber = yield* Effect.fork(Stream.runForEach(stream, ([n]) => Effect.sync(() => log.push(n))))
        yield* settle
        emitter.emit("item", 1)
        emitter.emit("item", 2)
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit) && defectsOf(exit)).toEqual([])
        expect(log).toEqual([1, 2])
        expect(emitter.listenerCount("item") + emitter.listenerCount("error")).toBe(0)
      })
    )
  )
})

describe("iterators whose return() ends a next() that waits", () => {
  it.live("J1 events.on without a signal is ended by interruption, and its listeners are gone", () =>
    scoped(
      Effect.gen(function* () {
        const emitter = new EventEmitter()
        const seen: Array<unknown> = []
        const fiber = yield* Effect.fork(
          Stream.runForEach(fromAio(on(emitter, "x")), (args) => Effect.sync(() => void seen.push(args)))
        )
        yield* Effect.promise(async () => {
          while (emitter.listenerCount("x") === 0) await new Promise((resolve) => setImmediate(resolve))
        })
        emitter.emit("x", 1)
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isInterrupted(exit)).toBe(true)
        expect(seen).toEqual([[1]])
        expect(emitter.listenerCount("x") + emitter.listenerCount("error")).toBe(0)
      })
    )
  )

  it.live("J1 a readline interface without a signal is closed by interruption", () =>
    scoped(
      Effect.gen(function* () {
        const input = new PassThrough()
        const lines = createInterface({ input })
        const seen: Array<string> = []
        const fiber = yield* Effect.fork(
          Stream.runForEach(fromAio(lines), (line) => Effect.sync(() => void seen.push(line)))
        )
        // What comes before it is listened to, readline drops.
        yield* settle
        input.write("one\ntwo\n")
        yield* Effect.promise(async () => {
          while (seen.length < 2) await new Promise((resolve) => setImmediate(resolve))
        })
        yield* Fiber.interrupt(fiber)
        expect(seen).toEqual(["one", "two"])
      })
    )
  )

  /** Waits in `next()` until `return()` is called, or `heed` says that the signal is enough. */
  const waiting = (log: Array<string>, heed: boolean, end: () => Promise<void>): AsyncIterator<number> => {
    let answer = (_: IteratorResult<number, undefined>): void => {}
    return {
      next: () =>
        new Promise((resolve, reject) => {
          log.push("next")
          answer = resolve
          const signal = currentSignal()
          if (heed) signal?.addEventListener("abort", () => reject(signal.reason))
        }),
      return: async () => {
        log.push("return")
        answer({ done: true, value: undefined })
        await end()
        log.push("returned")
        return { done: true, value: undefined }
      }
    }
  }
  const interruptReading = (log: Array<string>, heed: boolean, end: () => Promise<void>) =>
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Stream.runDrain(fromAio(waiting(log, heed, end))))
      yield* settle
      const exit = yield* Fiber.interrupt(fiber)
      log.push("fiber ended")
      return exit
    })

  for (const heed of [true, false]) {
    it.live(
      `J1 return() is called once and waited for${heed ? ", also where next() heeds its signal" : ""}`,
      () =>
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const log: Array<string> = []
            const exit = yield* interruptReading(log, heed, () => Promise.resolve(loop.sleep(5)))
            expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
            expect(log).toEqual(["next", "return", "returned", "fiber ended"])
          })
        )
    )
  }

  it.live("J4 such a return() that rejects is a defect, and reported", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    return scoped(
      Effect.gen(function* () {
        const exit = yield* interruptReading([], false, () => Promise.reject(boom))
        expect(defectsOf(exit)).toContain(boom)
        expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
      }),
      { exceptionHandler }
    )
  })
})
