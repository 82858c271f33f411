/** Event emitters and event targets as Streams. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { forkScoped, outsideFibers, pulled, whenDropped } from "../effect.js"
import { manyListeners } from "../Loop/host/manyListeners.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { isCancelledError, isLoopClosedError } from "../Loop/kernel/errors.js"
import { type AioError, BufferOverflowError } from "../Loop/errors.js"
import { Future } from "../Loop/kernel/Future.js"
import type { Context } from "../Loop/kernel/Context.js"
import type { Settleable } from "../Loop/kernel/ports.js"
import { Loop } from "../Loop/Loop.js"
import { fromFuture } from "../Loop/fiber/Outcome.js"
import { Bell } from "../Loop/fiber/Bell.js"
import {
  type Emitter,
  type EmitterLike,
  type EmitterListener,
  emitterOf,
  type EmitterSettings,
  emitterSettings,
  type EventTargetLike,
  type FromEmitterOptions
} from "./emitter/Emitter.js"
import { type LateErrors, lateErrors, runListens } from "./emitter/lateErrors.js"
import type { AioInterrupted } from "./task/options.js"
import type { Home } from "../Loop/ports.js"

/** Whether the library has ended the Stream early: such an error is no error of the emitter, and is not mapped. */
const isOwn = (error: unknown): boolean =>
  error instanceof BufferOverflowError || isLoopClosedError(error) || isCancelledError(error)

/**
 * One run of a Stream: its listeners, and the items that nobody has taken yet.
 *
 * Legal states: listening; ended (no listener is left, and `#outcome` says why; items may still wait). What ends it
 * first stays: the end, an error, an overflow, the signal, the loop's close, or the Stream's Scope.
 */
class EmitterStream implements Settleable {
  readonly #context: Context | undefined
  readonly #attached: Array<() => void> = []
  #emitter: Emitter | undefined
  /** Another run, or what stays behind, is told of errors again. */
  #listensNoMore: (() => void) | undefined
  /** The end of the run. A Future only for its states: nobody waits for it. */
  readonly #outcome: Future<void>
  #items: Array<unknown> = []
  #dropped = 0
  /** The emitter was paused, and not resumed since. */
  #paused = false
  /** How `until` failed, where that has ended the run. */
  #untilFailed: Cause.Cause<unknown> | undefined
  /** The consumer was told how the run ended. */
  #told = false
  /** The failure that the consumer was given. */
  #gave: Cause.Cause<unknown> | undefined
  /** Rings at an item and at the end. */
  readonly #bell: Bell

  constructor(
    private readonly loop: Home,
    private readonly settings: EmitterSettings,
    private readonly late: LateErrors
  ) {
    this.#context = loop.host.contexts.capture()
    this.#bell = new Bell(loop)
    this.#outcome = new Future<void>(loop)
    this.#outcome._markRetrieved()
  }

  /** Begins to listen. What an emitter throws then ends the run. */
  open(emitter: Emitter): void {
    // The run is open, but no fiber waits for it yet.
    outsideFibers(() => this.loop._watch(this))
    this.#asLoop(() => {
      const { events, guarded, signal, until } = this.settings
      if (signal !== undefined) this.#heed(signal, () => this.#outcome._settleCancelled(signal.reason))
      if (until instanceof AbortSignal) this.#heed(until, () => this.#outcome._settleValue(undefined))
      for (const [event, kind] of events) {
        if (this.#outcome.done()) return
        const listener: EmitterListener = (...args) => this.#asLoop(() => this.#on(kind, args))
        this.#attached.push(() => emitter.remove(event, listener))
        emitter.add(event, listener)
        if (kind === "error" && guarded !== undefined) {
          this.#emitter = emitter
          this.#listensNoMore = runListens(guarded)
        }
        // An emitter may call back at once, and end it before the listener was there to be taken away.
        if (this.#outcome.done()) emitter.remove(event, listener)
      }
    })
  }

  /** The items that wait, or the next ones; `undefined` at the end. */
  readonly pull: Effect.Effect<ReadonlyArray<unknown> | undefined, unknown> = Effect.suspend(() => {
    if (this.#items.length > 0) {
      const items = this.#items
      this.#items = []
      this.#resume()
      return Effect.succeed(items)
    }
    if (this.#untilFailed !== undefined) return Effect.failCause(this.#untilFailed)
    if (this.#outcome.done()) {
      this.#told = true
      return Effect.uninterruptible(
        Effect.matchCauseEffect(
          fromFuture(this.#outcome, (error) => (isOwn(error) ? error : this.settings.mapError(error))),
          {
            onSuccess: () => Effect.succeed(undefined),
            onFailure: (cause) => {
              this.#gave = cause
              return Effect.failCause(cause)
            }
          }
        )
      )
    }
    return Effect.flatMap(this.#bell.next(), () => this.pull)
  })

  /** The program's own end: its Effect has succeeded, or failed with `cause`. */
  readonly until = (cause: Cause.Cause<unknown> | undefined): void =>
    this.#asLoop(() =>
      this.#end(() => {
        this.#untilFailed = cause
        this.#outcome._settleValue(undefined)
      })
    )

