/**
 * How long a wait takes: the library's own timers, and the one report of a wait for what was told to stop and has not.
 * The deadline of a whole closing is in closing/Deadline.ts.
 */
import { enter } from "../kernel/current.js"
import type { Report } from "../kernel/Report.js"
import type { Task } from "../kernel/Task.js"
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

/** Work whose owner says by itself when it takes long to end: who waits for that, and nothing else, need not say it again. */
const tellThemselves = new WeakSet<object>()

/** The owner of `future` reports when that takes long to end. */
export const tellsItself = (future: object): void => void tellThemselves.add(future)

/** Whether a task waits for such work only. */
export const waitIsTold = (task: Task<unknown>): boolean => {
  const awaited = task._awaited()
  return awaited.length > 0 && awaited.every((future) => tellThemselves.has(future))
}

/** Reports once, as `slowJoin`, if a wait for what was told to stop takes longer than that; the result takes it back. */
export const tellIfSlow = (
  loop: Home,
  describe: () => Omit<Report, "kind">,
  isTold: () => boolean = () => false
): (() => void) => after(loop, loop._slowJoin, () => void (isTold() || tellSlow(loop, describe())))
