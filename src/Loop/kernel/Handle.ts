/** One scheduled callback. Timers give it a due time (`Timers.ts`). */
import { awake } from "./awake.js"
import { describeCall, describeValue, functionName, isCoroutineFunction } from "./describe.js"
import { createdAt, rememberSite, siteOf } from "./sites.js"
import { isThenable } from "./adopt.js"
import { isCancelledError, isLoopClosedError } from "./errors.js"
import type { Context } from "./Context.js"
import type { Runnable, Scheduler } from "./ports.js"
import type { ReportKind } from "./Report.js"

/** The brand of Futures, whose class is made of handles. */
const FUTURE = Symbol.for("effect-aio/Future")

const WAITING = 0
const RAN = 1
const CANCELLED = 2
/** Added to the state of a handle that is in `onCancels`. */
const LISTENS = 4

/** The listeners of cancels, beside the handles: few handles have one, and a handle is made for every callback. */
const onCancels = new WeakMap<Handle, () => void>()
/** Debug mode: the text of a cancelled handle. */
const texts = new WeakMap<Handle, string>()

/**
 * Throws for what is no callback of `what`. A coroutine function is none: what its call returns, nobody would wait for.
 * Of a generator function not even the first line would run, so it is refused in every case; an async function, whose
 * call may be meant, only where the caller is `strict`, as the loop is in debug mode (asyncio 3.13, `_check_callback`).
 *
 * Differs: asyncio knows generators that are no coroutines, and accepts them. Here they all are.
 */
export const checkCallback = (what: string, callback: unknown, strict: boolean): void => {
  if (typeof callback !== "function") {
    throw new TypeError(`${what} takes a function, not ${describeValue(callback)}`)
  }
  // So are nearly all callbacks, and this is asked for each of them.
  if (Object.getPrototypeOf(callback) === Function.prototype || !isCoroutineFunction(callback)) return
  if (!strict && Object.prototype.toString.call(callback) === "[object AsyncFunction]") return
  throw new TypeError(`coroutines cannot be used with ${what}: give ${functionName(callback)} to createTask`)
}

// Not methods: an object of a class with private ones carries a mark of that, and there is one for every callback.

const reportOf = (
  handle: Handle,
  message: string,
  exception: unknown,
  kind: ReportKind = "callback"
): void => {
  const { sourceTraceback } = handle
  handle._scheduler.callExceptionHandler({
    kind,
    message,
    exception,
    handle,
    ...(sourceTraceback === undefined ? {} : { sourceTraceback })
  })
}

/**
 * The callback goes on, as an async function does: when it fails, that is an exception in it as any other. Its end is
 * waited for by nobody. A Future of a loop tells of its own failure, to whoever has it.
 */
const follow = (
  handle: Handle,
  callback: unknown,
  args: ReadonlyArray<unknown> | undefined,
  returned: object
): void => {
  if (!isThenable(returned) || FUTURE in returned) return
  const failed = (exception: unknown): void => {
    // Cancelled, or its loop was closed under it: nobody's accident.
    if (isCancelledError(exception) || isLoopClosedError(exception)) return
    const text = describeCall(callback, args ?? [])
    if (!handle._scheduler.isClosed()) reportOf(handle, `Exception in callback ${text}`, exception)
    else reportOf(handle, `Exception in callback ${text} after its loop was closed`, exception, "late")
  }
  returned.then(undefined, failed)
}

