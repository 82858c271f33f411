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
    // Not 0, which means the same: getMaxListeners of Node 20 throws for it, and undici asks that.
    setMaxListeners(Infinity, signal)
  }
  return signal
}
