import * as childProcess from "node:child_process"
import { EventEmitter } from "node:events"
import * as fs from "node:fs"
import type * as net from "node:net"
import { Data, Effect, type Scope, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { Tag } from "../../src/effect.js"
import type { Loop } from "../../src/index.js"
import {
  acquireAio,
  type AioError,
  type AioInterrupted,
  allowAio,
  type BufferOverflowError,
  type EventLoop,
  fromAio,
  fromCallback,
  fromEmitter,
  type Future,
  type LoopClosedError
} from "../../src/index.js"

class Db extends Tag<Db, { readonly rows: number }>()("types/hybrids/Db") {}
class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

type Border = AioError | AioInterrupted

describe("allowAio", () => {
  it("knows the value of every yield*, the failures and needs of its Effects, and what it returns", () => {
    const program = allowAio(function* ($) {
      const { rows } = yield* Db
      expectTypeOf(rows).toEqualTypeOf<number>()
      const text = yield* $(Promise.resolve("text"))
      expectTypeOf(text).toEqualTypeOf<string>()
      expectTypeOf(yield* $({} as Future<boolean>)).toEqualTypeOf<boolean>()
      expectTypeOf(yield* $(async ({ signal }) => signal)).toEqualTypeOf<AbortSignal>()
      const generated = yield* $(function* () {
        return yield* ({} as EventLoop).sleep(1, 2)
      })
      expectTypeOf(generated).toEqualTypeOf<number>()
      expectTypeOf(yield* $(() => 1)).toEqualTypeOf<number>()
      expectTypeOf(yield* {} as Future<Date>).toEqualTypeOf<Date>()
      expectTypeOf(yield Promise.resolve(1)).toEqualTypeOf<unknown>()
      expectTypeOf(yield {} as Future<number>).toEqualTypeOf<unknown>()
      yield* Effect.fail(new NotFound({ id: 1 }))
      if (rows > 1) yield* Effect.fail("text" as const)
      return [rows, text] as const
    })
    expectTypeOf(program).toEqualTypeOf<
      Effect.Effect<readonly [number, string], NotFound | "text" | Border, Db | Loop>
    >()
  })

  it("fails with no more than the border where no Effect fails, or nothing is yielded", () => {
    const quiet = allowAio(function* ($) {
      yield* Effect.void
      return yield* $(Promise.resolve(1))
    })
    expectTypeOf(quiet).toEqualTypeOf<Effect.Effect<number, Border, Loop>>()

    const nothing = allowAio(function* () {
      return "value"
    })
    expectTypeOf(nothing).toEqualTypeOf<Effect.Effect<string, Border, Loop>>()
  })

  it("takes functions that return a promise or Future, a name, and nothing else", () => {
    expectTypeOf(allowAio(async () => 1)).toEqualTypeOf<Effect.Effect<number, Border, Loop>>()
    expectTypeOf(allowAio(() => ({}) as Future<string>, { name: "n" })).toEqualTypeOf<
      Effect.Effect<string, Border, Loop>
    >()
    // @ts-expect-error an Effect needs no allowAio
    allowAio(() => Effect.void)
    // @ts-expect-error a value is no aio work
    allowAio(($) => $(1))
  })
})

describe("fromCallback", () => {
  type Wait<A> = Effect.Effect<A, Border, Loop>

  it("keeps the parameters but the callback, and gives the callback's first value", () => {
    const f = fromCallback((id: number, done: (error: Error | null, name: string) => void) =>
      done(null, `${id}`)
    )
    expectTypeOf(f).parameters.toEqualTypeOf<[id: number]>()
    expectTypeOf(f(1)).toEqualTypeOf<Wait<string>>()
    // @ts-expect-error a wrong argument
    f("1")
    const none = fromCallback((done: (error?: Error) => void) => done())
    expectTypeOf(none()).toEqualTypeOf<Wait<void>>()
    expectTypeOf(none).toMatchTypeOf<Wait<void>>()
    const optional = fromCallback((n: number, done?: (error: unknown, value?: Date) => void) => done?.(n))
    expectTypeOf(optional(1)).toEqualTypeOf<Wait<Date | undefined>>()
  })

  it("knows the overloads of Node's functions", () => {
    const readFile = fromCallback(fs.readFile)
    expectTypeOf(readFile("path", "utf8")).toEqualTypeOf<Wait<string>>()
    expectTypeOf(readFile("path")).toMatchTypeOf<Wait<Buffer>>()
    expectTypeOf(fromCallback(fs.mkdir)("path")).toEqualTypeOf<Wait<void>>()
    expectTypeOf(fromCallback(childProcess.exec)("ls")).toEqualTypeOf<Wait<string>>()
  })

  it("gives all values as a tuple, maps E, and types what cancel is given", () => {
    const both = (n: number, done: (error: null, a: number, b: string) => void): NodeJS.Timeout =>
      setTimeout(() => done(null, n, ""))
    const all = fromCallback(both, {
      values: "all",
      cancel: (returned, n) => {
        expectTypeOf(returned).toEqualTypeOf<NodeJS.Timeout>()
        expectTypeOf(n).toEqualTypeOf<number>()
      },
      catch: (error) => {
        expectTypeOf(error).toEqualTypeOf<unknown>()
        return new NotFound({ id: 1 })
      }
    })
    expectTypeOf(all(1)).toEqualTypeOf<
      Effect.Effect<[a: number, b: string], NotFound | AioInterrupted, Loop>
    >()
    // @ts-expect-error values are "first" or "all"
    fromCallback(both, { values: "some" })
    // @ts-expect-error not a function
    fromCallback(Promise.resolve(1))
  })

  it("keeps this", () => {
    class Client {
      get(this: Client, path: string, done: (error: null, text: string) => void): void {
        done(null, path)
      }
      readonly load = fromCallback(this.get)
    }
    expectTypeOf(new Client().load("/")).toEqualTypeOf<Wait<string>>()
    // @ts-expect-error called without the object it belongs to
    fromCallback(new Client().get)("/")
  })
})

describe("fromEmitter", () => {
  type Events<A, E = AioError> = Stream.Stream<A, E | BufferOverflowError | AioInterrupted, Loop>

  it("gives unknown, what map makes, or what the program says", () => {
    const emitter = new EventEmitter()
    expectTypeOf(fromEmitter(emitter, { event: "data" })).toEqualTypeOf<Events<unknown>>()
    expectTypeOf(fromEmitter<Buffer>(emitter, { event: "data" })).toEqualTypeOf<Events<Buffer>>()
    const mapped = fromEmitter(emitter, {
      event: "data",
      map: (code: number, text: string) => `${code} ${text}`
    })
    expectTypeOf(mapped).toEqualTypeOf<Events<string>>()
    const unknowns = fromEmitter(emitter, {
      event: "data",
      map: (first) => {
        expectTypeOf(first).toEqualTypeOf<unknown>()
        return 1
      }
    })
    expectTypeOf(unknowns).toEqualTypeOf<Events<number>>()
    const until = Effect.fail(new NotFound({ id: 1 }))
    expectTypeOf(fromEmitter(emitter, { event: "data", until })).toEqualTypeOf<
      Stream.Stream<unknown, AioError | NotFound | BufferOverflowError | AioInterrupted, Loop>
    >()
    fromEmitter(emitter, { event: "data", until: AbortSignal.timeout(1), pause: () => {}, resume: () => {} })
    // @ts-expect-error a promise is neither a signal nor an Effect
    fromEmitter(emitter, { event: "data", until: Promise.resolve() })
    const caught = fromEmitter(emitter, { event: "data", catch: () => new NotFound({ id: 1 }) })
    expectTypeOf(caught).toEqualTypeOf<Events<unknown, NotFound>>()
  })

  it("takes Node's emitters, typed ones, and EventTargets, whose Event it knows", () => {
    fromEmitter({} as net.Socket, { event: "data" })
    fromEmitter(process, { event: "SIGUSR2" })
    fromEmitter({} as EventEmitter<{ data: [number] }>, { event: "data" })
    interface Typed {
      on<K extends "a" | "b">(event: K, listener: (value: K) => void): this
      off<K extends "a" | "b">(event: K, listener: (value: K) => void): this
    }
    fromEmitter({} as Typed, { event: "a" })
    expectTypeOf(fromEmitter(new EventTarget(), { event: "x" })).toEqualTypeOf<Events<Event>>()
    const types = fromEmitter(new EventTarget(), { event: "x", map: (event: Event) => event.type })
    expectTypeOf(types).toEqualTypeOf<Events<string>>()
    expectTypeOf(fromEmitter(new AbortController().signal, { event: "abort" })).toMatchTypeOf<Events<Event>>()
    // @ts-expect-error the event is missing
    fromEmitter(new EventEmitter(), {})
    // @ts-expect-error not an emitter
    fromEmitter({}, { event: "data" })
    // @ts-expect-error no such overflow
    fromEmitter(new EventEmitter(), { event: "data", buffer: { overflow: "wait" } })
  })
})

describe("disposables", () => {
  class File implements AsyncDisposable {
    async [Symbol.asyncDispose](): Promise<void> {}
  }

  it("are scoped Effects of themselves", () => {
    expectTypeOf(fromAio(new File())).toEqualTypeOf<
      Effect.Effect<File, LoopClosedError, Loop | Scope.Scope>
    >()
    expectTypeOf(fromAio({} as Disposable, { name: "n" })).toEqualTypeOf<
      Effect.Effect<Disposable, LoopClosedError, Loop | Scope.Scope>
    >()
    // @ts-expect-error nothing of aio
    fromAio({})
  })

  it("need no close in acquireAio, and nothing else may go without", () => {
    type Opened<A, E = AioError> = Effect.Effect<A, E | AioInterrupted, Loop | Scope.Scope>
    expectTypeOf(acquireAio({ open: async () => new File() })).toEqualTypeOf<Opened<File>>()
    expectTypeOf(acquireAio({ open: () => new File(), catch: () => new NotFound({ id: 1 }) })).toEqualTypeOf<
      Opened<File, NotFound>
    >()
    const generated = acquireAio({
      open: function* () {
        yield* ({} as EventLoop).sleep(1)
        return new File()
      }
    })
    expectTypeOf(generated).toEqualTypeOf<Opened<File>>()
    acquireAio({ open: async () => fs.promises.open("path") })
    acquireAio({ open: async () => "text", close: () => {} })
    // @ts-expect-error a string does not close itself
    acquireAio({ open: async () => "text" })
    // @ts-expect-error it may be a string
    acquireAio({ open: async () => ({}) as File | string })
  })
})
