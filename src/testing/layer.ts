/** How a loop for a test is opened, and what happens when the test ends. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { layerScoped } from "../effect.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { Loop } from "../Loop/Loop.js"
import { checkOption, type LoopOptions } from "../Loop/Settings.js"
import { expectClean } from "./clean.js"
import { LoopTimers } from "./LoopTimers.js"
import { follow, unfollow } from "./Replacements.js"

/**
 * How a loop for tests is opened.
 *
 * @category models
 * @since 0.1.0
 */
export interface TestLoopOptions extends LoopOptions {
  /** Whether timers and clocks of promise code on the loop follow its clock. Needs async-local state. Default true. */
  readonly timers?: boolean | undefined
  /** Whether what is left when the Layer ends fails the test. Default true. */
  readonly expectClean?: boolean | undefined
}

const open = (options: TestLoopOptions): Effect.Effect<EventLoop, never, Scope.Scope> => {
  checkOption("timers", options.timers, "boolean")
  checkOption("expectClean", options.expectClean, "boolean")
  const follows = options.timers ?? true
  if (follows && options.asyncContext === false) {
    throw new RangeError(
      `timers: ${describeValue(options.timers)} needs async-local state, which asyncContext: false does without: give timers: false`
    )
  }
  return Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    let timers: LoopTimers | undefined
    // Before the loop, so that it goes after it: code that cleans up is timed, too.
    yield* Effect.addFinalizer(() => Effect.sync(() => timers !== undefined && unfollow(timers)))
    const loop = yield* Loop.open(options)
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
export const layer = (options: TestLoopOptions = {}): Layer.Layer<Loop> => layerScoped(Loop, open(options))
