/**
 * The loop as programs see it: what may be scheduled, made and asked. `Passes.ts` runs what is queued here.
 *
 * Legal states: stopped (queues but does not run), running, closing (still running; refuses new work from outside),
 * closed.
 *
 * Longer than 400 lines, because programs know it as one object with the methods of asyncio's loop (3.13); half of it is
 * their docs. What each method needs is a noun beside it: Passes, Timers, TaskList, UnretrievedLog.
 */
import { isThenable } from "./adopt.js"
import { abandonedCaller, local, noRunningLoop, slot } from "./current.js"
import { bounded, describeValue, functionName, isClass, textOf } from "./describe.js"
import { beginDebugging, rememberSite, siteOf } from "./sites.js"
import { InvalidStateError, isLoopClosedError, LoopClosedError, QueueFullError } from "./errors.js"
import { Event } from "./Event.js"
import { awake } from "./awake.js"
import { Future, isFuture } from "./Future.js"
import { checkCallback, Handle, Plain } from "./Handle.js"
import {
  DEFAULT_SLOW_JOIN,
  type EventLoopOptions,
  type ExceptionHandler,
  limitsOf,
  type LoopStatistics,
  type TaskFactory
} from "./LoopOptions.js"
import { Passes } from "./Passes.js"
import type { Context } from "./Context.js"
import type { Host, Runnable, Scheduler, Settleable, Stopwatch, Unretrieved } from "./ports.js"
import type { Report } from "./Report.js"
import {
  nameOf,
  Task,
  type CancelledOption,
  type CancelOption,
  type Coroutine,
  type CoroutineValue,
  type TaskOptions
} from "./Task.js"
import { keepShapes } from "./shapes.js"
import { TimerHandle } from "./Timers.js"
import { TaskList } from "./TaskList.js"
import { UnretrievedLog } from "./Unretrieved.js"
import { isOwnFuture, wrapFuture, type WrapOptions } from "./wrapFuture.js"

export type { EventLoopOptions, ExceptionHandler, LoopStatistics, TaskFactory } from "./LoopOptions.js"

let loops = 0

/** A time in a report. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(3)} seconds`

/** How many awaits of Futures that are done are answered before the loop has a turn. */
const MOST_ANSWERS = 1_000

type Callback<Args extends ReadonlyArray<unknown>> = (...args: Args) => unknown

/**
 * asyncio's event loop on JavaScript's: callbacks, timers, futures and tasks, all belonging to one loop that can be
 * closed. Get one from `Loop` in Effect code or `getRunningLoop()` in aio code.
 *
 * Callbacks run in one place only, first in first out, in passes: a pass runs what was ready when it began and the
 * timers that have fallen due; what it adds waits for the next. Between a resumed coroutine and the next callback, and
 * between passes, promise continuations go first; after a millisecond of passes, pending I/O does.
 *
 * @category models
 * @since 0.1.0
 */
export class BaseEventLoop implements Scheduler {
  readonly name: string
  /** @internal */ readonly host: Host
  /** @internal After how long a join is reported, in milliseconds. */ readonly _slowJoin: number =
    DEFAULT_SLOW_JOIN
  /** @internal How long an interrupted fiber joins what it cancelled, in milliseconds. */
  readonly _grace: number = Infinity
  /** @internal */ readonly _cancel: CancelOption | undefined
  /** @internal */ readonly _cancelled: CancelledOption | undefined
  /** @internal */ _nothing: object | undefined = undefined
  readonly #passes: Passes
  /** How many awaits were answered between two passes, and which pass was the one before. */
  #answers = 0
  #answersSince = 0
  readonly #tasks = new TaskList<Task<unknown>>()
  /** What is settled when the loop closes, and whether it is a fiber that waits for it. */
  readonly #watched = new Map<Settleable, boolean>()
  readonly #startListeners = new Set<() => void>()
  readonly #unretrieved = new UnretrievedLog(this)
  readonly #queueLength: number
  #closing = false
  #closed = false
  #closeCause: unknown = undefined
  #exceptionHandler: ExceptionHandler | undefined
  #taskFactory: TaskFactory | undefined
  #reporting = false
  #late = 0
  /** Coroutines that closing has given up at something foreign, and that have not ended. */
  #abandoned = 0

