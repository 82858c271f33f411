/** What an exploration may be told, checked before anything runs. */
import type { DurationInput } from "../../effect.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import { checkOption, millis } from "../../Loop/Settings.js"
import type { Schedule } from "./Choices.js"

/**
 * What may run in another order than it was queued: nothing that is queued on the loop; what different tasks, fibers and callbacks
 * have queued; or everything.
 *
 * @category models
 * @since 0.1.0
 */
export type Order = "fifo" | "fifo-per-source" | "any"

/**
 * How a program is explored.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExploreOptions {
  /** How many seeds, which are then 0, 1, 2 and so on, or which: whole numbers from 0 on. Default 1,000. */
  readonly seeds?: number | ReadonlyArray<number> | undefined
  /** Runs this schedule alone, as a failure has reported it. */
  readonly schedule?: Schedule | undefined
  /** What may be reordered. Default `"fifo-per-source"`; see `docs/testing.md` for which schedules can happen in earnest. */
  readonly order?: Order | undefined
  /**
   * How many cancels may strike in one run, each at any await of any task, or at the program itself, which is then interrupted.
   * `true` is 1. A run that was struck may end cancelled or interrupted. Default: none.
   */
  readonly cancels?: boolean | number | undefined
  /** Whether what is left on the loop when the program has ended is a failure. Default true. */
  readonly expectClean?: boolean | undefined
  /** How late something may run that is ready, as on a slow machine. Default 100 milliseconds. */
  readonly lateness?: DurationInput | undefined
  /** How long one run may wait in real time for what is outside of it: jobs, files, sockets. Default 5 seconds. */
  readonly timeout?: DurationInput | undefined
  /** After how many steps a run does not end. Default 10,000. */
  readonly maxSteps?: number | undefined
  /** Whether timers and clocks of promise code follow the loop's clock, as under `TestLoop.layer`. Default true. */
  readonly timers?: boolean | undefined
  /** As `asyncContext` of a loop. Default true; without it, `timers` has to be false. */
  readonly asyncContext?: boolean | undefined
}

/** As `lateness`, in milliseconds. */
export const LATENESS = 100

/** The same, once it was checked. */
export interface ExploreSettings {
  readonly seeds: ReadonlyArray<number>
  readonly schedule: Schedule | undefined
  readonly order: Order
  readonly cancels: number
  readonly expectClean: boolean
  /** Milliseconds. */
  readonly lateness: number
  /** Milliseconds. */
  readonly timeout: number
  readonly maxSteps: number
  readonly timers: boolean
  readonly asyncContext: boolean
}

const isCount = (u: unknown, from: number): u is number => Number.isSafeInteger(u) && (u as number) >= from

const seedsOf = (given: unknown): ReadonlyArray<number> => {
  if (given === undefined) return Array.from({ length: 1_000 }, (_, seed) => seed)
  if (isCount(given, 1)) return Array.from({ length: given }, (_, seed) => seed)
  if (Array.isArray(given) && given.length > 0 && given.every((seed) => isCount(seed, 0))) return given
  const what = `seeds is a number from 1 on, or a list of whole numbers from 0 on, not ${describeValue(given)}`
  throw typeof given === "number" || Array.isArray(given) ? new RangeError(what) : new TypeError(what)
}

const checkSchedule = (given: unknown): Schedule | undefined => {
  if (given === undefined) return undefined
  let before = -1
  const right =
    Array.isArray(given) &&
    given.every((at: unknown) => {
      if (!Array.isArray(at) || at.length !== 2 || !isCount(at[0], before + 1) || !isCount(at[1], 1))
        return false
      before = at[0]
      return true
    })
  if (right) return given as unknown as Schedule
  throw new TypeError(
    `schedule is a list of [place, choice] in ascending order, as a failure has reported it, not ${describeValue(given)}`
  )
}

const orders: ReadonlyArray<unknown> = ["fifo", "fifo-per-source", "any"] satisfies ReadonlyArray<Order>

/** Throws `TypeError` or `RangeError` that names the option. */
export const settingsOf = (options: ExploreOptions): ExploreSettings => {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`the options of TestLoop.explore are an object, not ${describeValue(options)}`)
  }
  const { cancels = 0, maxSteps = 10_000, order = "fifo-per-source" } = options
  checkOption("expectClean", options.expectClean, "boolean")
  checkOption("timers", options.timers, "boolean")
  checkOption("asyncContext", options.asyncContext, "boolean")
  if (!orders.includes(order)) {
    throw new RangeError(`order is "fifo", "fifo-per-source" or "any", not ${describeValue(order)}`)
  }
  if (typeof cancels !== "boolean" && !isCount(cancels, 0)) {
    throw new RangeError(`cancels is true, false or a number from 0 on, not ${describeValue(cancels)}`)
  }
  if (!isCount(maxSteps, 1)) {
    throw new RangeError(`maxSteps is a number from 1 on, not ${describeValue(maxSteps)}`)
  }
  const { asyncContext = true } = options
  const timers = options.timers ?? true
  if (timers && !asyncContext) {
    throw new RangeError(
      "timers: true needs async-local state, which asyncContext: false does without: give timers: false"
    )
  }
  return {
    seeds: seedsOf(options.seeds),
    schedule: checkSchedule(options.schedule),
    order,
    cancels: Number(cancels),
    expectClean: options.expectClean ?? true,
    lateness: millis("lateness", options.lateness, LATENESS),
    timeout: millis("timeout", options.timeout, 5_000),
    maxSteps,
    timers,
    asyncContext
  }
}
