/**
 * A value that a callback will supply.
 *
 * Legal states: pending, then exactly one of finished (a value), failed (an error) or cancelled, for ever. Whatever
 * waits (done callbacks, tasks, `then`) is queued on the loop when the Future settles, in the order of registration.
 *
 *     what settles it                                              what is queued then, for the loop's pass
 *
 *     setResult, setException ----+                                +--> Handle     a done callback
 *     a coroutine that ends ------+                                +--> Task       the step of a generator
 *     a fiber that ends ----------+---> pending ---> settled ------+--> Answer     an `await`, a handler of `then`
 *     foreign work that ends -----+       |                        +--> Waiting    a fiber that waits
 *     close() of the loop --------+       |                        +--> nothing: a failure goes to the log of those that
 *                                         |                             were never retrieved
 *     task, fiber, foreign work <---------+
 *                              onCancel     cancel(): of a caller, of the task that awaits this, for a fiber that is
 *                                           interrupted, by an AbortSignal
 *
 * A cancel goes against the arrows, to what will settle the Future, and leaves it pending until that has ended: what
 * that ends with is the outcome. Where nothing stands behind the Future, the cancel itself settles it.
 *
 * The states and names are those of asyncio's Future (3.13), `then` is that of Promises/A+ 1.1.
 *
 * Longer than 400 lines, because two nouns are in it: `then` makes an Answer, which is a Future. In a file of its own
 * each of the two would import the other. The alternative was to let the Scheduler make Answers; then the loop would
 * know of them, and a Future could not be read without it.
 */
import { adopt, isThenable } from "./adopt.js"
import { abandonedCaller, canceller, local, noRunningLoop } from "./current.js"
import { checkContext, type Context } from "./Context.js"
import { functionName, describeValue, textOf } from "./describe.js"
import { createdAt, rememberSite, siteOf } from "./sites.js"
import {
  CancelledError,
  InvalidStateError,
  isCancelledError,
  type LoopClosedError,
  isLoopClosedError
} from "./errors.js"
import { FutureIterator } from "./FutureIterator.js"
import { checkCallback, Handle } from "./Handle.js"
import type { Cancellable, Runnable, Scheduler, Settleable, Unretrieved, Waiter } from "./ports.js"

/**
 * The brand by which Futures of every copy of the library know each other.
 *
 * @example
 * const loop = SyncLoop.make()
 * console.log(FutureTypeId in loop.createFuture()) // => true
 * await loop.close()
 *
 * @category symbols
 * @since 0.1.0
 */
export const FutureTypeId: unique symbol = Symbol.for("effect-aio/Future")

/** The bits of `#flags` that are the state. */
const STATE = 3
const PENDING = 0
const FINISHED = 1
const FAILED = 2
const CANCELLED = 3

/** The outcome was read, or somebody is registered to be told: a failure is no longer for the loop to report. */
const RETRIEVED = 4
/** The loop settles this Future when it closes: code outside of all tasks waits for it. */
const WATCHED = 8
/** The Future's `onCancel` is on the stack. */
const CANCELLING = 16
/** Somebody else tells of the failure, such as a task group of which it is a part, or has told of it. */
const PASSED_ON = 32
/** Several were registered to be told when it settled. */
const SHARED = 64
/** Its failure was handed to somebody. */
const HEARD = 128
/** The closing of its loop has told it to stop. */
const TOLD = 256
/** It is in `unretrieved`. */
const LISTED = 512

/** The failures that nobody has looked at, beside the Futures: few have one, and there is a Future for every wait. */
const unretrieved = new WeakMap<Future<unknown>, Unretrieved>()

/**
 * How a Future is cancelled when its value comes from elsewhere. Returns true if the Future stays pending until the
 * owner settles it, false if it is cancelled at once.
 */
export type OnCancel = (message: unknown) => boolean

/**
 * `await` and promise combinators call `then` with functions that the engine made. Those only settle a promise, so they
 * may be called from anywhere, and whoever calls them is waiting; functions of the program are `then` handlers.
 *
 * The doubt: no standard promises that these functions look so, and a program may pass some on by hand. To take every
 * `then` for an `await` was the alternative: then `future.then(f)` in a task would be cancelled with the task, though
 * nobody waits for it there. An engine whose functions looked otherwise would cost the link between a task and what it
 * awaits, and no outcome.
 */
