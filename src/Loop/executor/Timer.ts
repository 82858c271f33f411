/** The time by which an executor waits: real time, or that of a loop. */
import { after } from "../fiber/SlowJoin.js"
import { LONGEST } from "../host/NodeHost.js"
import type { Home } from "../ports.js"

/** Calls `f` after `ms`; the result takes it back. @internal */
export type Timer = (ms: number, f: () => void) => () => void

/** Real time; what is farther away than Node's timers reach does not come. */
export const inRealTime: Timer = (ms, f) => {
  if (ms > LONGEST) return () => {}
  const timer = setTimeout(f, ms)
  return () => clearTimeout(timer)
}

/**
 * Time of a loop. Threads do not stand still with a TestClock that nobody adjusts: what waits for them goes by whichever
 * clock comes first. @internal
 */
export const timerOf =
  (loop: Home): Timer =>
  (ms, f) => {
    if (ms === Infinity) return () => {}
    const timers = [after(loop, ms, f), ...(loop._clock.live ? [] : [inRealTime(ms, f)])]
    return () => timers.forEach((cancel) => cancel())
  }
