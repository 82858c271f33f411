/**
 * The ready queue: first in, first out, in one ring.
 *
 *     items   [ . . a b c d . . ]      size 4, capacity always a power of two
 *                   ^head   ^tail      index & mask wraps around
 *
 * A pass takes what is here now. What callbacks add waits for the next pass, so a callback that re-schedules itself
 * cannot starve timers. Counting that is the pass's business; the queue only keeps order.
 */
export class Queue<A> {
  #items: Array<A | undefined>
  #mask: number
  #head = 0
  #tail = 0

  constructor(capacity = 64) {
    this.#items = new Array<A | undefined>(capacity).fill(undefined)
    this.#mask = capacity - 1
  }

  get size(): number {
    return this.#tail - this.#head
  }

  push(item: A): void {
    if (this.#tail - this.#head > this.#mask) this.#resize(this.#items.length * 2)
    this.#items[this.#tail++ & this.#mask] = item
  }

  /** The oldest item, or `undefined` when empty. */
  shift(): A | undefined {
    if (this.#head === this.#tail) return undefined
    const index = this.#head++ & this.#mask
    const item = this.#items[index]
    this.#items[index] = undefined
    if (this.#head === this.#tail) {
      this.#head = this.#tail = 0
      // A burst must not keep its memory: an empty ring of many slots goes back to a small one.
      if (this.#items.length > 16384) this.#resize(64)
    }
    return item
  }

  /** The oldest item without taking it. */
  peek(): A | undefined {
    return this.#items[this.#head & this.#mask]
  }

  /** How many items are so. */
  count(is: (item: A) => boolean): number {
    let count = 0
    for (let i = this.#head; i < this.#tail; i++) if (is(this.#items[i & this.#mask] as A)) count++
    return count
  }

  /** Takes everything. */
  clear(): Array<A> {
    const items: Array<A> = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item)
    return items
  }

  #resize(capacity: number): void {
    const next = new Array<A | undefined>(capacity).fill(undefined)
    const size = this.size
    for (let i = 0; i < size; i++) next[i] = this.#items[(this.#head + i) & this.#mask]
    this.#items = next
    this.#mask = capacity - 1
    this.#head = 0
    this.#tail = size
  }
}
