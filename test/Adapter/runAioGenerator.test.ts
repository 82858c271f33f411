import { describe, expect, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { EventEmitter, on } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import { PassThrough, Readable } from "node:stream"
import { ReadableStream } from "node:stream/web"
import { Cause, Chunk, Effect, Exit, Fiber, FiberRef, Stream } from "effect"
import * as fc from "fast-check"
import {
  type AioError,
  CancelledError,
  currentFlavor,
  currentSignal,
  currentTask,
  fromAio,
  type Future,
  getRunningLoop,
  InvalidStateError,
  isCancelledError,
  Loop,
  LoopClosedError,
  QueueFullError,
  runAioGenerator,
  runEffect,
  type Task,
  toAio
} from "../../src/index.js"
import { collecting, scoped, settle } from "../support/scopedLoops.js"

/** The items of a Stream, in the chunks in which they came. */
const chunksOf = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.map(Stream.runCollect(Stream.chunks(stream)), (chunks) =>
    Chunk.toArray(chunks).map((chunk) => Chunk.toArray(chunk))
  )

const all = <A, E, R>(stream: Stream.Stream<A, E, R>) => Effect.map(Stream.runCollect(stream), Chunk.toArray)

const failureOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.failures(exit.cause))[0] : undefined

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

const item = <A>(value: A) => ({ done: false as const, value })
const end = { done: true as const, value: undefined }

/** An async generator of the numbers from 1 on, which logs what is done with it. */
const counting = (log: Array<unknown>, to = Infinity) =>
  async function* numbers(): AsyncGenerator<number> {
    log.push("open")
    try {
      for (let n = 1; n <= to; n++) {
        log.push(`next ${n}`)
        yield n
      }
    } finally {
      log.push("returning")
      await getRunningLoop().sleep(0)
      log.push("returned")
    }
  }

