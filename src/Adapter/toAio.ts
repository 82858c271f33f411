/** Effect to aio: a function returning an Effect becomes one returning a Future. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { contextOf, type FiberState, fiberState, mergeContext } from "../effect.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { functionName, value as describeValue } from "../Loop/kernel/describe.js"
import { Future } from "../Loop/kernel/Future.js"
import { Loop } from "../Loop/Loop.js"

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
}

/**
 * Turns a function returning an Effect into one that aio code can call: it returns a Future, which ends when the fiber
 * has ended. What the Effects need is captured from the caller of `toAio`, once.
 *
 * **Flavor** aio. Starts: in the loop's next pass, in a fiber of its own, with the span and fiber-local state of the
 * fiber that called the aio code, if one did. Cancel: cancelling the Future, or the task that awaits it, or aborting
 * the signal, interrupts the fiber; the Future is done when the fiber is. Loop closed: the Future fails with
 * LoopClosedError; the call itself never throws.
 *
 * @example
 * const handle = yield* toAio((id: number) => Effect.succeed(`user ${id}`))
 * server.on("request", async (req, res) => res.end(await handle(7)))
 *
 * @category adapters
 * @since 0.1.0
 */
export const toAio = <This, Args extends Array<unknown>, A, E, R>(
  fn: (this: This, ...args: Args) => Effect.Effect<A, E, R>,
  options: ToAioOptions<Args> = {}
): Effect.Effect<(this: This, ...args: Args) => Future<A>, never, R | Loop> => {
  if (typeof fn !== "function") {
    throw new TypeError(`toAio takes a function returning an Effect, not ${describeValue(fn)}`)
  }
  const { name = functionName(fn), signal } = options
  return Effect.gen(function* () {
    const loop = yield* Loop
    const captured = yield* Effect.context<R | Loop>()
    const state = yield* fiberState
    // Most calls come from where the last one came from.
    let last:
      { readonly callers: Context.Context<never>; readonly merged: Context.Context<never> } | undefined
    const contextFor = (caller: FiberState | undefined): Context.Context<never> => {
      if (caller === undefined) return captured
      const callers = contextOf(caller)
      if (last?.callers !== callers) last = { callers, merged: mergeContext(callers, captured) }
      return last.merged
    }
    return function (this: This, ...args: Args): Future<A> {
      // What R asks for is in `captured`, which every one of these fibers starts with.
      const effect = Effect.suspend(() => anEffect(name, fn.apply(this, args))) as Effect.Effect<A, E>
      try {
        const chosen = typeof signal === "function" ? signal(...args) : signal
        return loop._effectAsFuture("toAio", effect, { name, signal: chosen }, contextFor, state)
      } catch (error) {
        // Foreign code calls this: it is told as it would be of any other failure.
        const refused = new Future<A>(loop)
        refused._settleError(error)
        return refused
      }
    }
  })
}

const anEffect = <A, E, R>(name: string, returned: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.isEffect(returned)
    ? returned
    : Effect.die(
        new TypeError(
          `toAio takes a function returning an Effect; ${name} returned ${describeValue(returned)}` +
            (isThenable(returned) ? ", which is aio already: call it as it is, or wrap it with fromAio" : "")
        )
      )
