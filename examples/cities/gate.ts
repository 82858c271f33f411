// One at a time, first come, first served. It is aio code: whoever waits, waits for a Future of the loop, and one that is
// cancelled while it waits never gets in. This is what makes a timeout around a query worth something.
import { setImmediate } from "node:timers/promises"
import { currentSignal, getRunningLoop, type Future } from "effect-aio"

export interface Traffic {
  /** How many came to the gate. */
  readonly asked: number
  /** How many wait. */
  readonly waiting: number
  /** How many were cancelled while they waited. Their work was never begun. */
  readonly neverRan: number
}

export class Gate {
  #asked = 0
  #entering = 0
  #neverRan = 0
  #taken = false
  readonly #waiting: Array<Future<void>> = []

  traffic(): Traffic {
    return { asked: this.#asked, waiting: this.#entering, neverRan: this.#neverRan }
  }

  /** Begins `work` when everything that came before has ended. Called in a task of the loop. */
  async through<A>(work: () => Promise<A>): Promise<A> {
    this.#asked++
    this.#entering++
    try {
      await this.#enter()
    } catch (cancelled) {
      this.#neverRan++
      throw cancelled
    } finally {
      this.#entering--
    }
    try {
      return await work()
    } finally {
      this.#next()
    }
  }

  async #enter(): Promise<void> {
    const signal = currentSignal()
    if (this.#taken) {
      const turn = getRunningLoop().createFuture<void>()
      this.#waiting.push(turn)
      try {
        // Cancelling the task cancels this Future: the turn is never given to it.
        await turn
      } catch (cancelled) {
        // Unless both happened at the same moment. Then it is ours to pass on.
        if (!turn.cancelled()) this.#next()
        throw cancelled
      }
    } else this.#taken = true
    try {
      // PGlite blocks the thread while it works and resolves in microtasks. Without this trip through the event loop no
      // timer could fire, and no socket could be read, until the last of those who wait had had its turn.
      await setImmediate(undefined, { signal })
    } catch (cancelled) {
      this.#next()
      throw cancelled
    }
  }

  #next(): void {
    let turn = this.#waiting.shift()
    while (turn?.done()) turn = this.#waiting.shift()
    if (turn === undefined) this.#taken = false
    else turn.setResult()
  }
}