describe("an async iterable as a Stream", () => {
  it.live("J9 is read in the loop, in order, by one task that has its name", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const seen = new Set<unknown>()
        const look = (): void =>
          void seen
            .add(currentTask())
            .add(currentFlavor())
            .add(currentSignal())
            .add(getRunningLoop() === loop)
        async function* numbers() {
          try {
            for (let n = 1; n <= 3; n++) {
              look()
              yield n
              look()
              await loop.sleep(1)
              look()
            }
          } finally {
            look()
          }
        }
        const stream = fromAio(numbers)()
        expect(yield* all(stream)).toEqual([1, 2, 3])
        const [task, ...others] = [...seen]
        expect((task as Task<unknown>).getName()).toBe("numbers")
        expect(others).toEqual(["aio", (task as Task<unknown>).signal, true])
        expect(loop.statistics()).toMatchObject({ tasks: 0, crossings: 0, late: 0 })
      })
    )
  )

  it.live(
    "J9 a function is called when the Stream runs, once for each run, with its arguments and this",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          class Db {
            readonly name = "db"
            readonly rows = fromAio(async function* (this: Db, from: number, to: number) {
              log.push(`${this.name} ${from}`)
              for (let n = from; n <= to; n++) yield n
            })
          }
          const stream = new Db().rows(1, 2)
          log.push("built")
          expect(yield* all(stream)).toEqual([1, 2])
          expect(yield* all(stream)).toEqual([1, 2])
          expect(log).toEqual(["built", "db 1", "db 1"])
        })
      )
  )

  it.live("J10 runAioGenerator calls its function with the reading task", () =>
    scoped(
      Effect.gen(function* () {
        const tasks: Array<unknown> = []
        const stream = runAioGenerator(
          (task) => {
            tasks.push(currentTask() === task, task.getName())
            return counting([], 2)()
          },
          { name: "two" }
        )
        expect(yield* all(stream)).toEqual([1, 2])
        expect(tasks).toEqual([true, "two"])
      })
    )
  )

  it.live("a plain function that gives an iterable is a Stream, and an Effect all the same", () =>
    scoped(
      Effect.gen(function* () {
        const inner = { [Symbol.asyncIterator]: () => counting([], 2)() }
        const call = fromAio(() => inner)
        expect(yield* all(call())).toEqual([1, 2])
        expect(yield* all(call)).toEqual([1, 2])
        expect(yield* call() as unknown as Effect.Effect<unknown, never, Loop>).toBe(inner)
        // Every Effect is a Stream of one item.
        expect(yield* all(fromAio(async (n: number) => n)(7))).toEqual([7])
        expect(
          yield* all(
            fromAio(function* () {
              return yield* getRunningLoop().sleep(1, "generator")
            })()
          )
        ).toEqual(["generator"])
        const failing = fromAio(async () => Promise.reject(new Error("no")))
        expect(failureOf(yield* Effect.exit(all(failing())))).toMatchObject({ _tag: "AioError" })
        expect(yield* Effect.flip(failing())).toMatchObject({ _tag: "AioError" })
      })
    )
  )

  it.live("reads one item per pull: take(n) never pulls an item too many, and waits for return()", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        expect(yield* all(Stream.take(fromAio(counting(log))(), 2))).toEqual([1, 2])
        log.push("ended")
        expect(log).toEqual(["open", "next 1", "next 2", "returning", "returned", "ended"])
      })
    )
  )

  it.live("calls no return() on an iterator that has ended, and drops what a generator returns", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        let n = 0
        const stream = fromAio({
          next: async () => (n++ < 2 ? item(n) : { done: true as const, value: "dropped" }),
          return: async () => {
            log.push("return")
            return end
          }
        })
        expect(yield* all(stream)).toEqual([1, 2])
        expect(log).toEqual([])
      })
    )
  )

  it.live("takes bare iterators, without return() too, and answers that are no promises", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        let n = 0
        const plain = { next: () => (n++ < 3 ? item(n) : end) } as unknown as AsyncIterator<number>
        expect(yield* all(Stream.take(runAioGenerator(plain), 2))).toEqual([1, 2])
        let m = 0
        const futures = {
          next: () => (m++ < 3 ? loop.sleep(1, item(m)) : loop.sleep(0, end)),
          [Symbol.asyncIterator]() {
            return this
          }
        } as unknown as AsyncIterable<number>
        expect(yield* chunksOf(runAioGenerator(futures))).toEqual([[1], [2], [3]])
      })
    )
  )

  it.live("T6 L5 a generator sees the fiber that started the Stream, and its async-local state", () =>
    scoped(
      Effect.gen(function* () {
        const als = new AsyncLocalStorage<string>()
        const ref = FiberRef.unsafeMake("unset")
        const seen: Array<unknown> = []
        async function* look() {
          for (let n = 0; n < 2; n++) {
            seen.push(als.getStore(), await runEffect(FiberRef.get(ref)))
            yield n
            await getRunningLoop().sleep(1)
          }
        }
        const reading = Effect.locally(all(fromAio(look)()), ref, "callers")
        const loop = yield* Loop
        const fiber = als.run("callers", () => Effect.runFork(Effect.provideService(reading, Loop, loop)))
        expect(yield* Fiber.join(fiber)).toEqual([0, 1])
        expect(seen).toEqual(["callers", "callers", "callers", "callers"])
      })
    )
  )

  it.live("delivers 100,000 items, in chunks and one by one", () =>
    scoped(
      Effect.gen(function* () {
        const N = 100_000
        async function* numbers() {
          for (let n = 0; n < N; n++) yield n
        }
        const sum = (stream: Stream.Stream<number, unknown, Loop>) =>
          Stream.runFold(stream, 0, (total, n) => total + n)
        expect(yield* sum(fromAio(numbers)())).toBe((N * (N - 1)) / 2)
        expect(yield* sum(fromAio(numbers, { chunkSize: 512 })())).toBe((N * (N - 1)) / 2)
        let n = 0
        const sync = { next: () => (n < N ? item(n++) : end) } as unknown as AsyncIterator<number>
        const [chunk = []] = yield* chunksOf(runAioGenerator(sync, { chunkSize: N }))
        expect(chunk.length).toBe(N)
      })
    )
  )
})