/**
 * A callback that the loop will run once, returned by `callSoon` and its relatives.
 *
 * Legal states: waiting, then either run or cancelled. A cancelled handle never runs; its callback and arguments are
 * let go at once (in debug mode they are kept for its text).
 *
 * @example
 * const loop = SyncLoop.make({ debug: true })
 * const handle = loop.callSoon(() => console.log("never"))
 * handle.cancel()
 * console.log(handle.cancelled(), handle.sourceTraceback !== undefined) // => true true
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class Handle implements Runnable {
  /** @internal */ readonly _scheduler: Scheduler
  #callback: ((...args: Array<never>) => unknown) | undefined
  #args: ReadonlyArray<unknown> | undefined
  #context: Context | undefined
  #state = WAITING

  /** @internal `onCancel` runs for a cancel that comes before the run or after it. */
  constructor(
    scheduler: Scheduler,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown> | undefined,
    context: Context | undefined,
    onCancel?: () => void
  ) {
    this._scheduler = scheduler
    this.#callback = callback
    this.#args = args
    this.#context = context
    if (onCancel !== undefined) {
      this.#state = LISTENS
      onCancels.set(this, onCancel)
    }
    if (scheduler.getDebug()) rememberSite(this, new.target)
  }

  /** @internal */
  get resumes(): boolean {
    return false
  }

  /** The function this handle will run; `undefined` once it is cancelled. @internal */
  get _callback(): unknown {
    return this.#callback
  }

  /** The Future that its run settles, of the timer of a sleep. @internal */
  get _settles(): unknown {
    return this.#callback === awake ? this.#args?.[0] : undefined
  }

  /**
   * Keeps the callback from running. Calling it again, or after the run, has no effect; for a handle of
   * `runEffectTask` it interrupts the fiber instead.
   */
  cancel(): void {
    const state = this.#state & ~LISTENS
    if (state === CANCELLED) return
    if (state === WAITING) {
      if (this._scheduler.getDebug()) texts.set(this, this.toString().replace(/^<(\w+)/, "<$1 cancelled"))
      this.#state += CANCELLED
      this.#callback = undefined
      this.#args = undefined
      this.#context = undefined
    }
    if (this.#state >= LISTENS) onCancels.get(this)?.()
  }

  /** Whether `cancel()` came before the callback ran. */
  cancelled(): boolean {
    return (this.#state & CANCELLED) !== 0
  }

  /** Debug mode: the stack of its creation, innermost frame first. */
  get sourceTraceback(): string | undefined {
    return siteOf(this)
  }

  /** @internal The loop's pass is the only caller. */
  run(): void {
    if ((this.#state & ~LISTENS) !== WAITING) return
    this.#state += RAN
    const context = this.#context
    this.#context = undefined
    this._scheduler.host.contexts.callHandle(context, this)
    this.#args = undefined
  }

  /** @internal Its context could not be entered. */
  _threw(exception: unknown): void {
    reportOf(this, `The context of callback ${functionName(this.#callback)} could not be entered`, exception)
  }

  /** @internal Calls the callback; the host has made its async-local state visible. Never throws. */
  _invoke(): void {
    const callback = this.#callback as (...args: ReadonlyArray<unknown>) => unknown
    const args = this.#args
    try {
      const returned = args === undefined ? callback() : callback(...args)
      // Nearly no callback returns anything.
      if (typeof returned === "object" && returned !== null) follow(this, callback, args, returned)
    } catch (exception) {
      // Still inside the callback's own context, so that the exception handler sees it too.
      reportOf(this, `Exception in callback ${describeCall(callback, args ?? [])}`, exception)
    }
  }

  /** @internal What `toString` says between the class name and the callback. */
  protected _details(): string {
    return ""
  }

  toString(): string {
    const text = texts.get(this)
    if (text !== undefined) return text
    const details = this._details()
    if (this.cancelled()) return `<${this.constructor.name} cancelled${details}>`
    const what =
      this.#args === undefined
        ? `${functionName(this.#callback)}()`
        : describeCall(this.#callback, this.#args)
    return `<${this.constructor.name}${details} ${what}${createdAt(this)}>`
  }

  toJSON(): unknown {
    return {
      _id: this.constructor.name,
      state: ["waiting", "ran", "cancelled"][this.#state & ~LISTENS],
      callback: functionName(this.#callback)
    }
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }
}

/** @internal A step of the library's own in the ready queue: it resumes no coroutine. */
export class Plain implements Runnable {
  constructor(readonly run: () => void) {}
  get resumes(): boolean {
    return false
  }
}
