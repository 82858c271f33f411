/** One read of a StreamReader, as a Future. */
import { Future, readAsFuture } from "../kernel/Future.js"
import type { Runnable } from "../kernel/ports.js"

/**
 * The outcome of a read, and the way to undo it. A value that a cancel kept from its only receiver goes back into the
 * stream.
 */
export class Read<A> extends Future<A> {
  static {
    readAsFuture(this)
  }

  _undo: (() => void) | undefined
  #receivers = 0

  override _add(runnable: Runnable): void {
    this.#receivers++
    super._add(runnable)
  }

  override _overtaken(): void {
    super._overtaken()
    if (this.#receivers === 1) this._undo?.()
    this._undo = undefined
  }
}
