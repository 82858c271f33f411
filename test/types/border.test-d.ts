import { Data, Effect, type Scope, type Stream } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { Tag } from "../../src/effect.js"
import {
  acquireAio,
  type AioError,
  type AioInterrupted,
  type CancelledError,
  type EventLoop,
  fromAio,
  type Future,
  type Handle,
  Loop,
  type LoopClosedError,
  type LoopCrash,
  type QueueFullError,
  runAioCoroutine,
  runAioFuture,
  runEffect,
  runEffectTask,
  type StopOptions,
  type Task,
  toAio
} from "../../src/index.js"

class Db extends Tag<Db, { readonly rows: number }>()("types/Db") {}
class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}

declare const success: <A, E, R>(effect: Effect.Effect<A, E, R>) => A

describe("fromAio", () => {
  it("keeps the parameters, and gives the result, its errors and the Loop", () => {
    const f = fromAio(async (id: number, name: string) => ({ id, name }))
    expectTypeOf(f).parameters.toEqualTypeOf<[id: number, name: string]>()
    expectTypeOf(f(1, "a")).toEqualTypeOf<
      Effect.Effect<{ id: number; name: string }, AioError | AioInterrupted, Loop>
    >()
    // @ts-expect-error an argument is missing
    f(1)
    // @ts-expect-error a wrong argument
    f("1", "a")
  })

  it("knows the ways in which the loop itself ends a wait", () => {
    expectTypeOf<AioInterrupted>().toEqualTypeOf<CancelledError | LoopClosedError | QueueFullError>()
  })

  it("keeps optional and rest parameters", () => {
    const optional = fromAio(async (a: number, b?: string) => [a, b])
    expectTypeOf(optional).parameters.toEqualTypeOf<Parameters<(a: number, b?: string) => void>>()
    optional(1)
    optional(1, "b")
    const rest = fromAio(async (first: string, ...more: Array<number>) => more.length + first.length)
    expectTypeOf(rest).parameters.toEqualTypeOf<[first: string, ...more: Array<number>]>()
    rest("a", 1, 2, 3)
    // A default value needs its type beside it: TypeScript infers `unknown` for it here.
    const defaults = fromAio(async (a: number, b: number = 2) => a + b)
    defaults(1)
  })

  it("keeps this", () => {
    class Client {
      readonly base = "b"
      async get(this: Client, path: string): Promise<string> {
        return this.base + path
      }
      readonly load = fromAio(this.get)
    }
    expectTypeOf(new Client().load("/")).toEqualTypeOf<
      Effect.Effect<string, AioError | AioInterrupted, Loop>
    >()
    // @ts-expect-error called without the object it belongs to
    fromAio(new Client().get)("/")
  })

  it("takes async, generator and plain functions, and functions returning a Future", () => {
    expectTypeOf(success(fromAio(async () => 1)())).toEqualTypeOf<number>()
    expectTypeOf(success(fromAio(() => "text")())).toEqualTypeOf<string>()
    const future = fromAio((loop: EventLoop) => loop.sleep(1, true))
    expectTypeOf(success(future({} as EventLoop))).toEqualTypeOf<boolean>()
    const generator = fromAio(function* (loop: EventLoop) {
      const text = yield* loop.sleep(1, "text")
      expectTypeOf(text).toEqualTypeOf<string>()
      return text.length
    })
    expectTypeOf(success(generator({} as EventLoop))).toEqualTypeOf<number>()
  })

  it("is an Effect itself where no argument is needed, and not otherwise", () => {
    expectTypeOf(fromAio(async () => 1)).toMatchTypeOf<Effect.Effect<number, unknown, Loop>>()
    expectTypeOf(fromAio(async (n?: number) => n ?? 1)).toMatchTypeOf<Effect.Effect<number, unknown, Loop>>()
    // @ts-expect-error the argument is missing
    expectTypeOf(fromAio(async (n: number) => n)).toMatchTypeOf<Effect.Effect<number, unknown, Loop>>()
  })

  it("maps E by { try, catch }", () => {
    const find = fromAio({
      try: async (id: number) => `row ${id}`,
      catch: (cause) => {
        expectTypeOf(cause).toEqualTypeOf<unknown>()
        return new NotFound({ id: 1 })
      }
    })
    expectTypeOf(find(1)).toEqualTypeOf<Effect.Effect<string, NotFound | AioInterrupted, Loop>>()
    // @ts-expect-error catch is missing
    fromAio({ try: async () => 1 })
  })

  it("takes promises, thenables and Futures", () => {
    expectTypeOf(fromAio(Promise.resolve(1))).toEqualTypeOf<
      Effect.Effect<number, AioError | AioInterrupted, Loop>
    >()
    expectTypeOf(fromAio({} as PromiseLike<string>)).toEqualTypeOf<
      Effect.Effect<string, AioError | AioInterrupted, Loop>
    >()
    expectTypeOf(fromAio({} as Future<string>)).toEqualTypeOf<
      Effect.Effect<string, AioError | AioInterrupted, Loop>
    >()
    expectTypeOf(fromAio({} as Task<string>)).toEqualTypeOf<
      Effect.Effect<string, AioError | AioInterrupted, Loop>
    >()
  })

  it("checks its options", () => {
    fromAio(async () => 1, { onInterrupt: "abandon" })
    fromAio(async () => 1, { onInterrupt: "join", grace: "5 seconds", name: "n" })
    // @ts-expect-error not a way to end
    fromAio(async () => 1, { onInterrupt: "kill" })
    // @ts-expect-error not a duration
    fromAio(async () => 1, { grace: "soon" })
    // @ts-expect-error nothing that could be waited for
    fromAio(42)
  })

  it("needs a Loop: an Effect over aio work cannot be run without one", () => {
    const effect = fromAio(async () => 1)()
    // @ts-expect-error nobody has provided the Loop
    Effect.runPromise(effect)
    expectTypeOf(Effect.runPromise(Effect.provide(effect, Loop.layer()))).toEqualTypeOf<Promise<number>>()
    expectTypeOf(Effect.runPromise(Loop.scoped(effect))).toEqualTypeOf<Promise<number>>()
  })
})

