/** Nothing may be left on a loop. */
import * as Effect from "effect/Effect"
import { callback } from "../effect.js"
import { tableOf } from "../Loop/closing/table.js"
import { Loop } from "../Loop/Loop.js"
import { headOf, leftOn, textOfLeft } from "./left.js"
import { NotCleanError } from "./NotCleanError.js"
import type { ProcessHoldings } from "./ProcessHoldings.js"
import { settled } from "./settled.js"

// Those of Node, whatever a test puts in their place.
const { clearTimeout, setTimeout } = globalThis

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
      return left.length === 0 ? Effect.void : Effect.fail(new NotCleanError(textOfLeft(loop, left), left))
    })
  )
)

/** For how long what was closed last may take to be gone, in milliseconds, and how often it is looked. */
const [GONE, AGAIN] = [500, 10]

/**
 * Fails where the process holds more than it did, when the last loop of a test has closed: threads, child processes, files and
 * handles. Beside other tests nobody could tell whose they are: `alone` says whether there are none.
 */
export const expectHeld = (
  before: ProcessHoldings,
  alone: () => boolean
): Effect.Effect<void, NotCleanError> =>
  callback<void, NotCleanError>((resume) => {
    let looks = 0
    let timer: NodeJS.Timeout | undefined
    const look = (): void => {
      const come = alone() ? before.come() : []
      if (come.length === 0) return resume(Effect.void)
      if (looks++ < GONE / AGAIN) {
        timer = setTimeout(look, AGAIN)
        return
      }
      resume(Effect.fail(new NotCleanError(`${headOf("the process", come)}:\n${tableOf(come)}`, come)))
    }
    look()
    return Effect.sync(() => clearTimeout(timer))
  })
