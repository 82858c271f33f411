/**
 * The run of a job that piscina has. It is the signal of the run as well, in the shape that piscina asks for: an
 * AbortController for each would take a third of the jobs that threads get done in a second.
 */
import type { Worker } from "node:worker_threads"

/**
 * Legal states: piscina has it, aborted, over. Aborting it takes the job back from piscina, which takes its thread, if it
 * has one, out of the pool and terminates it. A thread that was terminated without piscina's knowledge would be given the
 * next job if the reply of this one was on its way by then.
 */
export class Run {
  aborted = false
  reason: unknown
  /** The thread that was terminated because of the job, when it had not said yet which one it is in. */
  terminated: Worker | undefined
  #listener: (() => void) | undefined

  constructor(
    /** No thread was ready for it. */
    readonly starting: boolean
  ) {}

  addEventListener(_: "abort", listener: () => void): void {
    this.#listener = listener
  }

  removeEventListener(): void {
    this.#listener = undefined
  }

  /** Takes it back, once. Without effect when it is over. */
  abort(reason: unknown): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    this.#listener?.()
  }
}
