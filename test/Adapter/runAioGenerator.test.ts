import { describe, expect, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { Effect, Exit, Fiber, FiberRef, Stream } from "effect"
import {
  type AioError,
  currentFlavor,
  currentSignal,
  currentTask,
  fromAio,
  getRunningLoop,
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
import { all, chunksOf, counting, defectsOf, end, failureOf, item } from "../support/streams.js"
import { perLine } from "../support/effect/line.js"

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
        const kept = perLine("E6", { 3: [0, 1], 4: [boom] })
        const drops = [
          [Stream.flatMap(Stream.make(1, 2), () => stream), kept],
          [Stream.flatMap(stream, () => stream), kept],
          // What fails after a typed failure leaves that to who handles it.
          [
            Stream.catchAll(
              Stream.flatMap(stream, () => Stream.fail("no")),
              () => Stream.make(0, 1)
            ),
            [0, 1]
          ]
        ] as const
        for (const [dropping, expected] of drops) {
          const exit = yield* Effect.exit(all(Stream.take(dropping, 2)))
          const end = Exit.isSuccess(exit) ? exit.value : [...new Set(defectsOf(exit))]
          expect(end).toEqual(expected)
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
