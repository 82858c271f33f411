/** Foreign work (a promise, a thenable, another loop's Future) as a Future of this loop. */
import { isCancelledError } from "./errors.js"
import { Future, isFuture } from "./Future.js"
import type { Scheduler } from "./ports.js"

/**
 * How to stop foreign work.
 *
 * @category models
 * @since 0.1.0
 */
export interface WrapOptions {
  /** Called with the cancel message. Default: the foreign object's own `cancel`, where it has one. */
  readonly cancel?: ((message: unknown) => void) | undefined
}

/** Whether `u` can be had as it is, and needs no wrapper on `scheduler`. */
export const isOwnFuture = (scheduler: Scheduler, u: unknown): u is Future<unknown> =>
  isFuture(u) && !(u instanceof Future && u._scheduler !== scheduler)

/** A Future of `scheduler` with the outcome of `foreign`. */
export const wrapFuture = (
  scheduler: Scheduler,
  foreign: PromiseLike<unknown>,
  options: WrapOptions
): Future<unknown> => {
  const own: unknown = "cancel" in foreign ? foreign.cancel : undefined
  const cancel =
    options.cancel ??
    (typeof own === "function" ? (message: unknown): unknown => own.call(foreign, message) : undefined)
  const wrapper = new Future<unknown>(scheduler, (message) => {
    try {
      cancel?.(message)
    } catch (exception) {
      scheduler.callExceptionHandler({
        kind: "late",
        message: "cancelling foreign work failed",
        exception,
        future: wrapper
      })
    }
    return false
  })
  // A promise job between the two: a thenable that calls back at once must not settle us inside this call.
  const source: PromiseLike<unknown> = isFuture(foreign)
    ? foreign
    : new Promise((resolve) => resolve(foreign))
  source.then(
    (value) => {
      if (!wrapper.done()) wrapper._settleValue(value)
    },
    (error: unknown) => {
      if (wrapper.done()) return
      if (isCancelledError(error)) wrapper._settleCancelled(error)
      else wrapper._settleError(error)
    }
  )
  return wrapper
}
