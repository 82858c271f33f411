/** Nothing may be left on a loop. */
import * as Effect from "effect/Effect"
import { Loop } from "../Loop/Loop.js"
import { leftOn } from "./left.js"
import { NotCleanError } from "./NotCleanError.js"
import { settled } from "./settled.js"

/**
 * Fails with {@link NotCleanError} where something is left on the loop: tasks, fibers that aio code has started, what is open across the
 * border, jobs, processes, servers, connections, readers, signal handlers, and timers that would keep a process alive. Settles first.
 *
 * @category testing
 * @since 0.1.0
 */
export const expectClean: Effect.Effect<void, NotCleanError, Loop> = Effect.suspend(() =>
  Effect.flatMap(Loop, (loop) =>
    Effect.flatMap(settled([loop]), () => {
      const left = leftOn(loop)
      return left.length === 0 ? Effect.void : Effect.fail(new NotCleanError(loop.name, left))
    })
  )
)
