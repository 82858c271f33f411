/** aio to Effect: functions, promises and Futures as interruptible Effects, async iterables as Streams. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import { callableEffect, EffectAndStream } from "../effect.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { describeValue, ownName, workName } from "../Loop/kernel/describe.js"
import type { LoopClosedError } from "../Loop/kernel/errors.js"
import type { AioError } from "../Loop/errors.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import { rememberGiver } from "../Loop/kernel/sites.js"
import type { CoroutineValue } from "../Loop/kernel/Task.js"
import type { Loop } from "../Loop/Loop.js"
import { aioError } from "../Loop/fiber/Outcome.js"
import { keepsShape } from "../Loop/fiber/shapes.js"
import { runAioFuture } from "./runAio.js"
import { type AsyncItems, type CloseItems, isAsyncItems, Source } from "./reading/Source.js"
import {
  chunkSizeOf,
  type Closed,
  closeOf,
  type FromIterableOptions,
  itemsStream,
  type ItemOf,
  type IterableOptions,
  pumpedStream
} from "./reading/streams.js"
import { isDisposable, scopedDisposable } from "./task/disposal.js"
import { mapping } from "./task/mistakes.js"
import {
  type AioInterrupted,
  checkOptions,
  type AioOptions,
  onInterruptOf,
  stopsOf,
  givenName
} from "./task/options.js"
import { runPromise } from "./task/runPromise.js"
import type { AioFunction, Runner } from "./task/Runner.js"
import { guarded, idleRunner, runTask } from "./task/runTask.js"

/**
 * A wrapped aio function: the same parameters and `this`, returning an Effect. One that can be called without
 * arguments is itself that Effect, too.
 *
 * @category models
 * @since 0.1.0
 */
export type FromAio<This, Args extends Array<unknown>, A, E> = ((
  this: This,
  ...args: Args
) => Effect.Effect<A, E | AioInterrupted, Loop>) &
  ([] extends Args ? Effect.Effect<A, E | AioInterrupted, Loop> : unknown)

/**
 * A wrapped function that gives an async iterable: the same parameters and `this`, returning a Stream. One that can be
 * called without arguments is itself that Stream, too.
 *
 * @category models
 * @since 0.1.0
 */
export type FromAioStream<This, Args extends Array<unknown>, A, E> = ((
  this: This,
  ...args: Args
) => Stream.Stream<A, E | AioInterrupted, Loop>) &
  ([] extends Args ? Stream.Stream<A, E | AioInterrupted, Loop> : unknown)

/** `any` and `never` are no iterables, and what is a promise is awaited. */
type FromAioItems<This, Args extends Array<unknown>, R, E> = [R] extends [never]
  ? FromAio<This, Args, never, E>
  : 0 extends 1 & R
    ? FromAio<This, Args, CoroutineValue<R>, E>
    : [R] extends [PromiseLike<unknown>]
      ? FromAio<This, Args, CoroutineValue<R>, E>
      : FromAioStream<This, Args, R extends AsyncIterable<infer A> ? A : never, E>

/**
 * Options and the error mapping of `fromAio({ try, catch })`.
 *
 * @category models
 * @since 0.1.0
 */
export interface FromAioOptions<This, Args extends Array<unknown>, R, E> extends AioOptions {
  readonly try: (this: This, ...args: Args) => R
  /** Maps what the function threw; cancellation does not come here. */
  readonly catch: (error: unknown) => E
}

/**
 * Turns aio work into an interruptible Effect, and what it iterates into a Stream.
 *
 * - a function: a function returning an Effect. It is called inside the loop, when the Effect runs.
 * - a function that gives an async iterable, such as an async generator function: a function returning a Stream. It is
 *   called inside the loop, in the task that then reads; see `runAioGenerator`.
 * - `{ try, catch }`: the same, with its errors mapped.
 * - an async iterable or iterator, a Node Readable, a web ReadableStream: a Stream; `catch` is among its options.
 * - a promise, thenable or Future that exists already: an Effect that waits for it. Second best: the work has started
 *   outside of the loop, so it has no signal to heed.
 * - an AsyncDisposable or Disposable: a scoped Effect, whose Scope disposes it in the loop and waits.
 *
 * **Flavor** Effect. Starts: once per run, here and now where nothing is queued on the loop, else in its next pass. Cancel:
 * interruption cancels the task, and the fiber ends when that has ended. Loop closed: fails with LoopClosedError.
 *
 * **Gotchas**
 * - A call that takes no signal is stopped by what its `cancel` does: `fromAio(call, { cancel: () => page.close() })`.
 * - Inside, `currentSignal()` is the AbortSignal to pass on, and `currentTask()` the task.
 * - Of a function with overloads TypeScript sees the last one, and the type parameters of a generic function become
 *   `unknown`: wrap the call that is meant, `fromAio((id: number) => pool.query<User>(sql, [id]))`.
 *
 * @example
 * const load = fromAio(async (id: number) => {
 *   const response = await fetch(`data:,user ${id}`, { signal: currentSignal() })
 *   return response.text()
 * })
 * const program = load(7).pipe(Effect.timeout("2 seconds"))
 * const text = await Effect.runPromise(Loop.scoped(program))
 *
 * @category adapters
 * @since 0.1.0
 */
