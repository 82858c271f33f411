/** When nothing on some loops, and no fiber, has anything to do before a timer comes or something happens outside. */
import * as Effect from "effect/Effect"
import { callback } from "../effect.js"
import type { EventLoop } from "../Loop/EventLoop.js"

// Those of Node, whatever a test puts in their place.
const { setImmediate, setTimeout } = globalThis

/** How often in a row nothing may have happened: what is handed on through promises and turns of Node takes a few. */
const QUIET = 3

/**
 * A look each round of Node's, in real time: after its timers, its I/O and its immediates. A round is quiet in which the loops
 * have run nothing, have nothing queued, and nobody else has asked for a turn of Node's, as fibers of Effect 4 do when they yield.
 */
export const settled = (loops: Iterable<EventLoop>): Effect.Effect<void> =>
  callback<void>((resume) => {
    let quiet = 0
    let before = -1
    let wanted = true
    const round = (): void => {
      setTimeout(() => setImmediate(look), 0)
    }
    const look = (): void => {
      if (!wanted) return
      let [callbacks, ready] = [0, 0]
      for (const loop of loops) {
        const now = loop.statistics()
        callbacks += now.callbacks
        ready += now.ready
      }
      const busy = callbacks !== before || ready > 0 || process.getActiveResourcesInfo().includes("Immediate")
      quiet = busy ? 0 : quiet + 1
      before = callbacks
      if (quiet >= QUIET) resume(Effect.void)
      else round()
    }
    round()
    return Effect.sync(() => {
      wanted = false
    })
  })
