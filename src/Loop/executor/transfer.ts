/** Parts of arguments and results that move to another thread instead of being copied. */
import type { Transferable } from "node:worker_threads"
import { describeValue } from "../kernel/describe.js"

/** The mark of a Transfer: the same in every copy of the library, and in jobWorker.mjs. */
const transferred: unique symbol = Symbol.for("effect-aio/Transfer")

/**
 * What can move between threads: an ArrayBuffer, a MessagePort, a stream, a FileHandle.
 *
 * @category models
 * @since 0.1.0
 */
export type Transferred = Transferable

/**
 * A value together with what of it moves: an argument or the result of a job.
 *
 * @category models
 * @since 0.1.0
 */
export interface Transfer<A> {
  readonly [transferred]: true
  readonly value: A
  readonly list: ReadonlyArray<Transferred>
}

/**
 * Moves parts of an argument or result of a job to the other thread instead of copying them: what is in `list` cannot be
 * used here any more, from the moment of the call to `runInExecutor` on. If the job never runs (it is cancelled in the
 * queue, or refused), what was moved is closed: a FileHandle or MessagePort closed, a readable stream cancelled, a writable
 * one aborted. In a job, `this.transfer` does the same for its result.
 *
 * Throws `TypeError` where `list` is no array.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const pixels = new Uint8Array(1_000_000)
 *   const count = (bytes: Uint8Array) => bytes.length
 *   console.log(await loop.runInExecutor(null, count, transfer(pixels, [pixels.buffer]))) // => 1000000
 *   console.log(pixels.length) // => 0
 * })
 * await loop.close()
 *
 * @category conveniences
 * @since 0.1.0
 */
export const transfer = <A>(value: A, list: ReadonlyArray<Transferred>): Transfer<A> => {
  if (!Array.isArray(list)) {
    throw new TypeError(`transfer takes an array of what is to move, not ${describeValue(list)}`)
  }
  return { [transferred]: true, value, list }
}

/** Whether a value was made by `transfer`, here or in a job. @internal */
export const isTransfer = (u: unknown): u is Transfer<unknown> =>
  typeof u === "object" && u !== null && transferred in u
