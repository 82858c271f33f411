/** What this thread has asked of loops in other threads, for as long as it waits for the answer. */
import * as Effect from "effect/Effect"
import { fiberState, loopClock } from "../../effect.js"
import { Capability, perLoop } from "../closing/Capability.js"
import { local } from "../kernel/current.js"
import type { LoopClosedError } from "../kernel/errors.js"
import { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { Future, readAsFuture } from "../kernel/Future.js"
import { NodeHost } from "../host/NodeHost.js"
import { logReport } from "../host/Reporter.js"
import type { Leftover } from "../ports.js"

/** For the Futures of threads without a loop: it runs what awaits them, and nothing else. */
let standIn: BaseEventLoop | undefined

const makeStandIn = (): BaseEventLoop => {
  const state = Effect.runSync(fiberState)
  const name = "of a thread without a loop"
  const host = new NodeHost(Effect.runSync(loopClock), false, (report) => logReport(state, name, report))
  const loop = new BaseEventLoop(host, { name })
  loop._start()
  return loop
}

/** The loop of the Futures that this thread gets: the one that runs, or the stand-in. */
export const homeOfAsked = (): BaseEventLoop =>
  (local()?.loop as BaseEventLoop | undefined) ?? (standIn ??= makeStandIn())

/**
 * What one coroutine is known as here. Cancelling it asks the other thread, and it is done when that has answered.
 *
 * Legal states: those of a Future; while it is pending its loop lists it, and `letGo` takes back what waits on its behalf.
 */
export class Asked extends Future<unknown> {
  static {
    readAsFuture(this)
  }

  readonly since: number
  /** The other thread was asked to cancel it. */
  cancelling = false
  /** What that cancel said. */
  #message: unknown
  readonly #held: Array<() => void> = []

  constructor(
    readonly loop: BaseEventLoop,
    /** For reports. */
    readonly name: string,
    tell: (message: unknown) => boolean
  ) {
    super(loop, (message) => {
      if (this.cancelling) return true
      if (!tell(message)) return false
      this.cancelling = true
      this.#message = message
      this.holds(loop._watchJoin("a LoopHandle", () => [this]))
      return true
    })
    this.since = loop.time()
  }

  /** To be called when it is done. */
  holds(letGo: () => void): void {
    this.#held.push(letGo)
  }

  letGo(): void {
    for (const f of this.#held.splice(0)) f()
  }

  /** The coroutine was cancelled, for the reason that was given here or for another one. */
  wasCancelled(reason: unknown): void {
    this._settleCancelled(this.cancelling ? this.#message : reason)
  }

  /** The other end is gone. */
  lost(error: LoopClosedError): void {
    if (this.cancelling) this._settleCancelled(this.#message)
    else this._closed(error)
  }

  protected override _describe(): string {
    return `${super._describe()} name=${JSON.stringify(this.name)}`
  }

  protected override _kind(): string {
    return `Future of ${this.name}`
  }
}

/**
 * What the tasks and callbacks of one loop have asked of loops in other threads: closing the loop cancels it, and waits
 * for the answers.
 */
export class Asks extends Capability {
  readonly step = "executors"
  readonly #pending = new Set<Asked>()
  #onQuiet: Array<() => void> = []

  /** Lists it; the result takes it back. */
  add(asked: Asked): () => void {
    this.#pending.add(asked)
    return () => {
      this.#pending.delete(asked)
      if (this.#pending.size > 0) return
      for (const f of this.#onQuiet.splice(0)) f()
    }
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.#pending].map(({ cancelling, name, since }) => ({
      what: "job",
      name,
      age: this.loop.time() - since,
      state: cancelling ? "cancelling" : "running",
      waitingOn: "another thread",
      createdAt: "runCoroutineThreadsafe",
      blamed: true
    }))
  }

  override quiet(): boolean {
    return this.#pending.size === 0
  }

  override close(then: () => void): void {
    this.#onQuiet.push(then)
    this.#cancelAll()
  }

  protected override letGo(): void {
    this.#cancelAll()
    for (const asked of [...this.#pending]) {
      asked._closed(this.loop._closedError(`${asked.name} was not done`))
      asked.letGo()
    }
  }

  #cancelAll(): void {
    const reason = this.loop._closing.reason()
    for (const asked of [...this.#pending]) asked.cancel(reason)
  }
}

/** The asks of a loop, listed with it from the first one on. */
export const asksOf = perLoop(Asks)
