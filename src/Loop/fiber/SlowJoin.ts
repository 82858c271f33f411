/**
 * How long a wait takes: the library's own timers, and the one report of a wait for what was told to stop and has not.
 * The deadline of a whole closing is in closing/Deadline.ts.
 */
import { HELD_UP, inRealTime } from "../host/inRealTime.js"
import { whenStuck } from "../host/whenStuck.js"
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

const nothing = (): void => {}

const ifStuck = (loop: Home, f: () => void): (() => void) =>
  loop._clock.live ? nothing : whenStuck(loop._clock, f)

/**
 * `after`, for a wait that is given up then. A process that was stopped for a while (SIGSTOP) has not missed it: that time is
 * given once more. Where the loop's clock stands still, it is one of real time, from when that was noticed.
 */
export const afterGrace = (loop: Home, ms: number, f: () => void): (() => void) => {
  const over = (): void => {
    stop()
    f()
  }
  const wait = (left: number, given: boolean): (() => void) => {
    const due = loop.time() + left
    return after(loop, left, () => {
      const late = loop.time() - due
      if (given || !loop._clock.live || late < HELD_UP) over()
      else stopWaiting = wait(Math.min(late, ms), true)
    })
  }
  let stopWaiting = wait(ms, false)
  let stopStuck = ifStuck(loop, () => (stopStuck = inRealTime(ms, over)))
  const stop = (): void => {
    stopWaiting()
    stopStuck()
  }
  return stop
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

/**
 * Reports once, as `slowJoin`, if a wait for what was told to stop takes longer than that, or is there when the loop's clock is
 * found to stand still; the result takes it back.
 */
export const tellIfSlow = (
  loop: Home,
  describe: () => Omit<Report, "kind">,
  isTold: () => boolean = () => false
): (() => void) => {
  const tell = (): void => {
    stop()
    if (!isTold()) tellSlow(loop, describe())
  }
  const stopWaiting = after(loop, loop._slowJoin, tell)
  const stopStuck = ifStuck(loop, tell)
  const stop = (): void => {
    stopWaiting()
    stopStuck()
  }
  return stop
}
