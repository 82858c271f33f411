/** Where a loop's signals come from: the process, unless it was given another source. */
import { SignalListener } from "./SignalListener.js"

export interface SignalSource {
  /** Calls `receiver` at each delivery; the result takes it back. Throws SignalError where the signal cannot be watched. */
  add(name: NodeJS.Signals, receiver: () => void): () => void
}

/** The process. */
export const processSignals: SignalSource = SignalListener

const given = new WeakMap<object, SignalSource>()

/** The loop watches no signal yet, and will watch those of `source`. */
export const giveSignals = (loop: object, source: SignalSource): void => void given.set(loop, source)

export const signalSourceOf = (loop: object): SignalSource => given.get(loop) ?? processSignals
