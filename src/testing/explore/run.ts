/** One run of an explored program, under one policy. */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import {
  callback,
  controlled,
  defects,
  failures,
  forkChild,
  type Forks,
  interruptFork,
  observe,
  poll,
  type RunningFiber
} from "../../effect.js"
import { supervise } from "../../Loop/closing/Supervise.js"
import { EventLoop } from "../../Loop/EventLoop.js"
import { thrownFor } from "../../Loop/fiber/Outcome.js"
import { reportSource } from "../../Loop/host/Reporter.js"
import { isAbortError } from "../../Loop/kernel/errors.js"
import type { Report } from "../../Loop/kernel/Report.js"
import { assemble, CRASHES, type HostOf, Loop } from "../../Loop/Loop.js"
import { settingsOf } from "../../Loop/Settings.js"
import { leftOn, textOfLeft } from "../left.js"
import { LoopTimers } from "../LoopTimers.js"
import { NotCleanError } from "../NotCleanError.js"
import { follow, unfollow } from "../Replacements.js"
import { Choices, type Policy, type Schedule } from "./Choices.js"
import type { StuckError } from "./errors.js"
import { ExploredHost } from "./ExploredHost.js"
import type { ExploreSettings } from "./options.js"
import type { Outside } from "./Outside.js"
import { Steps } from "./Steps.js"
import { type Target, World } from "./World.js"

/** What runs: it needs nothing any more but its loop and a Scope. */
export type Explored = Effect.Effect<unknown, unknown, Loop | Scope.Scope>

/** How a run ended. */
export interface Ran {
  /** What it failed with, unless it passed. */
  readonly failure: { readonly error: unknown } | undefined
  readonly schedule: Schedule
  /** How many places there were where a cancel could have struck. */
  readonly strikes: number
  readonly places: number
  /** Two runs that went the same way have the same. */
  readonly way: number
  readonly steps: ReadonlyArray<string>
}

/** What does not change from run to run. */
export interface Exploring {
  readonly program: Explored
  readonly settings: ExploreSettings
  readonly forks: Forks
  readonly outside: Outside
}

/** How a program on its loop ended. */
interface Ended {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly left: NotCleanError | undefined
}

/** What a program failed with. One that was struck may end by that: interrupted, or with what a cancelled task fails with. */
const failureOf = (cause: Cause.Cause<unknown>, struck: boolean): Ran["failure"] => {
  if (!struck) return { error: thrownFor(cause) }
  const others = [...defects(cause), ...failures(cause)].filter((error) => !isAbortError(error))
  return others.length === 0 ? undefined : { error: others[0] }
}

class Run {
  readonly #exploring: Exploring
  readonly #choices: Choices
  readonly #steps: Steps
  readonly #world: World
  #onEnd: (ran: Ran) => void
  #timers: LoopTimers | undefined
  #fiber: RunningFiber<Ended, unknown> | undefined
  #stuck: StuckError | undefined
  #leftover: string | undefined
  #ended = false

