/**
 * How long a wait takes: the library's own timers, and the one report of a wait for what was told to stop and has not.
 * The deadline of a whole closing is in closing/Deadline.ts.
 */
import { enter } from "../kernel/current.js"
import type { Report } from "../kernel/Report.js"
import type { Home } from "../ports.js"

/**
 * A timer of the library itself, on the loop's clock; the result takes it back. It runs also while the loop refuses
 * work from outside, has a full queue, or is closed.
 */
export const after = (loop: Home, ms: number, f: () => void): (() => void) => {
  try {
    const timer = enter(loop, undefined, undefined, () => loop.callLater(ms, f), undefined)
    return () => timer.cancel()
  } catch {
    return loop._clock.after(ms, f)
  }
}

/** The report of a wait for what was told to stop, or may never end, that has taken long. */
export const tellSlow = (loop: Home, report: Omit<Report, "kind">): void =>
  loop.callExceptionHandler({ kind: "slowJoin", ...report })

/** Reports once, as `slowJoin`, if a wait for what was told to stop takes longer than that; the result takes it back. */
export const tellIfSlow = (loop: Home, describe: () => Omit<Report, "kind">): (() => void) =>
  after(loop, loop._slowJoin, () => tellSlow(loop, describe()))
