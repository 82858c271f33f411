/**
 * A flag that callers can wait for, as `asyncio.Event`; `stop()` gives one back, as trio-asyncio's does.
 *
 * Differs: asyncio's belongs to a loop, and the waits of its callers are cancelled with their tasks. This one has to
 * outlive the loop whose end it tells of.
 */

/**
 * A flag with waiters. Usable from every flavor and without a running loop: waiting is a plain promise.
 *
 * @example
 * const ready = new Event()
 * const loop = SyncLoop.make()
 * loop.callLater(10, () => ready.set())
 * await loop.runUntilComplete(() => ready.wait())
 * console.log(ready.isSet()) // => true
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class Event {
  #set = false
  #waiters: Array<() => void> = []

  isSet(): boolean {
    return this.#set
  }

  /** Wakes every waiter; later waits end at once. */
  set(): void {
    this.#set = true
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  clear(): void {
    this.#set = false
  }

  /** Resolves when the flag is set. */
  wait(): Promise<void> {
    return new Promise((resolve) => void this._onSet(resolve))
  }

  /** Calls `f` when the flag is set, at once if it is; the result takes it back. @internal */
  _onSet(f: () => void): () => void {
    if (this.#set) {
      f()
      return () => {}
    }
    this.#waiters.push(f)
    return () => {
      this.#waiters = this.#waiters.filter((waiter) => waiter !== f)
    }
  }
}
