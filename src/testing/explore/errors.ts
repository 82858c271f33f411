/** How an exploration fails. */
import { oneLine } from "../../Loop/kernel/describe.js"
import type { Schedule } from "./Choices.js"

const MOST = 60

/** The steps as text, those in the middle left out where they are many. */
const textOfSteps = (steps: ReadonlyArray<string>): string => {
  const shown =
    steps.length <= MOST
      ? steps
      : [...steps.slice(0, MOST / 2), `  ... ${steps.length - MOST} more`, ...steps.slice(-MOST / 2)]
  return shown.join("\n")
}

const messageOf = (cause: unknown): string => {
  try {
    return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
  } catch {
    return "what it threw cannot be shown"
  }
}

/** What is known of a schedule that fails. */
export interface FailedSchedule {
  /** The seed that has found it; `undefined` where nobody interfered, or the schedule was given. */
  readonly seed: number | undefined
  readonly schedule: Schedule
  readonly steps: ReadonlyArray<string>
  /** What else has to be given to run it again. */
  readonly options: string
}

/**
 * A schedule under which a program fails. `cause` is what it failed with, `schedule` what has to be given to `TestLoop.explore` to
 * see it again, and `steps` what ran, in this order: a line begins with `*` where that is not the plain order.
 *
 * Where `schedule` is empty, the program fails without any interference: that is no race.
 *
 * @category errors
 * @since 0.1.0
 */
export class ScheduleError extends Error {
  readonly _tag = "ScheduleError"
  override readonly name = "ScheduleError"
  readonly seed: number | undefined
  readonly schedule: Schedule
  readonly steps: ReadonlyArray<string>
  constructor({ options, schedule, seed, steps }: FailedSchedule, cause: unknown) {
    const changes = `${schedule.length} ${schedule.length === 1 ? "change" : "changes"}`
    const why =
      schedule.length === 0
        ? "the program fails in the plain order, with nothing changed: this is no race"
        : `the program fails under a schedule with ${changes} of the plain order` +
          (seed === undefined ? "" : `, found by seed ${seed}`)
    const again =
      schedule.length === 0
        ? ""
        : `\nrun it again: TestLoop.explore(program, { schedule: ${JSON.stringify(schedule)}${options} })`
    super(`${why}: ${messageOf(cause)}\n${textOfSteps(steps)}${again}`, { cause })
    this.seed = seed
    this.schedule = schedule
    this.steps = steps
  }
}

/**
 * Two runs of the same schedule went different ways: the program reads chance, the real clock or the network, or keeps something
 * from one run to the next. `cause` is what the run failed with that was repeated, if it failed.
 *
 * What to do: make everything inside the program, and give it its chance and its answers (`TestLoop.answer`).
 *
 * @category errors
 * @since 0.1.0
 */
export class NonDeterminismError extends Error {
  readonly _tag = "NonDeterminismError"
  override readonly name = "NonDeterminismError"
  constructor(
    readonly seed: number | undefined,
    /** What the one run did where they parted, and what the other did. */
    readonly parted: readonly [first: string, second: string],
    cause: unknown
  ) {
    super(
      `two runs of the same schedule went different ways${seed === undefined ? "" : ` (seed ${seed})`}, so it is not only the ` +
        `order that decides: the program reads chance, real time or the network, or keeps something from run to run\n` +
        `one run:   ${oneLine(parted[0])}\nthe other: ${oneLine(parted[1])}`,
      cause === undefined ? undefined : { cause }
    )
  }
}

/**
 * A program does not end under a schedule: everything waits and nothing will come (a deadlock), it goes on for ever, or what it
 * waits for outside has not come in time. `dump` is what was on its loop.
 *
 * @category errors
 * @since 0.1.0
 */
export class StuckError extends Error {
  readonly _tag = "StuckError"
  override readonly name = "StuckError"
  constructor(
    why: string,
    readonly dump: string
  ) {
    super(`${why}\n${dump}`)
  }
}
