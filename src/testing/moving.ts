/** How a test moves its clock, and waits until the loop has done what there is to do. */
import * as Effect from "effect/Effect"
import type { DurationInput } from "../effect.js"
import { Loop } from "../Loop/Loop.js"
import { millis } from "../Loop/Settings.js"
import { settled } from "./settled.js"
import { timelineHere } from "./Timeline.js"

/**
 * Completes when nothing but timers waits on the loop: its queue is empty, the continuations of promises have run, and no fiber has
 * anything to do. Takes a few milliseconds of real time.
 *
 * **Gotchas** What happens outside is not waited for: sockets, files, child processes, jobs of workers. So is a fiber of Effect 3 that
 * yields more than 2,048 times on end.
 *
 * @category testing
 * @since 0.1.0
 */
export const settle: Effect.Effect<void, never, Loop> = Effect.suspend(() =>
  Effect.flatMap(Loop, (loop) => settled([loop]))
)

/**
 * Moves the TestClock, and lets what that has set off settle, before it and after: what it starts first is timed from the right moment.
 *
 * @category testing
 * @since 0.1.0
 */
export const advance = (duration: DurationInput): Effect.Effect<void, never, Loop> => {
  const ms = millis("TestLoop.advance", duration, 0)
  return Effect.gen(function* () {
    const { clock } = yield* timelineHere("TestLoop.advance")
    yield* settle
    yield* clock.adjust(ms)
    yield* settle
  })
}
