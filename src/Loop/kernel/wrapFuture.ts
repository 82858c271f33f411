/** Foreign work (a promise, a thenable, another loop's Future) as a Future of this loop. */
import { textOf } from "./describe.js"
import { local } from "./current.js"
import { isAnswer } from "./echoes.js"
import { isCancelledError, isLoopClosedError } from "./errors.js"
import { Future, isFuture } from "./Future.js"
import type { Scheduler, Waiter } from "./ports.js"

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

/** The wrappers of one foreign thing, and whether somebody has had its outcome, or was told of it. */
interface Wrapped {
  readonly wrappers: Set<Future<unknown>>
  told: boolean
}

const wrapped = new WeakMap<object, Wrapped>()

/** A wrapper that waits no longer was given the outcome: it is told of, once, unless somebody else has it. */
const tellLate = (
  wrapper: Future<unknown>,
  of: Wrapped,
  isEcho: (error: unknown) => boolean,
  failure: { readonly error: unknown } | undefined
): void => {
  if (of.told || [...of.wrappers].some((other) => !other.done())) return
  of.told = true
  const scheduler = wrapper._scheduler
  if (failure === undefined) return scheduler._countLate()
  const { error } = failure
  if (isCancelledError(error) || isLoopClosedError(error)) return
  if (wrapper.cancelled() && isEcho(error)) return
  scheduler.callExceptionHandler({
    kind: "late",
    message: `what ${textOf(wrapper)} waited for failed when nobody waited for it any more`,
    exception: error,
    future: wrapper
  })
}

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
  // Whoever wraps it has called it, as a rule: the task that may have been told which errors answer its cancel.
  const task = local()?.task as Waiter | undefined
  const isEcho = (error: unknown): boolean => isAnswer(error) || task?._isEcho(error) === true
  const of = wrapped.get(foreign) ?? { wrappers: new Set(), told: false }
  wrapped.set(foreign, of)
  of.wrappers.add(wrapper)
  source.then(
    (value) => {
      of.wrappers.delete(wrapper)
      if (wrapper.done()) return tellLate(wrapper, of, isEcho, undefined)
      of.told = true
      wrapper._settleValue(value)
    },
    (error: unknown) => {
      of.wrappers.delete(wrapper)
      if (wrapper.done()) return tellLate(wrapper, of, isEcho, { error })
      of.told = true
      if (isCancelledError(error)) wrapper._settleCancelled(error)
      else wrapper._settleError(error)
    }
  )
  return wrapper
}
