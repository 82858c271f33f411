/** Work with a deadline: at the deadline it is cancelled, and joined. */
import { type BaseEventLoop, runningLoop, runningTask } from "./BaseEventLoop.js"
import { describeValue, textOf, workName } from "./describe.js"
import { rememberSite } from "./sites.js"
import { type CancelledError, InvalidStateError, TimeoutError } from "./errors.js"
import { Follower, tellToStop } from "./Follower.js"
import { type Future, readAsFuture } from "./Future.js"
import { type Coroutine, type CoroutineValue, Task, type TaskOptions } from "./Task.js"
import type { TimerHandle } from "./Timers.js"

/** Milliseconds, for a time or a duration, `null` for none. Throws for what is neither. */
const milliseconds = (what: string, ms: unknown): number | null => {
  if (ms === null || ms === Infinity) return null
  if (typeof ms !== "number") {
    throw new TypeError(`${what} takes milliseconds, or null for no limit, not ${describeValue(ms)}`)
  }
  if (Number.isNaN(ms)) throw new RangeError(`${what} takes milliseconds, or null for no limit, not NaN`)
  return ms
}

/**
 * The deadline of `timeout`, as its body sees it.
 *
 * Legal states: active; then finished (the work ended in time), or expiring (the deadline has passed, and the work was
 * cancelled) until that has ended, then expired.
 *
 * @category models
 * @since 0.1.0
 */
export class Timeout {
  readonly #loop: BaseEventLoop
  readonly #what: () => string
  readonly #startedAt: number
  #when: number | null
  #state: "active" | "expiring" | "expired" | "finished" = "active"
  #timer: TimerHandle | undefined
  #work: Future<unknown> | undefined
  #notSlow: (() => void) | undefined

  /** @internal */
  constructor(loop: BaseEventLoop, what: () => string, delay: number | null) {
    this.#loop = loop
    this.#what = what
    this.#startedAt = loop.time()
    this.#when = delay === null ? null : this.#startedAt + delay
  }

  /** The deadline on the loop's clock, in milliseconds, or `null` where there is none. */
  when(): number | null {
    return this.#when
  }

