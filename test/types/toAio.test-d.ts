import { Data, Effect, type Scope, Stream } from "effect"
import { Readable } from "node:stream"
import { ReadableStream } from "node:stream/web"
import { describe, expectTypeOf, it } from "vitest"
import { Tag } from "../../src/effect.js"
import {
  type AioDisposable,
  type AioIterable,
  type AioIterator,
  fromAio,
  type Future,
  type Loop,
  toAio
} from "../../src/index.js"

class Db extends Tag<Db, { readonly rows: number }>()("types/toAio/Db") {}
class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

declare const needsDb: Effect.Effect<number, NotFound, Db>
declare const scopedDb: Effect.Effect<number, NotFound, Db | Scope.Scope>
declare const rows: Stream.Stream<string, NotFound, Db>
declare const scopedRows: Stream.Stream<string, NotFound, Db | Scope.Scope>

describe("toAio of a function", () => {
  it("keeps parameters and this, drops the error, and keeps what the Effect needs, a Scope too", () => {
    expectTypeOf(toAio((_: number) => needsDb)).toEqualTypeOf<
      Effect.Effect<(_: number) => Future<number>, never, Db | Loop>
    >()
    expectTypeOf(toAio(() => scopedDb)).toEqualTypeOf<
      Effect.Effect<() => Future<number>, never, Db | Scope.Scope | Loop>
    >()
    toAio((id: number) => Effect.succeed(id), { name: "n", signal: (id) => (id > 1 ? undefined : undefined) })
  })

  it("with promise gives native promises, which may be of nothing where a request can be interrupted", () => {
    expectTypeOf(toAio((_: number) => needsDb, { promise: true })).toEqualTypeOf<
      Effect.Effect<(_: number) => Promise<number>, never, Db | Loop>
    >()
    expectTypeOf(toAio((_: number) => needsDb, { promise: true, scoped: true })).toEqualTypeOf<
      Effect.Effect<(_: number) => Promise<number | undefined>, never, Db | Loop | Scope.Scope>
    >()
    expectTypeOf(toAio(() => needsDb, { promise: false, scoped: true })).toEqualTypeOf<
      Effect.Effect<() => Future<number>, never, Db | Loop | Scope.Scope>
    >()
    // @ts-expect-error an opening is no handler
    toAio(needsDb, { promise: true })
  })

  it("a function of fromAio is a function, though it is an Effect", () => {
    expectTypeOf(toAio(fromAio(async () => 1))).toEqualTypeOf<
      Effect.Effect<() => Future<number>, never, Loop>
    >()
  })
})

describe("toAio of an Effect", () => {
  it("gives a factory of disposables, and the Scope itself", () => {
    expectTypeOf(toAio(scopedDb)).toEqualTypeOf<
      Effect.Effect<() => Future<AioDisposable<number>>, never, Db | Loop>
    >()
    expectTypeOf(toAio(needsDb)).toEqualTypeOf<
      Effect.Effect<() => Future<AioDisposable<number>>, never, Db | Loop>
    >()
    expectTypeOf(toAio(Effect.succeed("a"), { name: "n", signal: AbortSignal.abort() })).toEqualTypeOf<
      Effect.Effect<() => Future<AioDisposable<string>>, never, Loop>
    >()
    expectTypeOf(toAio(Db)).toEqualTypeOf<
      Effect.Effect<() => Future<AioDisposable<{ readonly rows: number }>>, never, Db | Loop>
    >()
    expectTypeOf(toAio(Effect.fail(1))).toEqualTypeOf<
      Effect.Effect<() => Future<AioDisposable<never>>, never, Loop>
    >()
  })

  it("the disposable has the value, and is one to TypeScript", () => {
    expectTypeOf<AioDisposable<number>>().toMatchTypeOf<AsyncDisposable & { readonly value: number }>()
    const _uses = async () => {
      await using db = await ({} as () => Future<AioDisposable<number>>)()
      expectTypeOf(db.value).toEqualTypeOf<number>()
      // @ts-expect-error it is the resource's, not its user's
      db.value = 1
    }
  })

  it("one signal is for all openings", () => {
    // @ts-expect-error there are no arguments to choose it from
    toAio(needsDb, { signal: () => undefined })
  })
})

