/** A deadline in real time, which a process that was stopped for a while has not missed. */
import { LONGEST } from "./NodeHost.js"

/** So many milliseconds late, a timer was not merely busy: the process was stopped (SIGSTOP), or held up. */
export const HELD_UP = 1_000

/**
 * Calls `f` after `ms` milliseconds; the result takes it back. Nobody could use the time while the process was held up:
 * as much of it, and no more than `ms`, is given once more.
 */
export const inRealTime = (ms: number, f: () => void): (() => void) => {
  let due = performance.now() + ms
  let given = false
  let timer: NodeJS.Timeout
  const wait = (): void => {
    timer = setTimeout(fire, Math.min(Math.max(0, Math.ceil(due - performance.now())), LONGEST))
  }
  const fire = (): void => {
    const late = performance.now() - due
    if (late >= 0 && (late < HELD_UP || given)) return f()
    if (late >= 0) {
      given = true
      due += late + Math.min(late, ms)
    }
    wait()
  }
  wait()
  return () => clearTimeout(timer)
}
