/**
 * The loop's timers: a 4-ary heap by (when, sequence), so that equal due times keep the order of scheduling.
 *
 *     keys     Float64Array   when of slot i          children of i: 4i+1 .. 4i+4
 *     handles  Array          its handle              comparing keys touches no object unless they are equal
 *
 * Cancelled timers stay in the heap until they reach the top, and are swept when they are many and more than half of
 * it, as in asyncio (3.13, `_MIN_CANCELLED_TIMER_HANDLES_FRACTION`): one cancel costs nothing, and 100,000 of them keep
 * no memory.
 *
 * Differs: asyncio's heap is a binary one of handles, and says nothing of equal times. A timing wheel, as Linux has,
 * was the alternative: adding and cancelling would cost the same at any size, but a wheel rounds times, and rule L2 asks
 * for their exact order.
 */
import { Handle } from "./Handle.js"
import type { Context } from "./Context.js"
import type { Scheduler } from "./ports.js"

/**
 * A callback that the loop will run at a time of its clock, returned by `callLater` and `callAt`.
 *
 * @example
 * const loop = SyncLoop.make()
 * const timer = loop.callLater(60_000, () => console.log("never"))
 * console.log(timer.when() > loop.time()) // => true
 * timer.cancel()
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class TimerHandle extends Handle {
  readonly #when: number
  /** @internal */ _seq = 0
  /** @internal The heap it waits in. */ _timers: Timers | undefined

  /** @internal */
  constructor(
    scheduler: Scheduler,
    when: number,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown> | undefined,
    context: Context | undefined
  ) {
    super(scheduler, callback, args, context)
    this.#when = when
  }

  /** The due time on the loop's clock, in milliseconds; unchanged by `cancel()`. */
  when(): number {
    return this.#when
  }

  override cancel(): void {
    super.cancel()
    const timers = this._timers
    this._timers = undefined
    timers?.cancelled(this)
  }

  /**
   * Negative, zero or positive as this timer is due before, with or after the other.
   * Throws `TypeError` for anything that is not a TimerHandle.
   */
  compare(other: TimerHandle): number {
    if (!(other instanceof TimerHandle)) throw new TypeError("a TimerHandle compares only with a TimerHandle")
    return this.#when < other.#when ? -1 : this.#when > other.#when ? 1 : 0
  }

  /** @internal */
  protected override _details(): string {
    return ` when=${this.#when}`
  }
}

/** Of a heap that is empty: loops that time nothing have no memory of their own for it. */
const noKeys = new Float64Array(0)

/** How many slots of the first one that is not. */
const FIRST = 16

/** How many slots of the heap may hold nothing: cancelled timers, or keys left of a burst. */
const KEEP = 1024

/** @internal */
export class Timers {
  #keys = noKeys
  #handles: Array<TimerHandle> = []
  #seq = 0
  #dead = 0

  constructor(
    /** The earliest live timer was cancelled, or none is left. */
    private readonly onHeadCancelled: () => void
  ) {}

  /** Live timers. */
  get size(): number {
    return this.#handles.length - this.#dead
  }

  /** Live timers, in no order. */
  live(): ReadonlyArray<TimerHandle> {
    return this.#handles.filter((handle) => !handle.cancelled())
  }