describe("runAioFuture and runAioCoroutine", () => {
  it("give the value of a Future, Task, async function or generator", () => {
    expectTypeOf(runAioFuture({} as Future<number>)).toEqualTypeOf<
      Effect.Effect<number, AioError | AioInterrupted, Loop>
    >()
    expectTypeOf(runAioCoroutine(async () => 1)).toEqualTypeOf<
      Effect.Effect<number, AioError | AioInterrupted, Loop>
    >()
    const generator = runAioCoroutine(function* (task) {
      expectTypeOf(task).toEqualTypeOf<Task<unknown>>()
      const n = yield* {} as Future<number>
      return `${n}`
    })
    expectTypeOf(success(generator)).toEqualTypeOf<string>()
    // @ts-expect-error a promise is not a Future of the loop
    runAioFuture(Promise.resolve(1))
  })

  it("give the coroutine its Task, whose signal is Node's AbortSignal", () => {
    runAioCoroutine(async (task) => {
      expectTypeOf(task.signal).toEqualTypeOf<AbortSignal>()
    })
  })
})

describe("toAio", () => {
  it("keeps the parameters and gives a Future; what R asks for is asked of the wrapping", () => {
    const wrapping = toAio((id: number) =>
      Effect.gen(function* () {
        const db = yield* Db
        return yield* id > 0 ? Effect.succeed(db.rows) : new NotFound({ id })
      })
    )
    expectTypeOf(wrapping).toEqualTypeOf<Effect.Effect<(id: number) => Future<number>, never, Db | Loop>>()
  })

  it("keeps this, optional and rest parameters", () => {
    class Server {
      port = 1
    }
    const wrapping = toAio(function (this: Server, a: string, b?: number, ..._more: Array<boolean>) {
      return Effect.succeed(`${this.port} ${a} ${b}`)
    })
    expectTypeOf(success(wrapping)).toEqualTypeOf<
      (this: Server, a: string, b?: number, ..._more: Array<boolean>) => Future<string>
    >()
  })

  it("may choose a signal from the arguments", () => {
    toAio((_request: { readonly signal: AbortSignal }) => Effect.void, {
      signal: (request) => request.signal
    })
    // @ts-expect-error not an AbortSignal
    toAio(() => Effect.void, { signal: 1 })
    // @ts-expect-error not a function returning an Effect
    toAio(async () => 1)
  })
})

