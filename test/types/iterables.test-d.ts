import { Data, type Effect, type Stream } from "effect"
import type { ReadStream } from "node:fs"
import type { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import { describe, expectTypeOf, it } from "vitest"
import {
  type AioError,
  type AioInterrupted,
  type AsyncItems,
  fromAio,
  type FromAioStream,
  type Future,
  type Loop,
  runAioGenerator,
  type Task
} from "../../src/index.js"

class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

type AioStream<A, E = AioError> = Stream.Stream<A, E | AioInterrupted, Loop>
type AioEffect<A, E = AioError> = Effect.Effect<A, E | AioInterrupted, Loop>

declare const numbers: () => AsyncGenerator<number, string, undefined>

describe("fromAio of an async iterable", () => {
  it("is a Stream of its items", () => {
    expectTypeOf(fromAio(numbers())).toEqualTypeOf<AioStream<number>>()
    expectTypeOf(fromAio({} as AsyncIterable<string>)).toEqualTypeOf<AioStream<string>>()
    expectTypeOf(fromAio({} as AsyncIterator<string>)).toEqualTypeOf<AioStream<string>>()
    expectTypeOf(fromAio({} as ReadableStream<string>)).toEqualTypeOf<AioStream<string>>()
    expectTypeOf(fromAio({} as Readable as AsyncIterable<Buffer>)).toEqualTypeOf<AioStream<Buffer>>()
    // Node does not know what its streams hold.
    expectTypeOf(fromAio({} as ReadStream)).toEqualTypeOf<AioStream<any>>()
  })

  it("takes the options, and catch", () => {
    expectTypeOf(
      fromAio(numbers(), { chunkSize: 2, name: "n", onInterrupt: "abandon", grace: "1 second" })
    ).toEqualTypeOf<AioStream<number>>()
    expectTypeOf(fromAio(numbers(), { catch: () => new NotFound({ id: 1 }) })).toEqualTypeOf<
      AioStream<number, NotFound>
    >()
    // @ts-expect-error not a number
    fromAio(numbers(), { chunkSize: "2" })
    // @ts-expect-error a sync iterable
    fromAio([1])
  })
})

describe("fromAio of a function", () => {
  it("that gives an async iterable returns a Stream, and is one where it needs no arguments", () => {
    const f = fromAio(async function* (id: number, name?: string) {
      yield { id, name }
    })
    expectTypeOf(f).parameters.toEqualTypeOf<Parameters<(id: number, name?: string) => void>>()
    expectTypeOf(f(1)).toEqualTypeOf<AioStream<{ id: number; name: string | undefined }>>()
    expectTypeOf(fromAio(numbers)).toEqualTypeOf<FromAioStream<unknown, [], number, AioError>>()
    expectTypeOf(fromAio(numbers)).toExtend<AioStream<number>>()
    expectTypeOf(
      fromAio((file: string) => ({ file }) as unknown as AsyncIterable<string>)("a")
    ).toEqualTypeOf<AioStream<string>>()
    expectTypeOf(fromAio(numbers, { chunkSize: 3 })()).toEqualTypeOf<AioStream<number>>()
    // @ts-expect-error an argument is missing
    f()
    // @ts-expect-error it needs an argument
    expectTypeOf(f).toExtend<AioStream<unknown>>()
  })

  it("keeps this", () => {
    class Db {
      readonly name = "db"
      readonly rows = fromAio(async function* (this: Db) {
        yield this.name
      })
    }
    expectTypeOf(new Db().rows()).toEqualTypeOf<AioStream<string>>()
  })

  it("{ try, catch } maps the errors", () => {
    const f = fromAio({
      try: async function* (n: number) {
        yield n
      },
      catch: () => new NotFound({ id: 1 }),
      chunkSize: 2
    })
    expectTypeOf(f(1)).toEqualTypeOf<AioStream<number, NotFound>>()
  })

  it("that gives anything else returns an Effect, as ever", () => {
    expectTypeOf(fromAio(async () => 1)()).toEqualTypeOf<AioEffect<number>>()
    expectTypeOf(fromAio(async () => numbers())()).toEqualTypeOf<
      AioEffect<AsyncGenerator<number, string, undefined>>
    >()
    expectTypeOf(fromAio((): any => 1)()).toEqualTypeOf<AioEffect<any>>()
    expectTypeOf(
      fromAio((): never => {
        throw new Error()
      })()
    ).toEqualTypeOf<AioEffect<never>>()
    expectTypeOf(fromAio(() => ({}) as Future<number>)()).toEqualTypeOf<AioEffect<number>>()
    // What can be awaited is.
    type Page = PromiseLike<number> & AsyncIterable<string>
    expectTypeOf(fromAio(() => ({}) as Page)()).toEqualTypeOf<AioEffect<number>>()
    expectTypeOf(runAioGenerator(() => ({}) as Page)).toEqualTypeOf<AioStream<string>>()
    const generic = <A>(f: () => Promise<A>): AioEffect<Awaited<A>> => fromAio(f)()
    expectTypeOf(generic(async () => 1)).toEqualTypeOf<AioEffect<number>>()
  })
})

describe("runAioGenerator", () => {
  it("takes iterables, and functions of the reading task", () => {
    expectTypeOf(runAioGenerator(numbers())).toEqualTypeOf<AioStream<number>>()
    expectTypeOf(runAioGenerator(numbers)).toEqualTypeOf<AioStream<number>>()
    expectTypeOf(runAioGenerator({} as AsyncItems<number>)).toEqualTypeOf<AioStream<number>>()
    expectTypeOf(
      runAioGenerator((task) => {
        expectTypeOf(task).toEqualTypeOf<Task<unknown>>()
        expectTypeOf(task.signal).toEqualTypeOf<AbortSignal>()
        return numbers()
      })
    ).toEqualTypeOf<AioStream<number>>()
    expectTypeOf(runAioGenerator(numbers, { catch: () => new NotFound({ id: 1 }) })).toEqualTypeOf<
      AioStream<number, NotFound>
    >()
    // @ts-expect-error gives no iterable
    runAioGenerator(() => 1)
    // @ts-expect-error not an iterable
    runAioGenerator(1)
  })
})

describe("the close of a Stream", () => {
  it("is given the iterable", () => {
    class Cursor implements AsyncIterable<number> {
      [Symbol.asyncIterator](): AsyncIterator<number> {
        throw new Error("not called")
      }
      async close(): Promise<void> {}
    }
    const cursor = new Cursor()
    const close = (of: Cursor) => of.close()
    type Items = Stream.Stream<number, AioError | AioInterrupted, Loop>
    expectTypeOf(fromAio(cursor, { close: (of) => of.close() })).toEqualTypeOf<Items>()
    expectTypeOf(runAioGenerator(cursor, { close: (of) => of.close() })).toEqualTypeOf<Items>()
    expectTypeOf(runAioGenerator(() => cursor, { close: (of) => of.close() })).toEqualTypeOf<Items>()
    expectTypeOf(fromAio((_: string) => cursor, { close })("all")).toEqualTypeOf<Items>()
    expectTypeOf(fromAio(cursor, { catch: String, close })).toEqualTypeOf<
      Stream.Stream<number, string | AioInterrupted, Loop>
    >()
  })
})
