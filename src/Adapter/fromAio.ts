/** aio to Effect: functions, promises and Futures as interruptible Effects. */
import * as Effect from "effect/Effect"
import { callableEffect } from "../effect.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { functionName, value as describeValue } from "../Loop/kernel/describe.js"
import type { AioError } from "../Loop/kernel/errors.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import type { CoroutineValue } from "../Loop/kernel/Task.js"
import { Loop } from "../Loop/Loop.js"
import { aioError, fromFuture } from "../Loop/Outcome.js"
import { oncePassed, waitFor } from "../Loop/Wait.js"
import { cancelAndJoin } from "./join.js"
import {
  type AioInterrupted,
  type AioOptions,
  guarded,
  mapping,
  onInterruptOf,
  runAioFuture,
  type Runner,
  runTask
} from "./runAio.js"

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
 * Turns aio work into an interruptible Effect.
 *
 * - a function: a function returning an Effect. It is called inside the loop, when the Effect runs.
 * - `{ try, catch }`: the same, with its errors mapped.
 * - a promise, thenable or Future that exists already: an Effect that waits for it. Second best: the work has started
 *   outside of the loop, so it has no signal to heed.
 *
 * **Flavor** Effect. Starts: in the loop's next pass, once per run. Cancel: interruption cancels the task, and the
 * fiber ends when that has ended. Loop closed: fails with LoopClosedError.
 *
 * **Gotchas** Inside, `currentSignal()` is the AbortSignal to pass on, and `currentTask()` the task.
 *
 * @example
 * const load = fromAio(async (id: number) => {
 *   const response = await fetch(`https://example.com/${id}`, { signal: currentSignal() })
 *   return response.text()
 * })
 * const text = yield* load(7).pipe(Effect.timeout("2 seconds"))
 *
 * @category adapters
 * @since 0.1.0
 */
export function fromAio<A>(
  future: Future<A>,
  options?: AioOptions
): Effect.Effect<A, AioError | AioInterrupted, Loop>
export function fromAio<This, Args extends Array<unknown>, R, E>(
  options: FromAioOptions<This, Args, R, E>
): FromAio<This, Args, CoroutineValue<R>, E>
export function fromAio<A>(
  promise: PromiseLike<A>,
  options?: AioOptions
): Effect.Effect<A, AioError | AioInterrupted, Loop>
export function fromAio<This, Args extends Array<unknown>, R>(
  fn: (this: This, ...args: Args) => R,
  options?: AioOptions
): FromAio<This, Args, CoroutineValue<R>, AioError>
export function fromAio(aio: unknown, options: AioOptions = {}): unknown {
  if (typeof aio === "function") return wrap(aio as Aio, undefined, options)
  if (isFuture(aio)) return runAioFuture(aio, options)
  if (isThenable(aio)) return runPromise(aio, options)
  if (typeof aio === "object" && aio !== null && "try" in aio) {
    const both = aio as FromAioOptions<unknown, Array<unknown>, unknown, unknown>
    if (typeof both.try !== "function" || typeof both.catch !== "function") {
      throw new TypeError("fromAio({ try, catch }) takes two functions")
    }
    return wrap(both.try, both.catch, both)
  }
  throw new TypeError(
    `fromAio takes a function, { try, catch }, a promise or a Future, not ${describeValue(aio)}` +
      (Effect.isEffect(aio) ? ", which is an Effect already: yield* it" : "")
  )
}

type Aio = (this: unknown, ...args: Array<unknown>) => unknown

const wrap = (fn: Aio, mapError: ((error: unknown) => unknown) | undefined, options: AioOptions): unknown => {
  const name = options.name ?? (fn.name === "" ? undefined : fn.name)
  const runner: Runner<unknown> = {
    name,
    body: fn,
    mapError: mapping(mapError ?? aioError(() => name ?? functionName(fn))),
    onInterrupt: onInterruptOf(options)
  }
  return callableEffect(function (this: unknown, ...args: Array<unknown>) {
    return runTask(
      guarded(() => fn.apply(this, args)),
      runner
    )
  })
}

/** The work has begun already: a task that waits for it cannot be kept from starting, only told afterwards. */
const runPromise = (promise: PromiseLike<unknown>, options: AioOptions): unknown => {
  const name = options.name ?? "promise"
  const mapError = aioError(() => name)
  const onInterrupt = onInterruptOf(options)
  return Effect.flatMap(Loop, (loop) =>
    waitFor(
      loop,
      () => loop.createTask(() => promise, { name }) as Future<unknown>,
      (task) => fromFuture(task, mapError),
      (task) => {
        const joined = cancelAndJoin(loop, () => name, task, onInterrupt)
        return onInterrupt.mode === "join" && !task.done()
          ? Effect.flatMap(oncePassed(loop), () => joined)
          : joined
      }
    )
  )
}