  constructor(exploring: Exploring, policy: Policy, told: boolean, onEnd: (ran: Ran) => void) {
    const { outside, settings } = exploring
    this.#exploring = exploring
    this.#choices = new Choices(policy)
    this.#steps = new Steps(told)
    this.#onEnd = onEnd
    this.#world = new World(this.#choices, settings, this.#steps, outside, {
      giveUp: (error) => this.#giveUp(error),
      abandon: () => this.#end(undefined)
    })
  }

  start(): void {
    const { asyncContext } = this.#exploring.settings
    const loopSettings = settingsOf({ name: "explored", asyncContext })
    const supervised = supervise(assemble(EventLoop, loopSettings, CRASHES, this.#hostOf), (loop) =>
      this.#body(loop)
    )
    const fiber = this.#exploring.forks(controlled(supervised, this.#world))
    this.#fiber = fiber
    const early = poll(fiber)
    if (early === undefined) observe(fiber, (exit) => this.#end(exit))
    else this.#end(early)
  }

  /** Nobody wants its outcome any more: completes when it has ended, or was left behind. */
  drop(): Effect.Effect<void> {
    return callback<void>((resume) => {
      this.#onEnd = () => resume(Effect.void)
      this.#endByForce()
      this.#world.letGo()
    })
  }

  readonly #hostOf: HostOf = (clock, asyncContext) => {
    const { order } = this.#exploring.settings
    return new ExploredHost(this.#world, this.#choices, order, [clock, asyncContext, this.#report])
  }

  /** What a loop does by itself with a report, but for the log, which a thousand runs would fill. */
  readonly #report = (report: Report): void => {
    if (report.kind !== undefined && CRASHES.includes(report.kind)) {
      this.#world.loop?._crashWith(report.exception, reportSource(report))
    }
    if (report.kind === "leftover") this.#leftover ??= report.message
  }

  #body(loop: EventLoop): Effect.Effect<Ended> {
    const world = this.#world
    const { program, settings } = this.#exploring
    const begins = (clock: Clock.Clock): void => {
      world.loop = loop
      if (settings.timers) follow((this.#timers = new LoopTimers(loop, clock)))
    }
    return Effect.gen(function* () {
      begins(yield* Clock.clockWith(Effect.succeed))
      const fiber = yield* forkChild(Effect.scoped(Effect.provideService(program, Loop, loop)))
      world.targets = () => targetsOf(loop, fiber)
      const exit = yield* Fiber.await(fiber)
      world.targets = undefined
      yield* callback<void>((resume) => world.quiet(() => resume(Effect.void)))
      return { exit, left: settings.expectClean ? world.looking(() => notCleanOf(loop)) : undefined }
    })
  }

  /** Whatever waits on the loop waits no more, and the program is told to end. */
  #giveUp(error: StuckError): void {
    this.#stuck = error
    this.#endByForce()
  }

  #endByForce(): void {
    this.#world.loop?._close(undefined)
    if (this.#fiber !== undefined) interruptFork(this.#fiber)
  }

  #end(exit: Exit.Exit<Ended, unknown> | undefined): void {
    if (this.#ended) return
    this.#ended = true
    const choices = this.#choices
    this.#world.end()
    if (this.#timers !== undefined) unfollow(this.#timers)
    this.#onEnd({
      failure: this.#failureOf(exit),
      schedule: choices.schedule,
      strikes: choices.strikes,
      places: choices.places,
      way: choices.way,
      steps: this.#steps.lines
    })
  }

  #failureOf(exit: Exit.Exit<Ended, unknown> | undefined): Ran["failure"] {
    if (this.#stuck !== undefined) return { error: this.#stuck }
    if (exit === undefined) return undefined
    if (Exit.isFailure(exit)) return { error: thrownFor(exit.cause) }
    const { exit: own, left } = exit.value
    const failure = Exit.isFailure(own) ? failureOf(own.cause, this.#world.struck > 0) : undefined
    if (failure !== undefined) return failure
    if (left !== undefined) return { error: left }
    return this.#leftover === undefined ? undefined : { error: new Error(this.#leftover) }
  }
}

const notCleanOf = (loop: EventLoop): NotCleanError | undefined => {
  const left = leftOn(loop)
  return left.length === 0 ? undefined : new NotCleanError(textOfLeft(loop, left), left)
}

/** The program, and every task of its loop that has not been told to end. */
const targetsOf = (loop: EventLoop, program: RunningFiber<unknown, unknown>): ReadonlyArray<Target> => [
  { text: "the program", strike: () => interruptFork(program) },
  ...loop
    ._tasksNow()
    .filter((task) => !task.done() && task.cancelling() === 0)
    .map((task) => ({
      text: `task ${task._name}`,
      strike: () => void task.cancel("struck by TestLoop.explore")
    }))
]

/** Runs it once. `told` keeps its steps. Interruption lets go of it. */
export const runOnce = (exploring: Exploring, policy: Policy, told: boolean): Effect.Effect<Ran> =>
  callback<Ran>((resume) => {
    const run = new Run(exploring, policy, told, (ran) => resume(Effect.succeed(ran)))
    run.start()
    return Effect.suspend(() => run.drop())
  })
