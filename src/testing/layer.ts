/** How a loop for a test is opened, and what happens when the test ends. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { forkScoped, layerClock, layerScoped } from "../effect.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { Loop } from "../Loop/Loop.js"
import { checkOption, type LoopOptions } from "../Loop/Settings.js"
import { type AutojumpOptions, jumping, type Patience, patienceOf } from "./autojump.js"
import { expectClean } from "./clean.js"
import { LoopTimers } from "./LoopTimers.js"
import { follow, unfollow } from "./Replacements.js"
import { Timeline, timelineHere } from "./Timeline.js"

/**
 * How a loop for tests is opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestLoopOptions extends LoopOptions {
  /** Whether timers and clocks of promise code on the loop follow its clock. Needs async-local state. Default true. */
  readonly timers?: boolean | undefined
  /**
   * Whether the clock jumps to the next timer by itself, whenever nothing but timers waits, and when: see `TestLoop.autojump`. Needs a
   * TestClock. Default false.
   */
  readonly autojump?: boolean | AutojumpOptions | undefined
  /** Whether what is left when the Layer ends fails the test. Default true. */
  readonly expectClean?: boolean | undefined
}

/** Throws where the option is none; nothing where the clock is not to jump. */
const jumps = (autojump: TestLoopOptions["autojump"]): Patience | undefined =>
  typeof autojump === "boolean" || autojump === undefined
    ? autojump === true
      ? patienceOf("autojump", {})
      : undefined
    : patienceOf("autojump", autojump)

const open = (options: TestLoopOptions): Effect.Effect<EventLoop, never, Scope.Scope> => {
  checkOption("timers", options.timers, "boolean")
  checkOption("expectClean", options.expectClean, "boolean")
  const follows = options.timers ?? true
  if (follows && options.asyncContext === false) {
    throw new RangeError(
      `timers: ${describeValue(options.timers)} needs async-local state, which asyncContext: false does without: give timers: false`
    )
  }
  const patience = jumps(options.autojump)
  return Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const timeline = patience === undefined ? Timeline.of(clock) : yield* timelineHere("autojump")
    // Before the loop, so that it ends after it: a loop that closes may have to wait for timers, too.
    if (timeline !== undefined && patience !== undefined) {
      yield* forkScoped(Effect.interruptible(jumping(timeline, patience)))
    }
    let opened: EventLoop | undefined
    let timers: LoopTimers | undefined
    // This as well: code that cleans up is timed.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        if (timers !== undefined) unfollow(timers)
        if (opened !== undefined) timeline?.loops.delete(opened)
      })
    )
    const loop = (opened = yield* Loop.open(options))
    timeline?.loops.add(loop)
    if (follows) {
      timers = new LoopTimers(loop, clock)
      follow(timers)
    }
    if (options.expectClean ?? true) {
      // A test that has failed has reasons of its own to leave something.
      yield* Effect.addFinalizer((exit) =>
        Exit.isSuccess(exit) ? Effect.orDie(Effect.provideService(expectClean, Loop, loop)) : Effect.void
      )
    }
    return loop
  })
}

/** The clock of those who build the Layer, as one that knows who sleeps on it. */
const trackedClock = (): Layer.Layer<never> =>
  layerClock(Clock.clockWith((clock) => Effect.succeed(Timeline.of(clock)?.clock ?? clock)))

/**
 * A loop for one test. Promise code on it follows the test's clock: `setTimeout` and `setInterval`, those of `node:timers/promises`,
 * `scheduler.wait`, `AbortSignal.timeout`, `Date` and `performance.now`, of code of this loop only. What is left on the loop
 * when the Layer ends fails the test with `NotCleanError`, as a defect.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 *
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   loop.callSoon(() => setTimeout(() => console.log("fell due"), 1)) // => fell due
 *   yield* Effect.sleep("50 millis")
 * })
 * await Effect.runPromise(Effect.provide(program, TestLoop.layer()))
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: TestLoopOptions = {}): Layer.Layer<Loop> =>
  Layer.provideMerge(layerScoped(Loop, open(options)), trackedClock())
