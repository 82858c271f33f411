/** How a generator coroutine waits: `yield* future`. The task that drives the generator is in `Task.ts`. */
import type { Future } from "./Future.js"

/** What `yield*` drives: yields the Future once, unless it is done, and answers with its value. */
export class FutureIterator<A> implements Iterator<Future<unknown>, A, unknown> {
  #asked = false
  constructor(private readonly future: Future<A>) {}

  next(): IteratorResult<Future<unknown>, A> {
    if (!this.#asked && !this.future.done()) {
      this.#asked = true
      return { done: false, value: this.future }
    }
    return { done: true, value: this.future.result() }
  }

  throw(error: unknown): IteratorResult<Future<unknown>, A> {
    throw error
  }

  [Symbol.iterator](): this {
    return this
  }
}
