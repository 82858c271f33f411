/**
 * The loop of programs whose top level is not Effect: made without one, run as often as the program likes.
 *
 * Legal states: at rest (queues; nothing of it runs, and it holds no process), running (one run; keeps the process
 * alive), closing, closed. A `stop()` that comes at rest is kept for the next run.
 */
import * as Effect from "effect/Effect"
import { currentFiberState, fiberState, isProgram, runSyncIn, type FiberState } from "../effect.js"
import { manyListeners } from "./host/manyListeners.js"
import { LONGEST } from "./host/NodeHost.js"
import { EventLoop } from "./EventLoop.js"
import { checkSignal } from "./fiber/Fibers.js"
import { isThenable } from "./kernel/adopt.js"
import { local } from "./kernel/current.js"
import { describeValue } from "./kernel/describe.js"
import { InvalidStateError, LoopClosedError, WrongLoopError } from "./kernel/errors.js"
import { LoopStoppedError } from "./errors.js"
import type { Event } from "./kernel/Event.js"
import type { BaseEventLoop } from "./kernel/BaseEventLoop.js"
import { isFuture, type Future } from "./kernel/Future.js"
import type { Runnable } from "./kernel/ports.js"
import type { Coroutine, CoroutineValue, Task } from "./kernel/Task.js"
import { assemble, type Loop } from "./Loop.js"
import { type LoopOptions, settingsOf } from "./Settings.js"
import { shutdown } from "./closing/Shutdown.js"

/**
 * How a run of a {@link SyncLoop} is broken off.
 *
 * @category models
 * @since 0.1.0
 */
export interface SyncRunOptions {
  /** Ends the run from outside: it rejects with the signal's reason. What it ran for is not cancelled. */
  readonly signal?: AbortSignal | undefined
}

/** Keeps the process alive until it is called. Node has no other way to say so. */
const holdProcess = (): (() => void) => {
  const timer = setInterval(() => {}, LONGEST)
  return () => clearInterval(timer)
}

/** A function that returns an Effect was meant to be one. */
const notAnEffect = (returned: unknown): unknown => {
  if (!isProgram(returned)) return returned
  throw new TypeError(
    "the function given to runUntilComplete returned an Effect, which nobody will run: give runUntilComplete the Effect " +
      "itself, or await runEffect(effect) in the function"
  )
}

