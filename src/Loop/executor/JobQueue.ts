/** Jobs in a row: first in, first out, but for those that are taken out before. */
import type { Job } from "./Job.js"

/** Legal states of a job: in no queue, or in one. A Set would look at all that have left it to find its first. */
export class JobQueue {
  #first: Job | undefined
  #last: Job | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): Job | undefined {
    return this.#first
  }

  push(job: Job): void {
    job.before = this.#last
    if (this.#last === undefined) this.#first = job
    else this.#last.after = job
    this.#last = job
    this.#size++
  }

  /** Takes a job out that is in it. */
  remove(job: Job): void {
    const { after, before } = job
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    job.before = undefined
    job.after = undefined
    this.#size--
  }

  *[Symbol.iterator](): IterableIterator<Job> {
    for (let job = this.#first; job !== undefined; job = job.after) yield job
  }
}
