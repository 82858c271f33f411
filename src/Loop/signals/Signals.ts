/**
 * Signals of the process, on a loop: handlers that run as its callbacks, and Streams. The process has one listener of the
 * library for each signal that some loop watches, and none for the others.
 */
import { constants } from "node:os"
import { isMainThread } from "node:worker_threads"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { outsideFibers } from "../../effect.js"
import { isThenable } from "../kernel/adopt.js"
import { functionName, describeValue } from "../kernel/describe.js"
import { LoopClosedError } from "../kernel/errors.js"
import { SignalError } from "../errors.js"
import { Future } from "../kernel/Future.js"
import { checkCallback } from "../kernel/Handle.js"
import type { Settleable } from "../kernel/ports.js"
import { WatchHandle } from "../kernel/WatchHandle.js"
import { LONGEST } from "../host/NodeHost.js"
import { awaitDone } from "../fiber/Wait.js"
import { Capability, perLoop } from "../closing/Capability.js"
import type { Home, Leftover } from "../ports.js"

const numbers = Object.entries(constants.signals) as ReadonlyArray<readonly [NodeJS.Signals, number]>

const undeliverable = (signal: unknown): boolean => signal === "SIGKILL" || signal === "SIGSTOP"

/**
 * A fault of the machine comes back at once when its handler returns, and JavaScript runs later than that: the process
 * would hang where it should have ended. V8's own handler, which WebAssembly needs, would be gone as well.
 */
const faults = new Set<NodeJS.Signals>(["SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV"])

/** @internal Throws for what can be no signal. */
export function checkSignalType(what: string, signal: unknown): asserts signal is string | number {
  if (typeof signal !== "string" && typeof signal !== "number") {
    throw new TypeError(`${what} takes the name or number of a signal, not ${describeValue(signal)}`)
  }
}

/**
 * The signal's name, the same for all its names and its number. Throws for what is none; SIGKILL and SIGSTOP are signals.
 */
const nameOf = (what: string, signal: unknown): NodeJS.Signals => {
  checkSignalType(what, signal)
  const number = typeof signal === "number" ? signal : numbers.find(([name]) => name === signal)?.[1]
  const known = numbers.find(([, other]) => other === number)
  if (known === undefined) {
    throw new SignalError(
      signal,
      "this system has no such signal; names are like SIGHUP, and numbers start at 1"
    )
  }
  return known[0]
}

/** `nameOf` for what is to be watched. */
const watchable = (what: string, signal: unknown): NodeJS.Signals => {
  const name = nameOf(what, signal)
  if (undeliverable(name)) {
    throw new SignalError(name, "it cannot be caught: the system ends or stops the process without asking")
  }
  if (faults.has(name)) {
    throw new SignalError(
      name,
      "a fault of the machine cannot be handled in JavaScript, where it would hang the process"
    )
  }
  if (!isMainThread) {
    throw new SignalError(
      name,
      "signals come to the main thread only: handle it there, and call this thread through a LoopHandle"
    )
  }
  return name
}

/** Node starts with these ignored, and cannot go back to that: without a listener they would end the process. */
const ignoredAtStart = new Set<NodeJS.Signals>(["SIGPIPE", "SIGXFSZ"])
const ignore = (): void => {}

