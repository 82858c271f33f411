/** Effect to aio: functions returning Effects, Streams and scoped Effects, for aio code. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { isProgram, isStream, prefersStream } from "../effect.js"
import { otherCopy } from "../effect/otherCopy.js"
import { checkSignal } from "../Loop/fiber/Fibers.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { describeValue, workName } from "../Loop/kernel/describe.js"
import type { Future } from "../Loop/kernel/Future.js"
import type { Loop } from "../Loop/Loop.js"
import { useExchanges } from "../Loop/server/request/requestOfCall.js"
import type { EffectOptions } from "../Loop/ports.js"
import { checkOptions, givenName } from "./task/options.js"
import { callName, exchangeOf, promiseOf, serveCall } from "./server/calls.js"
import type { Starter } from "./visit/capture.js"
import { captureFor } from "./visit/owned.js"
import { type AioDisposable, toDisposable } from "./visit/toDisposable.js"
import { type AioIterable, toIterable } from "./visit/toIterable.js"
import { failed, type ToAioVisitOptions } from "./visit/Visit.js"

/**
 * How the Effects of a wrapped function are named and cancelled.
 *
 * @category models
 * @since 0.1.0
 */
export interface ToAioOptions<Args extends Array<unknown>> {
  /** For reports. Default: the function's name. */
  readonly name?: string | undefined
  /** Interrupts a call's fiber when it aborts: one signal for all calls, or chosen from a call's arguments. */
  readonly signal?: AbortSignal | ((...args: Args) => AbortSignal | undefined) | undefined
  /** Whether the fibers belong to the Scope in which `toAio` was run, and not to the loop: see `toAio`. Default false. */
  readonly scoped?: boolean | undefined
  /**
   * Whether a call gives a native promise, for a framework whose handler the function is: see `toAio`. Default false: a Future,
   * which can be cancelled.
   */
  readonly promise?: boolean | undefined
}

/** That the fibers belong to a Scope, or may: then one is needed. */
interface Scoped<S extends boolean> {
  readonly scoped?: S | undefined
}

/** That calls give a native promise, or may. */
interface Promised<P extends boolean> {
  readonly promise?: P | undefined
}

/** What a call gives: where it is interrupted with a request, the framework is told of nothing. */
type CallOf<A, S extends boolean, P extends boolean> = true extends P
  ? Promise<true extends S ? A | undefined : A>
  : Future<A>

/** What `toAio` needs beside what the Effects need. */
type NeedOf<S extends boolean> = Loop | (true extends S ? Scope.Scope : never)

