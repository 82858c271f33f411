/** One run of a Stream of a signal, as `Loop.signal` gives it. */
import * as Effect from "effect/Effect"
import { outsideFibers } from "../../effect.js"
import type { LoopClosedError } from "../kernel/errors.js"
import type { Settleable } from "../kernel/ports.js"
import { Bell } from "../fiber/Bell.js"
import type { Home } from "../ports.js"

/** The most deliveries that a Stream takes at once. */
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
  /** Rings at a delivery and at the end. */
  readonly #bell: Bell

  constructor(
    private readonly loop: Home,
    private readonly name: NodeJS.Signals
  ) {
    this.since = loop.time()
    this.#bell = new Bell(loop)
    // It is open, but no fiber waits for it yet.
    outsideFibers(() => loop._watch(this))
  }

  deliver(): void {
    this.#untaken++
    this.#bell.ring()
  }

  /** The deliveries that nobody has taken yet, or the next one. */
  readonly pull: Effect.Effect<ReadonlyArray<NodeJS.Signals>, LoopClosedError> = Effect.suspend(() => {
    if (this.#untaken > 0) {
      const taken = Math.min(this.#untaken, CHUNK)
      this.#untaken -= taken
      return Effect.succeed(Array.from({ length: taken }, () => this.name))
    }
    if (this.#closed !== undefined) return Effect.fail(this.#closed as LoopClosedError)
    return Effect.flatMap(this.#bell.next(), () => this.pull)
  })

  /** The Stream is left. */
  close(): void {
    this.loop._unwatch(this)
  }

  /** @internal The loop is closed, or lets go of its signals. */
  _closed(error: Error): void {
    this.#closed ??= error
    this.#bell.ring()
  }
}
