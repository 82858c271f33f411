/** How many items one pull takes. */
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Stream } from "effect"
import * as fc from "fast-check"
import { Pump } from "../../../src/Adapter/reading/Pump.js"
import { Source } from "../../../src/Adapter/reading/Source.js"
import { joinAlways } from "../../../src/Adapter/task/options.js"
import {
  currentTask,
  fromAio,
  type Future,
  getRunningLoop,
  isCancelledError,
  Loop,
  runAioGenerator
} from "../../../src/index.js"
import { keepFiberShapes } from "../../../src/Loop/fiber/shapes.js"
import { haveSameLayout, isKept, madeAlready } from "../../support/layout.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"
import { all, chunksOf, defectsOf, end, failureOf, item } from "../../support/streams.js"
import { perLine } from "../../support/effect/line.js"

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
        const exit = yield* Effect.exit(all(Stream.take(fromAio(numbers, { chunkSize: 8 })(), 1)))
        expect(Exit.isSuccess(exit) ? exit.value : defectsOf(exit)).toEqual(
          perLine("E6", { 3: [1], 4: [boom] })
        )
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

describe("a pull", () => {
  it.live("L1 calls next() at once where the loop is idle, and after what is queued where it is not", () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<unknown> = []
          async function* numbers() {
            for (let n = 1; ; n++) {
              log.push(n, getRunningLoop() === loop, currentTask() !== undefined)
              await Promise.resolve()
              yield n
            }
          }
          const pull = yield* Stream.toPull(runAioGenerator(numbers))
          yield* pull
          yield* settle
          log.length = 0
          queueMicrotask(() => log.push("microtask"))
          yield* pull
          expect(log).toEqual([2, true, true, "microtask"])
          yield* settle
          log.length = 0
          loop.callSoon(() => log.push("callback"))
          yield* pull
          expect(log).toEqual(["callback", 3, true, true])
        })
      )
    )
  )

  it.live("the objects behind it have the layout of those that are kept", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const reader = new Source("numbers", (async function* () {})(), undefined).open()
        const pump = new Pump(loop, {
          name: "numbers",
          body: undefined,
          opening: () => ({ reader }),
          chunkSize: 1,
          mapError: (error) => error,
          onInterrupt: joinAlways,
          stops: { cancel: undefined, cancelled: undefined }
        })
        expect(isKept(pump)).toBe(true)
        expect(keepFiberShapes(madeAlready).some((one) => haveSameLayout(one, reader))).toBe(true)
        yield* pump.close(Exit.void)
      })
    )
  )
})
