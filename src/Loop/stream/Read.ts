/** One read of a StreamReader, as a Future. */
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { Future, readAsFuture } from "../kernel/Future.js"
import type { Runnable } from "../kernel/ports.js"

/** A read that is tried each time something comes. */
export interface Attempt<A> {
  /** The value, or `undefined` where it needs more. Throws what the read fails with. */
  next(): A | undefined
  /** Puts back what the read has taken so far. */
  undo?(): void
}

/** Whose read it is. */
export interface ReadSource {
  /** A read that waits is cancelled. */
  _forgo(read: Read<unknown>): void
  /** Its value has reached nobody: the bytes that it took, and when it took them. */
  _putBack(taken: Buffer, turn: number): void
}

/**
 * The outcome of a read, and the way to undo it. A value that a cancel kept from its only receiver goes back into the
 * stream. One object for each read and no closure: a server makes one for each message.
 */
export class Read<A> extends Future<A> {
  static {
    readAsFuture(this)
  }

  readonly #source: ReadSource
  #receivers = 0
  #taken: Buffer | undefined
  #turn = 0

  constructor(
    loop: BaseEventLoop,
    source: ReadSource,
    readonly _what: string,
    readonly _attempt: Attempt<A>
  ) {
    super(loop)
    this.#source = source
  }

  override cancel(message?: unknown): boolean {
    if (!this.done()) this.#source._forgo(this)
    return super.cancel(message)
  }

  override _add(runnable: Runnable): void {
    this.#receivers++
    super._add(runnable)
  }

  override _overtaken(): void {
    super._overtaken()
    if (this.#receivers === 1 && this.#taken !== undefined) this.#source._putBack(this.#taken, this.#turn)
    this.#taken = undefined
  }

  /** It is done: with this value, for which it has taken these bytes. */
  _give(value: A, taken: Buffer, turn: number): void {
    this.#taken = taken
    this.#turn = turn
    this._settleValue(value)
  }
}
