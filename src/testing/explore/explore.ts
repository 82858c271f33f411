/** The operation: one program under many schedules, and the smallest of those that fail. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { callback, fiberState, forksIn } from "../../effect.js"
import { otherCopy } from "../../effect/otherCopy.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import { Loop } from "../../Loop/Loop.js"
import { LoopTimers } from "../LoopTimers.js"
import { follow, unfollow } from "../Replacements.js"
import { following, type Policy, type Schedule, seeded } from "./Choices.js"
import { NonDeterminismError, ScheduleError } from "./errors.js"
import { type ExploreOptions, type ExploreSettings, LATENESS, settingsOf } from "./options.js"
import { Outside } from "./Outside.js"
import { type Explored, type Exploring, type Ran, runOnce } from "./run.js"
import { shrink } from "./shrink.js"

// That of Node, whatever a test puts in its place.
const { setImmediate } = globalThis

/** After so many milliseconds, whoever else is in the process has a turn. */
const SLICE = 10

/**
 * What an exploration has seen that found nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Exploration {
  /** How often the program ran. */
  readonly runs: number
  /** How many of these runs were different schedules. */
  readonly schedules: number
  /** At how many places something could be chosen in the plain order. */
  readonly places: number
}

const turnOfNode = callback<void>((resume) => {
  const turn = setImmediate(() => resume(Effect.void))
  return Effect.sync(() => clearImmediate(turn))
})

/** The kind of a run's end: texts of errors may have numbers of fibers in them. */
const endOf = ({ failure }: Ran): string => {
  if (failure === undefined) return "it passed"
  const { error } = failure
  return error instanceof Error ? `it failed with ${error.name}` : `it failed with ${describeValue(error)}`
}

/** Where two runs parted that should have gone the same way, if they did. */
const parting = (one: Ran, other: Ran): readonly [string, string] | undefined => {
  const end = "it had ended"
  const longest = Math.max(one.steps.length, other.steps.length)
  for (let step = 0; step < longest; step++) {
    const [first = end, second = end] = [one.steps[step], other.steps[step]]
    if (first !== second) return [first.trim(), second.trim()]
  }
  if (endOf(one) !== endOf(other)) return [endOf(one), endOf(other)]
  return one.way === other.way ? undefined : [`${one.places} choices`, `${other.places} other choices`]
}

/** What else has to be given to see a schedule again. */
const optionsOf = ({
  asyncContext,
  cancels,
  expectClean,
  lateness,
  order,
  timers
}: ExploreSettings): string =>
  [
    order === "fifo-per-source" ? "" : `, order: "${order}"`,
    lateness === LATENESS ? "" : `, lateness: ${lateness}`,
    cancels === 0 ? "" : `, cancels: ${cancels}`,
    expectClean ? "" : ", expectClean: false",
    timers ? "" : ", timers: false",
    asyncContext ? "" : ", asyncContext: false"
  ].join("")

/** Runs the program, over and over. */
class Runs {
  readonly #exploring: Exploring
  readonly #seen = new Set<string>()
  #count = 0
  #since = performance.now()

  constructor(exploring: Exploring) {
    this.#exploring = exploring
  }

