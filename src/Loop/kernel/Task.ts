/**
 * A Future that drives an aio-flavored coroutine: an async function or a generator function.
 *
 * While pending, exactly one of these holds, as in asyncio's Task (3.13, `tasks.py`):
 *   scheduled  it has not started, or its next step (generators) is in the ready queue
 *   running    its code is on the stack, or goes on in microtasks (async functions between loop awaits)
 *   waiting    `#waiting` holds the Futures it awaits; each has a callback that resumes us
 *
 * Transitions: scheduled -> running in `run`; running -> waiting in `_wait` (async functions: called by `then`;
 * generators: what they yield); waiting -> scheduled when an awaited Future settles. Cancelling a waiting task cancels
 * what it awaits; otherwise the cancel is kept in `#stopping` and delivered at the next await, or at the end.
 *
 * Differs: asyncio drives every coroutine itself, one step at a time. JavaScript drives async functions, and all that a
 * task has of them is their start, their end and the Futures that they await; generators are driven as in asyncio.
 *
 * Longer than 400 lines, because the states above are private fields of one class: what cancels, what waits and what
 * steps all read and write `#stopping` and `#waiting`. In two files those would be open to every file.
 */
import { canceller, isOwn, notOwn } from "./current.js"
import { isThenable } from "./adopt.js"
import { checkContext, type Context } from "./Context.js"
import { describeValue, functionName, oneLine, tagOf, textOf, workName } from "./describe.js"
import { isKnownAbort } from "./echoes.js"
import {
  CancelledError,
  givenTo,
  InvalidStateError,
  isAbortError,
  isCancelledError,
  isLoopClosedError,
  WrongLoopError
} from "./errors.js"
import { Future, isFuture } from "./Future.js"
import type { Listed } from "./TaskList.js"
import type { Abort, Cancellable, Runnable, Scheduler, Signal, Waiter } from "./ports.js"

/**
 * What a task runs: an async function or a generator function, called with the task itself when the task starts. A
 * plain function is accepted; what it returns is the result.
 *
 * @category models
 * @since 0.1.0
 */
export type Coroutine<R> = (task: Task<unknown>) => R

/**
 * The value of a coroutine that returns `R`: what a generator returns, what a promise resolves to.
 *
 * @category models
 * @since 0.1.0
 */
export type CoroutineValue<R> = R extends Generator<unknown, infer A, never> ? A : Awaited<R>

/**
 * Stops the work of a task: the `cancel` of {@link TaskOptions}.
 *
 * @category models
 * @since 0.1.0
 */
export type CancelOption = (reason: CancelledError, task: Task<unknown>) => void | PromiseLike<unknown>

/**
 * Whether an error is the echo of our own cancel: the `cancelled` of {@link TaskOptions}.
 *
 * @category models
 * @since 0.1.0
 */
export type CancelledOption = (error: unknown) => boolean

/**
 * What a task may be given at its creation.
 *
 * @category models
 * @since 0.1.0
 */
export interface TaskOptions {
  /** For reports, spans and logs. Default `Task-<n>`. */
  readonly name?: unknown
  /** The async-local state to run in. Default: that of the caller. */
  readonly context?: Context | undefined
  /**
   * How its work is stopped where its signal does not reach: disconnect, `pg_cancel_backend`, `page.close()`. Called once,
   * at the first cancel of a task that has started and is not done, after its signal was aborted and what it awaits was
   * cancelled. The task is done when its coroutine and what `cancel` has returned are. One that fails is reported (`late`),
   * and changes nothing else. Default: that of the loop.
   */
  readonly cancel?: CancelOption | undefined
  /**
   * Whether an error of the coroutine is the echo of our own cancel: the task is then cancelled, with the error as the
   * `cause`. Asked only of a task that was cancelled; it decides in place of the table of known aborts. One that throws is
   * reported, and counts as false. Default: that of the loop.
   */
  readonly cancelled?: CancelledOption | undefined
  /**
   * False for a task that may make no progress for as long as it likes: one that consumes a queue, or accepts connections. It is
   * not reported by the loop's `slowTask`, nor are those that wait for it. Default true.
   */
  readonly slowTask?: boolean | undefined
  /** @internal The function that reports show, where an adapter wraps the program's own. */
  readonly body?: unknown
}

/** It was called, and has begun. */
const STARTED = 1
/** `cancel` is on the stack: a circle of waits, or a listener of the signal, must not enter it again. */
const CANCELLING = 2
const LISTED = 4
const KEEPS_VALUE = 8
const GRACE_IS_OVER = 16
const FIBER_WAITS = 32
const ABANDONED = 64
const MAY_GO_ON = 128
/** The coroutine has gone on after it was given up, and it was said. */
const PARKED = 256
/** It has begun to wait for something since somebody looked. */
const MOVED = 1024
/** Nobody is to be told that it makes no progress. */
const PATIENT = 2048
/** It has spun on its aborted signal, and it was said. */
const SPUN = 512

