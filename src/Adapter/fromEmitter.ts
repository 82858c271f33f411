/** Event emitters and event targets as Streams. */
import { manyListeners } from "../Loop/host/manyListeners.js"
import * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import { outsideFibers, pulled } from "../effect.js"
import { isCancelledError, LoopClosedError } from "../Loop/kernel/errors.js"
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
import type { AioInterrupted } from "./task/options.js"
import type { Home } from "../Loop/ports.js"

/** Whether the library has ended the Stream early: such an error is no error of the emitter, and is not mapped. */
const isOwn = (error: unknown): boolean =>
  error instanceof BufferOverflowError || error instanceof LoopClosedError || isCancelledError(error)

/**
 * One run of a Stream: its listeners, and the items that nobody has taken yet.
 *
 * Legal states: listening; ended (no listener is left, and `#outcome` says why; items may still wait). What ends it
 * first stays: the end, an error, an overflow, the signal, the loop's close, or the Stream's Scope.
 */
class EmitterStream implements Settleable {
  readonly #context: Context | undefined
  readonly #attached: Array<() => void> = []
  /** The end of the run. A Future only for its states: nobody waits for it. */
  readonly #outcome: Future<void>
  #items: Array<unknown> = []
  #dropped = 0
  /** The consumer was told how the run ended. */
  #told = false
  /** Rings at an item and at the end. */
  readonly #bell: Bell

  constructor(
    private readonly loop: Home,
    private readonly settings: EmitterSettings
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
      const { events, signal } = this.settings
      if (signal !== undefined) this.#heed(signal)
      for (const [event, kind] of events) {
        if (this.#outcome.done()) return
        const listener: EmitterListener = (...args) => this.#asLoop(() => this.#on(kind, args))
        this.#attached.push(() => emitter.remove(event, listener))
        emitter.add(event, listener)
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
      return Effect.succeed(items)
    }
    if (this.#outcome.done()) {
      this.#told = true
      return Effect.as(
        fromFuture(this.#outcome, (error) => (isOwn(error) ? error : this.settings.mapError(error))),
        undefined
      )
    }
    return Effect.flatMap(this.#bell.next(), () => this.pull)
  })

  /** The Stream is left, whatever its state. */
  close(): void {
    this.#asLoop(() => this.#end(() => this.#outcome._settleValue(undefined)))
    const error = this.#told ? undefined : this.#outcome._error()
    if (error !== undefined && !isOwn(error)) {
      this.loop.callExceptionHandler({
        kind: "late",
        message: `${this.settings.name} failed, and its Stream was left before it came to that`,
        exception: error
      })
    }
    if (this.#dropped === 0) return
    this.loop.callExceptionHandler({
      kind: "late",
      message:
        `${this.settings.name} dropped ${this.#dropped} of its events, ` +
        `because its buffer of ${this.settings.capacity} was full`
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
    if (kind === "end") this.#end(() => this.#outcome._settleValue(undefined))
    else if (kind === "error") this.#end(() => this.#outcome._settleError(args[0]))
    else this.#offer(this.settings.map(...args))
  }

  #offer(item: unknown): void {
    // `map` may have ended it.
    if (this.#outcome.done()) return
    const { capacity, name, onDrop, overflow } = this.settings
    let dropped = item
    if (this.#items.length < capacity) this.#items.push(item)
    else if (overflow === "fail") {
      return this.#end(() => this.#outcome._settleError(new BufferOverflowError(name, capacity)))
    } else {
      if (overflow === "dropOldest") {
        dropped = this.#items.shift()
        this.#items.push(item)
      }
      this.#dropped++
      onDrop?.(this.#dropped, dropped)
    }
    this.#bell.ring()
  }

  #end(settle: () => void): void {
    if (this.#outcome.done()) return
    settle()
    this.loop._unwatch(this)
    this.#detach()
    this.#bell.ring()
  }

  #detach(): void {
    for (const remove of this.#attached.splice(0)) {
      try {
        remove()
      } catch (exception) {
        this.loop.callExceptionHandler({
          kind: "late",
          message: `${this.settings.name} could not take a listener back`,
          exception
        })
      }
    }
  }

  #heed(signal: AbortSignal): void {
    const abort = (): void =>
      this.#asLoop(() => this.#end(() => this.#outcome._settleCancelled(signal.reason)))
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
 * - An emitter does not wait: when `capacity` events wait, the next one ends the Stream with BufferOverflowError, or one
 *   is dropped, and the loss is reported (`late`) when the Stream has ended.
 * - `map` runs at the event, as code of the loop; what it throws ends the Stream as an error event does.
 * - An emitter without the Stream's listener for `"error"` may throw its next one.
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
export function fromEmitter<Args extends Array<unknown>, A, E = AioError>(
  emitter: EmitterLike | EventTargetLike<unknown>,
  options: FromEmitterOptions<E> & {
    /** Makes the item of an event's arguments. Default: the first one. */
    readonly map: (...args: Args) => A
  }
): Stream.Stream<A, E | BufferOverflowError | AioInterrupted, Loop>
export function fromEmitter<A = unknown, E = AioError>(
  emitter: EmitterLike,
  options: FromEmitterOptions<E> & { readonly map?: undefined }
): Stream.Stream<A, E | BufferOverflowError | AioInterrupted, Loop>
export function fromEmitter<Event, E = AioError>(
  target: EventTargetLike<Event>,
  options: FromEmitterOptions<E> & { readonly map?: undefined }
): Stream.Stream<Event, E | BufferOverflowError | AioInterrupted, Loop>
export function fromEmitter(
  emitter: unknown,
  options: FromEmitterOptions<unknown> & { readonly map?: unknown }
): Stream.Stream<unknown, unknown, Loop> {
  const listenable = emitterOf(emitter)
  const settings = emitterSettings(emitter, listenable, options)
  return pulled(
    Effect.flatMap(Loop, (loop) =>
      Effect.map(
        Effect.acquireRelease(
          Effect.sync(() => {
            const run = new EmitterStream(loop, settings)
            run.open(listenable)
            return run
          }),
          (run) => Effect.sync(() => run.close())
        ),
        (run) => run.pull
      )
    )
  )
}
