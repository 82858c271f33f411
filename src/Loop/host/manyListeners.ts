/** Signals that many calls listen to at once. */
import { setMaxListeners } from "node:events"

const known = new WeakSet<AbortSignal>()

/**
 * Takes Node's warning of a leak off a signal: one signal is given to many calls, and each of them takes its listener off
 * when it has ended. Gives the signal back.
 */
export const manyListeners = (signal: AbortSignal): AbortSignal => {
  if (!known.has(signal)) {
    known.add(signal)
    setMaxListeners(0, signal)
  }
  return signal
}
