/** The signals that a loop watches: handlers, which run as its callbacks, and Streams. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { isThenable } from "../kernel/adopt.js"
import { functionName, describeValue } from "../kernel/describe.js"
import { LoopClosedError } from "../kernel/errors.js"
import { SignalError } from "../errors.js"
import { checkCallback } from "../kernel/Handle.js"
import { WatchHandle } from "../kernel/WatchHandle.js"
import { LONGEST } from "../host/NodeHost.js"
import { Capability, perLoop } from "../closing/Capability.js"
import type { Leftover } from "../ports.js"
import { signalName, watchableSignal } from "./signalNames.js"
import { signalSourceOf } from "./SignalSource.js"
import { SignalStream } from "./SignalStream.js"

/** One signal on one loop: its handler, and the Streams that run. */
interface WatchedSignal {
  handler: WatchHandle | undefined
  /** When the handler was added, on the loop's clock. */
  since: number
  /** The handler's function, for reports. */
  text: string
  readonly streams: Set<SignalStream>
  readonly stop: () => void
}

/** As in asyncio (3.13, `add_signal_handler`), a coroutine function is refused in every mode, not in debug mode only. */
const checkHandler = (callback: unknown): void => {
  if (typeof callback !== "function" && (isThenable(callback) || Effect.isEffect(callback))) {
    throw new TypeError(
      `addSignalHandler takes a function, not ${describeValue(callback)}, which nobody would wait for`
    )
  }
  checkCallback("addSignalHandler", callback, true)
}

/** How many signals a loop watches, as a part of its statistics. */
export interface SignalNumbers {
  /** Signals with a handler or a Stream. */
  readonly signals: number
}

/**
 * The signals that one loop watches.
 *
 * Legal states: open, then released: from then on it refuses everything. A signal is in `#watched` as long as it has a
 * handler or a Stream, and no longer.
 */
export class Signals extends Capability {
  /** The numbers of a loop that has watched no signal. */
  static readonly none: SignalNumbers = { signals: 0 }
  readonly step = "watchers"
  /** Nothing is queued until a signal comes. */
  protected override readonly queues = false
  readonly #watched = new Map<NodeJS.Signals, WatchedSignal>()
  /** Keeps the process alive while a handler asks for that: signals do not. */
  #hold: NodeJS.Timeout | undefined

  add(
    signal: unknown,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown>
  ): WatchHandle {
    const name = watchableSignal("addSignalHandler", signal)
    checkHandler(callback)
    this.refuse("addSignalHandler")
    const { loop } = this
    const watched = this.#watch(name)
    const handle: WatchHandle = new WatchHandle(
      loop,
      name,
      callback,
      args,
      loop.host.contexts.capture(),
      () => {
        this.#refs()
        if (watched.handler !== handle) return
        watched.handler = undefined
        this.#leave(name, watched)
      },
      () => this.#refs()
    )
    handle.unref()
    const replaced = watched.handler
    watched.handler = handle
    watched.since = loop.time()
    watched.text = functionName(callback)
    // A delivery that the old handler has not seen yet is not lost.
    if (replaced?._queued === true) handle._fire()
    replaced?.cancel()
    return handle
  }

  remove(signal: unknown): boolean {
    const handler = this.#watched.get(signalName("removeSignalHandler", signal))?.handler
    handler?.cancel()
    return handler !== undefined
  }

  /** Begins a run of a Stream, which ends with its Scope: gives the Effect that pulls it. */
  open(signal: unknown): Effect.Effect<SignalStream["pull"], SignalError | LoopClosedError, Scope.Scope> {
    return Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          try {
            const name = watchableSignal("Loop.signal", signal)
            this.refuse("Loop.signal")
            const watched = this.#watch(name)
            const stream = new SignalStream(this.loop, name)
            watched.streams.add(stream)
            return Effect.succeed({ name, stream, watched })
          } catch (error) {
            return error instanceof SignalError || error instanceof LoopClosedError
              ? Effect.fail(error)
              : Effect.die(error)
          }
        }),
        ({ name, stream, watched }) =>
          Effect.sync(() => {
            stream.close()
            watched.streams.delete(stream)
            this.#leave(name, watched)
          })
      ),
      ({ stream }) => stream.pull
    )
  }

  override numbers(): SignalNumbers {
    return { signals: this.#watched.size }
  }

  override held(): ReadonlyArray<Leftover> {
    const now = this.loop.time()
    const row = (name: string, since: number, createdAt: string): Leftover => ({
      what: "signal",
      name,
      age: now - since,
      state: "watching",
      waitingOn: "the signal",
      createdAt,
      blamed: false
    })
    return [...this.#watched].flatMap(([name, { handler, streams, since, text }]) => [
      ...(handler === undefined ? [] : [row(`${name} ${text}`, since, "addSignalHandler")]),
      ...[...streams].map((stream) => row(`${name} (a Stream)`, stream.since, "Loop.signal"))
    ])
  }

  protected override letGo(): void {
    for (const { handler, streams } of [...this.#watched.values()]) {
      handler?.cancel()
      for (const stream of streams) stream._closed(this.loop._closedError("Loop.signal"))
    }
    for (const [name, watched] of [...this.#watched]) {
      watched.streams.clear()
      this.#leave(name, watched)
    }
  }

  /** Begins to watch, where that has not begun. */
  #watch(name: NodeJS.Signals): WatchedSignal {
    const known = this.#watched.get(name)
    if (known !== undefined) return known
    const stop = signalSourceOf(this.loop).add(name, () => {
      watched.handler?._fire()
      for (const stream of [...watched.streams]) stream.deliver()
    })
    const watched: WatchedSignal = { handler: undefined, since: 0, text: "", streams: new Set(), stop }
    this.#watched.set(name, watched)
    return watched
  }

  /** Ends watching, where nobody is left. */
  #leave(name: NodeJS.Signals, watched: WatchedSignal): void {
    if (watched.handler !== undefined || watched.streams.size > 0) return
    if (this.#watched.get(name) !== watched) return
    this.#watched.delete(name)
    watched.stop()
  }

  #refs(): void {
    const wanted = [...this.#watched.values()].some(({ handler }) => handler?.hasRef() === true)
    if (wanted) this.#hold ??= setInterval(() => {}, LONGEST)
    else {
      clearInterval(this.#hold)
      this.#hold = undefined
    }
  }
}

/** The signals of a loop. */
export const signalsOf = perLoop(Signals)