/**
 * An event loop for programs whose top level is not Effect: asyncio's `run_until_complete`, `run_forever`, `stop` and
 * `close`, as promises. It can be run again and again; between runs, callbacks, timers and done callbacks wait, and what
 * has fallen due runs at the start of the next run.
 *
 * **Flavor** aio. **Starts** nothing by itself. **Cancel** breaking a run off cancels nothing: the work goes on in the
 * next run. **Loop closed** a run rejects with {@link LoopClosedError}.
 *
 * **Gotchas** An uncaught error is logged and ends neither the run nor the loop. Between runs the loop stands still, but
 * the Effects that were started on it are fibers and go on, as does an async function that awaits a foreign promise.
 * Several SyncLoops may run side by side; a run inside a callback or task of a running loop is refused. With
 * `asyncContext: false` that is noticed only up to the first `await`.
 *
 * @example
 * const loop = SyncLoop.make()
 * const page = await loop.runUntilComplete(async ({ signal }) => (await fetch("data:,hello", { signal })).text())
 * await loop.runUntilComplete(Console.log(page.length)) // => 5
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class SyncLoop extends EventLoop {
  #running = false
  /** `stop()` came at rest: the next run is one pass. */
  #stopNext = false
  #closing: Promise<void> | undefined

  /**
   * Makes a loop at rest. In Effect code it takes the Clock, the loggers and the Context of the calling fiber, else the
   * default ones. `unretrieved: "crash"` is refused: this loop does not crash.
   *
   * @example
   * await using loop = SyncLoop.make({ name: "jobs" })
   * console.log(loop.name) // => jobs
   */
  static make(options: LoopOptions = {}): SyncLoop {
    const settings = settingsOf(options)
    if (options.unretrieved === "crash") {
      throw new RangeError(
        `unretrieved: "crash" is for loops of Effect programs; give a SyncLoop an exceptionHandler`
      )
    }
    const caller = currentFiberState() ?? (local()?.owner as FiberState | undefined)
    return runSyncIn(assemble(SyncLoop, settings, []), caller ?? Effect.runSync(fiberState))
  }

  /**
   * Runs the loop until a Future, promise, coroutine or Effect is done. Resolves with its value; rejects with its very
   * error, and with `CancelledError` if it was cancelled.
   *
   * Never throws. It also rejects with {@link LoopStoppedError} where `stop()` or `close()` came first, with the
   * signal's reason, with `TypeError` for anything else than the above, with {@link WrongLoopError} for a Future of
   * another loop, with {@link InvalidStateError} while this loop runs and in callbacks and tasks of running loops, and with
   * {@link LoopClosedError}; except for the first two, nothing has run then.
   *
   * @example
   * const loop = SyncLoop.make()
   * const sum = await loop.runUntilComplete(function* () {
   *   return (yield* loop.sleep(10, 1)) + 1
   * })
   * console.log(sum) // => 2
   * await loop.close()
   */
  override runUntilComplete<A>(future: PromiseLike<A>, options?: SyncRunOptions): Promise<A>
  override runUntilComplete<A, E>(effect: Effect.Effect<A, E, Loop>, options?: SyncRunOptions): Promise<A>
  override runUntilComplete<R>(coroutine: Coroutine<R>, options?: SyncRunOptions): Promise<CoroutineValue<R>>
  override async runUntilComplete(work: unknown, options: SyncRunOptions = {}): Promise<unknown> {
    this.#refuseRun("runUntilComplete", options)
    const future = this.#futureOf(work)
    await this.#drive(options.signal, future)
    if (future.done()) return future.result()
    throw new LoopStoppedError(
      `${this.name} was stopped before ${future.toString()} was done, which ` +
        (this.#closing === undefined
          ? "goes on in the next run"
          : "is cancelled, because the loop is closing")
    )
  }

  /**
   * Runs the loop until `stop()`, with or without anything to do. Rejects with the signal's reason if that aborts first,
   * and as `runUntilComplete` does where the loop cannot be run.
   *
   * @example
   * const loop = SyncLoop.make()
   * loop.addSignalHandler("SIGHUP", () => loop.stop())
   * loop.callSoon(() => process.kill(process.pid, "SIGHUP"))
   * await loop.runForever()
   * await loop.close()
   */
  override async runForever(options: SyncRunOptions = {}): Promise<void> {
    this.#refuseRun("runForever", options)
    await this.#drive(options.signal, undefined)
  }

  /**
   * Ends the run once the callbacks queued so far have run; what comes later waits for the next run. At rest, it makes
   * the next run one pass that waits for nothing, and is then spent. The result is set when the loop has stopped.
   */
  override stop(event?: Event): Event {
    const stopped = super.stop(event)
    if (!this.isRunning()) this.#stopNext = true
    return stopped
  }

  /**
   * Closes the loop in order: cancels its tasks and Effects, and waits for them, for `closeDeadline` at most. A run that
   * is going on is stopped first. Idempotent. Rejects with {@link InvalidStateError} inside a callback, a task or an
   * Effect of this loop, which goes on running.
   */
  override async close(): Promise<void> {
    if (!this.isClosed() && this.#isInside()) {
      throw new InvalidStateError(
        `close() was called from inside ${this.name}: what runs on a loop cannot close it; stop() it, and close it ` +
          `where its run is awaited`
      )
    }
    this.#closing ??= this.#shutDown()
    await this.#closing
  }

  /** `await using`: see `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal Adapters start the loop they wait for; this one is started by its runs and its closing only. */
  override _start(): void {
    if (this.#running || this._closing.since !== undefined) super._start()
  }

  /** @internal It is meant to stand still between runs. */
  override _tellWaiting(): void {}

  /** @internal */
  override _closedError(what: string): LoopClosedError {
    return new LoopClosedError(
      `${what}: the event loop ${this.name} is closed; make another with SyncLoop.make()`
    )
  }

  /** Throws where no run may begin. */
  #refuseRun(what: string, { signal }: SyncRunOptions): void {
    if (this.#closing !== undefined) throw this._closedError(`${what}() on a loop that is closing or closed`)
    if (this.#running) {
      throw new InvalidStateError(
        `${what}() on ${this.name}, which is running already: await the future there`
      )
    }
    // A fiber is not held up by a run that it waits for; aio code of a loop that runs would be.
    const outer = currentFiberState() === undefined ? (local()?.loop as BaseEventLoop | undefined) : undefined
    if (outer?.isRunning() === true) {
      throw new InvalidStateError(
        `${what}() on ${this.name} was called from inside ${outer.name}, which is running: runs cannot be nested; await ` +
          `the work there, or open a loop with Loop.scoped`
      )
    }
    checkSignal(what, signal)
    signal?.throwIfAborted()
  }

  #futureOf(work: unknown): Future<unknown> {
    if (isFuture(work)) {
      if (work.getLoop() === this) return work
      throw new WrongLoopError(
        `runUntilComplete() on ${this.name} was given ${work.toString()}, which is attached to a different loop; use ` +
          `loop.wrapFuture(future)`
      )
    }
    // Before the functions: what `fromAio` returns is both.
    if (Effect.isEffect(work)) return this.effectAsFuture(work as Effect.Effect<unknown, unknown, Loop>)
    if (isThenable(work)) return this.wrapFuture(work)
    if (typeof work === "function") {
      const coroutine = work as Coroutine<unknown>
      return this.createTask((task) => notAnEffect(coroutine(task)), { body: work })
    }
    throw new TypeError(
      `runUntilComplete takes a Future, a promise, a coroutine function or an Effect, not ${describeValue(work)}`
    )
  }

  /**
   * The only place where the loop runs before it is closed: until it has been stopped, which `future` does when it is
   * done. Rejects with the signal's reason if that aborted before.
   */
  #drive(signal: AbortSignal | undefined, future: Future<unknown> | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      let over = false
      let brokenOff = false
      const letGo = holdProcess()
      // It may be queued in the last pass, and then runs in the next run, which it has nothing to do with.
      const finish: Runnable = { resumes: false, run: () => void (over || super.stop()) }
      const breakOff = (): void => {
        // What is done is delivered, not thrown away.
        if (future?.done() === true) return
        brokenOff = true
        future?._forgo(finish)
        super.stop()
      }
      this.#running = true
      this._start()
      this._onStopped(() => {
        over = true
        this.#running = false
        letGo()
        signal?.removeEventListener("abort", breakOff)
        future?._forgo(finish)
        if (brokenOff) reject(signal?.reason)
        else resolve()
      })
      if (signal !== undefined) manyListeners(signal).addEventListener("abort", breakOff, { once: true })
      future?._add(finish)
      if (this.#stopNext) {
        super.stop()
        this._stopAfterPass()
      }
      this.#stopNext = false
    })
  }

  /** Whether code of this loop is calling, which closing would wait for. */
  #isInside(): boolean {
    const fiber = currentFiberState()
    if (fiber !== undefined) return this._owns(fiber)
    const now = local()
    if (now?.loop !== this) return false
    return this.isRunning() || (now.task !== undefined && !(now.task as Task<unknown>).done())
  }

  #shutDown(): Promise<void> {
    const letGo = holdProcess()
    if (this.#running) super.stop()
    return new Promise<void>((resolve) => {
      this._onStopped(() => resolve(Effect.runPromise(shutdown(this))))
    }).finally(letGo)
  }
}
