/**
 * The ready queue: first in, first out, in chunks that are filled once from left to right.
 *
 *     first [ . . a b ] -> [ c d e f ] -> last [ g h . . ]     size 8
 *               ^head                              ^tail
 *
 * A pass takes what is here now. What callbacks add waits for the next pass, so a callback that re-schedules itself
 * cannot starve timers. Counting that is the pass's business; the queue only keeps order.
 *
 * The alternative was one ring that doubles when it is full: a burst is copied as it grows, and its array is a large object
 * that V8 has to search for young callbacks at each of its collections.
 */

/** Most queues never hold more. */
const FIRST = 64
/** Of the chunks after the first. */
const CAPACITY = 1024

class Chunk<A> {
  readonly items: Array<A | undefined>
  next: Chunk<A> | undefined = undefined

  constructor(capacity: number) {
    this.items = new Array<A | undefined>(capacity).fill(undefined)
  }
}

export class Queue<A> {
  #first: Chunk<A>
  #last: Chunk<A>
  /** Of the first chunk. */
  #head = 0
  /** Of the last chunk. */
  #tail = 0
  #size = 0
  /** An empty chunk, so that a queue that wanders through its chunks need not make one for each. */
  #spare: Chunk<A> | undefined = undefined

  constructor(first = FIRST) {
    this.#first = this.#last = new Chunk(first)
  }

  get size(): number {
    return this.#size
  }

  push(item: A): void {
    if (this.#tail === this.#last.items.length) this.#grow()
    this.#last.items[this.#tail++] = item
    this.#size++
  }

  /** The oldest item, or `undefined` when empty. */
  shift(): A | undefined {
    if (this.#size === 0) return undefined
    const { items } = this.#first
    const item = items[this.#head]
    items[this.#head++] = undefined
    if (--this.#size === 0) this.#head = this.#tail = 0
    else if (this.#head === items.length) this.#leave()
    return item
  }

  /** The oldest item without taking it. */
  peek(): A | undefined {
    return this.#first.items[this.#head]
  }

  /** How many items are so. */
  count(is: (item: A) => boolean): number {
    let count = 0
    let chunk = this.#first
    for (let i = this.#head, left = this.#size; left > 0; i++, left--) {
      if (i === chunk.items.length) {
        chunk = chunk.next as Chunk<A>
        i = 0
      }
      if (is(chunk.items[i] as A)) count++
    }
    return count
  }

  /** Takes everything. */
  clear(): Array<A> {
    const items: Array<A> = []
    for (let item = this.shift(); item !== undefined; item = this.shift()) items.push(item)
    return items
  }

  #grow(): void {
    const chunk = this.#spare ?? new Chunk<A>(CAPACITY)
    this.#spare = undefined
    this.#last.next = chunk
    this.#last = chunk
    this.#tail = 0
  }

  /** The first chunk is empty, and another one follows. */
  #leave(): void {
    const chunk = this.#first
    this.#first = chunk.next as Chunk<A>
    this.#head = 0
    chunk.next = undefined
    if (chunk.items.length === CAPACITY) this.#spare = chunk
  }
}
