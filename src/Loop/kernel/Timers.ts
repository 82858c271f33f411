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
  /** @internal */ _seq = 0
  /**
   * @internal The heap that it is in, which has its due time; outside of every heap, the due time. Of the many that wait few
   * are asked for it, and a number of its own would be a tenth of a timer.
   */
  _place: Timers | number | undefined = undefined

  /** The due time on the loop's clock, in milliseconds; unchanged by `cancel()`. */
  when(): number {
    const place = this._place
    return typeof place === "object" ? place.whenOf(this) : (place as number)
  }

  override cancel(): void {
    const place = this._place
    const waits = typeof place === "object" && !this.cancelled()
    super.cancel()
    if (waits) place.cancelled(this)
  }

  /**
   * Negative, zero or positive as this timer is due before, with or after the other.
   * Throws `TypeError` for anything that is not a TimerHandle.
   */
  compare(other: TimerHandle): number {
    if (!(other instanceof TimerHandle)) throw new TypeError("a TimerHandle compares only with a TimerHandle")
    const [mine, others] = [this.when(), other.when()]
    return mine < others ? -1 : mine > others ? 1 : 0
  }

  /** @internal */
  protected override _details(): string {
    return ` when=${this.when()}`
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
  /** The due times, once somebody has asked a timer that waits: to find one means to look at all. */
  #times: Map<TimerHandle, number> | undefined

  constructor(
    /** The earliest live timer was cancelled, or none is left. */
    private readonly onHeadCancelled: () => void
  ) {}

  /** Live timers. */
  get size(): number {
    return this.#handles.length - this.#dead
  }

  /** Live timers, in no order, and when each is due. */
  live(): ReadonlyArray<readonly [timer: TimerHandle, when: number]> {
    return this.#handles.flatMap((handle, i) =>
      handle.cancelled() ? [] : [[handle, this.#keys[i] as number] as const]
    )
  }

  /** Adds a timer that is due at `when`; true if it is the earliest now. */
  add(handle: TimerHandle, when: number): boolean {
    const index = this.#handles.length
    if (index === this.#keys.length) {
      const keys = new Float64Array(Math.max(FIRST, index + (index >> 1)))
      keys.set(this.#keys)
      this.#keys = keys
    }
    handle._seq = this.#seq++
    handle._place = this
    this.#times?.set(handle, when)
    this.#handles.push(handle)
    return this.#up(index, when, handle) === 0
  }

  /** When one that is in the heap is due. */
  whenOf(handle: TimerHandle): number {
    this.#times ??= new Map(this.#handles.map((other, i) => [other, this.#keys[i] as number]))
    return this.#times.get(handle) as number
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
    return this.#pop()
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
    const handles = [...this.#handles]
    this.#reset()
    for (const handle of handles) handle.cancel()
  }

  #reset(): void {
    this.#times = undefined
    const handles = this.#handles
    for (let i = 0; i < handles.length; i++) this.#left(handles[i] as TimerHandle, i)
    if (handles.length > FIRST) this.#handles = []
    // Emptied one by one the array keeps its room for a few: a loop with one timer at a time is the most common.
    else while (handles.length > 0) handles.pop()
    this.#dead = 0
    this.#fit(0)
  }

  /** `handle` was at `index`, and is in the heap no more. */
  #left(handle: TimerHandle, index: number): void {
    handle._place = this.#keys[index] as number
    this.#times?.delete(handle)
  }

  /** Gives the memory of a burst back. A typed array costs more than a thousand comparisons, so small ones stay. */
  #fit(size: number): void {
    const keys = this.#keys
    let capacity = keys.length
    while (capacity > KEEP && capacity > size * 4) capacity >>= 1
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
      if (handle.cancelled()) {
        this.#left(handle, i)
        continue
      }
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
    this.#left(top, 0)
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
