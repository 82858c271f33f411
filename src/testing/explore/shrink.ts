/** The smallest schedule that fails: fewer changes first, then the ones that change least. */
import * as Effect from "effect/Effect"
import type { Schedule } from "./Choices.js"

/** How many schedules are tried. */
const MOST = 500

/** How many of them where each is one change of the plain order, and which choices of a place are tried so. */
const MOST_ALONE = 2_000
const ALONE = 3

/** By how many places what comes after a change may move without it. */
const MOVES = [-1, 1, -2, 2, -3, 3]

const isAscending = (schedule: Schedule): boolean =>
  schedule.every(([place], index) => place > (schedule[index - 1]?.[0] ?? -1))

/**
 * Gives back a schedule that fails where none with one change less does, of those that were tried. `places` is how many the plain run
 * has: where several changes are left, each of them is tried alone. `fails` runs one, and gives back
 * the changes that it came to, if it failed: fewer than it was asked for, where it took another way.
 */
export const shrink = (
  found: Schedule,
  places: number,
  fails: (schedule: Schedule) => Effect.Effect<Schedule | undefined>
): Effect.Effect<Schedule> =>
  Effect.gen(function* () {
    let best = found
    let tried = 0
    const attempt = (schedule: Schedule, most = MOST): Effect.Effect<boolean> =>
      Effect.map(tried++ < most ? fails(schedule) : Effect.succeed(undefined), (made) => {
        if (made === undefined) return false
        best = made
        return true
      })
    /** Without one change, those after it may have come to other places. */
    const moved = (at: number): Effect.Effect<boolean> =>
      Effect.gen(function* () {
        const [before, after] = [best.slice(0, at), best.slice(at + 1)]
        for (const by of after.length === 0 ? [] : MOVES) {
          const schedule = [...before, ...after.map(([place, choice]) => [place + by, choice] as const)]
          if (isAscending(schedule) && (yield* attempt(schedule))) return true
        }
        return false
      })
    // Halves, quarters and so on, as delta debugging does it; with single ones until none of them can be spared.
    for (
      let size = Math.max(1, best.length >> 1), spared = true;
      size > 1 || spared;
      size = Math.max(1, size >> 1)
    ) {
      spared = false
      for (let from = 0; from < best.length;) {
        if (yield* attempt([...best.slice(0, from), ...best.slice(from + size)])) spared = true
        else if (size === 1 && (yield* moved(from))) spared = true
        else from += size
      }
      if (tried >= MOST) break
    }
    // What took another way from the beginning is often one change of the plain order as well.
    for (let place = 0; place < places && best.length > 1; place++) {
      for (let choice = 1; choice <= ALONE; choice++) if (yield* attempt([[place, choice]], MOST_ALONE)) break
    }
    for (let index = 0; index < best.length; index++) {
      const [place, choice] = best[index] as Schedule[number]
      for (let smaller = 1; smaller < choice; smaller++) {
        if (yield* attempt(best.map((at, i) => (i === index ? [place, smaller] : at)))) break
      }
    }
    return best
  })
