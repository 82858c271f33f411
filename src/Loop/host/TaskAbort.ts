/**
 * The AbortController of a task. What it does beside Node's: a coroutine that swallows its cancel and calls again, with the
 * signal that is aborted, is refused at once each time, in microtasks, and would keep Node from timers, signals and
 * deadlines for ever. It is noticed by how often it, or what it calls, looks at the signal.
 *
 * To let the signal say that it is not aborted is a doubt. It makes one call of such a coroutine begin in earnest, and
 * that takes turns of Node; whatever refuses the call, a throwing getter too, would be swallowed like the cancel.
 */
import { setMaxListeners } from "node:events"
import type { Abort } from "../kernel/ports.js"

/** How often an aborted signal is looked at in one turn of Node before it says that it is not. */
const MOST = 1_000

export class TaskAbort implements Abort {
  readonly #controller = new AbortController()
  readonly #spins: () => void
  #looks = 0
  #isAborted = false

  /** `spins` is called each time the signal begins to say that it is not aborted. */
  constructor(spins: () => void) {
    this.#spins = spins
    // Whatever the task calls may listen to it. Not `manyListeners`: this one is new.
    setMaxListeners(Infinity, this.#controller.signal)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: unknown): void {
    if (this.#isAborted) return
    this.#isAborted = true
    const { signal } = this.#controller
    this.#controller.abort(reason)
    const aborted = { configurable: true, get: () => this.#aborted() }
    Object.defineProperties(signal, {
      aborted,
      throwIfAborted: {
        configurable: true,
        value: () => {
          if (this.#aborted()) throw signal.reason
        }
      }
    })
    // What `AbortSignal.any` looks at from Node 24.22 on, in place of the getter.
    const field = Object.getOwnPropertySymbols(signal).find(({ description }) => description === "kAborted")
    if (field !== undefined) Object.defineProperty(signal, field, { ...aborted, set: () => {} })
  }

  #aborted(): boolean {
    if (this.#looks++ === 0) setImmediate(() => (this.#looks = 0)).unref()
    if (this.#looks === MOST + 1) this.#spins()
    return this.#looks <= MOST
  }
}
