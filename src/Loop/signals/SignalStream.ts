/** One run of a Stream of a signal, as `Loop.signal` gives it. */
import * as Effect from "effect/Effect"
import { outsideFibers } from "../../effect.js"
import type { LoopClosedError } from "../kernel/errors.js"
import { Future } from "../kernel/Future.js"
import type { Settleable } from "../kernel/ports.js"
import { awaitDone } from "../fiber/Wait.js"
import type { Home } from "../ports.js"

/** A Stream takes so many deliveries at once. */
const CHUNK = 256

/**
 * One run of a Stream of a signal. Deliveries are all the same, so those that nobody has taken yet are only counted.
 *
 * Legal states: open; ended, because the Stream was left or the loop closed. What has been delivered can still be taken.
 */
export class SignalStream implements Settleable {
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