describe("toAio of a Stream", () => {
  it("gives an async iterable of its items, drops the error, and gives the Scope itself", () => {
    expectTypeOf(toAio(rows)).toEqualTypeOf<Effect.Effect<AioIterable<string>, never, Db | Loop>>()
    expectTypeOf(toAio(scopedRows)).toEqualTypeOf<Effect.Effect<AioIterable<string>, never, Db | Loop>>()
    expectTypeOf(
      toAio(Stream.fromIterable([1, 2]), { name: "n", signal: AbortSignal.abort() })
    ).toEqualTypeOf<Effect.Effect<AioIterable<number>, never, Loop>>()
    expectTypeOf(toAio(Stream.empty)).toEqualTypeOf<Effect.Effect<AioIterable<never>, never, Loop>>()
    // @ts-expect-error there are no arguments to choose it from
    toAio(rows, { signal: () => undefined })
  })

  it("is what for await, Node and the web take", () => {
    const items = {} as AioIterable<string>
    expectTypeOf(items).toMatchTypeOf<AsyncIterable<string>>()
    expectTypeOf<AioIterator<string>>().toMatchTypeOf<AsyncIterableIterator<string>>()
    expectTypeOf<AioIterator<string>>().toMatchTypeOf<AsyncDisposable>()
    const _uses = async () => {
      for await (const row of items) expectTypeOf(row).toEqualTypeOf<string>()
      const iterator = items[Symbol.asyncIterator]()
      const result = await iterator.next()
      if (result.done === true) expectTypeOf(result.value).toEqualTypeOf<undefined>()
      else expectTypeOf(result.value).toEqualTypeOf<string>()
      expectTypeOf(iterator.next()).toEqualTypeOf<Future<IteratorResult<string, undefined>>>()
      expectTypeOf(await iterator.return(1)).toEqualTypeOf<IteratorReturnResult<number>>()
      expectTypeOf(await iterator.return()).toEqualTypeOf<IteratorReturnResult<undefined>>()
    }
    Readable.from(items)
    ReadableStream.from(items)
  })
})

describe("toAio of anything else", () => {
  it("is refused", () => {
    // @ts-expect-error a promise is aio already
    toAio(Promise.resolve(1))
    // @ts-expect-error an array is no stream
    toAio([1, 2])
    // @ts-expect-error an async function returns no Effect
    toAio(async () => 1)
  })
})

describe("toAio with scoped", () => {
  it("needs the Scope to which the fibers belong, and only then", () => {
    expectTypeOf(toAio((_: number) => needsDb, { scoped: true })).toEqualTypeOf<
      Effect.Effect<(_: number) => Future<number>, never, Db | Loop | Scope.Scope>
    >()
    expectTypeOf(toAio(scopedDb, { scoped: true })).toEqualTypeOf<
      Effect.Effect<() => Future<AioDisposable<number>>, never, Db | Loop | Scope.Scope>
    >()
    expectTypeOf(toAio(scopedRows, { scoped: true })).toEqualTypeOf<
      Effect.Effect<AioIterable<string>, never, Db | Loop | Scope.Scope>
    >()
    for (const options of [{ scoped: false }, { name: "n" }, {}] as const) {
      expectTypeOf(toAio((_: number) => needsDb, options)).toEqualTypeOf<
        Effect.Effect<(_: number) => Future<number>, never, Db | Loop>
      >()
    }
    const either: { readonly scoped: boolean } = { scoped: true }
    expectTypeOf(toAio(rows, either)).toEqualTypeOf<
      Effect.Effect<AioIterable<string>, never, Db | Loop | Scope.Scope>
    >()
    // @ts-expect-error it is true or false
    toAio(() => needsDb, { scoped: "yes" })
  })
})
