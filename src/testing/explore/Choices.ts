/**
 * What decides a run. Wherever more than one thing can happen next, one of them is chosen by its number; 0 is always what
 * happens if nobody interferes. A schedule is the choices that are not 0, and where they were made: so one that is left out is
 * the plain order there, which is how schedules are shrunk.
 */
import { randomOf } from "./random.js"

/**
 * The choices of one run that differ from the plain order, in ascending order of where they are made: the number of the place where
 * there was a choice, counted from 0, and the number of what was chosen there.
 *
 * @category models
 * @since 0.1.0
 */
export type Schedule = ReadonlyArray<readonly [place: number, choice: number]>

/** What is chosen: the next event, the next of what is ready, whether a moment passes, whether a cancel strikes. */
export type Kind = "event" | "ready" | "moment" | "strike"

/** Chooses at the next place, for one run: one of 0 to `n` - 1; `strikes` counts places where a cancel may strike. */
export type Policy = (kind: Kind, n: number, place: number, strikes: number) => number

/** What a schedule says, and the plain order elsewhere. */
export const following = (schedule: Schedule): Policy => {
  let next = 0
  return (_kind, n, place) => {
    while ((schedule[next]?.[0] ?? Infinity) < place) next++
    const at = schedule[next]
    // What is not there in this run, since it took another way before, is not chosen.
    return at?.[0] === place && at[1] < n ? at[1] : 0
  }
}

/** How often a run interferes, of all places: some seeds hardly do, since many faults are found by one change at the right place. */
const RATES = [1 / 2, 1 / 4, 1 / 8, 1 / 16] as const

/**
 * What a seed says. `places` is how many places for a cancel the plain run has: the strikes are spread evenly over as many.
 */
export const seeded = (seed: number, max: number, places: number): Policy => {
  const random = randomOf(seed)
  const rate = RATES[Math.floor(random() * RATES.length)] as number
  const count = max === 0 ? 0 : Math.floor(random() * 4) === 0 ? 0 : 1 + Math.floor(random() * max)
  const struck = new Set(Array.from({ length: count }, () => Math.floor(random() * Math.max(1, places))))
  return (kind, n, _place, strikes) => {
    if (kind === "strike") return struck.has(strikes) ? 1 + Math.floor(random() * (n - 1)) : 0
    if (random() >= (kind === "moment" ? rate / 4 : rate)) return 0
    return 1 + Math.floor(random() * (n - 1))
  }
}

/** The choices of one run, as they are made. */
export class Choices {
  readonly #policy: Policy
  readonly #made: Array<readonly [place: number, choice: number]> = []
  #place = 0
  #strikes = 0
  /** How many could be chosen, place by place: two runs that took the same way have the same. */
  #way = 0

  constructor(policy: Policy) {
    this.#policy = policy
  }

  /** Chooses one of 0 to `n` - 1. Where there is but one, there is no choice. */
  choose(kind: Kind, n: number): number {
    if (n < 2) return 0
    const place = this.#place++
    const choice = this.#policy(kind, n, place, kind === "strike" ? this.#strikes++ : 0)
    this.#way = (Math.imul(this.#way, 31) + n) | 0
    if (choice !== 0) this.#made.push([place, choice])
    return choice
  }

  get schedule(): Schedule {
    return this.#made
  }

  get places(): number {
    return this.#place
  }

  get strikes(): number {
    return this.#strikes
  }

  get way(): number {
    return this.#way
  }
}
