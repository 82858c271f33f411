/** Foreign work (a promise, a thenable, another loop's Future) as a Future of this loop. */
import { textOf } from "./describe.js"
import { local } from "./current.js"
import { isAnswer } from "./echoes.js"
import { isCancelledError, isLoopClosedError } from "./errors.js"
import { Future, isFuture, readAsFuture } from "./Future.js"
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

/** Whether asking again asks for the same: what its `then` does is known. */
const lasts = (foreign: PromiseLike<unknown>): boolean => {
  try {
    return foreign instanceof Promise || isFuture(foreign)
  } catch {
    return false // A proxy that throws when it is asked.
  }
}

/**
 * One foreign thing, to those who wait for it: asked once, however many they are, so that what lives as long as its process
 * does not grow with every wait. A thenable that is no promise may begin its work when it is asked: it has one of these for
 * each wait.
 *
 * Legal states: waited for; left, when nobody waits any more; settled, when it is forgotten.
 */
class Foreign {
  static readonly #known = new WeakMap<object, Foreign>()
  readonly #waiting = new Set<Wrapper>()
  /** The last one that does not wait any more. */
  #left: Wrapper | undefined

  static of(foreign: PromiseLike<unknown>): Foreign {
    const known = Foreign.#known.get(foreign)
    if (known !== undefined) return known
    const made = new Foreign()
    if (lasts(foreign)) Foreign.#known.set(foreign, made)
    const settled = (tell: (wrapper: Wrapper) => void, failure?: { readonly error: unknown }): void => {
      Foreign.#known.delete(foreign)
      made.#settled(tell, failure)
    }
    // A promise job between the two: a thenable that calls back at once must not settle anybody inside this call.
    const source: PromiseLike<unknown> = isFuture(foreign)
      ? foreign
      : new Promise((resolve) => resolve(foreign))
    source.then(
      (value) => settled((wrapper) => wrapper._settleValue(value)),
      (error: unknown) =>
        settled(
          (wrapper) => {
            if (isCancelledError(error)) wrapper._settleCancelled(error)
            else wrapper._settleError(error)
          },
          { error }
        )
    )
    return made
  }

  enter(wrapper: Wrapper): void {
    this.#waiting.add(wrapper)
  }

  leave(wrapper: Wrapper): void {
    if (this.#waiting.delete(wrapper)) this.#left = wrapper
  }

  /** One that waits no longer was given the outcome: it is told of, once, unless somebody else has it. */
  #settled(tell: (wrapper: Wrapper) => void, failure: { readonly error: unknown } | undefined): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wrapper of waiting) tell(wrapper)
    const left = this.#left
    if (waiting.length > 0 || left === undefined) return
    if (left.done()) left.tellLate(failure)
    // Who has stepped back tells of its end.
    else tell(left)
  }
}

/** Waits for something foreign, until it is settled itself, by whomever. */
export class Wrapper extends Future<unknown> {
  static {
    readAsFuture(this)
  }
  readonly #foreign: Foreign
  /** Whoever wraps it has called it, as a rule: the task that may have been told which errors answer its cancel. */
  readonly #task: Waiter | undefined

  constructor(
    scheduler: Scheduler,
    foreign: PromiseLike<unknown>,
    cancel: ((message: unknown) => void) | undefined
  ) {
    super(scheduler, (message) => {
      try {
        cancel?.(message)
      } catch (exception) {
        scheduler.callExceptionHandler({
          kind: "late",
          message: "cancelling foreign work failed",
          exception,
          future: this
        })
      }
      return false
    })
    this.#task = local()?.task as Waiter | undefined
    this.#foreign = Foreign.of(foreign)
    this.#foreign.enter(this)
  }

  /** @internal Whoever it was made for waits no more, and tells of its end where nobody else does. */
  _stepBack(): void {
    this.#foreign.leave(this)
    this._scheduler._unwatch(this)
  }

  override _settleValue(value: unknown): void {
    super._settleValue(value)
    this.#foreign.leave(this)
  }

  override _settleError(error: unknown): void {
    super._settleError(error)
    this.#foreign.leave(this)
  }

  override _settleCancelled(reason: unknown): void {
    super._settleCancelled(reason)
    this.#foreign.leave(this)
  }

  override _closed(error: Error): void {
    super._closed(error)
    this.#foreign.leave(this)
  }

  /** What it has waited for came when nobody waited any more. */
  tellLate(failure: { readonly error: unknown } | undefined): void {
    const scheduler = this._scheduler
    if (failure === undefined) return scheduler._countLate()
    const { error } = failure
    if (isCancelledError(error) || isLoopClosedError(error)) return
    if (this.cancelled() && (isAnswer(error) || this.#task?._isEcho(error) === true)) return
    scheduler.callExceptionHandler({
      kind: "late",
      message: `what ${textOf(this)} waited for failed when nobody waited for it any more`,
      exception: error,
      future: this
    })
  }
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
  return new Wrapper(scheduler, foreign, cancel)
}
