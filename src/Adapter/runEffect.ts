/** Starting an Effect from aio code that was given no wrapped function (`toAio`) for it. */
import type * as Effect from "effect/Effect"
import type { EffectOptions } from "../Loop/ports.js"
import type { Loop } from "../Loop/Loop.js"
import type { Future } from "../Loop/kernel/Future.js"
import type { Handle } from "../Loop/kernel/Handle.js"
import { getRunningLoop } from "./current.js"

/**
 * Runs an Effect on the running loop, as a Future: `loop.effectAsFuture` of the loop whose aio code this is.
 * Throws {@link NoRunningLoopError} elsewhere.
 *
 * @example
 * const program = runAioCoroutine(async () => {
 *   const now = await runEffect(Clock.currentTimeMillis)
 *   return new Date(now)
 * })
 * const date = await Effect.runPromise(Loop.scoped(program))
 *
 * @category adapters
 * @since 0.1.0
 */
export const runEffect = <A, E>(effect: Effect.Effect<A, E, Loop>, options?: EffectOptions): Future<A> =>
  getRunningLoop("runEffect").effectAsFuture(effect, options)

/**
 * Runs an Effect in the background of the running loop: `loop.runEffectTask`. Its failure crashes the loop.
 *
 * @example
 * const heartbeat = Effect.forever(Effect.sleep("1 second"))
 * const program = runAioCoroutine(async () => {
 *   const handle = runEffectTask(heartbeat, { name: "heartbeat" })
 *   await sleep(10)
 *   handle.cancel()
 * })
 * await Effect.runPromise(Loop.scoped(program))
 *
 * @category adapters
 * @since 0.1.0
 */
export const runEffectTask = <A, E>(
  effect: Effect.Effect<A, E, Loop>,
  options?: { readonly name?: string }
): Handle => getRunningLoop("runEffectTask").runEffectTask(effect, options)