describe("an async iterable that fails", () => {
  it.live("J3 fails the Stream with AioError, after its items, and gets no return(); that is all", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const log: Array<unknown> = []
        let n = 0
        const source: AsyncIterator<number> = {
          next: async () => {
            if (n++ < 2) return item(n)
            throw boom
          },
          return: async () => {
            log.push("return")
            return end
          }
        }
        const exit = yield* Effect.exit(
          Stream.runForEach(fromAio(source, { name: "source" }), (m) => Effect.sync(() => log.push(m)))
        )
        expect(failureOf(exit)).toMatchObject({ _tag: "AioError", cause: boom, task: "source" })
        expect(log).toEqual([1, 2])
        expect(reports).toEqual([])
      }),
      { exceptionHandler }
    )
  })

  it.live("J3 maps errors with catch, of iterables and of { try, catch }", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        async function* fails(): AsyncGenerator<number> {
          throw boom
        }
        const mapped = (error: unknown) => ({ mapped: error })
        expect(yield* Effect.flip(all(fromAio(fails(), { catch: mapped })))).toEqual({ mapped: boom })
        expect(yield* Effect.flip(all(fromAio({ try: fails, catch: mapped })()))).toEqual({ mapped: boom })
        expect(yield* Effect.flip(all(runAioGenerator(fails, { catch: mapped })))).toEqual({ mapped: boom })
        const opening = () => {
          throw boom
        }
        expect(yield* Effect.flip(all(runAioGenerator(opening, { catch: mapped })))).toEqual({
          mapped: boom
        })
        const sync = { next: opening }
        expect(yield* Effect.flip(all(runAioGenerator(sync, { catch: mapped })))).toEqual({ mapped: boom })
      })
    )
  )

  it.live("J8 an error that comes back to aio code is the same object", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")

        const iterable = yield* toAio(
          fromAio(async function* (): AsyncGenerator<number> {
            throw boom
          })()
        )
        const caught = yield* fromAio(async () => {
          try {
            for await (const _ of iterable);
          } catch (error) {
            return error
          }
        })()
        expect(caught).toBe(boom)
      })
    )
  )

  it.live("J3 a CancelledError that nobody asked for is the Stream's failure", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        async function* numbers() {
          yield 1
          const future = loop.createFuture<number>()
          loop.callSoon(() => future.cancel("by others"))
          yield await future
        }
        const error = yield* Effect.flip(all(fromAio(numbers)()))
        expect(isCancelledError(error) && error.reason).toBe("by others")
      })
    )
  )

  it.live("J4 a return() that rejects is a defect of the Stream's end, and reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        async function* numbers() {
          try {
            for (let n = 0; ; n++) yield n
          } finally {
            // eslint-disable-next-line no-unsafe-finally
            throw boom
          }
        }
        const stream = fromAio(numbers)()
        expect(defectsOf(yield* Effect.exit(all(Stream.take(stream, 2))))).toEqual([boom])
        const throwing = {
          next: async () => item(1),
          return: () => {
            throw boom
          }
        }
        expect(defectsOf(yield* Effect.exit(all(Stream.take(fromAio(throwing), 1))))).toEqual([boom])
        expect(reports.splice(0)).toHaveLength(2)
        // Effect drops the Cause of what these have left.
        const drops = [
          Stream.flatMap(Stream.make(1, 2), () => stream),
          Stream.flatMap(stream, () => stream),
          Stream.catchAll(
            Stream.flatMap(stream, () => Stream.fail("no")),
            () => Stream.make(0, 1)
          )
        ]
        for (const dropping of drops) {
          expect(yield* all(Stream.take(dropping, 2))).toEqual([0, 1])
          expect(new Set(reports.splice(0).map(({ exception, kind }) => [kind, exception].join()))).toEqual(
            new Set(["late,Error: boom"])
          )
        }
      }),
      { exceptionHandler }
    )
  })

  const violations: ReadonlyArray<readonly [string, object, string]> = [
    ["an iterator that is none", { [Symbol.asyncIterator]: () => 7 }, "gave 7, which is no iterator"],
    ["an iterator without next()", { [Symbol.asyncIterator]: () => ({}) }, "it has no next()"],
    ["a result that is none", { next: () => 7 }, "next() of it gave 7, which is no iterator result"],
    ["a promise of a result that is none", { next: async () => undefined }, "gave undefined"],
    ["a done Future of one", { next: () => getRunningLoop().createTask(() => 7) }, "gave 7"]
  ]
  for (const [what, source, message] of violations) {
    it.live(`${what}: a TypeError that names the iterable, and nothing is left registered`, () =>
      scoped(
        Effect.gen(function* () {
          const error = yield* Effect.flip(all(fromAio(source as AsyncIterable<never>, { name: "it" })))
          const { cause } = error as AioError
          expect(cause).toBeInstanceOf(TypeError)
          expect(String(cause)).toContain(message)
          expect(String(cause)).toContain("it")
          expect(yield* Loop.statistics).toMatchObject({ tasks: 0, crossings: 0 })
        })
      )
    )
  }

  it.live("a getter of a result that throws is a failed next()", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const result = {
          get done(): boolean {
            throw boom
          }
        }
        const source = { next: async () => result } as unknown as AsyncIterator<number>
        expect(yield* Effect.flip(all(fromAio(source)))).toMatchObject({ cause: boom })
      })
    )
  )

  it("B2 what is no async iterable is a TypeError at once", () => {
    expect(() => runAioGenerator(7 as never)).toThrow(/not 7/)
    expect(() => runAioGenerator([1] as never)).toThrow(/sync iterable: use Stream.fromIterable/)
    expect(() => runAioGenerator({ next: 1 } as never)).toThrow(TypeError)
    expect(() => fromAio({ [Symbol.asyncIterator]: 1 } as never)).toThrow(TypeError)
    expect(() => fromAio([1][Symbol.iterator]() as never)).toThrow(TypeError)
  })

  it("B2 chunkSize is a whole number from 1 on", () => {
    for (const chunkSize of [0, -1, 1.5, NaN, Infinity, "2" as never]) {
      expect(() => fromAio(counting([])(), { chunkSize })).toThrow(RangeError)
      expect(() => fromAio(counting([]), { chunkSize })).toThrow(/chunkSize is a whole number/)
      expect(() => runAioGenerator(counting([]), { chunkSize })).toThrow(RangeError)
    }
  })

  it.live("a function that gives no iterable fails the Stream, and an Effect is a mistake", () =>
    scoped(
      Effect.gen(function* () {
        const error = yield* Effect.flip(all(runAioGenerator((() => [1]) as never, { name: "list" })))
        expect(error).toMatchObject({
          cause: { message: expect.stringMatching(/^list is to give an async iterable.*fromIterable/) }
        })
        const exit = yield* Effect.exit(all(runAioGenerator((() => Effect.void) as never)))
        expect(defectsOf(exit)).toMatchObject([{ message: expect.stringContaining("returned an Effect") }])
      })
    )
  )
})

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