describe("runEffect, effectAsFuture and runEffectTask", () => {
  it("take an Effect that needs nothing", () => {
    expectTypeOf(runEffect(Effect.succeed(1))).toEqualTypeOf<Future<number>>()
    expectTypeOf(runEffectTask(Effect.void)).toEqualTypeOf<Handle>()
    const loop = {} as EventLoop
    expectTypeOf(loop.effectAsFuture(Effect.fail("e"))).toEqualTypeOf<Future<never>>()
    // @ts-expect-error nobody provides Db
    runEffect(Db)
    // @ts-expect-error nobody provides Db
    loop.effectAsFuture(Db)
    // @ts-expect-error nobody provides Db
    loop.runEffectTask(Db)
  })
})

describe("acquireAio", () => {
  it("gives what open gives, to close too, and asks for a Scope", () => {
    const db = acquireAio({
      open: async () => ({ rows: 1 }),
      close: (db) => {
        expectTypeOf(db).toEqualTypeOf<{ rows: number }>()
      }
    })
    expectTypeOf(db).toEqualTypeOf<
      Effect.Effect<{ rows: number }, AioError | AioInterrupted, Loop | Scope.Scope>
    >()
    const mapped = acquireAio({
      open: async () => 1,
      close: () => {},
      catch: () => new NotFound({ id: 1 })
    })
    expectTypeOf(mapped).toEqualTypeOf<Effect.Effect<number, NotFound | AioInterrupted, Loop | Scope.Scope>>()
  })
})

describe("Loop", () => {
  it("scoped takes the Loop out of R and adds LoopCrash to E, in both forms", () => {
    const effect = {} as Effect.Effect<number, NotFound, Db | Loop>
    expectTypeOf(Loop.scoped(effect)).toEqualTypeOf<Effect.Effect<number, NotFound | LoopCrash, Db>>()
    expectTypeOf(effect.pipe(Loop.scoped({ name: "l" }))).toEqualTypeOf<
      Effect.Effect<number, NotFound | LoopCrash, Db>
    >()
  })

  it("run takes a program that needs nothing but the Loop and a Scope", () => {
    const effect = {} as Effect.Effect<number, NotFound, Loop>
    // @ts-expect-error nobody provides Db
    void (() => Loop.run({} as Effect.Effect<number, NotFound, Db | Loop>))
    void (() => Loop.run(effect))
    void (() => Loop.run({} as Effect.Effect<number, NotFound, Loop | Scope.Scope>))
  })

  it("is the EventLoop in Effect code", () => {
    expectTypeOf(success(Loop)).toEqualTypeOf<EventLoop>()
  })
})

