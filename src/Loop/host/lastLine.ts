/** The way out of a process that has no turn left: text that is on standard error when the call returns. */
import { writeSync } from "node:fs"

/** How long a pipe may hold it, in milliseconds: one that nobody empties, and one that somebody empties slowly. */
const STALLED = 200
const ALL_IN_ALL = 2_000

const pause = new Int32Array(new SharedArrayBuffer(4))

/** Writes a line to standard error, as much of it as that takes within a moment. Never throws. */
export const lastLine = (text: string): void => {
  try {
    // Node makes a pipe non-blocking when it first looks at it: without that a full one would hold the process for ever.
    void process.stderr
    const end = performance.now() + ALL_IN_ALL
    let until = performance.now() + STALLED
    let rest = Buffer.from(`${text}\n`)
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(2, rest))
        until = Math.min(end, performance.now() + STALLED)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EAGAIN" || performance.now() > until) return
        Atomics.wait(pause, 0, 0, 5)
      }
    }
  } catch {
    // There is no standard error.
  }
}
