/** A clock that nobody moves: a TestClock in a test that has forgotten to, or that leaks. */
import type { LoopClock } from "../../effect.js"

/** A clock that is not the live one and has not moved for so many real milliseconds is taken to stand still. */
const STUCK = 2_000

/** Calls `f` once `clock` has not moved for a while of real time, never for the live one; the result takes it back. */
export const whenStuck = (clock: LoopClock, f: () => void): (() => void) => {
  if (clock.live) return () => {}
  let timer: NodeJS.Timeout
  const look = (): void => {
    const now = clock.now()
    timer = setTimeout(() => (clock.now() === now ? f() : look()), STUCK)
  }
  look()
  return () => clearTimeout(timer)
}
