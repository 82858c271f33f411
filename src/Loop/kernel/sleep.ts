/** `loop.sleep` for aio code that was not handed its loop. */
import { runningLoop } from "./BaseEventLoop.js"
import type { Future } from "./Future.js"

/**
 * A Future of the running loop that gets `value` after `ms` milliseconds of the loop's clock; 0 is one trip round the
 * loop. Cancelling it takes its timer away. Throws {@link NoRunningLoopError} outside of loops and `RangeError` for NaN.
 *
 * @example
 * const nap = fromAio(async () => {
 *   await sleep(10)
 *   return sleep(10, "late")
 * })
 * console.log(await Effect.runPromise(Loop.scoped(nap()))) // => late
 *
 * @category combinators
 * @since 0.1.0
 */
export function sleep(ms: number): Future<void>
export function sleep<A>(ms: number, value: A): Future<A>
export function sleep(ms: number, value?: unknown): Future<unknown> {
  return runningLoop("sleep()").sleep(ms, value)
}