describe("chunks", () => {
  it.live("chunkSize reads on while items come without waiting, and keeps the next() that waits", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const gate = loop.createFuture<void>()
        const calls: Array<string> = []
        async function* numbers() {
          for (let n = 1; n <= 7; n++) {
            if (n === 5) {
              calls.push("waits")
              await gate
            }
            yield n
          }
        }
        const log: Array<unknown> = []
        const fiber = yield* Effect.fork(
          Stream.runForEachChunk(fromAio(numbers, { chunkSize: 3 })(), (chunk) =>
            Effect.sync(() => log.push(Chunk.toArray(chunk)))
          )
        )
        yield* settle
        expect(log).toEqual([[1, 2, 3], [4]])
        expect(calls).toEqual(["waits"])
        gate.setResult()
        yield* Fiber.join(fiber)
        expect(log).toEqual([[1, 2, 3], [4], [5, 6, 7]])
      })
    )
  )

  it.live("delivers what came before an error, and then the error", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const log: Array<unknown> = []
        async function* numbers() {
          yield 1
          yield 2
          throw boom
        }
        const exit = yield* Effect.exit(
          Stream.runForEachChunk(fromAio(numbers, { chunkSize: 8 })(), (chunk) =>
            Effect.sync(() => log.push(Chunk.toArray(chunk)))
          )
        )
        expect(log).toEqual([[1, 2]])
        expect(failureOf(exit)).toMatchObject({ cause: boom })
      })
    )
  )

  it.live("J4 an error that was read ahead, and that nobody comes to, is reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        async function* numbers() {
          yield 1
          throw boom
        }
        expect(yield* all(Stream.take(fromAio(numbers, { chunkSize: 8 })(), 1))).toEqual([1])
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 a next() that was read ahead and fails when it is cancelled is a defect, and reported", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Error("boom")
        async function* numbers() {
          yield 1
          try {
            await loop.createFuture()
          } catch {
            throw boom
          }
        }
        const exit = yield* Effect.exit(all(Stream.take(fromAio(numbers, { chunkSize: 8 })(), 1)))
        expect(defectsOf(exit)).toEqual([boom])
        expect(reports).toMatchObject([{ kind: "late", exception: boom }])
      }),
      { exceptionHandler }
    )
  })

  it.live("what was read ahead is not read on from before it is asked for", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const gate = loop.createFuture<void>()
        const log: Array<string> = []
        async function* numbers() {
          for (let n = 1; n <= 4; n++) {
            if (n === 2) await gate
            log.push(`next ${n}`)
            yield n
          }
        }
        const go = loop.createFuture<void>()
        const fiber = yield* Effect.fork(
          Stream.runForEachChunk(fromAio(numbers, { chunkSize: 3 })(), (chunk) =>
            Effect.zipRight(
              Effect.sync(() => log.push(`chunk of ${chunk.length}`)),
              fromAio(go)
            )
          )
        )
        yield* settle
        gate.setResult()
        yield* settle
        expect(log).toEqual(["next 1", "chunk of 1", "next 2"])
        go.setResult()
        yield* Fiber.join(fiber)
        expect(log).toEqual([
          ...["next 1", "chunk of 1", "next 2", "chunk of 1"],
          ...["next 3", "next 4", "chunk of 2"]
        ])
      })
    )
  )

  it.live("no item is read that nobody has asked for, whatever an iterator answers with", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const done = (result: IteratorResult<number>): Future<IteratorResult<number>> => {
          const future = loop.createFuture<IteratorResult<number>>()
          future.setResult(result)
          return future
        }
        const answers = [done, (result: unknown) => result, (result: unknown) => Promise.resolve(result)]
        for (const answer of answers) {
          let calls = 0
          const source = { next: () => answer(item(++calls)) } as unknown as AsyncIterator<number>
          expect(yield* all(Stream.take(runAioGenerator(source), 2))).toEqual([1, 2])
          expect(calls).toBe(2)
        }
      })
    )
  )

  it.live("J4 leaving with a next() that was read ahead cancels it, waits, and then calls return()", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        async function* numbers() {
          try {
            yield 1
            await loop.createFuture()
          } catch (error) {
            log.push(isCancelledError(error) ? "cancelled" : "?")
            throw error
          } finally {
            await loop.sleep(1)
            log.push("returned")
          }
        }
        expect(yield* all(Stream.take(fromAio(numbers, { chunkSize: 8 })(), 1))).toEqual([1])
        expect(log).toEqual(["cancelled", "returned"])
      })
    )
  )

  it.live("an iterator that answers with done Futures is read in chunks where chunkSize says so", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const source = (): AsyncIterator<number> => {
          let n = 0
          const next = (): Future<IteratorResult<number>> => {
            const future = loop.createFuture<IteratorResult<number>>()
            future.setResult(n++ < 3 ? item(n) : end)
            return future
          }
          return { next } as unknown as AsyncIterator<number>
        }
        expect(yield* chunksOf(runAioGenerator(source))).toEqual([[1], [2], [3]])
        expect(yield* chunksOf(runAioGenerator(source, { chunkSize: 2 }))).toEqual([[1, 2], [3]])
      })
    )
  )

  it.live("gives the items in order for every timing, chunkSize and take", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const runtime = yield* Effect.runtime<Loop>()
        const waits = fc.constantFrom("none", "promise", "pass", "macrotask")
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(
              fc.array(waits, { maxLength: 12 }),
              fc.integer({ min: 1, max: 5 }),
              fc.integer({ min: 1, max: 14 }),
              async (items, chunkSize, taken) => {
                let open = 0
                async function* source() {
                  open++
                  try {
                    for (const [n, wait] of items.entries()) {
                      if (wait === "promise") await Promise.resolve()
                      else if (wait === "pass") await loop.sleep(0)
                      else if (wait === "macrotask") await new Promise((resolve) => setImmediate(resolve))
                      yield n
                    }
                  } finally {
                    open--
                  }
                }
                const stream = Stream.take(fromAio(source, { chunkSize })(), taken)
                const got = await Effect.runPromise(Effect.provide(all(stream), runtime))
                expect(got).toEqual(items.map((_, n) => n).slice(0, taken))
                expect(open).toBe(0)
                expect(loop.statistics()).toMatchObject({ tasks: 0, crossings: 0 })
              }
            ),
            { numRuns: 60 }
          )
        )
      })
    )
  )
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