  /** The Stream is left, whatever its state. */
  close(exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#resume()
      this.#asLoop(() => this.#end(() => this.#outcome._settleValue(undefined)))
      const { capacity } = this.settings
      const error = this.#outcome._error()
      const failed = error !== undefined && !isOwn(error)
      if (failed && !this.#told) this.#report("failed, and its Stream was left before it came to that", error)
      if (this.#dropped > 0) {
        this.#report(`dropped ${this.#dropped} of its events, because its buffer of ${capacity} was full`)
      }
      if (!failed || this.#gave === undefined) return Effect.void
      return whenDropped(this.#gave, exit, () =>
        this.#report("failed, and its Stream was interrupted or left at that moment", error)
      )
    })
  }

  #report(what: string, ...exceptions: [] | [exception: unknown]): void {
    this.loop.callExceptionHandler({
      kind: "late",
      message: `${this.settings.name} ${what}`,
      ...(exceptions.length === 0 ? {} : { exception: exceptions[0] })
    })
  }

  /** @internal The loop is closed, and ends the run. */
  _closed(error: Error): void {
    this.#end(() => this.#outcome._settleError(error))
  }

  /**
   * Emitters call this from anywhere: it is code of the loop, in the async-local state in which the Stream began, and
   * nothing is thrown into the emitter.
   */
  #asLoop(f: () => void): void {
    outsideFibers(() =>
      this.loop.host.contexts.call(
        this.#context,
        this.loop,
        undefined,
        () => {
          try {
            f()
          } catch (error) {
            this.#end(() => this.#outcome._settleError(error))
          }
        },
        undefined
      )
    )
  }

  #on(kind: "item" | "error" | "end", args: Array<unknown>): void {
    if (this.#outcome.done()) return
    // What has ended is not to be resumed.
    if (kind !== "item") this.#paused = false
    if (kind === "end") this.#end(() => this.#outcome._settleValue(undefined))
    else if (kind === "error") this.#end(() => this.#outcome._settleError(args[0]))
    else this.#offer(this.settings.map(...args))
  }

  #offer(item: unknown): void {
    // `map` may have ended it.
    if (this.#outcome.done()) return
    const { capacity, name, onDrop, overflow } = this.settings
    let dropped = item
    if (this.#items.length < capacity) {
      this.#items.push(item)
      this.#pause()
    } else if (overflow === "fail") {
      return this.#end(() => this.#outcome._settleError(new BufferOverflowError(name, capacity)))
    } else {
      if (overflow === "dropOldest") {
        dropped = this.#items.shift()
        this.#items.push(item)
      }
      this.#dropped++
      this.#heedAnswer(onDrop?.(this.#dropped, dropped))
    }
    this.#bell.ring()
  }

  #pause(): void {
    const { flow } = this.settings
    if (flow === undefined || this.#paused || this.#items.length < flow.highWaterMark) return
    this.#paused = true
    this.#heedAnswer(flow.pause())
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#asLoop(() => this.#heedAnswer(this.settings.flow?.resume()))
  }

  /** What a function of the program answered: an async one may still fail, which ends the run as if it had thrown. */
  #heedAnswer(answer: unknown): void {
    if (!isThenable(answer)) return
    Promise.resolve(answer).then(undefined, (error: unknown) =>
      this.#asLoop(() => this.#end(() => this.#outcome._settleError(error)))
    )
  }

  #end(settle: () => void): void {
    if (this.#outcome.done()) return
    settle()
    this.loop._unwatch(this)
    this.#stayBehind()
    this.#detach()
    this.#bell.ring()
  }

  /** Errors that come from now on are reported, and thrown by no emitter. */
  #stayBehind(): void {
    const { guarded, name } = this.settings
    this.#listensNoMore?.()
    this.#listensNoMore = undefined
    if (guarded === undefined || this.#emitter === undefined) return
    try {
      this.late.stayBehind(guarded, this.#emitter, name, this.#outcome._error())
    } catch {
      // It takes no listeners any more; nor will it have anybody to call.
    }
  }

  #detach(): void {
    for (const remove of this.#attached.splice(0)) {
      try {
        remove()
      } catch (exception) {
        this.#report("could not take a listener back", exception)
      }
    }
  }

  #heed(signal: AbortSignal, settle: () => void): void {
    const abort = (): void => this.#asLoop(() => this.#end(settle))
    if (signal.aborted) return abort()
    manyListeners(signal).addEventListener("abort", abort)
    this.#attached.push(() => signal.removeEventListener("abort", abort))
  }
}

