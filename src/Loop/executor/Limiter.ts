/** Permits that several executors share, as the `CapacityLimiter` of trio does for its threads. */
import { describeValue } from "../kernel/describe.js"

/** The number of an option, from 1 on. Throws a `TypeError` or `RangeError` that names it. @internal */
export const count = (what: string, input: unknown): number => {
  if (typeof input !== "number") throw new TypeError(`${what} is a number, not ${describeValue(input)}`)
  if (!Number.isInteger(input) || input < 1) {
    throw new RangeError(`${what} is a whole number from 1 on, not ${input}`)
  }
  return input
}

/**
 * How many jobs may run at once over all executors that were made with it. A job has one permit from when it starts until
 * it has ended, and never waits for a second; permits go to those that wait in the order in which they came.
 *
 * Legal states of a permit: free, or taken. Nobody waits while one is free.
 *
 * @example
 * const limiter = Limiter.make(4)
 * const parsing = Executor.make({ limiter })
 * const packing = Executor.make({ limiter })
 * console.log(limiter.statistics().taken) // => 0
 * await Promise.all([parsing.shutdown(), packing.shutdown()])
 *
 * @category models
 * @since 0.1.0
 */
export class Limiter {
  #taken = 0
  readonly #waiting = new Set<() => void>()

  private constructor(
    /** The number of permits there are. */
    readonly total: number
  ) {}

  /**
   * Makes a limiter with so many permits. Throws `TypeError` or `RangeError` for anything but a whole number from 1 on.
   */
  static make(total: number): Limiter {
    return new Limiter(count("the total of a Limiter", total))
  }

  /** @internal Calls `granted` with a permit taken: at once if one is free. */
  _acquire(granted: () => void): void {
    if (this.#taken < this.total) {
      this.#taken++
      granted()
    } else this.#waiting.add(granted)
  }

  /** @internal Takes back an `_acquire` that waits. */
  _withdraw(granted: () => void): void {
    this.#waiting.delete(granted)
  }

  /** @internal Gives one permit back, to the first who waits. */
  _release(): void {
    const [next] = this.#waiting
    if (next === undefined) this.#taken--
    else {
      this.#waiting.delete(next)
      next()
    }
  }

  /** Its numbers: permits, those taken, and jobs that wait for one. */
  statistics(): { readonly total: number; readonly taken: number; readonly waiting: number } {
    return { total: this.total, taken: this.#taken, waiting: this.#waiting.size }
  }

  toString(): string {
    return `<Limiter ${this.#taken}/${this.total} taken, ${this.#waiting.size} waiting>`
  }

  toJSON(): unknown {
    return { _id: "Limiter", ...this.statistics() }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }
}