describe("a loop that takes no more", () => {
  it.live("S4 a closed loop fails the Stream with LoopClosedError, and calls nothing", () =>
    Effect.gen(function* () {
      const log: Array<unknown> = []
      const loop = yield* scoped(Loop)
      const reading = Effect.provideService(all(fromAio(counting(log))()), Loop, loop)
      expect(yield* Effect.flip(reading)).toBeInstanceOf(LoopClosedError)
      expect(log).toEqual([])
    })
  )

  it.live("a full queue fails the Stream with QueueFullError", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const error = yield* Effect.async<unknown>((resume) => {
          loop.callSoon(() => {
            for (let n = 0; n < 2; n++) loop.callSoon(() => {})
            const fiber = Effect.runFork(
              Effect.provideService(Effect.flip(all(fromAio(counting(log))())), Loop, loop)
            )
            fiber.addObserver((exit) => resume(Effect.succeed(Exit.isSuccess(exit) ? exit.value : exit)))
          })
        })
        expect(error).toBeInstanceOf(QueueFullError)
        expect(log).toEqual([])
      }),
      { queueLength: 2 }
    )
  )

  it.live("C3 a loop that is stopped while a Stream is pulled says so; an idle one is no news", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const hold = loop.createFuture<void>()
        const fiber = yield* Effect.fork(Stream.runForEach(fromAio(counting([], 2))(), () => Effect.never))
        yield* settle
        loop.stop()
        yield* settle
        expect(reports).toEqual([])
        const waits = yield* Effect.fork(
          all(
            fromAio(async function* () {
              yield await hold
            })()
          )
        )
        yield* settle
        loop.stop()
        yield* settle
        expect(reports).toMatchObject([{ kind: "leftover", message: expect.stringContaining("(1)") }])
        yield* Fiber.interrupt(fiber)
        yield* Fiber.interrupt(waits)
      }),
      { exceptionHandler }
    )
  })

  it.live("asyncContext: false reads as well, with the task current in every synchronous part", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        async function* numbers() {
          try {
            for (let n = 1; n <= 3; n++) {
              log.push(currentTask()?.getName())
              yield n
            }
          } finally {
            log.push(`finally ${currentTask()?.getName()}`)
          }
        }
        expect(yield* all(Stream.take(fromAio(numbers, { chunkSize: 2 })(), 3))).toEqual([1, 2, 3])
        expect(log).toEqual(["numbers", "numbers", "numbers", "finally numbers"])
      }),
      { asyncContext: false }
    )
  )
})

