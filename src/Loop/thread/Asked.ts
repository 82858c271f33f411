/**
 * One coroutine that this thread has asked a loop of another thread for, as a Future. `Asks.ts` lists those of a loop.
 */
import type { LoopClosedError } from "../kernel/errors.js"
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { Future, readAsFuture } from "../kernel/Future.js"

/**
 * What one coroutine is known as here. Cancelling it asks the other thread, and it is done when that has answered.
 *
 * Legal states: those of a Future; while it is pending its loop lists it, and `letGo` takes back what waits on its
 * behalf.
 */
export class Asked extends Future<unknown> {
  static {
    readAsFuture(this)
  }

  readonly since: number
  /** The other thread was asked to cancel it. */
  cancelling = false
  /** The message of that cancel. */
  #message: unknown
  readonly #held: Array<() => void> = []

  constructor(
    readonly loop: BaseEventLoop,
    /** What was asked of whom, for reports. */
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

  /** `letGo` is called when the Future is done: it takes back what waits on its behalf. */
  holds(letGo: () => void): void {
    this.#held.push(letGo)
  }

  /** The Future is done: takes back what waits on its behalf. */
  letGo(): void {
    for (const f of this.#held.splice(0)) f()
  }

  /** The coroutine was cancelled, for the reason that was given here or for another one. */
  wasCancelled(reason: unknown): void {
    this._settleCancelled(this.cancelling ? this.#message : reason)
  }

  /** The other end is gone, and will not answer. */
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