/**
 * How far a chain of waits is followed when a wait begins: a chain that is built from its end would be walked from each link.
 * A circle of more tasks is found by whoever looks at all of them (`slowTask`, a dump, the closing).
 */
const MOST_FOLLOWED = 64

/** How the work of a task is stopped, and how that shows: what was given to it, or to its loop. */
interface Stops {
  readonly cancel: CancelOption | undefined
  readonly cancelled: CancelledOption | undefined
}

/**
 * What a task has when it is asked to stop, when its signal is read, or when it was said how its work is stopped. Beside the
 * task: few are, and a field of the task costs every task eight bytes.
 * @internal
 */
export class Stopping {
  requests = 0
  /** The message of the first of the cancel requests. */
  message: unknown = undefined
  /** The library itself has cancelled the task: whoever cleans up after that is not told a second time (J13). */
  toldByUs = false
  /** The cancel that no await has seen yet. */
  cancel: CancelledError | undefined = undefined
  abort: Abort | undefined = undefined
  /** A signal that was read was aborted; a fresh one may be there since. */
  aborted = false
  /** The `cancel` that was given was called, and what that returned has not ended or has. */
  called: "pending" | "ended" | undefined = undefined
  /** The coroutine has ended before that: the outcome waits for it. */
  held: (() => void) | undefined = undefined

  constructor(readonly stops: Stops | undefined) {}
}

/** What drives a generator: few coroutines are one. @internal */
export class Steps {
  /** The Future that was yielded; its outcome goes into the next step. */
  awaited: Future<unknown> | undefined = undefined
  /** What the next step throws into the coroutine, in place of an awaited outcome. */
  thrown: { readonly error: unknown } | undefined = undefined
  constructor(public generator: Generator<unknown, unknown, unknown> | undefined) {}
}

const reasonOf = ({ cancel, message }: Stopping): CancelledError => cancel ?? new CancelledError(message)

let tasks = 0

/** Whether a coroutine function turned out to be a generator function. @internal */
export const isGenerator = (u: unknown): u is Generator<unknown, unknown, unknown> =>
  tagOf(u) === "[object Generator]"

/** Throws `TypeError` for what is no function. */
const stopsOf = (options: TaskOptions, scheduler: Scheduler): Stops | undefined => {
  checkStop("cancel", options.cancel)
  checkStop("cancelled", options.cancelled)
  const cancel = options.cancel ?? scheduler._cancel
  const cancelled = options.cancelled ?? scheduler._cancelled
  return cancel === undefined && cancelled === undefined ? undefined : { cancel, cancelled }
}

const checkStop = (what: string, given: unknown): void => {
  if (given !== undefined && typeof given !== "function") {
    throw new TypeError(`the ${what} of a task is a function, not ${describeValue(given)}`)
  }
}

/** What a coroutine returned, to the task that is to end with it. */
type Returned = "promise" | "generator" | "future" | "thenable" | "value"

/** Throws where the value does not let itself be looked at: a revoked proxy, a `toStringTag` that throws. */
const kindOf = (result: unknown): Returned => {
  if (typeof result !== "object" || result === null) return isThenable(result) ? "thenable" : "value"
  if (result instanceof Promise) return "promise"
  if (Object.prototype.toString.call(result) === "[object Generator]") return "generator"
  return isFuture(result) ? "future" : isThenable(result) ? "thenable" : "value"
}

/** The name of a task as a string. Throws `TypeError` for what cannot be made one. @internal */
export const nameOf = (name: unknown): string => {
  try {
    return String(name)
  } catch (cause) {
    throw new TypeError("the name of a task is a string, or has one", { cause })
  }
}