export function fromAio<A>(
  future: Future<A>,
  options?: AioOptions
): Effect.Effect<A, AioError | AioInterrupted, Loop>
export function fromAio<This, Args extends Array<unknown>, R extends AsyncIterable<unknown>, E>(
  options: FromAioOptions<This, Args, R, E> & Pick<IterableOptions<R>, "chunkSize" | "close">
): FromAioItems<This, Args, R, E>
export function fromAio<This, Args extends Array<unknown>, R, E>(
  options: FromAioOptions<This, Args, R, E>
): FromAio<This, Args, CoroutineValue<R>, E>
export function fromAio<A>(
  promise: PromiseLike<A>,
  options?: AioOptions
): Effect.Effect<A, AioError | AioInterrupted, Loop>
export function fromAio<Items extends AsyncIterable<unknown>, E = AioError>(
  iterable: Items,
  options: FromIterableOptions<E, Items> & Closed<Items>
): Stream.Stream<ItemOf<Items>, E | AioInterrupted, Loop>
export function fromAio<A, E = AioError>(
  iterable: AsyncItems<A>,
  options?: FromIterableOptions<E>
): Stream.Stream<A, E | AioInterrupted, Loop>
export function fromAio<This, Args extends Array<unknown>, R extends AsyncIterable<unknown>>(
  fn: (this: This, ...args: Args) => R,
  options?: IterableOptions<R>
): FromAioItems<This, Args, R, AioError>
export function fromAio<This, Args extends Array<unknown>, R>(
  fn: (this: This, ...args: Args) => R,
  options?: AioOptions
): FromAio<This, Args, CoroutineValue<R>, AioError>
export function fromAio<D extends AsyncDisposable | Disposable>(
  resource: D,
  options?: Pick<AioOptions, "name" | "grace">
): Effect.Effect<D, LoopClosedError, Loop | Scope.Scope>
export function fromAio(aio: unknown, options: FromIterableOptions<unknown> = {}): unknown {
  checkOptions("fromAio", options)
  if (typeof aio === "function") return wrapAio(aio as AioFunction, undefined, options)
  if (isFuture(aio)) return runAioFuture(aio, options)
  if (isThenable(aio)) {
    return runPromise(aio, () => givenName(options) ?? "promise", options, stopsOf("fromAio", options))
  }
  if (isAsyncItems(aio)) return itemsStream(aio, options)
  if (typeof aio === "object" && aio !== null && "try" in aio) {
    const both = aio as FromAioOptions<unknown, Array<unknown>, unknown, unknown>
    if (typeof both.try !== "function" || typeof both.catch !== "function") {
      throw new TypeError(
        both.catch === undefined && typeof both.try === "function"
          ? "fromAio({ try }) has no catch, which is to map what try throws to the Effect's error: add one, or give the " +
              "function alone, fromAio(fn), whose Effect fails with AioError"
          : `fromAio({ try, catch }) takes two functions, not ${describeValue(both.try)} and ${describeValue(both.catch)}`
      )
    }
    return wrapAio(both.try, both.catch, both)
  }
  if (isDisposable(aio)) return scopedDisposable(aio, options, fromAio)
  throw new TypeError(
    `fromAio takes a function, { try, catch }, a promise, a Future or an async iterable, not ${describeValue(aio)}` +
      (Effect.isEffect(aio) ? ", which is an Effect already: yield* it" : "")
  )
}

/** How a wrapped function is run, as an Effect and as a Stream. */
interface WrappedAio extends Runner<unknown> {
  readonly body: AioFunction
  readonly chunkSize: number
  readonly close: CloseItems | undefined
  /** Whether the function is an async generator function, as far as can be told. */
  readonly streams: boolean
}

const wrapAio = (
  fn: AioFunction,
  mapError: ((error: unknown) => unknown) | undefined,
  options: IterableOptions
): unknown => {
  rememberGiver(fn, fromAio)
  const name = givenName(options) ?? ownName(fn)
  const wrapped: WrappedAio = {
    name,
    body: fn,
    mapError: mapping(mapError ?? aioError(() => name ?? workName(fn))),
    onInterrupt: { ...onInterruptOf(options), stoppable: options.close !== undefined },
    stops: stopsOf("fromAio", options),
    chunkSize: chunkSizeOf(options),
    close: closeOf(options),
    streams: Object.prototype.toString.call(fn) === "[object AsyncGeneratorFunction]"
  }
  return callableEffect(function (this: unknown, ...args: Array<unknown>) {
    return new AioCall(wrapped, this, args)
  }, wrapped.streams)
}

/** One call of a wrapped function, not made yet. What the function gives is known only when it is made. */
class AioCall extends EffectAndStream<unknown, unknown, Loop> {
  constructor(
    private readonly wrapped: WrappedAio,
    private readonly self: unknown,
    private readonly args: Array<unknown>
  ) {
    super()
  }

  get streams(): boolean {
    return this.wrapped.streams
  }

  override commit(): Effect.Effect<unknown, unknown, Loop> {
    return runTask(
      guarded(() => this.wrapped.body.apply(this.self, this.args)),
      this.wrapped
    )
  }

  override stream(): Stream.Stream<unknown, unknown, Loop> {
    const { wrapped } = this
    const call = guarded(() => wrapped.body.apply(this.self, this.args))
    const name = wrapped.name ?? workName(wrapped.body)
    return pumpedStream({
      ...wrapped,
      name,
      // What is no iterable is the Stream's only item, as of every Effect.
      opening: (task) => {
        const value = call(task)
        return isAsyncItems(value) ? { reader: new Source(name, value, wrapped.close).open() } : { value }
      }
    })
  }
}

keepsShape(
  () => new AioCall({ ...idleRunner, chunkSize: 1, close: undefined, streams: false }, undefined, [])
)
