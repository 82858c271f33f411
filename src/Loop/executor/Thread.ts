/** A worker thread, as its executor knows it. */
import type { Worker } from "node:worker_threads"
import type { Job } from "./Job.js"
import type { Home } from "../ports.js"

/**
 * Legal states: starting; ready (it has loaded what it runs); seated (it takes jobs); terminated, by us; ended, which its
 * worker says.
 */
export class Thread {
  readonly id: number
  ready = false
  /** Ended by us. */
  terminated = false
  /** When a job was in it for the last time, in milliseconds. */
  used = performance.now()
  /** What it died of. */
  failure: { readonly error: unknown } | undefined
  /** The last job in it. */
  last: { readonly name: string; readonly loop: Home } | undefined

  constructor(readonly worker: Worker) {
    // A thread that has ended has none.
    this.id = worker.threadId
  }

  /** A job in it has ended. Of that no more is kept than a report of what it has left behind takes. */
  hadJob({ loop, name }: Job): void {
    this.used = performance.now()
    if (this.last?.name !== name || this.last.loop !== loop) this.last = { name, loop }
  }
}
