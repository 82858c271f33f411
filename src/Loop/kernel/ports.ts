/**
 * What the kernel needs from outside, as types: a Host (clock, turns, one wake-up, async-local state) and, between the
 * kernel's own files, the slice of the loop that a Handle, Future or Task may see. Nobody here knows `BaseEventLoop`.
 * What is marked internal is left out of the declarations, here as in the classes that implement it.
 */
import type { Context } from "./Context.js"
import type { Report } from "./Report.js"
import type { CancelledOption, CancelOption, Task } from "./Task.js"

/** Something that the ready queue can run. The loop's pass is the only caller. */
export interface Runnable {
  /** @internal Runs once. */
  run(): void
  /**
   * @internal Whether running it resumes a coroutine, whose code then goes on in microtasks. The pass lets those finish
   * before it runs an ordinary callback, so that a resumed task is never overtaken.
   */
  readonly resumes: boolean
  /** @internal The fiber that it resumes: who waits, for a dump. */ readonly _fiber?: object | undefined
  /** @internal `run` threw `error`, and nobody else will end this. Where it is missing, the error is reported. */
  _threw?(error: unknown): void
}

/** What a pass takes from: the ready queue, or what a host has in its place. The meanings are those of `Queue.ts`. */
export interface ReadyQueue {
  readonly size: number
  push(runnable: Runnable): void
  shift(): Runnable | undefined
  /** What `shift` would give now, and does if it comes next. */
  peek(): Runnable | undefined
  count(is: (runnable: Runnable) => boolean): number
  clear(): Array<Runnable>
}

/** Sees how long the callbacks and steps of passes take, beside debug mode. Neither of the two throws. */
export interface Stopwatch {
  /** The time, in milliseconds of a clock of its own. */
  now(): number
  /** It has run since then, what it has resumed in microtasks aside. */
  ran(runnable: Runnable, since: number): void
}

/** Who runs: the loop, the task of it, and whatever the host ties to both (the Effect fiber that asked). */
export interface Local {
  readonly loop: object
  readonly task: object | undefined
  readonly owner: unknown
}

/** A Handle, as the host sees it. */
export interface Invocable {
  /** @internal */ readonly _scheduler: object
  /** @internal Calls the callback. Never throws. */
  _invoke(): void
}

/** How the host captures and restores async-local state. */
export interface Contexts {
  /** The async-local state that is visible to the caller now. */
  capture(): Context | undefined
  /** Calls `f(x)` as code of `loop` (and `task`), with what `context` captured visible. */
  call<X, A>(context: Context | undefined, loop: object, task: object | undefined, f: (x: X) => A, x: X): A
  /** `call` for a callback of no task, without an array for it: the loop's hottest path. */
  callHandle(context: Context | undefined, handle: Invocable): void
  /** Whether code that runs after an `await` can still be told to belong to a loop. */
  readonly tracks: boolean
}

/** Types that the host supplies where the language has none; the Node host adds `signal: AbortSignal`. */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface HostTypes {}

/** The host's AbortSignal type. */
export type Signal = HostTypes extends { readonly signal: infer S } ? S : object

/** One AbortController. */
export interface Abort {
  readonly signal: Signal
  abort(reason: unknown): void
}

/**
 * What a loop stands on. Times are milliseconds on a monotonic clock.
 *
 * The four ways to ask for a turn differ in who goes first. None of them may call `turn` before it returns.
 */
export interface Host {
  now(): number
  /** From idle: as soon as the caller's stack has unwound. */
  wake(turn: () => void): void
  /** After the microtasks that are queued now. */
  hop(turn: () => void): void
  /** After the microtask queue has drained altogether. */
  drain(turn: () => void): void
  /** After pending I/O has had its chance. */
  yield(turn: () => void): void
  /** Calls `fire` once the clock has reached `when`, never before; replaces what was armed. */
  arm(when: number, fire: () => void): void
  disarm(): void
  /** `spins` is to be called where somebody asks an aborted signal again and again, and nobody else gets a turn. */
  abort(spins: () => void): Abort
  /** Whether the code of a fiber is calling: what it waits for from now on, a fiber waits for. */
  inFiber(): boolean
  /** Calls `f(x)`, which is code of the loop, so that it does not find itself in the fiber that calls. */
  outsideFibers<X>(f: (x: X) => void, x: X): void
  /** Whether a callback, a task or a fiber of `loop` is calling; also true where that cannot be told. */
  isInside(loop: object): boolean
  readonly contexts: Contexts
  /** Makes the ready queue of the loop, for a host that decides what runs next. Default: first in, first out. */
  ready?(): ReadyQueue
  /** Is told of work that others do for the loop, and that will answer. */
  gives?(job: object): void
  /** Takes such an answer, and delivers it when it decides to. Default: `deliver` is called where it arrives. */
  arrives?(job: object, deliver: () => void): void
  /** The default exception handler: logs the report, and crashes the loop where its kind asks for it. */
  report(report: Report): void
  /** The loop is closed; give back what the host holds for it. */
  close(): void
}