/**
 * Makes a Stream of the events of an emitter: Node's EventEmitter, an EventTarget, or what is shaped like one of them.
 * Events that come while the consumer is busy wait in order, and are taken all at once.
 *
 * **Flavor** Effect. Starts: it listens from when the Stream is run, for every run anew. Cancel: leaving the Stream takes
 * its listeners away, at whatever point; there is nothing to wait for. Loop closed: fails with LoopClosedError, without
 * listeners.
 *
 * **Gotchas**
 * - Nothing ends the Stream but what `end` and `error` name, and its consumer.
 * - An emitter does not wait, unless `pause` and `resume` make it: when `capacity` events wait, the next one ends the Stream
 *   with BufferOverflowError, or one is dropped, and the loss is reported (`late`) when the Stream has ended.
 * - `map` runs at the event, as code of the loop; what it throws ends the Stream as an error event does.
 * - A listener for `"error"` stays behind when the Stream has ended, until the Scope in which it was run has closed, or else
 *   the loop: an error that comes then, and that nobody else listens to, is reported (`late`), and not thrown by the emitter.
 *
 * @example
 * import * as readline from "node:readline"
 * import { Readable } from "node:stream"
 *
 * const lines = fromEmitter(readline.createInterface(Readable.from([" one\n", " two\n"])), {
 *   event: "line",
 *   end: "close",
 *   map: (line: string) => line.trim()
 * })
 * await Effect.runPromise(Loop.scoped(Stream.runForEach(lines, (line) => Console.log(line))))
 *
 * @category adapters
 * @since 0.1.0
 */
export function fromEmitter<Args extends Array<unknown>, A, E = AioError, E2 = never, R2 = never>(
  emitter: EmitterLike | EventTargetLike<unknown>,
  options: FromEmitterOptions<E, E2, R2> & {
    /** Makes the item of an event's arguments. Default: the first one. */
    readonly map: (...args: Args) => A
  }
): Stream.Stream<A, E | E2 | BufferOverflowError | AioInterrupted, Loop | R2>
export function fromEmitter<A = unknown, E = AioError, E2 = never, R2 = never>(
  emitter: EmitterLike,
  options: FromEmitterOptions<E, E2, R2> & { readonly map?: undefined }
): Stream.Stream<A, E | E2 | BufferOverflowError | AioInterrupted, Loop | R2>
export function fromEmitter<Event, E = AioError, E2 = never, R2 = never>(
  target: EventTargetLike<Event>,
  options: FromEmitterOptions<E, E2, R2> & { readonly map?: undefined }
): Stream.Stream<Event, E | E2 | BufferOverflowError | AioInterrupted, Loop | R2>
export function fromEmitter(
  emitter: unknown,
  options: FromEmitterOptions<unknown, unknown, unknown> & { readonly map?: unknown }
): Stream.Stream<unknown, unknown, unknown> {
  const listenable = emitterOf(emitter)
  const settings = emitterSettings(emitter, listenable, options)
  // The Scope of the caller, and not that of the Stream, which `Stream.unwrap` gives an Effect on line 4.
  return Stream.flatMap(
    Stream.fromEffect(
      Effect.flatMap(Loop, (loop) => Effect.map(lateErrors(loop), (late) => [loop, late] as const))
    ),
    ([loop, late]) =>
      pulled(
        Effect.flatMap(
          Effect.acquireRelease(
            Effect.sync(() => {
              const run = new EmitterStream(loop, settings, late)
              run.open(listenable)
              return run
            }),
            (run, exit) => run.close(exit)
          ),
          (run) => Effect.as(untilEffect(run, settings.until), run.pull)
        )
      )
  )
}

/** Runs the `until` of a Stream beside it, and ends it with that. */
const untilEffect = (
  run: EmitterStream,
  until: EmitterSettings["until"]
): Effect.Effect<unknown, never, unknown> =>
  until === undefined || until instanceof AbortSignal
    ? Effect.void
    : forkScoped(Effect.matchCause(until, { onFailure: run.until, onSuccess: () => run.until(undefined) }))