describe("the border around it", () => {
  it.live("toAio takes a Stream of fromAio back to aio", () =>
    scoped(
      Effect.gen(function* () {
        for (const stream of [fromAio(counting([], 3))(), fromAio(counting([], 3))]) {
          const iterable = yield* toAio(stream)
          const got = yield* fromAio(async () => {
            const items: Array<number> = []
            for await (const n of iterable) items.push(n)
            return items
          })()
          expect(got).toEqual([1, 2, 3])
        }
      })
    )
  )

  it.live("Streams merge, zip and flatMap, and each iterator is returned", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const logged = fromAio(async function* (name: string, items: number) {
          try {
            for (let n = 0; n < items; n++) {
              await getRunningLoop().sleep(1)
              yield `${name}${n}`
            }
          } finally {
            log.push(name)
          }
        })
        const merged = Stream.take(Stream.merge(logged("a", 5), logged("b", 5)), 3)
        expect(yield* all(merged)).toHaveLength(3)
        expect(log.sort()).toEqual(["a", "b"])
        log.length = 0
        expect(yield* all(Stream.zip(logged("a", 2), logged("b", 9)))).toEqual([
          ["a0", "b0"],
          ["a1", "b1"]
        ])
        expect(log.sort()).toEqual(["a", "b"])
        log.length = 0
        const nested = Stream.flatMap(logged("a", 2), (name) => logged(name, 1))
        expect(yield* all(nested)).toEqual(["a00", "a10"])
        expect(log).toEqual(["a0", "a1", "a"])
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