/** The process's listener for one signal, as long as somebody is to be told. */
class Listener {
  static readonly #all = new Map<NodeJS.Signals, Listener>()
  readonly #receivers = new Set<() => void>()
  readonly #listener = (): void => {
    for (const receiver of [...this.#receivers]) receiver()
  }

  private constructor(private readonly name: NodeJS.Signals) {}

  /** Calls `receiver` at each delivery; the result takes it back. Throws where Node cannot watch the signal. */
  static add(name: NodeJS.Signals, receiver: () => void): () => void {
    const listener = this.#all.get(name) ?? new Listener(name)
    listener.#attach()
    listener.#receivers.add(receiver)
    this.#all.set(name, listener)
    return () => {
      if (!listener.#receivers.delete(receiver) || listener.#receivers.size > 0) return
      this.#all.delete(name)
      if (ignoredAtStart.has(name) && !process.listeners(name).includes(ignore)) process.on(name, ignore)
      process.off(name, listener.#listener)
    }
  }

  /** First in line, so that a handler is queued before `Loop.run` interrupts for the same signal. */
  #attach(): void {
    // Somebody may have removed all listeners of the process.
    if (process.listeners(this.name).includes(this.#listener)) return
    try {
      process.prependListener(this.name, this.#listener)
    } catch (error) {
      process.off(this.name, this.#listener)
      throw new SignalError(this.name, `it cannot be watched: ${describeValue(error)}`)
    }
  }
}

/** A Stream takes so many deliveries at once. */
const CHUNK = 256

/**
 * One run of a Stream of a signal. Deliveries are all the same, so those that nobody has taken yet are only counted.
 *
 * Legal states: open; ended, because the Stream was left or the loop closed. What has been delivered can still be taken.
 */
class Reading implements Settleable {
  readonly since: number
  #untaken = 0
  #closed: Error | undefined
  /** The consumer waits for this. */
  #more: Future<void> | undefined

  constructor(
    private readonly loop: Home,
    private readonly name: NodeJS.Signals
  ) {
    this.since = loop.time()
    // It is open, but no fiber waits for it yet.
    outsideFibers(() => loop._watch(this))
  }

  get waits(): boolean {
    return this.#more !== undefined
  }

  deliver(): void {
    this.#untaken++
    this.#wake()
  }

  /** What was delivered, or the next one. */
  readonly pull: Effect.Effect<ReadonlyArray<NodeJS.Signals>, LoopClosedError> = Effect.suspend(() => {
    if (this.#untaken > 0) {
      const taken = Math.min(this.#untaken, CHUNK)
      this.#untaken -= taken
      return Effect.succeed(Array.from({ length: taken }, () => this.name))
    }
    if (this.#closed !== undefined) return Effect.fail(this.#closed as LoopClosedError)
    this.loop._start()
    const more = new Future<void>(this.loop)
    this.#more = more
    return Effect.flatMap(awaitDone(this.loop, more), () => this.pull)
  })

  /** The Stream is left. */
  close(): void {
    this.#more = undefined
    this.loop._unwatch(this)
  }

  /** @internal The loop is closed, or lets go of its signals. */
  _closed(error: Error): void {
    this.#closed ??= error
    this.#wake()
  }

  #wake(): void {
    const more = this.#more
    this.#more = undefined
    if (more !== undefined && !more.done()) more._settleValue(undefined)
  }
}

/** One signal on one loop: its handler, and the Streams that run. */
interface Watched {
  handler: WatchHandle | undefined
  /** Of the handler. */
  since: number
  /** The handler's function, for reports. */
  text: string
  readonly readings: Set<Reading>
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
  /** Of a loop that has watched none. */
  static readonly none: SignalNumbers = { signals: 0 }
  readonly step = "watchers"
  /** Nothing is, until a signal comes. */
  protected override readonly queues = false
  readonly #watched = new Map<NodeJS.Signals, Watched>()
  /** Keeps the process alive while a handler asks for that: signals do not. */
  #hold: NodeJS.Timeout | undefined

  add(
    signal: unknown,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown>
  ): WatchHandle {
    const name = watchable("addSignalHandler", signal)
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
    const handler = this.#watched.get(nameOf("removeSignalHandler", signal))?.handler
    handler?.cancel()
    return handler !== undefined
  }

  /** One run of a Stream: what it is read with, until its Scope closes. */
  open(signal: unknown): Effect.Effect<Reading["pull"], SignalError | LoopClosedError, Scope.Scope> {
    return Effect.map(
      Effect.acquireRelease(
        Effect.suspend(() => {
          try {
            const name = watchable("Loop.signal", signal)
            this.refuse("Loop.signal")
            const watched = this.#watch(name)
            const reading = new Reading(this.loop, name)
            watched.readings.add(reading)
            return Effect.succeed({ name, reading, watched })
          } catch (error) {
            return error instanceof SignalError || error instanceof LoopClosedError
              ? Effect.fail(error)
              : Effect.die(error)
          }
        }),
        ({ name, reading, watched }) =>
          Effect.sync(() => {
            reading.close()
            watched.readings.delete(reading)
            this.#leave(name, watched)
          })
      ),
      ({ reading }) => reading.pull
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
    return [...this.#watched].flatMap(([name, { handler, readings, since, text }]) => [
      ...(handler === undefined ? [] : [row(`${name} ${text}`, since, "addSignalHandler")]),
      ...[...readings].map((reading) => row(`${name} (a Stream)`, reading.since, "Loop.signal"))
    ])
  }

  protected override letGo(): void {
    for (const { handler, readings } of [...this.#watched.values()]) {
      handler?.cancel()
      for (const reading of readings) reading._closed(this.loop._closedError("Loop.signal"))
    }
    for (const [name, watched] of [...this.#watched]) {
      watched.readings.clear()
      this.#leave(name, watched)
    }
  }

  /** Begins to watch, where that has not begun. */
  #watch(name: NodeJS.Signals): Watched {
    const known = this.#watched.get(name)
    if (known !== undefined) return known
    const stop = Listener.add(name, () => {
      watched.handler?._fire()
      for (const reading of [...watched.readings]) reading.deliver()
    })
    const watched: Watched = { handler: undefined, since: 0, text: "", readings: new Set(), stop }
    this.#watched.set(name, watched)
    return watched
  }

  /** Ends watching, where nobody is left. */
  #leave(name: NodeJS.Signals, watched: Watched): void {
    if (watched.handler !== undefined || watched.readings.size > 0) return
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