/**
 * Makes aio of what is Effect. What it needs is captured from the caller of `toAio`, once.
 *
 * - a function returning an Effect: a function that aio code can call. It returns a Future, which ends when the fiber
 *   has ended.
 * - a Stream: an async iterable. Each iteration runs the stream anew, in one fiber that pulls only while a `next()`
 *   waits; leaving the `for await` interrupts it and waits for its finalizers.
 * - a scoped Effect: a function that opens it. It returns a Future of a disposable; disposing of that closes the Scope
 *   and waits for its finalizers. All of it happens in one fiber.
 *
 * **Flavor** aio. Starts: in the loop's next pass after the call, the first `next()` or the opening, in a fiber of its
 * own, with the span and fiber-local state of the fiber that called the aio code, if one did. Cancel: cancelling the
 * Future, or the task that awaits it, or aborting the signal, interrupts the fiber; the Future is done when the fiber
 * is. Loop closed: the Future fails with LoopClosedError; the call itself never throws. What is open when the loop
 * closes is interrupted after the loop's tasks.
 *
 * **Scopes** Fibers belong to the loop: what they use may be closed before them. With `scoped: true` they belong to the Scope
 * in which `toAio` was run. When that closes, they are interrupted, and have ended before it goes on to what was acquired
 * before `toAio` was run: a handler never sees a closed database. What is called from then on is cancelled. A wait that takes
 * long is reported once, and given up after the loop's `grace`, or else its `closeDeadline`. What is acquired after `toAio`
 * was run is closed first: acquire what the handlers use, then make them, then start the server. Each call of a function has
 * a Scope of its own then.
 *
 * **Requests** With `scoped: true`, a call in the handling of a request is interrupted when the client of that goes away, and when
 * the `drain` of its `Server.scoped` is over. Which request that is, is found in the arguments, where they are those of a handler
 * of Node, Express, Fastify, Koa or Hono, and else in the async-local state in which a `Server.scoped` tells of its requests. With
 * `promise: true` the function itself is such a handler: it gives a native promise, because Express 5 warns of others and Hono
 * awaits none; one that is interrupted with its request fulfils, and answers 503 where nobody has answered.
 *
 * **Gotchas**
 * - Cancelling a `next()` ends the iteration, as in an async generator.
 * - A Stream or Effect that needs a Scope gets one of its own.
 *
 * @example
 * const database = Effect.acquireRelease(Effect.succeed({ size: 2 }), () => Effect.log("closed"))
 *
 * const program = Effect.gen(function* () {
 *   const greet = yield* toAio((id: number) => Effect.succeed(`hello, user ${id}`))
 *   const letters = yield* toAio(Stream.make("a", "b"))
 *   const open = yield* toAio(database)
 *   return yield* runAioCoroutine(async () => {
 *     const words = [await greet(7)]
 *     for await (const letter of letters) words.push(letter)
 *     await using db = await open()
 *     return words.slice(0, db.value.size)
 *   })
 * })
 * const words = await Effect.runPromise(Loop.scoped(program))
 *
 * @example
 * import * as http from "node:http"
 *
 * const server = Effect.gen(function* () {
 *   const db = yield* Effect.acquireRelease(Effect.succeed({ size: 2 }), () => Effect.log("db closed"))
 *   const handler = yield* toAio(() => Effect.delay(Effect.succeed(`size ${db.size}`), "10 millis"), { scoped: true })
 *   yield* acquireAio({
 *     open: () => http.createServer((_, response) => void handler().then((text) => response.end(text))),
 *     close: (server) => server[Symbol.asyncDispose]()
 *   })
 * })
 * await Effect.runPromise(Loop.scoped(Effect.scoped(server)))
 *
 * @example
 * import * as http from "node:http"
 *
 * const program = Effect.gen(function* () {
 *   // As app.get("/", hello) of a framework: with Node's request and response, or what has them.
 *   const hello = yield* toAio(
 *     (_: http.IncomingMessage, response: http.ServerResponse) => Effect.sync(() => void response.end("hello")),
 *     { scoped: true, promise: true }
 *   )
 *   const { port } = yield* Server.scoped(http.createServer(hello), { host: "127.0.0.1" })
 *   const ask = () => fetch(`http://127.0.0.1:${port}/`, { signal: currentSignal() })
 *   return yield* fromAio(() => ask().then((response) => response.text()))()
 * })
 * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => hello
 *
 * @category adapters
 * @since 0.1.0
 */
export function toAio<
  This,
  Args extends Array<unknown>,
  A,
  E,
  R,
  S extends boolean = false,
  P extends boolean = false