describe("Future and Task", () => {
  it("are generic in their value", () => {
    const loop = {} as EventLoop
    const future = loop.createFuture<number>()
    expectTypeOf(future).toEqualTypeOf<Future<number>>()
    expectTypeOf(future.result()).toEqualTypeOf<number>()
    expectTypeOf(future.then(String)).toEqualTypeOf<Future<string>>()
    expectTypeOf(future.catch(() => "e")).toEqualTypeOf<Future<number | string>>()
    expectTypeOf<Awaited<typeof future>>().toEqualTypeOf<number>()
    // @ts-expect-error not the value's type
    future.setResult("text")
    expectTypeOf(loop.createTask(async () => 1)).toEqualTypeOf<Task<number>>()
    expectTypeOf(
      loop.createTask(function* () {
        const text = yield* loop.sleep(1, "text")
        const n = yield* future
        return [text, n] as const
      })
    ).toEqualTypeOf<Task<readonly [string, number]>>()
    expectTypeOf(loop.sleep(1)).toEqualTypeOf<Future<void>>()
  })

  it("Effects of aio code may ask for the Loop, and for nothing else", () => {
    const loop = {} as EventLoop
    const asks = fromAio(async () => 1)()
    expectTypeOf(loop.effectAsFuture(asks)).toEqualTypeOf<Future<number>>()
    expectTypeOf(loop.runEffectTask(asks)).toEqualTypeOf<Handle>()
    expectTypeOf(runEffect(asks)).toEqualTypeOf<Future<number>>()
    // @ts-expect-error nobody provides a Db
    runEffect(Db)
  })

  it("handlers and factories are given the loop that programs know", () => {
    const loop = {} as EventLoop
    loop.setExceptionHandler((of: EventLoop, report) => of.defaultExceptionHandler(report))
    loop.setTaskFactory((of: EventLoop, coroutine, options) => of.createTask(coroutine, options))
    Loop.open({ exceptionHandler: (of: EventLoop, report) => of.defaultExceptionHandler(report) })
  })

  it("callbacks are checked against their arguments", () => {
    const loop = {} as EventLoop
    loop.callSoon((n: number, s: string) => n + s.length, 1, "a")
    // @ts-expect-error an argument is missing
    loop.callSoon((n: number, s: string) => n + s.length, 1)
    // @ts-expect-error a wrong argument
    loop.callLater(1, (n: number) => n, "1")
  })
})

describe("cancel and cancelled", () => {
  it("are given the reason, the task and the error, and change no type", () => {
    const stops: StopOptions = {
      cancel: (reason, task) => {
        expectTypeOf(reason).toEqualTypeOf<CancelledError>()
        expectTypeOf(task).toEqualTypeOf<Task<unknown>>()
        return Promise.resolve(1)
      },
      cancelled: (error) => {
        expectTypeOf(error).toEqualTypeOf<unknown>()
        return false
      }
    }
    const work = async (id: number) => `user ${id}`
    expectTypeOf(fromAio(work, stops)).toEqualTypeOf(fromAio(work))
    expectTypeOf(runAioCoroutine(async () => 1, stops)).toEqualTypeOf(runAioCoroutine(async () => 1))
    expectTypeOf(acquireAio({ open: async () => 1, close: () => {}, ...stops })).toEqualTypeOf(
      acquireAio({ open: async () => 1, close: () => {} })
    )
    // @ts-expect-error an Effect is no way to stop aio work: nobody would run it
    fromAio(work, { cancel: () => Effect.void })
    // @ts-expect-error what says whether it was cancelled answers with yes or no
    fromAio(work, { cancelled: () => "yes" })
  })
})

describe("Loop.binder", () => {
  it("takes the Loop out of R and the three ways of being broken off out of E", () => {
    const bind = success(Loop.binder)
    const find = fromAio({ try: async (id: number) => `${id}`, catch: () => new NotFound({ id: 1 }) })
    expectTypeOf(bind(find)).toEqualTypeOf<(id: number) => Effect.Effect<string, NotFound>>()
    expectTypeOf(bind(find(1))).toEqualTypeOf<Effect.Effect<string, NotFound>>()
    expectTypeOf(bind({} as Effect.Effect<1, NotFound | LoopClosedError, Db | Loop>)).toEqualTypeOf<
      Effect.Effect<1, NotFound, Db>
    >()
    const rows = fromAio(async function* (_from: number) {
      yield "row"
    })
    expectTypeOf(bind(rows)(1)).toEqualTypeOf<Stream.Stream<string, AioError>>()
  })
})
