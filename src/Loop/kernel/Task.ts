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
 * what it awaits; otherwise the cancel is kept in `#cancel` and delivered at the next await, or at the end.
 *
 * Differs: asyncio drives every coroutine itself, one step at a time. JavaScript drives async functions, and all that a
 * task has of them is their start, their end and the Futures that they await; generators are driven as in asyncio.
 *
 * Longer than 400 lines, because the states above are private fields of one class: what cancels, what waits and what
 * steps all read and write `#cancel` and `#waiting`. In two files those would be open to every file.
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
  /** @internal The function that reports show, where an adapter wraps the program's own. */
  readonly body?: unknown
}

let tasks = 0

/** Whether a coroutine function turned out to be a generator function. @internal */
export const isGenerator = (u: unknown): u is Generator<unknown, unknown, unknown> =>
  tagOf(u) === "[object Generator]"

/** How the work of a task is stopped, and how that shows: what was given to it, or to its loop. */
interface Stops {
  readonly cancel: CancelOption | undefined
  readonly cancelled: CancelledOption | undefined
}

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
  /** The function that the task runs; `#started` says whether it was called. */
  readonly #coroutine: Coroutine<unknown>
  readonly #body: unknown
  #started = false
  #generator: Generator<unknown, unknown, unknown> | undefined
  #context: Context | undefined
  #name: string | undefined
  readonly #number: number
  readonly #createdAt: number
  /** @internal */ _next: Task<unknown> | undefined = undefined
  /** @internal */ _previous: Task<unknown> | undefined = undefined
  /** @internal */ _listed = false
  /** @internal A cancel that no await has seen does not take its value: who has cancelled it asks for that. */
  _keepsValue = false
  /** @internal Who has waited for it has waited long enough, and has reported it: nobody else waits for it alone. */
  _graceIsOver = false
  /** @internal A fiber waits for it, which has begun it. */ _fiberWaits = false
  /** @internal Closing the loop has given up on the coroutine, which had begun. */ _abandoned = false
  /** @internal It was at something foreign then, and may go on. What awaits a Future is not resumed any more. */
  _mayGoOn = false
  /** The coroutine has gone on after that, and it was said. */
  #parked = false
  /** It has spun on its aborted signal, and it was said. */
  #spun = false
  #requests = 0
  /** The message of the first of the cancel requests. */
  #message: unknown = undefined
  /** The library itself has cancelled it: whoever cleans up after that is not told a second time (J13). */
  #toldByUs = false
  /** `cancel` is on the stack: a circle of waits, or a listener of the signal, must not enter it again. */
  #cancelling = false
  /** The cancel that no await has seen yet. */
  #cancel: CancelledError | undefined
  #waiting: Cancellable | Set<Cancellable> | undefined
  /** Generators: the Future that was yielded; its outcome goes into the next step. */
  #yield: Future<unknown> | undefined
  /** The failure of something that it has awaited, of which somebody else tells. */
  #passedOn: { readonly error: unknown } | undefined
  /** Generators: what the next step throws into the coroutine, in place of an awaited outcome. */
  #throw: { readonly error: unknown } | undefined
  #abort: Abort | undefined
  /** A signal that was read was aborted; a fresh one may be there since. */
  #aborted = false
  readonly #stops: Stops | undefined
  /** Its `cancel` was called, and what that returned has not ended or has. */
  #stopping: "pending" | "ended" | undefined
  /** The coroutine has ended before its `cancel`: the outcome waits for that. */
  #held: (() => void) | undefined
  #onSettled: ((task: Task<unknown>) => void) | undefined

  /** @internal Use `loop.createTask`. */
  constructor(
    scheduler: Scheduler,
    coroutine: Coroutine<unknown>,
    options: TaskOptions,
    onSettled: (task: Task<unknown>) => void
  ) {
    super(scheduler)
    this.#coroutine = coroutine
    this.#body = options.body ?? coroutine
    this.#context =
      (options.context === undefined ? undefined : checkContext("createTask", options.context)) ??
      scheduler.host.contexts.capture()
    this.#stops = stopsOf(options, scheduler)
    this.#number = ++tasks
    this.#createdAt = scheduler.host.now()
    this.#onSettled = onSettled
    if (options.name !== undefined) this.setName(options.name)
  }

  /** @internal */
  get resumes(): boolean {
    return true
  }

  /** @internal Reports call a task that nobody has named by what it does: its number says nothing to who reads them. */
  override get _name(): string {
    return this.#name === undefined ? workName(this.#body) : oneLine(this.#name)
  }

  getName(): string {
    return this.#name ?? `Task-${this.#number}`
  }

  /** Names the task; what is not a string is shown as one. */
  setName(name: unknown): void {
    this.#name = nameOf(name)
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
    return this.#stopping === "pending" && !this.done()
  }

  /** @internal It was said how its work is stopped, by a `cancel`. */
  get _hasCancel(): boolean {
    return this.#stops?.cancel !== undefined
  }

  /**
   * Aborted when this task is cancelled, with the {@link CancelledError} as its `reason`. The controller behind it is
   * made when `signal` is first read.
   */
  get signal(): Signal {
    if (this.#abort === undefined) {
      this.#abort = this._scheduler.host.abort(() => this.#spins())
      if (this.#requests > 0) this.#abort.abort(this.#cancel ?? new CancelledError(this.#message))
    }
    return this.#abort.signal
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
        task.#cancelling = true
        chain.push(task)
        // A circle of waits: nobody in it can be told before one of them is resumed.
        if (next.#cancelling) return task.#keep(message)
        task = next
        next = task.#request(message)
      }
    } finally {
      for (const task of chain) task.#cancelling = false
      for (const task of chain) task.#stop()
    }
    return true
  }

  /** One cancel request for one task. Returns the task it is to be passed on to, if that is all there is to do. */
  #request(message: unknown): Task<unknown> | undefined {
    if (this.#requests++ === 0) this.#message = message
    const again = this.#toldByUs && isOwn()
    this.#toldByUs ||= isOwn()
    if (this.#cancelling || again) return undefined
    const waiting = this.#waiting
    let passedOn = false
    this.#cancelling = true
    try {
      if (waiting === undefined) this.#keep(message)
      const abort = this.#abort
      if (abort !== undefined) notOwn(() => abort.abort(this.#cancel ?? new CancelledError(message)))
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
      this.#cancelling = false
      if (!passedOn) this.#stop()
    }
  }

  /**
   * Calls the `cancel` that was given for the work, once. It is code of the loop, in the task's async-local state, and
   * nobody's task: a cancel of this task, which it may still have to deliver, is not for what `cancel` awaits.
   */
  #stop(): void {
    const cancel = this.#stops?.cancel
    if (cancel === undefined || this.#stopping !== undefined || !this.#started || this.done()) return
    this.#stopping = "ended"
    const reason = this.#cancel ?? new CancelledError(this.#message)
    const call = (): void => {
      let returned: unknown
      notOwn(() => (returned = cancel(reason, this as Task<unknown>)))
      if (!isThenable(returned)) return
      this.#stopping = "pending"
      Promise.resolve(returned).then(
        () => this.#stopped(),
        (error: unknown) => {
          this.#stopFailed(error)
          this.#stopped()
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
  #stopped(): void {
    this.#stopping = "ended"
    const held = this.#held
    this.#held = undefined
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
    return this.#requests > 0 && this._answersCancel(error)
  }

  /**
   * @internal `_isEcho`, for those who know that it was cancelled, also where the cancel was taken back since. `told`: its
   * work was told to stop by other means than its signal and its `cancel`.
   */
  _answersCancel(error: unknown, told = false): boolean {
    const cancelled = this.#stops?.cancelled
    if (cancelled === undefined) {
      const stopped = told || this.#aborted || this.#abort !== undefined || this.#stopping !== undefined
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
    if (!this.done()) this.#cancel ??= new CancelledError(message)
    return true
  }

  /** How many cancel requests the task has had that were not taken back. asyncio (3.11): `cancelling`. */
  cancelling(): number {
    return this.#requests
  }

  /**
   * Takes one cancel request back, and returns how many are left. With none left, a cancel that was not delivered yet
   * is dropped, and `signal` is a fresh one when it is read again.
   */
  uncancel(): number {
    if (this.#requests > 0 && --this.#requests === 0) {
      this.#cancel = undefined
      this.#aborted ||= this.#abort !== undefined
      this.#abort = undefined
      this.#message = undefined
      this.#toldByUs = false
    }
    return this.#requests
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
    if (this.done()) return this.#yield?._unheard()
    if (this.#generator !== undefined) {
      this._scheduler.host.contexts.call(this.#context, this._scheduler, this, Task.#advance, this)
      return
    }
    if (this.#started) return
    this.#started = true
    if (this.#cancel !== undefined) return this._settleCancelled(this.#cancel)
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
    return undefined
  }

  /** @internal */
  _deliver(future: Cancellable): void {
    if (this.#cancel !== undefined && future.cancel(givenTo(this.#cancel))) this.#cancel = undefined
  }

  /** @internal */
  _resume(future: Cancellable, cancelled: boolean): Error | undefined {
    this.#forget(future)
    const cancel = this.#cancel
    if (cancel === undefined) {
      if (isFuture(future)) this.#hears(future)
      return undefined
    }
    this.#cancel = undefined
    return cancelled ? undefined : cancel
  }

  /** @internal The cancel that its coroutine has never seen, where that failed with something else. */
  get _unseen(): CancelledError | undefined {
    return this._peek() === "error" ? this.#cancel : undefined
  }

  /**
   * @internal Closing has given up on the coroutine: every wait on this task ends. The coroutine itself is left where
   * it waits. It has ignored a cancel already, and one that retries whatever fails would spin on an error for ever: so
   * nothing that it awaits or calls from then on is answered.
   */
  override _closed(error: Error): void {
    if (this.done()) return
    this._abandoned = this.#started
    this._mayGoOn = this.#started && this.#generator === undefined && this.#waiting === undefined
    this.#leave()
    super._closed(error)
    this.#context = undefined
  }

  /** It was cancelled, and calls one thing after another that its aborted signal refuses. Said once. */
  #spins(): void {
    if (this.#spun) return
    this.#spun = true
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
    if (this.#parked) return
    this.#parked = true
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
    return !this.done() && this.#requests > 0 ? "cancelling" : super._stateWord()
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
    const onSettled = this.#onSettled
    this.#onSettled = undefined
    this.#waiting = undefined
    this.#generator = undefined
    onSettled?.(this)
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
    if (this.#requests > 0) this.#cancel = awaited._unanswered()
    if (awaited._passedOn) this.#passedOn = { error: awaited._error() }
  }

  /** The coroutine returned `value`. A cancel that no await has seen makes the task cancelled all the same. */
  #finish(value: unknown): void {
    if (this.done()) return this.#late(value)
    const cancel = this._keepsValue ? undefined : this.#cancel
    // A cancel makes what it returns worthless.
    if (cancel !== undefined && value !== undefined) this._scheduler._countLate()
    if (this.#stopping === "pending") {
      this.#held = () => (cancel === undefined ? this._settleValue(value) : this._settleCancelled(cancel))
    } else if (cancel === undefined) this._settleValue(value)
    else this._settleCancelled(cancel)
  }

  /** The coroutine threw `error`. */
  #fail(error: unknown): void {
    if (this.#passedOn?.error === error) this._passOn()
    if (this.done()) return this.#late(undefined, { error })
    const cancel = isCancelledError(error)
      ? error
      : this._isEcho(error)
        ? new CancelledError(this.#message, { cause: error })
        : undefined
    if (this.#stopping === "pending") {
      this.#held = () => (cancel === undefined ? this._settleError(error) : this._settleCancelled(cancel))
    } else if (cancel === undefined) this._settleError(error)
    else this._settleCancelled(cancel)
  }

  /** The loop gave this task up when it closed, and now the coroutine ended after all. */
  #late(value: unknown, failure?: { readonly error: unknown }): void {
    if (this._mayGoOn) this._scheduler._endedLate(this)
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
        task.#generator = result as Generator<unknown, unknown, unknown>
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
    const generator = task.#generator as Generator<unknown, unknown, unknown>
    const waited = task.#yield
    task.#yield = undefined
    if (waited !== undefined) task.#forget(waited)
    let toThrow = task.#throw
    task.#throw = undefined
    if (task.#cancel !== undefined) {
      const cancelled = waited?.cancelled() === true
      if (!cancelled) toThrow = { error: task.#cancel }
      waited?._overtaken()
      task.#cancel = undefined
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
    task.#yielded(value)
  }

  #yielded(value: unknown): void {
    if (value === undefined) return this._scheduler._push(this)
    if (isFuture(value)) {
      const refusal = this._wait(value)
      if (refusal === undefined) {
        this.#yield = value
        value._add(this)
        return this._deliver(value)
      }
      this.#throw = { error: refusal }
    } else {
      this.#throw = {
        error: new TypeError(
          `task ${this._name} yielded ${describeValue(value)}, which is not a Future: a generator coroutine waits ` +
            `with yield* on Futures; wrap a promise with loop.wrapFuture, and an Effect with runEffect`
        )
      }
    }
    this._scheduler._push(this)
  }
}