/**
 * A running coroutine, as a Future of its result. Made by `loop.createTask`; it starts in a later pass, never inside
 * the call.
 *
 * **Gotchas** What an async function awaits is known to its task when that is a Future of the loop; a foreign promise
 * is not, so give it `task.signal`. A cancel that meets a foreign promise is delivered at the next await of a Future,
 * or at the end: the task never loses it.
 *
 * @example
 * const loop = SyncLoop.make()
 * const task = loop.createTask(async () => sleep(60_000), { name: "nap" })
 * loop.callLater(10, () => task.cancel("no longer needed"))
 * await loop.runUntilComplete(task).catch((error: unknown) => console.log(String(error))) // => AbortError: no longer needed
 * console.log(task.cancelled(), task.signal.aborted) // => true true
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class Task<A> extends Future<A> implements Runnable, Waiter, Listed<Task<unknown>> {
  /** The function that the task runs; `STARTED` says whether it was called. */
  readonly #coroutine: Coroutine<unknown>
  readonly #body: unknown
  #context: Context | undefined
  /** Its name, or its number where it has none. */
  #label: string | number
  readonly #createdAt: number
  /** @internal */ _next: Task<unknown> | undefined = undefined
  /** @internal */ _previous: Task<unknown> | undefined = undefined
  #marks = 0
  #waiting: Cancellable | Set<Cancellable> | undefined = undefined
  #stopping: Stopping | undefined
  /** Generators only. */
  #steps: Steps | undefined = undefined
  /** The failure of something that it has awaited, of which somebody else tells. */
  #passedOn: { readonly error: unknown } | undefined = undefined

  /** @internal Use `loop.createTask`. */
  constructor(scheduler: Scheduler, coroutine: Coroutine<unknown>, options: TaskOptions) {
    super(scheduler)
    this.#coroutine = coroutine
    this.#body = options.body ?? coroutine
    this.#context =
      (options.context === undefined ? undefined : checkContext("createTask", options.context)) ??
      scheduler.host.contexts.capture()
    const stops = stopsOf(options, scheduler)
    this.#stopping = stops === undefined ? undefined : new Stopping(stops)
    this.#createdAt = scheduler.host.now()
    if (options.slowTask === false) this.#marks |= PATIENT
    const number = ++tasks
    this.#label = options.name === undefined ? number : nameOf(options.name)
  }

  /** @internal */
  get resumes(): boolean {
    return true
  }

  /** @internal See `TaskList`. */
  get _listed(): boolean {
    return (this.#marks & LISTED) !== 0
  }
  set _listed(listed: boolean) {
    this.#mark(LISTED, listed)
  }

  /** @internal A cancel that no await has seen does not take its value: who has cancelled it asks for that. */
  _keepValue(): void {
    this.#marks |= KEEPS_VALUE
  }

  /** @internal Who has waited for it has waited long enough, and has reported it: nobody else waits for it alone. */
  get _graceIsOver(): boolean {
    return (this.#marks & GRACE_IS_OVER) !== 0
  }
  set _graceIsOver(over: boolean) {
    this.#mark(GRACE_IS_OVER, over)
  }

  /** @internal A fiber waits for it, which has begun it. */
  get _fiberWaits(): boolean {
    return (this.#marks & FIBER_WAITS) !== 0
  }
  set _fiberWaits(waits: boolean) {
    this.#mark(FIBER_WAITS, waits)
  }

  /** @internal Closing the loop has given up on the coroutine, which had begun. */
  get _abandoned(): boolean {
    return (this.#marks & ABANDONED) !== 0
  }

  /** @internal It was at something foreign then, and may go on. What awaits a Future is not resumed any more. */
  get _mayGoOn(): boolean {
    return (this.#marks & MAY_GO_ON) !== 0
  }

  #mark(mark: number, on: boolean): void {
    this.#marks = on ? this.#marks | mark : this.#marks & ~mark
  }

  /** @internal Whether it has begun to wait for something since the last time that this was asked. */
  _hasMoved(): boolean {
    const moved = (this.#marks & MOVED) !== 0
    this.#marks &= ~MOVED
    return moved
  }

  /** @internal It may wait for as long as it likes. */
  get _patient(): boolean {
    return (this.#marks & PATIENT) !== 0
  }

  /** @internal Reports call a task that nobody has named by what it does: its number says nothing to who reads them. */
  override get _name(): string {
    return typeof this.#label === "number" ? workName(this.#body) : oneLine(this.#label)
  }

  getName(): string {
    return typeof this.#label === "number" ? `Task-${this.#label}` : this.#label
  }

  /** Names the task; what is not a string is shown as one. */
  setName(name: unknown): void {
    this.#label = nameOf(name)
  }

  /** The function that this task runs; of an adapted one, the function that was given to the adapter. */
  getCoro(): unknown {
    return this.#body
  }

  /** How long it has existed, in milliseconds of the loop's clock. */
  age(): number {
    return this._scheduler.host.now() - this.#createdAt
  }

  /** What it waits for, for reports: the text forms of the Futures it awaits. */
  waitingOn(): ReadonlyArray<string> {
    const awaited = this._awaited().map(textOf)
    return this._beingStopped ? [...awaited, "its cancel"] : awaited
  }

  /** @internal Its `cancel` was called, and has not ended. */
  get _beingStopped(): boolean {
    return this.#stopping?.called === "pending" && !this.done()
  }

  /** @internal It was said how its work is stopped, by a `cancel`. */
  get _hasCancel(): boolean {
    return this.#stopping?.stops?.cancel !== undefined
  }

  /**
   * Aborted when this task is cancelled, with the {@link CancelledError} as its `reason`. The controller behind it is
   * made when `signal` is first read.
   */
  get signal(): Signal {
    const stopping = (this.#stopping ??= new Stopping(undefined))
    if (stopping.abort === undefined) {
      stopping.abort = this._scheduler.host.abort(() => this.#spins())
      if (stopping.requests > 0) stopping.abort.abort(reasonOf(stopping))
    }
    return stopping.abort.signal
  }

  /**
   * Asks the task to stop. False if it is done; otherwise true: a task that has not started never starts, the Future
   * it awaits is cancelled, and its `signal` is aborted. The coroutine may clean up, delay or refuse; awaiting the task
   * means "it has really stopped".
   *
   * Differs: asyncio throws CancelledError into the coroutine in any case. Nothing can be thrown into an async function
   * that awaits a foreign promise: the `signal` is how that hears of it.
   */
  override cancel(message?: unknown): boolean {
    if (this.done()) {
      this._markRetrieved()
      return false
    }
    message ??= canceller()
    let next = this.#request(message)
    if (next === undefined) return true
    // Tasks that await each other in a long chain are walked, not recursed into.
    const chain: Array<Task<unknown>> = []
    try {
      for (let task: Task<unknown> = this as Task<unknown>; next !== undefined;) {
        task.#marks |= CANCELLING
        chain.push(task)
        // A circle of waits: nobody in it can be told before one of them is resumed.
        if ((next.#marks & CANCELLING) !== 0) return task.#keep(message)
        task = next
        next = task.#request(message)
      }
    } finally {
      for (const task of chain) task.#marks &= ~CANCELLING
      for (const task of chain) task.#stop()
    }
    return true
  }

  /** One cancel request for one task. Returns the task it is to be passed on to, if that is all there is to do. */
  #request(message: unknown): Task<unknown> | undefined {
    const stopping = (this.#stopping ??= new Stopping(undefined))
    if (stopping.requests++ === 0) stopping.message = message
    const again = stopping.toldByUs && isOwn()
    stopping.toldByUs ||= isOwn()
    if ((this.#marks & CANCELLING) !== 0 || again) return undefined
    const waiting = this.#waiting
    let passedOn = false
    this.#marks |= CANCELLING
    try {
      if (waiting === undefined) this.#keep(message)
      const { abort } = stopping
      if (abort !== undefined) notOwn(() => abort.abort(stopping.cancel ?? new CancelledError(message)))
      if (waiting === undefined || this.done()) return undefined
      if (waiting instanceof Set) {
        let delivered = false
        for (const future of [...waiting]) if (future.cancel(message)) delivered = true
        if (!delivered) this.#keep(message)
      } else if (waiting instanceof Task && waiting.cancel === Task.prototype.cancel && !waiting.done()) {
        passedOn = true
        return waiting
      } else if (!waiting.cancel(message)) this.#keep(message)
      return undefined
    } finally {
      this.#marks &= ~CANCELLING
      if (!passedOn) this.#stop()
    }
  }

  /**
   * Calls the `cancel` that was given for the work, once. It is code of the loop, in the task's async-local state, and
   * nobody's task: a cancel of this task, which it may still have to deliver, is not for what `cancel` awaits.
   */
  #stop(): void {
    const stopping = this.#stopping
    const cancel = stopping?.stops?.cancel
    if (stopping === undefined || cancel === undefined || stopping.called !== undefined) return
    if ((this.#marks & STARTED) === 0 || this.done()) return
    stopping.called = "ended"
    const reason = reasonOf(stopping)
    const call = (): void => {
      let returned: unknown
      notOwn(() => (returned = cancel(reason, this as Task<unknown>)))
      if (!isThenable(returned)) return
      stopping.called = "pending"
      Promise.resolve(returned).then(
        () => Task.#stopped(stopping),
        (error: unknown) => {
          this.#stopFailed(error)
          Task.#stopped(stopping)
        }
      )
    }
    try {
      this._scheduler.host.contexts.call(this.#context, this._scheduler, undefined, call, undefined)
    } catch (error) {
      this.#stopFailed(error)
    }
  }

  /** What `cancel` returned has ended. */
  static #stopped(stopping: Stopping): void {
    stopping.called = "ended"
    const { held } = stopping
    stopping.held = undefined
    held?.()
  }

  #stopFailed(exception: unknown): void {
    // Cut off by the close of the loop, which has named the task.
    if (this.done() && isLoopClosedError(exception)) return
    this._scheduler.callExceptionHandler({
      kind: "late",
      message: `cancelling ${this._name} failed`,
      exception,
      task: this
    })
  }

  /** @internal Whether an error with which its work has ended is the echo of our own cancel (J11). */
  _isEcho(error: unknown): boolean {
    return this.cancelling() > 0 && this._answersCancel(error)
  }

  /**
   * @internal `_isEcho`, for those who know that it was cancelled, also where the cancel was taken back since. `told`: its
   * work was told to stop by other means than its signal and its `cancel`.
   */
  _answersCancel(error: unknown, told = false): boolean {
    const stopping = this.#stopping
    const cancelled = stopping?.stops?.cancelled
    if (cancelled === undefined) {
      const stopped =
        told ||
        (stopping !== undefined &&
          (stopping.aborted || stopping.abort !== undefined || stopping.called !== undefined))
      return isAbortError(error) || (stopped && isKnownAbort(error))
    }
    try {
      if (cancelled(error) === true) return true
    } catch (exception) {
      this._scheduler.callExceptionHandler({
        kind: "late",
        message: `asking whether ${this._name} was cancelled failed`,
        exception,
        task: this
      })
    }
    return isAbortError(error)
  }

  /** Keeps a cancel that cannot be delivered now, for the next await or the end. Of several, the first is delivered. */
  #keep(message: unknown): true {
    if (!this.done()) (this.#stopping ??= new Stopping(undefined)).cancel ??= new CancelledError(message)
    return true
  }

  /** How many cancel requests the task has had that were not taken back. asyncio (3.11): `cancelling`. */
  cancelling(): number {
    return this.#stopping?.requests ?? 0
  }

  /**
   * Takes one cancel request back, and returns how many are left. With none left, a cancel that was not delivered yet
   * is dropped, and `signal` is a fresh one when it is read again.
   */
  uncancel(): number {
    const stopping = this.#stopping
    if (stopping === undefined) return 0
    if (stopping.requests > 0 && --stopping.requests === 0) {
      stopping.cancel = undefined
      stopping.aborted ||= stopping.abort !== undefined
      stopping.abort = undefined
      stopping.message = undefined
      stopping.toldByUs = false
    }
    return stopping.requests
  }

  /** Throws {@link InvalidStateError}: a task settles by its coroutine only. */
  override setResult(): never {
    throw new InvalidStateError(`setResult() on ${textOf(this)}: a task settles by its coroutine`)
  }

  /** Throws {@link InvalidStateError}: a task settles by its coroutine only. */
  override setException(): never {
    throw new InvalidStateError(`setException() on ${textOf(this)}: a task settles by its coroutine`)
  }

  /**
   * Ties a Future to this task by hand: cancelling the task cancels the Future, until that is done. For loops opened
   * with `asyncContext: false`, where a task cannot see what its async function awaits.
   *
   * @example
   * const loop = SyncLoop.make({ asyncContext: false })
   * const task = loop.createTask(async (task) => task.link(loop.sleep(60_000)))
   * loop.callLater(10, () => task.cancel())
   * await loop.runUntilComplete(task).catch((error: unknown) => console.log(isCancelledError(error))) // => true
   * await loop.close()
   */
  link<F extends Future<unknown>>(future: F): F {
    if (future.done()) return future
    const refusal = this._wait(future)
    if (refusal !== undefined) throw refusal
    future._add({ resumes: false, run: () => this.#forget(future) })
    this._deliver(future)
    return future
  }

  /** @internal The loop's pass is the only caller: the first step, and every step of a generator. */
  run(): void {
    if (this.done()) return this.#steps?.awaited?._unheard()
    if (this.#steps !== undefined) {
      this._scheduler.host.contexts.call(this.#context, this._scheduler, this, Task.#advance, this)
      return
    }
    if ((this.#marks & STARTED) !== 0) return
    this.#marks |= STARTED
    const cancel = this.#stopping?.cancel
    if (cancel !== undefined) return this._settleCancelled(cancel)
    this._scheduler.host.contexts.call(this.#context, this._scheduler, this, Task.#start, this)
  }

  /** @internal The coroutine could not be entered: its context is the program's. */
  override _threw(cause: unknown): void {
    if (this.done()) return
    this.#fail(
      new TypeError(`task ${this._name} could not be run in the context that it was given`, { cause })
    )
  }

  /** @internal */
  _wait(future: Cancellable): Error | undefined {
    if (future === this) return new InvalidStateError(`${textOf(this)} cannot await itself`)
    if (isFuture(future) && future._scheduler !== this._scheduler) {
      return new WrongLoopError(
        `task ${this._name} of loop ${this._scheduler.name} awaits ${textOf(future)}, which is attached to a ` +
          `different loop; use loop.wrapFuture(future)`
      )
    }
    if (this.#waiting === undefined) this.#waiting = future
    else if (this.#waiting instanceof Set) this.#waiting.add(future)
    else if (this.#waiting !== future) this.#waiting = new Set([this.#waiting, future])
    this.#marks |= MOVED
    if (future instanceof Task && future.#waiting instanceof Task) this.#lookForCircle(future)
    return undefined
  }

  /** Those that wait for each other, from this task on, if what it waits for leads back to it. */
  #circle(): ReadonlyArray<Task<unknown>> | undefined {
    const chain: Array<Task<unknown>> = [this as Task<unknown>]
    for (let at = this.#waiting; at instanceof Task && chain.length <= MOST_FOLLOWED; at = at.#waiting) {
      if (at === this) return chain
      chain.push(at)
    }
    return undefined
  }

  /** A wait begins for a task that itself waits for one. In a pass, where a handler finds no wait that is only half begun. */
  #lookForCircle(awaited: Task<unknown>): void {
    let at: unknown = awaited
    for (let steps = 0; at instanceof Task && at !== this && steps < MOST_FOLLOWED; steps++) at = at.#waiting
    if (at !== this) return
    this._scheduler._push({ resumes: false, run: () => this.#tellCircle() })
  }

  /** Unless one of them waits for something else as well by now: that may come first. */
  #tellCircle(): void {
    const circle = this.#circle()
    if (circle === undefined) return
    const names = [...circle, this].map(({ _name }) => `task ${_name}`)
    this._scheduler.callExceptionHandler({
      kind: "circle",
      message: `they wait for each other, for ever: ${names.join(" -> ")}`,
      task: this as Task<unknown>
    })
  }

  /** @internal */
  _deliver(future: Cancellable): void {
    const stopping = this.#stopping
    if (stopping?.cancel !== undefined && future.cancel(givenTo(stopping.cancel))) stopping.cancel = undefined
  }

  /** @internal */
  _resume(future: Cancellable, cancelled: boolean): Error | undefined {
    this.#forget(future)
    const stopping = this.#stopping
    const cancel = stopping?.cancel
    if (stopping === undefined || cancel === undefined) {
      if (isFuture(future)) this.#hears(future)
      return undefined
    }
    stopping.cancel = undefined
    return cancelled ? undefined : cancel
  }

  /** @internal The cancel that its coroutine has never seen, where that failed with something else. */
  get _unseen(): CancelledError | undefined {
    return this._peek() === "error" ? this.#stopping?.cancel : undefined
  }

  /**
   * @internal Closing has given up on the coroutine: every wait on this task ends. The coroutine itself is left where
   * it waits. It has ignored a cancel already, and one that retries whatever fails would spin on an error for ever: so
   * nothing that it awaits or calls from then on is answered.
   */
  override _closed(error: Error): void {
    if (this.done()) return
    if ((this.#marks & STARTED) !== 0) {
      this.#marks |= ABANDONED
      if (this.#steps === undefined && this.#waiting === undefined) this.#marks |= MAY_GO_ON
    }
    this.#leave()
    super._closed(error)
    this.#context = undefined
  }

  /** It was cancelled, and calls one thing after another that its aborted signal refuses. Said once. */
  #spins(): void {
    if ((this.#marks & SPUN) !== 0) return
    this.#marks |= SPUN
    this._scheduler.callExceptionHandler({
      kind: "slowJoin",
      message:
        `${this._name} was cancelled and has not ended: it goes on calling what its aborted signal refuses, without a turn ` +
        `for anybody else. For the rest of each such turn the signal says that it is not aborted`,
      task: this
    })
  }

  /** @internal */
  _park(what: string): void {
    if ((this.#marks & PARKED) !== 0) return
    this.#marks |= PARKED
    if (this._scheduler._named) return
    this._scheduler.callExceptionHandler({
      kind: "late",
      message:
        `${this._name} was given up when ${this._scheduler.name} closed, and has gone on to ${what}: ` +
        `that is never answered`,
      task: this
    })
  }

  override get [Symbol.toStringTag](): string {
    return "Task"
  }

  override toJSON(): unknown {
    return { _id: "Task", name: this.getName(), state: this._stateWord(), waitingOn: this.waitingOn() }
  }

  /** @internal */
  override _stateWord(): string {
    return !this.done() && this.cancelling() > 0 ? "cancelling" : super._stateWord()
  }

  /** @internal */
  protected override _describe(): string {
    const state = super._describe()
    const word = state.startsWith("pending") ? this._stateWord() + state.slice("pending".length) : state
    const waits = this._awaited()
    // Another task is only named: tasks may await each other in circles.
    const texts = waits.map((future) =>
      future instanceof Task
        ? `<Task ${future._stateWord()} name=${JSON.stringify(future._name)}>`
        : textOf(future)
    )
    if (this._beingStopped) texts.push("its cancel")
    const wait = texts.length === 0 ? "" : ` wait_for=${texts.join(", ")}`
    return `${word} name=${JSON.stringify(this._name)} coro=${functionName(this.#body)}${wait}`
  }

  /** @internal */
  protected override _kind(): string {
    return "Task"
  }

  /**
   * @internal What the program's storages held in this task. The task itself is in its context, as who is running, and
   * a report must not keep the task from being collected: hence a second capture, as nobody's task.
   */
  protected override get _ownContext(): Context | undefined {
    const { contexts } = this._scheduler.host
    try {
      return contexts.call(this.#context, this._scheduler, undefined, () => contexts.capture(), undefined)
    } catch {
      return undefined // A context of the program's own that cannot be entered; the task has failed with that.
    }
  }

  /** @internal */
  override _settleValue(value: unknown): void {
    this.#leave()
    super._settleValue(value)
    this.#context = undefined
  }

  /** @internal */
  override _settleError(error: unknown): void {
    this.#leave()
    super._settleError(error)
    // Not before: a report may want it. It knows who has made this task, and that one who had made that.
    this.#context = undefined
  }

  /** @internal */
  override _settleCancelled(reason: unknown): void {
    this.#leave()
    super._settleCancelled(reason)
    this.#context = undefined
  }

  #leave(): void {
    this.#waiting = undefined
    if (this.#steps !== undefined) this.#steps.generator = undefined
    this._scheduler._left(this as Task<unknown>)
  }

  /** @internal What it awaits. */
  _awaited(): ReadonlyArray<Cancellable> {
    if (this.#waiting === undefined) return []
    return this.#waiting instanceof Set ? [...this.#waiting] : [this.#waiting]
  }

  #forget(future: Cancellable): void {
    if (this.#waiting === future) this.#waiting = undefined
    else if (this.#waiting instanceof Set) {
      this.#waiting.delete(future)
      if (this.#waiting.size === 0) this.#waiting = undefined
    }
  }

  /** The coroutine sees how this ended; where it failed, its own cancel comes at its next await. */
  #hears(awaited: Future<unknown>): void {
    const stopping = this.#stopping
    if (stopping !== undefined && stopping.requests > 0) stopping.cancel = awaited._unanswered()
    if (awaited._passedOn) this.#passedOn = { error: awaited._error() }
  }

  /** The coroutine returned `value`. A cancel that no await has seen makes the task cancelled all the same. */
  #finish(value: unknown): void {
    if (this.done()) return this.#late(value)
    const stopping = this.#stopping
    const cancel = (this.#marks & KEEPS_VALUE) !== 0 ? undefined : stopping?.cancel
    // A cancel makes what it returns worthless.
    if (cancel !== undefined && value !== undefined) this._scheduler._countLate()
    if (stopping?.called === "pending") {
      stopping.held = () => (cancel === undefined ? this._settleValue(value) : this._settleCancelled(cancel))
    } else if (cancel === undefined) this._settleValue(value)
    else this._settleCancelled(cancel)
  }

  /** The coroutine threw `error`. */
  #fail(error: unknown): void {
    if (this.#passedOn?.error === error) this._passOn()
    if (this.done()) return this.#late(undefined, { error })
    const stopping = this.#stopping
    const cancel = isCancelledError(error)
      ? error
      : this._isEcho(error)
        ? new CancelledError(stopping?.message, { cause: error })
        : undefined
    if (stopping?.called === "pending") {
      stopping.held = () => (cancel === undefined ? this._settleError(error) : this._settleCancelled(cancel))
    } else if (cancel === undefined) this._settleError(error)
    else this._settleCancelled(cancel)
  }

  /** The loop gave this task up when it closed, and now the coroutine ended after all. */
  #late(value: unknown, failure?: { readonly error: unknown }): void {
    if ((this.#marks & MAY_GO_ON) !== 0) this._scheduler._endedLate(this)
    if (value !== undefined) this._scheduler._countLate()
    if (failure === undefined || isCancelledError(failure.error) || this._isEcho(failure.error)) return
    // It awaited what was closed as it was, or what somebody else tells of.
    if (isLoopClosedError(failure.error) || this._passedOn) return
    this._scheduler.callExceptionHandler({
      kind: "late",
      message: `${this._name} failed after its loop was closed`,
      exception: failure.error,
      task: this
    })
  }

  static #start(task: Task<unknown>): void {
    let result: unknown
    try {
      result = task.#coroutine(task)
    } catch (error) {
      task.#fail(error)
      return
    }
    let kind: Returned
    try {
      kind = kindOf(result)
    } catch (cause) {
      const what = `task ${task._name} returned ${describeValue(result)}, which cannot be looked at`
      return task.#fail(new TypeError(what, { cause }))
    }
    switch (kind) {
      case "promise":
        return task.#follow(result as Promise<unknown>)
      case "generator":
        task.#steps = new Steps(result as Generator<unknown, unknown, unknown>)
        return Task.#advance(task)
      case "future":
        return task.#endAs(result as Future<unknown>)
      case "thenable":
        return task.#follow(Promise.resolve(result))
      case "value":
        return task.#finish(result)
    }
  }

  #follow(promise: Promise<unknown>): void {
    try {
      promise.then(
        (value) => this.#inTurn(Task.#finishWith, value),
        (error: unknown) => this.#inTurn(Task.#failWith, error)
      )
    } catch (error) {
      // A class of promises with a `then` of its own. `await` fails with what that throws, too.
      this.#fail(error)
    }
  }

  /** From the reaction of a promise: from idle, who waits for the task is told in this microtask. */
  #inTurn(end: (task: Task<unknown>, outcome: unknown) => void, outcome: unknown): void {
    const scheduler = this._scheduler
    const turn = scheduler._beginTurn()
    try {
      end(this as Task<unknown>, outcome)
    } finally {
      if (turn) scheduler._endTurn()
    }
  }

  static #finishWith(task: Task<unknown>, value: unknown): void {
    task.#finish(value)
  }

  static #failWith(task: Task<unknown>, error: unknown): void {
    task.#fail(error)
  }

  /**
   * A plain function returned a Future: the task awaits it as an async function would, and ends as that would, by
   * `#finish` and `#fail`. `_settleAs` would miss a cancel that the task has kept. One that is done is not waited for.
   */
  #endAs(future: Future<unknown>): void {
    const refusal = this._wait(future)
    if (refusal !== undefined) return this.#fail(refusal)
    if (future.done() && this._scheduler._mayAnswer()) {
      future._markRetrieved()
      return this.#endWith(future)
    }
    future._add({ resumes: false, run: () => this.#endWith(future) })
    this._deliver(future)
  }

  /** The Future is done that a plain function has returned. */
  #endWith(future: Future<unknown>): void {
    const cancel = this._resume(future, future.cancelled())
    if (cancel !== undefined) {
      future._overtaken()
      this.#fail(cancel)
    } else if (future._peek() === "value") this.#finish(future._value())
    else this.#fail(future._error())
  }

  /** One step of a generator: resumes it with the awaited outcome, and waits for what it yields next. */
  static #advance(task: Task<unknown>): void {
    const steps = task.#steps as Steps
    const generator = steps.generator as Generator<unknown, unknown, unknown>
    const waited = steps.awaited
    steps.awaited = undefined
    if (waited !== undefined) task.#forget(waited)
    let toThrow = steps.thrown
    steps.thrown = undefined
    const stopping = task.#stopping
    if (stopping?.cancel !== undefined) {
      const cancelled = waited?.cancelled() === true
      if (!cancelled) toThrow = { error: stopping.cancel }
      waited?._overtaken()
      stopping.cancel = undefined
    } else if (waited !== undefined) task.#hears(waited)
    let result: IteratorResult<unknown, unknown>
    let over: boolean | undefined
    let value: unknown
    try {
      if (toThrow !== undefined) result = generator.throw(toThrow.error)
      else if (waited === undefined) result = generator.next()
      else if (waited._peek() === "value") result = generator.next(waited._value())
      else result = generator.throw(waited._error())
      // What calls itself a generator may answer with anything.
      over = result.done
      value = result.value
    } catch (error) {
      task.#fail(error)
      return
    }
    // What the coroutine changed in its async-local state is there at its next step.
    task.#context = task._scheduler.host.contexts.capture()
    if (over === true) return task.#finish(value)
    task.#yielded(steps, value)
  }

  #yielded(steps: Steps, value: unknown): void {
    if (value === undefined) return this._scheduler._push(this)
    if (isFuture(value)) {
      const refusal = this._wait(value)
      if (refusal === undefined) {
        steps.awaited = value
        value._add(this)
        return this._deliver(value)
      }
      steps.thrown = { error: refusal }
    } else {
      steps.thrown = {
        error: new TypeError(
          `task ${this._name} yielded ${describeValue(value)}, which is not a Future: a generator coroutine waits ` +
            `with yield* on Futures; wrap a promise with loop.wrapFuture, and an Effect with runEffect`
        )
      }
    }
    this._scheduler._push(this)
  }
}