/** What a Handle, Future or Task may ask of its loop. */
export interface Scheduler {
  readonly name: string
  /** @internal */ readonly host: Host
  isClosed(): boolean
  getDebug(): boolean
  callExceptionHandler(report: Report): void
  /** @internal A Future that is done with `undefined`: what `then` answers the engine with. */ _nothing:
    object | undefined
  /** @internal Queues without asking whether new work is welcome: for continuations of work that was accepted. */
  _push(runnable: Runnable): void
  /** @internal Whether a turn of the loop begins here, where it is idle: what is queued until `_endTurn` runs in that. */
  _beginTurn(): boolean
  /** @internal Runs what was queued since `_beginTurn` gave true. */ _endTurn(): void
  /** @internal Lists a failed Future whose outcome nobody has read; `undefined` where the loop reports no more. */
  _unretrieved(
    future: object,
    kind: string,
    exception: unknown,
    context: Context | undefined
  ): Unretrieved | undefined
  /** @internal Lists a Future that code outside of all tasks waits for: closing settles it, so that nothing hangs. */
  _watch(future: Settleable): void
  /** @internal Whether one more `await` may be answered without a turn of the loop, which waits for microtasks. */
  _mayAnswer(): boolean
  /** @internal How work is stopped where its task was given nothing. */ readonly _cancel:
    CancelOption | undefined
  /** @internal Which errors are echoes, where the task was given nothing. */
  readonly _cancelled: CancelledOption | undefined
  /** @internal A task is done. It need not be one of the loop's list. */ _left(task: Task<unknown>): void
  /** @internal An outcome arrived after its receiver had gone, and was dropped. */ _countLate(): void
  /** @internal A coroutine that closing had given up has ended after all. */ _endedLate(
    coroutine: object
  ): void
  /** @internal Whether the closing has named what it gave up: nobody needs to be told of that again. */
  readonly _named: boolean
  /** @internal Takes it off the list. */ _unwatch(future: Settleable): void
}

/** The failure of one Future whose outcome nobody has read, and nobody is registered to be told of. */
export interface Unretrieved {
  /** The outcome was read, or somebody is registered to be told of it: there is nothing to report any more. */
  retrieved(): void
}

/** A pending wait, to the closing of the loop. */
export interface Settleable {
  /** @internal True while nobody waits for it, where it is watched for longer than it is waited for. */
  readonly _idle?: boolean
  /** @internal The loop is closed: every wait on it ends with `error`. */ _closed(error: Error): void
}

/** What a Future may ask of the task that awaits it. */
export interface Waiter {
  /** @internal */ readonly _scheduler: Scheduler
  /** @internal Closing the loop has given its coroutine up: what that awaits is never answered. */
  readonly _abandoned: boolean
  /** @internal Such a coroutine has gone on and called `what`: says so, once. */
  _park(what: string): void
  /** @internal The task awaits `future` from now on. Returns an error if it may not. */
  _wait(future: Cancellable): Error | undefined
  /** @internal The wait is registered: a cancel that came before it is delivered to it. */
  _deliver(future: Cancellable): void
  /** @internal The wait is over. Returns the cancellation to deliver in place of the outcome, if one came in between. */
  _resume(future: Cancellable, cancelled: boolean): Error | undefined
  /** @internal Whether an error is the echo of the task's own cancel (J11). */
  _isEcho(error: unknown): boolean
}

/** Something that can be asked to stop. */
export interface Cancellable {
  cancel(message?: unknown): boolean
}