  /** Adds a timer; true if it is the earliest now. */
  add(handle: TimerHandle): boolean {
    const index = this.#handles.length
    if (index === this.#keys.length) {
      const keys = new Float64Array(Math.max(FIRST, index * 2))
      keys.set(this.#keys)
      this.#keys = keys
    }
    handle._seq = this.#seq++
    handle._timers = this
    this.#handles.push(handle)
    return this.#up(index, handle.when(), handle) === 0
  }

  /** The time at which the earliest live timer is due, or `undefined`. Lets go of cancelled ones on the way. */
  next(): number | undefined {
    this.#dropCancelled()
    return this.#handles.length === 0 ? undefined : this.#keys[0]
  }

  /** Takes the earliest timer that is due at `now`, or `undefined`. */
  takeDue(now: number): TimerHandle | undefined {
    this.#dropCancelled()
    if (this.#handles.length === 0 || (this.#keys[0] as number) > now) return undefined
    const handle = this.#pop()
    handle._timers = undefined
    return handle
  }

  /** To be called by a timer that is cancelled while it is still in the heap. */
  cancelled(handle: TimerHandle): void {
    this.#dead++
    const head = this.#handles[0] === handle
    if (this.#dead === this.#handles.length) this.#reset()
    else if (this.#dead > KEEP && this.#dead * 2 > this.#handles.length) this.#sweep()
    if (head || this.#handles.length === 0) this.onHeadCancelled()
  }

  /** Cancels and forgets all. */
  clear(): void {
    const handles = this.#handles
    this.#reset()
    for (const handle of handles) {
      handle._timers = undefined
      handle.cancel()
    }
  }

  #reset(): void {
    this.#handles = []
    this.#dead = 0
    this.#fit(0)
  }

  /** Gives the memory of a burst back. A typed array costs more than a thousand comparisons, so small ones stay. */
  #fit(size: number): void {
    const keys = this.#keys
    let capacity = keys.length
    while (capacity > KEEP && capacity > size * 4) capacity /= 2
    if (capacity !== keys.length) this.#keys = keys.slice(0, capacity)
  }

  #dropCancelled(): void {
    while (this.#dead > 0 && this.#handles[0]?.cancelled() === true) {
      this.#pop()
      this.#dead--
    }
  }

  /** Rebuilds the heap from the live timers only. */
  #sweep(): void {
    const keys = this.#keys
    const handles = this.#handles
    const live: Array<TimerHandle> = []
    for (let i = 0; i < handles.length; i++) {
      const handle = handles[i] as TimerHandle
      if (handle.cancelled()) continue
      keys[live.length] = keys[i] as number
      live.push(handle)
    }
    this.#handles = live
    this.#dead = 0
    this.#fit(live.length)
    for (let i = (live.length - 2) >> 2; i >= 0; i--) {
      this.#down(i, this.#keys[i] as number, live[i] as TimerHandle)
    }
  }

  #pop(): TimerHandle {
    const top = this.#handles[0] as TimerHandle
    const last = this.#handles.pop() as TimerHandle
    if (this.#handles.length > 0) this.#down(0, this.#keys[this.#handles.length] as number, last)
    return top
  }

  #up(index: number, key: number, handle: TimerHandle): number {
    const keys = this.#keys
    const handles = this.#handles
    let i = index
    while (i > 0) {
      const parent = (i - 1) >> 2
      // The newcomer has the highest sequence number: on equal keys it stays below.
      if ((keys[parent] as number) <= key) break
      keys[i] = keys[parent] as number
      handles[i] = handles[parent] as TimerHandle
      i = parent
    }
    keys[i] = key
    handles[i] = handle
    return i
  }

  #down(index: number, key: number, handle: TimerHandle): void {
    const keys = this.#keys
    const handles = this.#handles
    const size = handles.length
    let i = index
    for (;;) {
      const first = i * 4 + 1
      if (first >= size) break
      const end = first + 4 < size ? first + 4 : size
      let best = first
      let bestKey = keys[first] as number
      for (let child = first + 1; child < end; child++) {
        const childKey = keys[child] as number
        if (
          childKey < bestKey ||
          (childKey === bestKey && (handles[child] as TimerHandle)._seq < (handles[best] as TimerHandle)._seq)
        ) {
          best = child
          bestKey = childKey
        }
      }
      if (bestKey > key || (bestKey === key && (handles[best] as TimerHandle)._seq > handle._seq)) break
      keys[i] = bestKey
      handles[i] = handles[best] as TimerHandle
      i = best
    }
    keys[i] = key
    handles[i] = handle
  }
}
