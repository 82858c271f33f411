/** How much waits to be written, and when its sender is told to stop and to go on. asyncio: `_FlowControlMixin`. */

/** Who is told: the sender's protocol. */
export interface Sender {
  /** Now, inside the call that wrote too much: the sender is told to stop before it goes on. */
  pauseWriting(): void
  resumeWriting(): void
  /** Queues a callback of the loop. */
  later(f: () => void): void
}

/** asyncio's limits: CPython 3.11, `Lib/asyncio/transports.py`. */
const HIGH = 64 * 1024

/** Legal states: flowing; held up, from above the high limit until the low one is reached; ended, when nothing is told. */
export class WriteLimits {
  #size = 0
  #high = HIGH
  #low = HIGH / 4
  #heldUp = false
  #ended = false

  constructor(private readonly sender: Sender) {}

  /** What waits, in bytes. */
  get size(): number {
    return this.#size
  }

  get limits(): { readonly low: number; readonly high: number } {
    return { low: this.#low, high: this.#high }
  }

  /** Throws `RangeError` unless `high >= low >= 0`. `check` says whether there is too much by the new ones. */
  set(limits: { readonly low?: number | undefined; readonly high?: number | undefined } = {}): void {
    const high = limits.high ?? (limits.low === undefined ? HIGH : 4 * limits.low)
    const low = limits.low ?? Math.floor(high / 4)
    if (!(high >= low && low >= 0))
      throw new RangeError(`setWriteBufferLimits takes high >= low >= 0, not high ${high}, low ${low}`)
    this.#high = high
    this.#low = low
    this.#resume()
  }

  /** So much was written: `check` follows, once for what is written together. */
  add(bytes: number): void {
    this.#size += bytes
  }

  /** Tells the sender to stop, where more waits than it should. */
  check(): void {
    if (this.#heldUp || this.#ended || this.#size <= this.#high) return
    this.#heldUp = true
    this.sender.pauseWriting()
  }

  /** So much was taken. The sender hears of it in a callback of its own, so that it does not write inside of Node. */
  remove(bytes: number): void {
    this.#size -= bytes
    if (this.#heldUp && this.#size <= this.#low) this.sender.later(() => this.#resume())
  }

  /** Nothing is written any more: what waited is dropped. */
  end(): void {
    this.#ended = true
    this.#size = 0
  }

  #resume(): void {
    if (!this.#heldUp || this.#ended || this.#size > this.#low) return
    this.#heldUp = false
    this.sender.resumeWriting()
  }
}
