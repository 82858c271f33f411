/** What a loop for tests has beside others: its code follows the clock, its signals come from tests, and its timeline knows it. */
import type * as Clock from "effect/Clock"
import type { EventLoop } from "../Loop/EventLoop.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { checkOption, type LoopOptions } from "../Loop/Settings.js"
import { noteFibers } from "./left.js"
import { LoopTimers } from "./LoopTimers.js"
import { follow, unfollow } from "./Replacements.js"
import type { TestSignals } from "./TestSignals.js"
import { Timeline } from "./Timeline.js"

/** Of a loop for tests, beside those of a loop. */
export interface PrepareOptions extends LoopOptions {
  readonly timers?: boolean | undefined
}

/** Whether timers of promise code are to follow the clock. Throws where they cannot. */
export const followsClock = (options: PrepareOptions): boolean => {
  checkOption("timers", options.timers, "boolean")
  const follows = options.timers ?? true
  if (follows && options.asyncContext === false) {
    throw new RangeError(
      `timers: ${describeValue(options.timers)} needs async-local state, which asyncContext: false does without: give timers: false`
    )
  }
  return follows
}

/** For a loop that was just opened under `clock`. The result takes it back, when the loop has closed. */
export const prepare = (
  loop: EventLoop,
  clock: Clock.Clock,
  signals: TestSignals,
  follows: boolean
): (() => void) => {
  signals.give(loop)
  noteFibers(loop)
  const timeline = Timeline.of(clock)
  timeline?.loops.add(loop)
  const timers = follows ? new LoopTimers(loop, clock) : undefined
  if (timers !== undefined) follow(timers)
  return () => {
    if (timers !== undefined) unfollow(timers)
    timeline?.loops.delete(loop)
  }
}