  get exploration(): Omit<Exploration, "places"> {
    return { runs: this.#count, schedules: this.#seen.size }
  }

  /** Once. `told` keeps the steps. */
  once(policy: Policy, told: boolean): Effect.Effect<Ran> {
    const run = Effect.suspend(() => {
      this.#count++
      return Effect.map(runOnce(this.#exploring, policy, told), (ran) => {
        this.#seen.add(ran.schedule.join(" "))
        return ran
      })
    })
    if (performance.now() - this.#since < SLICE) return run
    return Effect.flatMap(turnOfNode, () => {
      this.#since = performance.now()
      return run
    })
  }

  /** Twice, which must come to the same. */
  twice(schedule: Schedule, seed: number | undefined): Effect.Effect<Ran, NonDeterminismError> {
    return Effect.flatMap(this.once(following(schedule), true), (one) =>
      Effect.flatMap(this.once(following(schedule), true), (other) => {
        const parted = parting(one, other)
        return parted === undefined
          ? Effect.succeed(other)
          : Effect.fail(new NonDeterminismError(seed, parted, (one.failure ?? other.failure)?.error))
      })
    )
  }
}

/** Fails with a run that has failed. */
const failWith = (
  { failure, schedule, steps }: Ran,
  seed: number | undefined,
  settings: ExploreSettings
): Effect.Effect<never, ScheduleError | NonDeterminismError> =>
  Effect.fail(
    failure === undefined
      ? new NonDeterminismError(seed, ["it failed", "it passed"], undefined)
      : new ScheduleError({ seed, schedule, steps, options: optionsOf(settings) }, failure.error)
  )

/** A seed has found a failure: it is seen again, and shrunk. `places` is how many the plain run has. */
const found = (
  runs: Runs,
  policy: () => Policy,
  seed: number,
  places: number,
  settings: ExploreSettings
): Effect.Effect<never, ScheduleError | NonDeterminismError> =>
  Effect.gen(function* () {
    const again = yield* runs.once(policy(), true)
    const replayed = yield* runs.once(following(again.schedule), true)
    const parted = parting(again, replayed)
    if (parted !== undefined || again.failure === undefined) {
      const cause = (again.failure ?? replayed.failure)?.error
      const ends = ["it failed", "the same seed passed"] as const
      return yield* Effect.fail(new NonDeterminismError(seed, parted ?? ends, cause))
    }
    const smallest = yield* shrink(again.schedule, places, (schedule) =>
      Effect.map(runs.once(following(schedule), false), (ran) =>
        endOf(ran) === endOf(again) ? ran.schedule : undefined
      )
    )
    return yield* failWith(yield* runs.twice(smallest, seed), seed, settings)
  })

/** Runs what the settings say. */
const exploreAll = (exploring: Exploring): Effect.Effect<Exploration, ScheduleError | NonDeterminismError> =>
  Effect.gen(function* () {
    const { settings } = exploring
    const { cancels, schedule, seeds } = settings
    const runs = new Runs(exploring)
    const first = yield* runs.twice(schedule ?? [], undefined)
    if (first.failure !== undefined) return yield* failWith(first, undefined, settings)
    for (const seed of schedule === undefined ? seeds : []) {
      const policy = (): Policy => seeded(seed, cancels, first.strikes)
      const ran = yield* runs.once(policy(), false)
      if (ran.failure !== undefined) return yield* found(runs, policy, seed, first.places, settings)
    }
    return { ...runs.exploration, places: first.places }
  })

/** What every run uses is put in place once, and taken back once. */
const inPlace = ({ asyncContext, timers }: ExploreSettings): Effect.Effect<void, never, Scope.Scope> =>
  Effect.gen(function* () {
    const loop = yield* Loop.open({ name: "explore", asyncContext })
    if (!timers) return
    const clock = yield* Clock.clockWith(Effect.succeed)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const kept = new LoopTimers(loop, clock)
        follow(kept)
        return kept
      }),
      (kept) => Effect.sync(() => unfollow(kept))
    )
  })

/**
 * Runs a program under many schedules, and fails with the smallest one under which it fails. What may differ from run to run is when
 * timers fall due, when answers from outside come, what of different tasks and fibers runs first, and where a cancel strikes; a
 * seed decides it, the same on every machine. Each run has a loop and a Scope of its own. Time is the loop's own: it moves when
 * nothing else happens, and nobody waits for it. See `docs/testing.md` for which schedules can happen in earnest.
 *
 * Fails with {@link ScheduleError} where a run fails, leaves something on its loop, or does not end (its `cause` is then
 * {@link StuckError}, with the dump); with {@link NonDeterminismError} where it is not only the schedule that decides.
 * Throws `TypeError` or `RangeError` for options that are none.
 *
 * **Flavor** Effect. **Starts** when it is run. **Cancel** lets go of the run that goes on, whose loop is closed at once.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 *
 * const program = Effect.suspend(() => {
 *   let balance = 100
 *   const withdraw = async (amount: number) => {
 *     const before = balance
 *     await sleep(1)
 *     balance = before - amount
 *   }
 *   return fromAio(async function pay() {
 *     const first = getRunningLoop().createTask(() => withdraw(30), { name: "first" })
 *     await sleep(2)
 *     await withdraw(30)
 *     await first
 *     if (balance !== 40) throw new Error(`${balance} is left`)
 *   })()
 * })
 * const failed = await Effect.runPromise(Effect.flip(TestLoop.explore(program, { seeds: 200 })))
 * console.log(failed._tag, String(failed.cause)) // => ScheduleError AioError: pay failed: 70 is left
 *
 * @category testing
 * @since 0.1.0
 */
export const explore = <A, E, R>(
  program: Effect.Effect<A, E, R>,
  options: ExploreOptions = {}
): Effect.Effect<Exploration, ScheduleError | NonDeterminismError, Exclude<R, Loop | Scope.Scope>> => {
  if (!Effect.isEffect(program)) {
    throw new TypeError(
      `TestLoop.explore takes an Effect, not ${describeValue(program)}${otherCopy(program)}`
    )
  }
  const settings = settingsOf(options)
  return Effect.scoped(
    Effect.gen(function* () {
      const outside = new Outside()
      yield* inPlace(settings)
      const context = yield* Effect.context<Exclude<R, Loop | Scope.Scope>>()
      const forks = forksIn(yield* fiberState, context)
      // What else it needs is in that Context.
      return yield* exploreAll({ program: program as Explored, settings, forks, outside })
    })
  )
}

export type { Schedule }