>(
  fn: (this: This, ...args: Args) => Effect.Effect<A, E, R>,
  options?: ToAioOptions<Args> & Scoped<S> & Promised<P>
): Effect.Effect<(this: This, ...args: Args) => CallOf<A, S, P>, never, R | NeedOf<S>>
export function toAio<A, E, R, S extends boolean = false>(
  effect: Effect.Effect<A, E, R>,
  options?: ToAioVisitOptions & Scoped<S>
): Effect.Effect<() => Future<AioDisposable<A>>, never, Exclude<R, Scope.Scope> | NeedOf<S>>
export function toAio<A, E, R, S extends boolean = false>(
  stream: Stream.Stream<A, E, R>,
  options?: ToAioVisitOptions & Scoped<S>
): Effect.Effect<AioIterable<A>, never, Exclude<R, Scope.Scope> | NeedOf<S>>
export function toAio(
  effect: unknown,
  options: ToAioOptions<Array<never>> | ToAioVisitOptions = {}
): unknown {
  checkOptions("toAio", options)
  checkFlag("scoped", options.scoped)
  if ("promise" in options) checkFlag("promise", options.promise)
  // A function of fromAio is both, and more of a function; a service tag is both, and less.
  const streams = prefersStream(effect)
  if (typeof effect === "function" && !streams && (!Effect.isEffect(effect) || isProgram(effect))) {
    return toFunction(effect as EffectFunction, options)
  }
  const checked = (): ToAioVisitOptions => {
    checkSignal("toAio", options.signal)
    return options as ToAioVisitOptions
  }
  // On Effect 3 every Effect is a Stream, too.
  if (Effect.isEffect(effect) && !streams) return toDisposable(effect, checked())
  if (isStream(effect)) return toIterable(effect, checked())
  throw new TypeError(
    `toAio takes a function returning an Effect, an Effect or a Stream, not ${describeValue(effect)}` +
      (isThenable(effect)
        ? ", which is aio already: await it, or make an Effect of it with fromAio"
        : otherCopy(effect))
  )
}

const checkFlag = (option: string, given: unknown): void => {
  if (given === undefined || typeof given === "boolean") return
  throw new TypeError(`toAio's ${option} is true or false, not ${describeValue(given)}`)
}

/** A function returning an Effect, of whatever parameters. */
type EffectFunction = (this: unknown, ...args: Array<never>) => Effect.Effect<unknown, unknown, unknown>

const toFunction = (
  fn: EffectFunction,
  options: ToAioOptions<Array<never>>
): Effect.Effect<(...args: Array<never>) => unknown, never, unknown> => {
  const { promise = false, scoped = false, signal } = options
  const name = givenName(options) ?? workName(fn)
  const captured = captureFor<unknown>(name, options)
  return Effect.map(scoped ? Effect.tap(captured, () => requestsAsked) : captured, (starter) => {
    const { interrupt, loop } = starter
    const same: EffectOptions = { name, signal: typeof signal === "function" ? undefined : signal }
    return function (this: unknown, ...args: Array<never>): unknown {
      const effect = Effect.suspend(() => anEffect(name, fn.apply(this, args)))
      const exchange = scoped ? exchangeOf(args) : undefined
      const called = callName(name, exchange)
      const future = begin(
        starter,
        scoped ? Effect.scoped(effect) : effect,
        exchange === undefined ? same : { ...same, name: called },
        typeof signal === "function" ? () => signal(...args) : undefined
      )
      if (exchange !== undefined && interrupt !== undefined) serveCall(exchange, called, future, interrupt)
      return promise ? promiseOf(loop, future, exchange) : future
    }
  })
}

/** Foreign code calls this: it is told of what is wrong as it would be of any other failure. */
const begin = (
  { loop, start }: Starter<unknown>,
  effect: Effect.Effect<unknown, unknown, unknown>,
  options: EffectOptions,
  choose: (() => AbortSignal | undefined) | undefined
): Future<unknown> => {
  try {
    return start(effect, choose === undefined ? options : { ...options, signal: choose() })
  } catch (error) {
    return failed(loop, error)
  }
}

/** As long as its Scope is open, servers say in async-local state which request they tell of. */
const requestsAsked = Effect.acquireRelease(Effect.sync(useExchanges), (end) => Effect.sync(end))

/** The Effect that a wrapped function returned; dies, of a mistake in the program, where it returned something else. */
const anEffect = <A, E, R>(name: string, returned: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.isEffect(returned)
    ? returned
    : Effect.die(
        new TypeError(
          `toAio takes a function returning an Effect; ${name} returned ${describeValue(returned)}` +
            (isThenable(returned) ? ", which is aio already: call it as it is, or wrap it with fromAio" : "")
        )
      )
