/** The listener of this library in the process for each signal that some loop watches; there is none for the others. */
import { isMainThread } from "node:worker_threads"
import { describeValue } from "../kernel/describe.js"
import { SignalError } from "../errors.js"

/** Node starts with these ignored, and cannot go back to that: without a listener they would end the process. */
const ignoredAtStart = new Set<NodeJS.Signals>(["SIGPIPE", "SIGXFSZ"])
const ignore = (): void => {}

/**
 * The process's listener for one signal.
 *
 * Legal states: attached, as long as a loop is to be told of the signal; gone, when the last of them has taken that back.
 */
export class SignalListener {
  static readonly #all = new Map<NodeJS.Signals, SignalListener>()
  readonly #receivers = new Set<() => void>()
  readonly #listener = (): void => {
    for (const receiver of [...this.#receivers]) receiver()
  }

  private constructor(private readonly name: NodeJS.Signals) {}

  /** Calls `receiver` at each delivery; the result takes it back. Throws where Node cannot watch the signal. */
  static add(name: NodeJS.Signals, receiver: () => void): () => void {
    if (!isMainThread) {
      throw new SignalError(
        name,
        "signals come to the main thread only: handle it there, and call this thread through a LoopHandle"
      )
    }
    const listener = this.#all.get(name) ?? new SignalListener(name)
    listener.#attach()
    listener.#receivers.add(receiver)
    this.#all.set(name, listener)
    return () => {
      if (!listener.#receivers.delete(receiver) || listener.#receivers.size > 0) return
      this.#all.delete(name)
      if (ignoredAtStart.has(name) && !process.listeners(name).includes(ignore)) process.on(name, ignore)
      process.off(name, listener.#listener)
    }
  }

  /** First in line, so that a handler is queued before `Loop.run` interrupts for the same signal. */
  #attach(): void {
    // Somebody may have removed all listeners of the process.
    if (process.listeners(this.name).includes(this.#listener)) return
    try {
      process.prependListener(this.name, this.#listener)
    } catch (error) {
      process.off(this.name, this.#listener)
      throw new SignalError(this.name, `it cannot be watched: ${describeValue(error)}`)
    }
  }
}