  /**
   * Moves the deadline to `when` on the loop's clock; `null` takes it away, and one in the past passes in the next pass
   * of the loop. Throws {@link InvalidStateError} once the deadline has passed or the work has ended.
   */
  reschedule(when: number | null): void {
    const next = milliseconds("reschedule", when)
    if (this.#state !== "active") throw new InvalidStateError(`reschedule() of ${this.toString()}: too late`)
    const timer = this.#arm(next)
    this.#timer?.cancel()
    this.#timer = timer
    this.#when = next
  }

  /** Whether the deadline has passed before the work ended, also where the work then ended with something else. */
  expired(): boolean {
    return this.#state === "expiring" || this.#state === "expired"
  }

  toString(): string {
    const when = this.#state === "active" ? ` when=${String(this.#when)}` : ""
    return `<Timeout ${this.#state}${when}>`
  }

  toJSON(): unknown {
    return { _id: "Timeout", state: this.#state, when: this.#when }
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal Sets the timer, and makes the work: nothing has started if either is refused. */
  _begin<F extends Future<unknown>>(work: () => F): F {
    this.#timer = this.#arm(this.#when)
    try {
      const begun = work()
      this.#work = begun
      return begun
    } catch (error) {
      this.#timer?.cancel()
      throw error
    }
  }

  /** @internal The deadline has passed. Work that has ended is left its outcome, which is only on the way. */
  readonly _expire = (): void => {
    const work = this.#work
    if (this.#state !== "active" || work === undefined) return
    this.#state = "expiring"
    if (!tellToStop(work, this._text())) this.#state = "active"
    else if (!work.done()) this.#notSlow = this.#loop._watchJoin(this.#what(), () => [work])
  }

  /** @internal The work has ended. */
  _end(): void {
    this.#timer?.cancel()
    this.#notSlow?.()
    this.#state = this.#state === "expiring" ? "expired" : "finished"
  }

  /** @internal The message of the TimeoutError. */
  _text(): string {
    const took = Math.round(Math.max(0, (this.#when ?? this.#startedAt) - this.#startedAt))
    return `${this.#what()}: ${this.#work === undefined ? "it" : this.#work._name} was not done after ${took}ms`
  }

  #arm(when: number | null): TimerHandle | undefined {
    return when === null ? undefined : this.#loop.callAt(when, this._expire)
  }
}

/** Ends as the work does, save that the deadline's own cancel is a TimeoutError. */
class Limited<A> extends Follower<A> {
  static {
    readAsFuture(this)
  }
  readonly #deadline: Timeout
  /** Whether anybody but the deadline has cancelled the task of the work. */
  readonly #cancelledByOthers: () => boolean
  #asked: { readonly message: unknown } | undefined

  constructor(work: Future<unknown>, deadline: Timeout, cancelledByOthers: () => boolean) {
    super(work)
    this.#deadline = deadline
    this.#cancelledByOthers = cancelledByOthers
  }

  override cancel(message?: unknown): boolean {
    if (this.done()) return super.cancel(message)
    const told = this._inner.cancel(message)
    if (told) this.#asked ??= { message }
    return told
  }

  /** A cancel that the work did not see, or did not answer. */
  override _unanswered(): CancelledError | undefined {
    if (this.#asked === undefined || this._peek() !== "error") return undefined
    return this._inner instanceof Task ? this._inner._unseen : this._inner._unanswered()
  }

  protected override _follow(): void {
    this.#deadline._end()
    // A cancel from outside is never turned into a TimeoutError, whichever of the two came first.
    if (!this._inner.cancelled() || !this.#deadline.expired()) super._follow()
    else if (this.#asked !== undefined) this._settleCancelled(this.#asked.message)
    else if (this.#cancelledByOthers()) super._follow()
    else this._settleError(new TimeoutError(this.#deadline._text(), { cause: this._inner._error() }))
  }
}

/**
 * Waits for `awaitable` for at most `ms` milliseconds of the loop's clock; `null` or Infinity is no limit. A coroutine
 * is started as a task.
 *
 * At the deadline the work is cancelled and **joined**; then the Future fails with a {@link TimeoutError} whose `cause` is
 * the CancelledError. Work that answers the cancel with a value or an error of its own gives that. With `ms` from 0
 * down, what is done gives its outcome, what is pending is cancelled and joined, and a coroutine is never started.
 *
 * **Cancel** Goes to the work; the Future is done when the work is, with what that ends with. A cancel that meets the
 * deadline wins: cancelled, no TimeoutError.
 *
 * **Gotchas** Work that ignores its cancellation keeps the Future pending; after `slowJoin` the loop says so. Nobody can
 * wait for a foreign promise to stop: of that, only the wait is cancelled. To time out a wait and leave the work running,
 * wait for a `shield` of it.
 *
 * @example
 * const load = fromAio(() => waitFor(({ signal }) => fetch("data:,hello", { signal }), 5000))
 * const response = await Effect.runPromise(Loop.scoped(load()))
 * console.log(await response.text()) // => hello
 *
 * @category combinators
 * @since 0.1.0
 */
export function waitFor<A>(awaitable: PromiseLike<A>, ms: number | null): Future<A>
export function waitFor<R>(
  coroutine: Coroutine<R>,
  ms: number | null,
  options?: TaskOptions
): Future<CoroutineValue<R>>
export function waitFor(awaitable: unknown, ms: number | null, options?: TaskOptions): Future<unknown> {
  const loop = runningLoop("waitFor()")
  const delay = milliseconds("waitFor", ms)
  const self = runningTask(loop)
  if (self !== null && self === awaitable) {
    throw new InvalidStateError(`${textOf(self)} cannot wait for itself`)
  }
  const deadline = new Timeout(loop, () => "waitFor", delay)
  const inner = deadline._begin(() => loop._futureOf("waitFor", awaitable, options))
  const outer = new Limited<unknown>(inner, deadline, () => false)
  // Before its first step: a coroutine that has no time is never started.
  if (delay !== null && delay <= 0) deadline._expire()
  if (loop.getDebug()) rememberSite(outer, waitFor)
  return outer
}

/**
 * Runs `body` as a task that has `ms` milliseconds of the loop's clock; `null` or Infinity is no limit until the body sets
 * one with `scope.reschedule`. asyncio's `async with timeout(...)`, with the block as a function.
 *
 * At the deadline the task is cancelled and **joined**; then the Future fails with a {@link TimeoutError}. A body that
 * answers the cancel with a value or an error of its own gives that; `scope.expired()` still tells. Of nested timeouts the
 * one whose deadline passed fails, the ones inside it are cancelled. With `ms` from 0 down the body runs up to its first
 * wait.
 *
 * **Cancel** Goes to the task of the body; the Future is done when that is. A cancel that meets the deadline wins.
 *
 * @example
 * const chunks = async function* () {
 *   for (const chunk of ["one", "two"]) yield await sleep(10, chunk)
 * }
 * const download = fromAio(() =>
 *   timeout(1000, async (scope) => {
 *     for await (const chunk of chunks()) {
 *       scope.reschedule(getRunningLoop().time() + 1000) // a second for each chunk
 *       console.log(chunk)
 *     }
 *   })
 * )
 * await Effect.runPromise(Loop.scoped(download()))
 *
 * @category combinators
 * @since 0.1.0
 */
export const timeout = <R>(
  ms: number | null,
  body: (scope: Timeout, task: Task<unknown>) => R,
  options?: TaskOptions
): Future<CoroutineValue<R>> => {
  const loop = runningLoop("timeout()")
  const delay = milliseconds("timeout", ms)
  if (typeof body !== "function") {
    throw new TypeError(
      `timeout takes an async function or a generator function, not ${describeValue(body)}; a promise or Future goes to ` +
        `waitFor`
    )
  }
  const scope = new Timeout(loop, () => `timeout of ${workName(body)}`, delay)
  const task = scope._begin(() => loop.createTask((self) => body(scope, self), { body, ...options }))
  // The deadline's own cancel is one request; whatever goes beyond it came from elsewhere.
  const outer = new Limited<CoroutineValue<R>>(task, scope, () => task.cancelling() > 1)
  if (loop.getDebug()) {
    rememberSite(task, timeout)
    rememberSite(outer, timeout)
  }
  return outer
}
