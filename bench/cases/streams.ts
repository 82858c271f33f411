import { Readable } from "node:stream"
import { each, run as runOperation, stream } from "effection"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { fromAio, toAio } from "effect-aio"
import { ours } from "../loops.js"
import { type Case, type Contender, fail, peer } from "../case.js"

const check = (sum: number, n: number): number =>
  sum === (n * (n - 1)) / 2 ? n : fail(`the items add up to ${sum}`)

/** What all of them read: items that are there at once. */
async function* items(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i
}

const objects = (n: number): Readable => Readable.from(Array.from({ length: n }, (_, i) => i))

const sum = <E, R>(stream: Stream.Stream<number, E, R>, n: number): Effect.Effect<number, E, R> =>
  Effect.map(
    Stream.runFold(stream, 0, (total, item) => total + item),
    (total) => check(total, n)
  )

/** No Stream and no cancel: the least that a program could write. */
const byHand = (source: (n: number) => AsyncIterable<number>): Contender =>
  peer(
    "by hand: Effect.promise(next)",
    (n) => () =>
      Effect.runPromise(
        Effect.gen(function* () {
          const iterator = source(n)[Symbol.asyncIterator]()
          let total = 0
          for (;;) {
            const result = yield* Effect.promise(() => iterator.next())
            if (result.done === true) return check(total, n)
            total += result.value
          }
        })
      ),
    1 / 2
  )

const bare = (source: (n: number) => AsyncIterable<number>): Contender =>
  peer("for await", (n) => async () => {
    let total = 0
    for await (const item of source(n)) total += item
    return check(total, n)
  })

const effection = (source: (n: number) => AsyncIterable<number>): Contender =>
  peer(
    "Effection each",
    (n) => () =>
      runOperation(function* () {
        let total = 0
        for (const item of yield* each(stream(source(n)))) {
          total += item
          yield* each.next()
        }
        return check(total, n)
      }),
    1 / 2
  )

const ofEffect = (source: (n: number) => AsyncIterable<number>): Contender =>
  peer(
    "Stream.fromAsyncIterable",
    (n) => () =>
      Effect.runPromise(
        sum(
          Stream.fromAsyncIterable(source(n), (error) => error),
          n
        )
      ),
    1 / 2
  )

/** In: async iterables read by Effects. */
const reading = (
  source: (n: number) => AsyncIterable<number>,
  chunkSize: number
): ReadonlyArray<Contender> => [
  ...ours(({ run }, n) => {
    const read = fromAio(source, { chunkSize })
    return () => run(sum(read(n), n))
  }),
  ofEffect(source),
  byHand(source),
  effection(source),
  bare(source)
]

/** Out: Streams read by `for await`. */
const written = (make: (n: number) => Stream.Stream<number>): ReadonlyArray<Contender> => [
  ...ours(async ({ loop, run }, n) => {
    const iterable = await run(toAio(make(n)))
    return async () => {
      let total = 0
      await loop.createTask(async () => {
        for await (const item of iterable) total += item
      })
      return check(total, n)
    }
  }),
  peer(
    "Stream.toAsyncIterable",
    (n) => async () => {
      let total = 0
      for await (const item of Stream.toAsyncIterable(make(n))) total += item
      return check(total, n)
    },
    1 / 2
  ),
  peer("by hand: Stream.toPull, a fiber per chunk", (n) => async () => {
    const scope = Effect.runSync(Scope.make())
    const pull = await Effect.runPromise(Scope.extend(Stream.toPull(make(n)), scope))
    const next = Effect.option(pull)
    let total = 0
    for (;;) {
      const chunk = await Effect.runPromise(next)
      if (Option.isNone(chunk)) break
      for (const item of Chunk.toReadonlyArray(chunk.value)) total += item
    }
    await Effect.runPromise(Scope.close(scope, Exit.void))
    return check(total, n)
  })
]

const naturals = (n: number): Stream.Stream<number> =>
  Stream.fromIterable(Array.from({ length: n }, (_, i) => i))

export const streams: ReadonlyArray<Case> = [
  {
    name: "async generator to Stream",
    what: "items, one next() at a time",
    n: 20_000,
    contenders: reading(items, 1)
  },
  {
    name: "async generator to Stream, chunkSize 64",
    what: "items",
    n: 20_000,
    contenders: reading(items, 64)
  },
  { name: "Node Readable to Stream", what: "objects", n: 20_000, contenders: reading(objects, 1) },
  {
    name: "Stream to async iterable, chunks of 4096",
    what: "items",
    n: 100_000,
    contenders: written(naturals)
  },
  {
    name: "Stream to async iterable, chunks of 1",
    what: "items",
    n: 20_000,
    contenders: written((n) => Stream.rechunk(naturals(n), 1))
  }
]