const isEngineMade = (f: unknown, other: unknown): boolean =>
  typeof f === "function" &&
  // The text of a function that has a name has it, too. To look is worth it where that spares the text: the engine gives two.
  (typeof other === "function" || f.name === "") &&
  Function.prototype.toString.call(f) === "function () { [native code] }"

/**
 * A value that a callback will supply: asyncio's Future as a PromiseLike.
 *
 * `await future`, `yield* future` in a generator coroutine, `then`, `addDoneCallback` and `runAioFuture` (in Effect)
 * wait for it. All but `await` on a Future that is done already come back through the loop's ready queue.
 *
 * @example
 * const loop = SyncLoop.make({ debug: true })
 * const future = loop.createFuture<number>()
 * loop.callSoon(() => future.setResult(42))
 * console.log(await loop.runUntilComplete(future)) // => 42
 * console.log(future.sourceTraceback !== undefined) // => true
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class Future<A> implements PromiseLike<A>, Cancellable, Settleable {
  declare readonly [FutureTypeId]: typeof FutureTypeId
  /** @internal */ readonly _scheduler: Scheduler
  #flags = PENDING
  /**
   * While pending, the {@link OnCancel} if there is one. Then the value, the error, or the cancel message until somebody asks
   * for the CancelledError made of it.
   */
  #value: unknown
  #callbacks: Runnable | Array<Runnable> | undefined = undefined

  // What is private is static: with private methods each Future would carry a mark of its class.

  /**
   * Makes a pending Future of `loop`, or of the running loop where none is named.
   * Throws {@link NoRunningLoopError} where there is neither.
   */
  constructor(loop?: object, onCancel?: OnCancel) {
    const scheduler = (loop ?? local()?.loop) as Scheduler | undefined
    if (scheduler === undefined) throw noRunningLoop("new Future()")
    if (typeof scheduler._push !== "function") throw new TypeError("new Future(loop) takes an EventLoop")
    this._scheduler = scheduler
    this.#value = onCancel
    if (scheduler.getDebug()) rememberSite(this, new.target)
  }

  /** The loop it belongs to. */
  getLoop(): object {
    return this._scheduler
  }

  /** Whether it has a value, an error, or was cancelled. */
  done(): boolean {
    return (this.#flags & STATE) !== PENDING
  }

  /** Whether it was cancelled. */
  cancelled(): boolean {
    return (this.#flags & STATE) === CANCELLED
  }

  /** Finishes with a value, as it is: thenables are not followed. Throws {@link InvalidStateError} when done. */
  setResult(value: A): void {
    Future.#refuseSettled(this, "setResult")
    this._settleValue(value)
  }

  /**
   * Fails with an error of any type. Throws {@link InvalidStateError} when done, and `TypeError` for an error class
   * in place of an instance.
   *
   * Differs: asyncio makes an instance of a class, and takes nothing but exceptions. In JavaScript anything can be thrown.
   */
  setException(error: unknown): void {
    Future.#refuseSettled(this, "setException")
    if (typeof error === "function" && (error === Error || error.prototype instanceof Error)) {
      throw new TypeError(
        `setException takes an error, not the class ${error.name}: pass new ${error.name}()`
      )
    }
    this._settleError(error)
  }

  /**
   * Asks for cancellation. False if it is done already. Otherwise true; a Future whose value comes from elsewhere (a
   * task, an Effect) stays pending until that has ended, and may still get a value or an error from it.
   */
  cancel(message?: unknown): boolean {
    if ((this.#flags & STATE) !== PENDING) {
      this._markRetrieved()
      return false
    }
    message ??= canceller()
    // Foreign code that is told to stop may cancel this Future again, or settle it.
    if ((this.#flags & CANCELLING) !== 0) return true
    this.#flags |= CANCELLING
    try {
      if (this._askToEnd(message)) return true
    } finally {
      this.#flags &= ~CANCELLING
    }
    this._settleCancelled(message)
    return true
  }

  /** @internal For a Future whose value comes from elsewhere: see {@link OnCancel}. */
  protected _askToEnd(message: unknown): boolean {
    const onCancel = this.#value as OnCancel | undefined
    return onCancel !== undefined && onCancel(message)
  }

  /**
   * The value. Throws its error, {@link CancelledError} if it was cancelled, {@link InvalidStateError} while pending.
   */
  result(): A {
    this._markRetrieved()
    if ((this.#flags & STATE) === FINISHED) return this.#value as A
    if ((this.#flags & STATE) === PENDING)
      throw new InvalidStateError(`result() of ${textOf(this)}: it is not done yet`)
    throw this._error()
  }

  /**
   * The error, or `undefined` if it finished with a value. Throws {@link CancelledError} if it was cancelled,
   * {@link InvalidStateError} while pending.
   */
  exception(): unknown {
    this._markRetrieved()
    if ((this.#flags & STATE) === FINISHED) return undefined
    if ((this.#flags & STATE) === FAILED) return this._error()
    if ((this.#flags & STATE) === CANCELLED) throw this._error()
    throw new InvalidStateError(`exception() of ${textOf(this)}: it is not done yet`)
  }

  /**
   * Calls `callback(future)` from the ready queue once this is done, in the async-local state of this call (or
   * `options.context`). Never synchronously. An exception in it goes to the exception handler.
   */
  addDoneCallback(callback: (future: this) => unknown, options?: { readonly context?: Context }): void {
    checkCallback("addDoneCallback", callback, this._scheduler.getDebug())
    const context =
      checkContext("addDoneCallback", options?.context) ?? this._scheduler.host.contexts.capture()
    this._add(new Handle(this._scheduler, callback, [this], context))
  }

  /** Takes every registration of `callback` back and counts them. Without effect once this is done. */
  removeDoneCallback(callback: (future: this) => unknown): number {
    const before = Future.#runnables(this)
    const kept = before.filter((other) => !(other instanceof Handle && other._callback === callback))
    if (kept.length !== before.length) this.#callbacks = kept.length === 0 ? undefined : kept
    return before.length - kept.length
  }

  /**
   * Promises/A+. Handlers run from the loop's ready queue; the result is a Future of the same loop.
   *
   * Differs: asyncio's Future has none. A promise of JavaScript runs its handlers in microtasks, where no loop could count
   * them, measure them or drop them at its close.
   */
  then<B = A, C = never>(
    onFulfilled?: ((value: A) => B | PromiseLike<B>) | null,
    onRejected?: ((reason: unknown) => C | PromiseLike<C>) | null
  ): Future<B | C> {
    if (!isEngineMade(onFulfilled, onRejected)) {
      const reaction = new Reaction<B | C>(this, onFulfilled, onRejected)
      if (Future.#parks(this, "then")) return reaction
      reaction._context = this._scheduler.host.contexts.capture()
      this._await(reaction)
      return reaction
    }
    if (
      (this.#flags & STATE) !== PENDING &&
      typeof onFulfilled === "function" &&
      typeof onRejected === "function"
    ) {
      Future.#answer(this, onFulfilled, onRejected)
      // The engine does not look at what it gets, and functions of its own answer with nothing.
      return (this._scheduler._nothing ??= Future.#nothing(this)) as Future<B | C>
    }
    const reaction = new Await<B | C>(this, onFulfilled, onRejected)
    if (Future.#parks(this, "then")) return reaction
    const waiter = local()?.task as (Waiter & Future<unknown>) | undefined
    // What outlives its task waits on its own account: nobody cancels it, and closing must not leave it hanging.
    if (waiter === undefined || waiter.done()) this._await(reaction)
    else {
      const refusal = waiter._wait(this)
      if (refusal !== undefined) reaction._hand(true, refusal)
      else {
        reaction._waiter = waiter
        this._add(reaction)
        waiter._deliver(this)
      }
    }
    return reaction
  }

  /** `then(undefined, onRejected)`. */
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Future<A | B> {
    return this.then(undefined, onRejected)
  }

  /** Runs `onFinally` when this is done, and passes the outcome on after it. */
  finally(onFinally?: (() => unknown) | null): Future<A> {
    if (typeof onFinally !== "function") return this.then()
    // A Future or promise that `onFinally` returns is waited for; its value is dropped, its failure is not.
    const after = <B>(pass: () => B): B | PromiseLike<B> => {
      const waits: unknown = onFinally()
      return isFuture(waits)
        ? waits.then(pass)
        : isThenable(waits)
          ? Promise.resolve(waits).then(pass)
          : pass()
    }
    return this.then(
      (value) => after(() => value),
      (reason) =>
        after<A>(() => {
          throw reason
        })
    )
  }

  /** `yield* future` in a generator coroutine waits for the value. */
  [Symbol.iterator](): FutureIterator<A> {
    return new FutureIterator(this)
  }

  /** Debug mode: the stack of its creation, innermost frame first. */
  get sourceTraceback(): string | undefined {
    return siteOf(this)
  }

  get [Symbol.toStringTag](): string {
    return "Future"
  }

  toString(): string {
    return `<${this.constructor.name} ${this._describe()}${createdAt(this)}>`
  }

  toJSON(): unknown {
    return { _id: this.constructor.name, state: this._stateWord() }
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal */
  _stateWord(): string {
    return (this.#flags & STATE) === PENDING
      ? "pending"
      : (this.#flags & STATE) === CANCELLED
        ? "cancelled"
        : "finished"
  }

  /** @internal State, callbacks and outcome for the text form. */
  protected _describe(): string {
    if ((this.#flags & STATE) === FINISHED) return `finished result=${describeValue(this.#value)}`
    if ((this.#flags & STATE) === FAILED) return `finished exception=${describeValue(this.#value)}`
    const names = Future.#runnables(this).flatMap((runnable) =>
      runnable instanceof Handle ? [`${functionName(runnable._callback)}()`] : []
    )
    if ((this.#flags & STATE) === CANCELLED || names.length === 0) return this._stateWord()
    const shown =
      names.length <= 2 ? names : [names[0] as string, `<${names.length - 2} more>`, names.at(-1) as string]
    return `pending cb=[${shown.join(", ")}]`
  }

  /** @internal The error to throw; for a cancelled Future always the same CancelledError. */
  _error(): unknown {
    if ((this.#flags & STATE) === FAILED) this.#flags |= HEARD
    if ((this.#flags & STATE) !== CANCELLED) return this.#value
    if (!isCancelledError(this.#value)) this.#value = new CancelledError(this.#value)
    return this.#value
  }

  /** @internal The outcome, for `Outcome` and the classes of this room: no copy, no throw. */
  _peek(): "pending" | "value" | "error" | "cancelled" {
    const state = this.#flags & STATE
    return state === PENDING
      ? "pending"
      : state === FINISHED
        ? "value"
        : state === FAILED
          ? "error"
          : "cancelled"
  }

  /** @internal */
  _value(): A {
    return this.#value as A
  }

  /** @internal The outcome was read, or somebody will be told of it. */
  _markRetrieved(): void {
    this.#flags |= RETRIEVED
    if ((this.#flags & LISTED) === 0) return
    this.#flags &= ~LISTED
    unretrieved.get(this)?.retrieved()
    unretrieved.delete(this)
  }

  /** @internal Whether the outcome was read, or somebody is registered to be told. */
  get _wasRetrieved(): boolean {
    return (this.#flags & RETRIEVED) !== 0
  }

  /** @internal True for the first caller: the closing of its loop, which tells it to stop once. It may be cleaning up then. */
  _tellOnce(): boolean {
    const first = (this.#flags & TOLD) === 0
    this.#flags |= TOLD
    return first
  }

  /** @internal Registers what is queued when this Future is done; it is queued at once if that is so already. */
  _add(runnable: Runnable): void {
    this._markRetrieved()
    if ((this.#flags & STATE) !== PENDING) this._scheduler._push(runnable)
    else if (this.#callbacks === undefined) this.#callbacks = runnable
    else if (Array.isArray(this.#callbacks)) this.#callbacks.push(runnable)
    else this.#callbacks = [this.#callbacks, runnable]
  }

  /** @internal Takes the registration of `runnable` back. */
  _remove(runnable: Runnable): void {
    if (this.#callbacks === runnable) this.#callbacks = undefined
    else if (Array.isArray(this.#callbacks)) {
      const index = this.#callbacks.indexOf(runnable)
      if (index >= 0) this.#callbacks.splice(index, 1)
    }
  }

  /**
   * @internal Takes a registration back as if it had never been: with nobody else registered, a failure that comes later
   * counts as one that nobody looked at.
   */
  _forgo(runnable: Runnable): void {
    this._remove(runnable)
    if ((this.#flags & STATE) !== PENDING || Future.#runnables(this).length > 0) return
    this.#callbacks = undefined
    this.#flags &= ~RETRIEVED
  }

  /** @internal */
  _settleValue(value: unknown): void {
    Future.#settle(this, FINISHED, value)
  }

  /** @internal */
  _settleError(error: unknown): void {
    Future.#settle(this, FAILED, error)
  }

  /** @internal `reason` is the cancel message, or the CancelledError itself. */
  _settleCancelled(reason: unknown): void {
    Future.#settle(this, CANCELLED, reason)
  }

  /** @internal Ends as `other` has ended, which is done. What closing did to that is nobody's to look at here, either. */
  _settleAs(other: Future<unknown>): void {
    const outcome = other._peek()
    if (other._passedOn) this._passOn()
    if (outcome === "value") this._settleValue(other._value())
    else if (outcome === "cancelled") this._settleCancelled(other._error())
    else if (other._closedUnder) this._closed(other._error() as LoopClosedError)
    else this._settleError(other._error())
  }

  /** @internal Whether it failed because its loop was closed under it, and not by anything of its own. */
  get _closedUnder(): boolean {
    return (this.#flags & STATE) === FAILED && this._scheduler.isClosed() && isLoopClosedError(this.#value)
  }

  /** @internal The loop is closed and nobody will settle this Future any more. */
  _closed(error: Error): void {
    if ((this.#flags & STATE) !== PENDING) return
    this.#flags |= RETRIEVED
    Future.#settle(this, FAILED, error)
  }

  /** @internal A cancel took this outcome's place with whoever awaited it: an error must not be lost in silence. */
  _overtaken(): void {
    const tell = (): void => Future.#tellLate(this, "what awaited it was cancelled before it knew")
    if ((this.#flags & STATE) !== FAILED || (this.#flags & SHARED) === 0) return tell()
    // The others who awaited it have been told, or will be in this pass.
    const unlessHeard = (): void => {
      if ((this.#flags & HEARD) === 0) tell()
    }
    this._scheduler._push({ resumes: false, run: unlessHeard })
  }

  /** @internal What awaited it was given up when the loop was closed: an error must not be lost in silence. */
  _unheard(): void {
    if ((this.#flags & STATE) === FINISHED && this.#value !== undefined) this._scheduler._countLate()
    if (isLoopClosedError(this.#value)) return
    Future.#tellLate(this, `what awaited it was given up when ${this._scheduler.name} was closed`)
  }

  /** Reports the failure, once. */
  static #tellLate(future: Future<unknown>, why: string): void {
    if ((future.#flags & STATE) !== FAILED || (future.#flags & PASSED_ON) !== 0) return
    future.#flags |= PASSED_ON
    future._scheduler.callExceptionHandler({
      kind: "late",
      message: `${textOf(future)} failed, and ${why}`,
      exception: future.#value,
      future
    })
  }

  /** @internal For those that are Runnables: its run threw, and nothing else will settle it. */
  _threw(error: unknown): void {
    if (!this.done()) this._settleError(error)
  }

  /** @internal The failure of this Future is told by another one that owns it, as a task group does, or was told. */
  _passOn(): void {
    this.#flags |= PASSED_ON
  }

  /** @internal Whether somebody else tells of its failure: who ends with the same one does not tell of it again. */
  get _passedOn(): boolean {
    return (this.#flags & PASSED_ON) !== 0
  }

  /** @internal A cancel that this Future took, and that its failure does not answer. The task that asked keeps it. */
  _unanswered(): CancelledError | undefined {
    return undefined
  }

  /** @internal What the texts of others call it: no more than a name, because Futures may await each other in circles. */
  get _name(): string {
    return functionName(this.constructor)
  }

  /** @internal What a never-retrieved report calls this. */
  protected _kind(): string {
    return "Future"
  }

  /** @internal The async-local state in which the never-retrieved report runs. */
  protected get _ownContext(): Context | undefined {
    return undefined
  }

  /** @internal `_add` for a wait outside of every task, which closing the loop must end: it settles this Future then. */
  _await(runnable: Runnable): void {
    this._add(runnable)
    if ((this.#flags & STATE) === PENDING && (this.#flags & WATCHED) === 0) {
      this.#flags |= WATCHED
      this._scheduler._watch(this)
    }
  }

  /**
   * An `await` of a Future that is done does not go round the loop, unless its caller does nothing else and the loop gets no
   * turn by that: it may wait for what a callback is to change. It may still be a Future of the wrong loop.
   */
  static #answer<A>(
    future: Future<A>,
    onFulfilled: (value: A) => unknown,
    onRejected: (reason: unknown) => unknown
  ): void {
    const waiter = local()?.task as Waiter | undefined
    if (waiter !== undefined) {
      if (waiter._abandoned && Future.#parks(future, "await")) return
      const refusal = waiter._scheduler === future._scheduler ? undefined : waiter._wait(future)
      if (refusal !== undefined) return void onRejected(refusal)
    }
    future._markRetrieved()
    if (future._scheduler._mayAnswer()) Future.#tell(future, onFulfilled, onRejected)
    else future._scheduler._push({ resumes: true, run: () => Future.#tell(future, onFulfilled, onRejected) })
  }

  static #tell<A>(
    future: Future<A>,
    onFulfilled: (value: A) => unknown,
    onRejected: (reason: unknown) => unknown
  ): void {
    if ((future.#flags & STATE) === FINISHED) onFulfilled(future._value())
    else onRejected(future._error())
  }

  /** Whether a coroutine that was given up asks: it is never answered. */
  static #parks(future: Future<unknown>, what: string): boolean {
    const caller = abandonedCaller(future._scheduler.host)
    caller?._park(what)
    return caller !== undefined
  }

  static #nothing(future: Future<unknown>): Future<undefined> {
    const nothing = new Future<undefined>(future._scheduler)
    nothing._settleValue(undefined)
    return nothing
  }

  static #refuseSettled(future: Future<unknown>, what: string): void {
    if ((future.#flags & STATE) !== PENDING)
      throw new InvalidStateError(`${what}() on ${textOf(future)}: it is settled already`)
  }

  static #runnables(future: Future<unknown>): Array<Runnable> {
    if (future.#callbacks === undefined) return []
    return Array.isArray(future.#callbacks) ? future.#callbacks : [future.#callbacks]
  }

  /** @internal The fibers that wait for it. */
  _waitingFibers(): ReadonlyArray<object> {
    return Future.#runnables(this).flatMap(({ _fiber }) => _fiber ?? [])
  }

  /** The only way out of pending. The first outcome stays, whoever comes later. */
  static #settle(future: Future<unknown>, state: number, value: unknown): void {
    if ((future.#flags & STATE) !== PENDING) return
    future.#flags |= state
    future.#value = value
    if ((future.#flags & WATCHED) !== 0) future._scheduler._unwatch(future)
    const callbacks = future.#callbacks
    future.#callbacks = undefined
    if (callbacks === undefined) {
      if (state === FAILED && (future.#flags & (RETRIEVED | PASSED_ON)) === 0) {
        const failure = future._scheduler._unretrieved(future, future._kind(), value, future._ownContext)
        if (failure !== undefined) {
          unretrieved.set(future, failure)
          future.#flags |= LISTED
        }
      }
    } else if (Array.isArray(callbacks)) {
      if (callbacks.length > 1) future.#flags |= SHARED
      for (const runnable of callbacks) future._scheduler._push(runnable)
    } else future._scheduler._push(callbacks)
  }
}

/**
 * Lets a class of the library be called "Future" in every text, which is what its objects are to programs. The name of the
 * class itself is set, because `describeValue`, Node and stack traces read that.
 */
export const readAsFuture = (Class: abstract new (...args: Array<never>) => Future<unknown>): void =>
  void Object.defineProperty(Class, "name", { value: "Future" })

/** What `then` returns. Cancelling it asks what it waits for. */
abstract class Answer<B> extends Future<B> implements Runnable {
  protected _source: Future<unknown> | undefined
  protected _onFulfilled: unknown
  protected _onRejected: unknown

  constructor(source: Future<unknown>, onFulfilled: unknown, onRejected: unknown) {
    super(source._scheduler)
    this._source = source
    this._onFulfilled = onFulfilled
    this._onRejected = onRejected
  }

  /** What waits here is promise code, and goes on in microtasks. */
  get resumes(): boolean {
    return true
  }

  abstract run(): void

  /** Walks up a chain of `then`s instead of recursing, so that its length does not matter. */
  override cancel(message?: unknown): boolean {
    if (this.done()) return super.cancel(message)
    let last: Answer<unknown> = this as Answer<unknown>
    const seen = new Set<Answer<unknown>>()
    for (let next = last._waitsFor(); next !== undefined; next = last._waitsFor()) {
      if (!(next instanceof Answer)) {
        if (next.cancel(message)) return true
        break
      }
      seen.add(last)
      if (seen.has(next)) break
      last = next
    }
    last._giveUp(message)
    return true
  }

  /** The Future that is to be asked to stop. */
  protected _waitsFor(): Future<unknown> | undefined {
    return this._source?.done() === false ? this._source : undefined
  }

  protected _giveUp(message: unknown): void {
    super.cancel(message)
  }

  _fulfil(value: unknown): void {
    this._settleValue(value)
  }

  _reject(reason: unknown): void {
    if (isCancelledError(reason)) this._settleCancelled(reason)
    else this._settleError(reason)
  }
}

/** That of the engine: there is an `await` at the other end, which is told in any case. */
class Await<B> extends Answer<B> {
  static {
    readAsFuture(this)
  }
  _waiter: Waiter | undefined = undefined

  run(): void {
    const source = this._source
    if (source === undefined) return
    this._source = undefined
    const waiter = this._waiter
    // Its loop was closed, and gave the coroutine up: the one who waits here does not go on.
    if (waiter?._abandoned === true) {
      source._unheard()
      return this._settleValue(undefined)
    }
    const rejected = source._peek() !== "value"
    const cancel = waiter?._resume(source, source.cancelled())
    if (cancel !== undefined) {
      source._overtaken()
      this._hand(true, cancel)
    } else this._hand(rejected, rejected ? source._error() : source._value())
  }

  /** The engine's functions neither throw nor answer; where one is missing, the outcome is ours. */
  _hand(rejected: boolean, outcome: unknown): void {
    const handler = rejected ? this._onRejected : this._onFulfilled
    this._onFulfilled = this._onRejected = undefined
    if (typeof handler === "function") {
      handler(outcome)
      this._fulfil(undefined)
    } else if (rejected) this._reject(outcome)
    else this._fulfil(outcome)
  }
}

/**
 * That of handlers of the program: settled by what they answer.
 *
 * Legal states while pending: waiting for the source; then, where a handler answered with a thenable, `#following` that.
 */
class Reaction<B> extends Answer<B> {
  static {
    readAsFuture(this)
  }
  #following: PromiseLike<unknown> | undefined = undefined
  _context: Context | undefined = undefined

  run(): void {
    if (this._source === undefined) return
    this._scheduler.host.contexts.call(this._context, this._scheduler, undefined, Reaction.#react, this)
  }

  protected override _waitsFor(): Future<unknown> | undefined {
    const following = this.#following
    return isFuture(following) && !following.done() ? following : super._waitsFor()
  }

  protected override _giveUp(message: unknown): void {
    this._source?._overtaken()
    this._source = undefined
    super._giveUp(message)
  }

  static #react(reaction: Reaction<unknown>): void {
    const source = reaction._source
    if (source === undefined) return
    reaction._source = undefined
    const rejected = source._peek() !== "value"
    const handler = rejected ? reaction._onRejected : reaction._onFulfilled
    reaction._onFulfilled = reaction._onRejected = undefined
    if (typeof handler !== "function") {
      if (rejected) reaction._reject(source._error())
      else reaction._fulfil(source._value())
      return
    }
    let value: unknown
    try {
      value = handler(rejected ? source._error() : source._value())
    } catch (error) {
      reaction._reject(error)
      return
    }
    const following = adopt(reaction, value)
    if (!reaction.done()) reaction.#following = following
  }
}

/** One of each class that is made here, for `shapes.ts`. */
export const futureShapes = (scheduler: Scheduler): ReadonlyArray<Future<unknown>> => {
  const future = new Future<unknown>(scheduler)
  return [future, new Await(future, undefined, undefined), new Reaction(future, undefined, undefined)]
}

/**
 * Whether a value is a Future, of this or of another copy of the library.
 *
 * @example
 * const loop = SyncLoop.make()
 * console.log(isFuture(loop.createFuture()), isFuture(Promise.resolve())) // => true false
 * await loop.close()
 *
 * @category guards
 * @since 0.1.0
 */
export const isFuture = (u: unknown): u is Future<unknown> => {
  if (typeof u !== "object" || u === null) return false
  try {
    return FutureTypeId in u
  } catch {
    return false // A proxy that throws when it is asked, or that was revoked.
  }
}

Object.defineProperty(Future.prototype, FutureTypeId, { value: FutureTypeId })