  /** Debug mode: from how many milliseconds on a callback is reported as slow. */
  slowCallbackDuration: number

  /** @internal Programs open loops with `Loop.open`, `Loop.layer` or `Loop.scoped`. */
  constructor(host: Host, options: EventLoopOptions = {}) {
    if (typeof (host as Host | undefined)?.now !== "function") {
      throw new TypeError(
        "a loop is not made with new: open one with Loop.open, Loop.layer or Loop.scoped, or use SyncLoop.make()"
      )
    }
    keepShapes()
    const { exceptionHandler } = options
    const { queueLength, slowCallbackDuration } = limitsOf(options)
    this.name = options.name ?? `loop-${++loops}`
    this.host = host
    this._cancel = options.cancel
    this._cancelled = options.cancelled
    this.#queueLength = queueLength
    this.#passes = new Passes(
      host,
      options.debug ?? false,
      (runnable, took) => this.#measured(runnable, took),
      (runnable, error) => this.#threw(runnable, error)
    )
    if (options.debug === true) beginDebugging()
    this.slowCallbackDuration = slowCallbackDuration
    if (exceptionHandler !== undefined) this.setExceptionHandler(exceptionHandler)
  }

  /** Runs `callback(...args)` in the next pass, in the async-local state of this call. */
  callSoon<Args extends ReadonlyArray<unknown>>(callback: Callback<Args>, ...args: Args): Handle {
    return this.#soon("callSoon", callback, args)
  }

  /**
   * `callSoon` for callers that are not on the loop. All JavaScript of one thread takes turns, so within a thread the
   * two are the same.
   *
   * Differs: asyncio's may be called by any thread. Here another thread cannot have the loop; it calls through a
   * LoopHandle.
   */
  callSoonThreadsafe<Args extends ReadonlyArray<unknown>>(callback: Callback<Args>, ...args: Args): Handle {
    return this.#soon("callSoonThreadsafe", callback, args)
  }

  /**
   * Runs `callback(...args)` after `delay` milliseconds of the loop's clock, never early. Negative delays are in the
   * past: they run in the next pass, in the order of their due times. NaN counts as 0, Infinity never comes.
   *
   * Differs: asyncio counts in seconds, runs a timer up to the clock's resolution before its time, and leaves the order of
   * equal due times open; here they keep the order of scheduling.
   */
  callLater<Args extends ReadonlyArray<unknown>>(
    delay: number,
    callback: Callback<Args>,
    ...args: Args
  ): TimerHandle {
    if (typeof delay !== "number")
      throw new TypeError(`callLater takes milliseconds, not ${describeValue(delay)}`)
    return this.#schedule("callLater", this.host.now() + (Number.isNaN(delay) ? 0 : delay), callback, args)
  }

  /** Runs `callback(...args)` when the loop's clock has reached `when` (milliseconds, as `time()` counts). */
  callAt<Args extends ReadonlyArray<unknown>>(
    when: number,
    callback: Callback<Args>,
    ...args: Args
  ): TimerHandle {
    if (typeof when !== "number") throw new TypeError(`callAt takes milliseconds, not ${describeValue(when)}`)
    return this.#schedule("callAt", Number.isNaN(when) ? this.host.now() : when, callback, args)
  }

  /** The loop's clock, in milliseconds; monotonic. Under Effect's TestClock it is that clock. */
  time(): number {
    return this.host.now()
  }

  /** A pending Future of this loop. */
  createFuture<A>(): Future<A> {
    const future = new Future<A>(this)
    if (this.#passes.debug) rememberSite(future, this.createFuture)
    return future
  }

  /**
   * Starts a coroutine as a task. The function is called in a later pass, with its Task. Throws `TypeError` for what is
   * not a function and {@link LoopClosedError} on a closed loop; the function is never called then.
   *
   * Differs: asyncio takes a coroutine object, whose function was called by the caller. A promise is of no use here: its
   * work has begun outside of the loop, and cannot be cancelled.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const load = async ({ signal }: { signal: AbortSignal }) => (await fetch("data:,hello", { signal })).text()
   *   const page = loop.createTask(load, { name: "load" })
   *   const sum = loop.createTask(function* () {
   *     const one = yield* loop.sleep(10, 1)
   *     return one + 1
   *   })
   *   console.log(await page, await sum) // => hello 2
   * })
   * await loop.close()
   */
  createTask<R>(coroutine: Coroutine<R>, options: TaskOptions = {}): Task<CoroutineValue<R>> {
    if (typeof coroutine !== "function") {
      throw new TypeError(
        `createTask takes an async function or a generator function, not ${describeValue(coroutine)}; a promise or ` +
          `Future goes to ensureFuture`
      )
    }
    // An async function has no prototype: nothing more is asked of it.
    if ("prototype" in coroutine && isClass(coroutine)) {
      throw new TypeError(
        `createTask takes an async function or a generator function, not the class ${functionName(coroutine)}: give it ` +
          `() => new ${functionName(coroutine)}()`
      )
    }
    if (this._parks("createTask")) return new Task(this, coroutine, options)
    this._refuse("createTask")
    if (this.#taskFactory !== undefined) {
      const task = this.#taskFactory(this, coroutine, options)
      if (options.name !== undefined && task.getName() !== nameOf(options.name)) task.setName(options.name)
      return task as Task<CoroutineValue<R>>
    }
    const task = this.#newTask(coroutine, options)
    if (this.#passes.debug) rememberSite(task, this.createTask)
    this.#passes.push(task)
    return task
  }

  #newTask<R>(coroutine: Coroutine<R>, options: TaskOptions): Task<CoroutineValue<R>> {
    const task = new Task<CoroutineValue<R>>(this, coroutine, options)
    this.#tasks.add(task as Task<unknown>)
    return task
  }

  /**
   * @internal `createTask` for a fiber that waits for the task: it starts here and now, as an eager task of asyncio's (3.12)
   * does, where the loop is idle, or nothing is queued behind the callback that has resumed the fiber. What the fiber has done
   * before has happened, and the next that it does is to wait: so that can be told from the next pass by the order of fibers only.
   */
  _startTask(coroutine: Coroutine<unknown>, options: TaskOptions): Task<unknown> {
    this._start()
    if (this.#taskFactory !== undefined || this.#passes.debug) return this.createTask(coroutine, options)
    this._refuse("createTask")
    const task = this.#newTask(coroutine, options)
    this._runFor(task)
    return task
  }

  /** @internal `_push` for work that a fiber waits for from now on, and that runs here and now where `_startTask` does. */
  _runFor(runnable: Runnable): void {
    if (this.#passes.beginTurn()) this.host.outsideFibers(this.#runNow, runnable)
    // Code of a callback or of a task goes on after the fiber that it runs.
    else if (slot.loop === undefined && this.#passes.isNext())
      this.host.outsideFibers(this.#runHere, runnable)
    else this._push(runnable)
  }

  /** @internal See `Scheduler`. */
  _beginTurn(): boolean {
    return this.#passes.beginTurn()
  }

  /** @internal See `Scheduler`. */
  _endTurn(): void {
    this.#passes.endTurn()
  }

  readonly #runNow = (runnable: Runnable): void => this.#passes.runNow(runnable)
  readonly #runHere = (runnable: Runnable): void => this.#passes.runHere(runnable)

  /** The task factory, or `null` for the loop's own. */
  getTaskFactory(): TaskFactory | null {
    return this.#taskFactory ?? null
  }

  /** Lets `factory` make the tasks of `createTask`; `null` takes it back. */
  setTaskFactory(factory: TaskFactory | null): void {
    if (factory !== null && typeof factory !== "function") {
      throw new TypeError(`setTaskFactory takes a function or null, not ${describeValue(factory)}`)
    }
    this.#taskFactory = factory ?? undefined
  }

  /**
   * A Future of this loop for anything that can be awaited: a Future of it as it is, a coroutine function as a task, a
   * thenable or a Future of another loop as `wrapFuture` does.
   */
  ensureFuture<A>(awaitable: PromiseLike<A>): Future<A>
  ensureFuture<R>(coroutine: Coroutine<R>, options?: TaskOptions): Task<CoroutineValue<R>>
  ensureFuture(awaitable: unknown, options?: TaskOptions): Future<unknown> {
    return this._futureOf("ensureFuture", awaitable, options)
  }

  /**
   * A Future of this loop with the outcome of foreign work. A Future of this loop comes back as it is. Cancelling the
   * wrapper calls `options.cancel`, or the foreign object's own `cancel` where it has one, and settles the wrapper at
   * once: nobody can wait for a promise to stop.
   */
  wrapFuture<A>(foreign: PromiseLike<A>, options: WrapOptions = {}): Future<A> {
    if (isOwnFuture(this, foreign)) return foreign as Future<A>
    if (!isThenable(foreign)) {
      throw new TypeError(`wrapFuture takes a Future or a thenable, not ${describeValue(foreign)}`)
    }
    // Wrapped all the same: a promise that fails and has nobody would be an accident of the process.
    if (this._parks("wrapFuture")) wrapFuture(this, foreign, options)._markRetrieved()
    else this._refuse("wrapFuture")
    const future = wrapFuture(this, foreign, options) as Future<A>
    if (this.#passes.debug) rememberSite(future, this.wrapFuture)
    return future
  }

  /**
   * A Future that gets `value` after `delay` milliseconds of the loop's clock; 0 is one trip round the loop. Cancelling
   * it takes its timer away. Throws `RangeError` for NaN.
   */
  sleep(delay: number): Future<void>
  sleep<A>(delay: number, value: A): Future<A>
  sleep(delay: number, value?: unknown): Future<unknown> {
    if (typeof delay !== "number" || Number.isNaN(delay)) {
      throw new RangeError(`sleep takes milliseconds, not ${describeValue(delay)}`)
    }
    if (this._parks("sleep")) return new Future<unknown>(this)
    this._refuse("sleep")
    if (!(delay > 0)) {
      const future = new Future<unknown>(this)
      if (this.#passes.debug) rememberSite(future, this.sleep)
      this.#passes.push(new Plain(() => awake(future, value)))
      return future
    }
    // A timer shows what it is given: by that a dump knows who waits for it.
    const args: Array<unknown> = [undefined, value]
    const timer = new TimerHandle(this, awake, args, undefined)
    const future = new Future<unknown>(this, () => {
      timer.cancel()
      return false
    })
    args[0] = future
    if (this.#passes.debug) rememberSite(future, this.sleep)
    this.#passes.addTimer(timer, this.host.now() + delay)
    return future
  }

  /** @internal Whether some task of this loop is not done. */
  get _hasTasks(): boolean {
    return this.#tasks.size > 0
  }

  /** The tasks of this loop that are not done. A snapshot. */
  allTasks(): Set<Task<unknown>> {
    return new Set(this.#tasks.all())
  }

  /** @internal The same for the closing, which asks often; the `most` oldest. */
  _tasksNow(most?: number): ReadonlyArray<Task<unknown>> {
    return this.#tasks.all(most)
  }

  /** The handler set by the program, or `null`. */
  getExceptionHandler(): ExceptionHandler | null {
    return this.#exceptionHandler ?? null
  }

  /** Sends every report to `handler`; `null` goes back to the loop's own. */
  setExceptionHandler(handler: ExceptionHandler | null): void {
    if (handler !== null && typeof handler !== "function") {
      throw new TypeError(`setExceptionHandler takes a function or null, not ${describeValue(handler)}`)
    }
    this.#exceptionHandler = handler ?? undefined
  }

  /**
   * Logs the report; crashes the loop for what no program may overlook (`callback`, `background`).
   *
   * Differs: asyncio only logs. That an error which nobody owns ends the loop is trio-asyncio's rule; a SyncLoop keeps
   * asyncio's.
   */
  defaultExceptionHandler(report: Report): void {
    this.host.report(report)
  }

  /**
   * Every report goes through here, also after close. Never throws. A handler that fails is reported itself. Of a message
   * the length is bounded, and what a terminal would obey is taken out.
   */
  callExceptionHandler(given: Report): void {
    const message = bounded(given.message)
    const report = message === given.message ? given : { ...given, message }
    if (report.kind === "late") this.#late++
    const handler = this.#exceptionHandler
    if (handler === undefined || this.#reporting) return this.#reportByDefault(report)
    // An async one that fails later must not come back here as an accident of the process: it would go round for ever.
    const failed = (exception: unknown): void =>
      this.#reportByDefault({ message: "Unhandled error in exception handler", exception, context: report })
    this.#reporting = true
    try {
      const returned: unknown = handler(this, report)
      if (isThenable(returned)) returned.then(undefined, failed)
    } catch (exception) {
      failed(exception)
    } finally {
      this.#reporting = false
    }
  }

  getDebug(): boolean {
    return this.#passes.debug
  }

  setDebug(enabled: boolean): void {
    this.#passes.debug = enabled
    if (enabled) beginDebugging()
  }

  /** Whether callbacks are being run: neither stopped nor closed. */
  isRunning(): boolean {
    return this.#passes.running
  }

  isClosed(): boolean {
    return this.#closed
  }

  /**
   * Stops the loop once the callbacks queued so far have run; what comes later waits until the loop runs again (an
   * Effect that waits on the loop, or its closing, starts it). Idempotent. The result is set when the loop has stopped,
   * at once if it has; an event of the caller's is cleared first.
   *
   * Differs: asyncio's gives nothing back, and its `run_forever` returns. That the result can be waited for is
   * trio-asyncio's.
   */
  stop(event?: Event): Event {
    if (event !== undefined && !(event instanceof Event)) {
      throw new TypeError(`stop takes an Event or nothing, not ${describeValue(event)}`)
    }
    return this.#passes.stop(event)
  }

  /** @internal The stop that was asked for is one whole pass. */
  _stopAfterPass(): void {
    this.#passes.stopAfterPass()
  }

  /**
   * Closes the loop at once: drops what is queued, cancels the timers, and settles every wait that is still pending
   * with {@link LoopClosedError}. Nobody is asked to stop and nobody is waited for; leaving the loop's Scope does that
   * first. Idempotent. Throws {@link InvalidStateError} from inside a callback or task of this loop.
   *
   * Differs: asyncio refuses while the loop runs, and leaves what is pending pending for ever.
   */
  close(): void {
    if (this.#closed) return
    if (local()?.loop === this) {
      throw new InvalidStateError(
        `close() was called from inside ${this.name}: a callback or task cannot close the loop it runs on; use stop(), ` +
          `or let the loop's Scope close it`
      )
    }
    this._close(undefined)
  }

  statistics(): LoopStatistics {
    return {
      name: this.name,
      state: this.#closed
        ? "closed"
        : this.#closing
          ? "closing"
          : this.#passes.running
            ? "running"
            : "stopped",
      ready: this.#passes.ready,
      timers: this.#passes.timers,
      tasks: this.#tasks.size,
      unretrieved: this.#unretrieved.failures.size,
      passes: this.#passes.count,
      callbacks: this.#passes.callbacks,
      late: this.#late
    }
  }

  toString(): string {
    const { ready, state, tasks, timers } = this.statistics()
    return `<EventLoop ${this.name} ${state} ready=${ready} timers=${timers} tasks=${tasks} debug=${this.#passes.debug}>`
  }

  toJSON(): unknown {
    return { _id: "EventLoop", ...this.statistics() }
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal `ensureFuture` for the call that is named `what`. */
  _futureOf(what: string, awaitable: unknown, options: TaskOptions | undefined): Future<unknown> {
    if (isFuture(awaitable) || isThenable(awaitable)) return this.wrapFuture(awaitable)
    if (typeof awaitable === "function") return this.createTask(awaitable as Coroutine<unknown>, options)
    throw new TypeError(
      `${what} takes a Future, a thenable or a coroutine function, not ${describeValue(awaitable)}`
    )
  }

  /** @internal Runs again after a stop, and for the first time. */
  _start(): void {
    if (!this.#passes.start()) return
    for (const f of this.#startListeners) f()
  }

  /** @internal Calls `f` each time the loop starts; the result takes it back. */
  _onStarted(f: () => void): () => void {
    this.#startListeners.add(f)
    return () => void this.#startListeners.delete(f)
  }

  /** @internal Refuses new work from outside; callbacks, tasks and fibers of this loop may still schedule. */
  _beginClosing(cause: unknown): void {
    this.#closing = true
    this.#closeCause ??= cause
    this._start()
  }

  /** @internal The last step: see `close`. */
  _close(cause: unknown): void {
    if (this.#closed) return
    this.#closing = true
    this.#closeCause ??= cause
    // An error takes its stack: most loops have nobody any more who would get it.
    const error =
      this.#tasks.size + this.#watched.size > 0
        ? this._closedError("the loop was closed before this was done")
        : undefined
    this.#closed = true
    const queued = this.#passes.close()
    if (error !== undefined) this.#giveUp(error)
    for (const runnable of queued) {
      if (runnable instanceof Handle) runnable.cancel()
      else this.host.hop(() => runnable.run())
    }
    this.#passes.tellStopped()
    this.#unretrieved.flush()
    // A coroutine that goes on is known by its async-local state: that is kept until the last of them has ended, or waits for
    // what never comes, and is collected.
    if (this.#abandoned === 0) this.host.close()
  }

  /** Whatever has not settled is settled now. */
  #giveUp(error: LoopClosedError): void {
    // Tasks that are none of the loop's list, the closes of resources, are among what is watched.
    for (const future of [...this.#tasks.all(), ...this.#watched.keys()]) {
      const giveUp = future instanceof Task && !future.done()
      future._closed(error)
      if (giveUp && future._mayGoOn) {
        this.#abandoned++
        neverEnds.register(future, this, future)
      }
    }
  }

  /** @internal An outcome arrived after its receiver had gone, and was dropped. */
  _countLate(): void {
    this.#late++
  }

  /** @internal See `Scheduler`. */
  _left(task: Task<unknown>): void {
    this.#tasks.delete(task)
  }

  /** @internal A coroutine that was given up has ended. */
  _endedLate(coroutine: object): void {
    if (neverEnds.unregister(coroutine)) this._goesOnNoMore()
  }

  /** @internal */
  _goesOnNoMore(): void {
    if (--this.#abandoned === 0) this.host.close()
  }

  /** @internal */
  get _named(): boolean {
    return false
  }

  /** @internal Resumes once every callback queued so far has run, or the loop is closed. */
  _afterQueued(resume: () => void): void {
    this._push(new Plain(resume))
  }

  /**
   * @internal Something of the library has cancelled work and waits for it. Reports once, naming what of it is `left`, if
   * that takes longer than `slowJoin`; the result takes the report back. A timer of the library's own: a full queue and a
   * closing loop do not keep it out.
   */
  _watchJoin(who: string, left: () => ReadonlyArray<Future<unknown>>): () => void {
    const report = (): void => {
      const names = left().map(textOf).join(", ")
      this.callExceptionHandler({
        kind: "slowJoin",
        message: `${who} has waited ${this._slowJoin}ms for what it cancelled, which has not ended: ${names}`
      })
    }
    const timer = new TimerHandle(this, report, undefined, undefined)
    this.#passes.addTimer(timer, this.host.now() + this._slowJoin)
    return () => timer.cancel()
  }

  /** @internal See `Scheduler`. */
  _push(runnable: Runnable): void {
    if (this.#closed) this.#pushLate(runnable)
    else this.#passes.push(runnable)
  }

  /** @internal */
  _unretrieved(
    future: object,
    kind: string,
    exception: unknown,
    context: Context | undefined
  ): Unretrieved | undefined {
    // That a loop is closed is no news from it.
    if (this.#closed && isLoopClosedError(exception)) return undefined
    return this.#unretrieved.add(future, kind, exception, context)
  }

  /** @internal */
  _watch(future: Settleable): void {
    if (this.#closed) future._closed(this._closedError("the loop was closed before this was awaited"))
    else this.#watched.set(future, this.host.inFiber())
  }

  /** @internal See `Scheduler`. A loop that is stopped or closed has no turn to wait for. */
  _mayAnswer(): boolean {
    const { count, running } = this.#passes
    if (count !== this.#answersSince) {
      this.#answersSince = count
      this.#answers = 0
    }
    return ++this.#answers <= MOST_ANSWERS || !running
  }

  /** @internal */
  _unwatch(future: Settleable): void {
    this.#watched.delete(future)
  }

  /** @internal What code outside of all tasks waits for, fibers among it. */
  _watchedNow(): ReadonlyArray<Settleable> {
    return [...this.#watched.keys()]
  }

  /** @internal The timers that have not run and were not cancelled, in no order, and when each is due. */
  _timersNow(): ReadonlyArray<readonly [timer: TimerHandle, when: number]> {
    return this.#passes.timersNow()
  }

  /** @internal How many of the things that are watched a fiber waits for. */
  _fiberWaits(): number {
    let waits = 0
    for (const [future, byFiber] of this.#watched) if (byFiber && future._idle !== true) waits++
    for (const task of this.#tasks.all()) if (task._fiberWaits) waits++
    return waits
  }

  /** @internal */
  _closedError(what: string): LoopClosedError {
    return new LoopClosedError(
      `${what}: the event loop ${this.name} is closed; schedule from inside its Scope`,
      this.#closeCause === undefined ? undefined : { cause: this.#closeCause }
    )
  }

  /** @internal Whether the call of that name comes from a coroutine that was given up: it gets what is never done. */
  _parks(what: string): boolean {
    if (!this.#closed) return false
    const caller = abandonedCaller(this.host)
    caller?._park(`${what}()`)
    return caller !== undefined
  }

  /** @internal Throws what a scheduling call gets that may not schedule. */
  _refuse(what: string): void {
    if (this.#closed) throw this._closedError(`${what}() on a closed loop`)
    if (this.#closing && !this.host.isInside(this)) {
      throw this._closedError(`${what}() on a loop that is closing`)
    }
    if (this.#passes.isFull(this.#queueLength)) throw new QueueFullError(this.#queueLength)
  }

  #soon<Args extends ReadonlyArray<unknown>>(
    what: "callSoon" | "callSoonThreadsafe",
    callback: Callback<Args>,
    args: Args
  ): Handle {
    const parked = this.#accept(what, callback)
    const handle = new Handle(
      this,
      callback,
      args.length === 0 ? undefined : args,
      this.host.contexts.capture()
    )
    if (parked) return this.#dropped(handle)
    if (this.#passes.debug) rememberSite(handle, this[what])
    this.#passes.push(handle)
    return handle
  }

  #schedule<Args extends ReadonlyArray<unknown>>(
    what: "callLater" | "callAt",
    when: number,
    callback: Callback<Args>,
    args: Args
  ): TimerHandle {
    const parked = this.#accept(what, callback)
    const timer = new TimerHandle(
      this,
      callback,
      args.length === 0 ? undefined : args,
      this.host.contexts.capture()
    )
    if (parked) {
      timer._place = when
      return this.#dropped(timer)
    }
    if (this.#passes.debug) rememberSite(timer, this[what])
    this.#passes.addTimer(timer, when)
    return timer
  }

  /** @internal Lets somebody see how long everything takes from the next turn on; `undefined` takes it back. */
  _watchTurns(stopwatch: Stopwatch | undefined): void {
    this.#passes.stopwatch = stopwatch
  }

  #measured(runnable: Runnable, took: number): void {
    if (took < this.slowCallbackDuration) return
    const known = runnable instanceof Handle || isFuture(runnable)
    this._tellSlow(runnable, took, known ? textOf(runnable) : "a wait of Effect code")
  }

  /** @internal Reports that something of a pass, which is called `what`, has held the thread for so many milliseconds. */
  _tellSlow(runnable: Runnable, took: number, what: string): void {
    const sourceTraceback = siteOf(runnable)
    this.callExceptionHandler({
      kind: "slowCallback",
      message: `Executing ${what} took ${seconds(took)}`,
      ...(runnable instanceof Task ? { task: runnable } : {}),
      ...(runnable instanceof Handle ? { handle: runnable } : {}),
      ...(sourceTraceback === undefined ? {} : { sourceTraceback })
    })
  }

  /** What a Runnable of a pass threw: it ends that one, or it is reported. */
  #threw(runnable: Runnable, error: unknown): void {
    let exception = error
    try {
      if (runnable._threw !== undefined) return runnable._threw(error)
    } catch (second) {
      exception = second
    }
    this.callExceptionHandler({ kind: "callback", message: "Exception in a wait", exception })
  }

  /** Throws what a call gets that may not schedule. True where it never comes back, and is not to be scheduled. */
  #accept(what: string, callback: unknown): boolean {
    checkCallback(what, callback, this.#passes.debug)
    if (this._parks(what)) return true
    this._refuse(what)
    return false
  }

  #dropped<H extends Handle>(handle: H): H {
    handle.cancel()
    return handle
  }

  /** Something settled after the loop was closed. Waits still end; callbacks are told of, and dropped. */
  #pushLate(runnable: Runnable): void {
    if (runnable instanceof Handle) {
      this.callExceptionHandler({
        kind: "late",
        message: `${textOf(runnable)} was scheduled on the closed loop ${this.name} and will not run`,
        handle: runnable
      })
      runnable.cancel()
    } else this.host.hop(() => runnable.run())
  }

  #reportByDefault(report: Report): void {
    try {
      this.defaultExceptionHandler(report)
    } catch {
      // The host's own reporting failed. There is nobody left to tell, and nothing may throw in foreign code.
    }
  }
}

/** The loops that were closed, by the coroutines that they have given up and that nobody can resume any more. */
const neverEnds = new FinalizationRegistry<BaseEventLoop>((loop) => loop._goesOnNoMore())

/**
 * The loop whose callback or task is running. Throws {@link NoRunningLoopError} outside of every loop.
 *
 * @category accessors
 * @since 0.1.0
 */
export const runningLoop = (what: string): BaseEventLoop => {
  const loop = local()?.loop
  if (loop === undefined) throw noRunningLoop(what)
  return loop as BaseEventLoop
}

/** The task that is running, of `loop` if one is named, or `null`. */
export const runningTask = (loop?: BaseEventLoop): Task<unknown> | null => {
  const now = local()
  if (now === undefined || now.task === undefined || (loop !== undefined && now.loop !== loop)) return null
  return now.task as Task<unknown>
}
