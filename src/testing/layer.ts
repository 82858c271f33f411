/** How a loop for a test is opened, and what happens when the test ends. */
import { isMainThread } from "node:worker_threads"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { forkScoped, layerScoped } from "../effect.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import { Loop } from "../Loop/Loop.js"
import { processSignals } from "../Loop/signals/SignalSource.js"
import { checkOption, type LoopOptions } from "../Loop/Settings.js"
import { type AutojumpOptions, jumping, patienceFor } from "./autojump.js"
import { expectClean, expectHeld } from "./clean.js"
import { followsClock, prepare } from "./prepare.js"
import { ProcessHoldings } from "./ProcessHoldings.js"
import { TestSignals } from "./TestSignals.js"
import { timelineHere, trackedClock } from "./Timeline.js"

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

/** How many tests look at what the process holds, and how many have begun to. */
let [looking, begun] = [0, 0]

/** When the loop has closed, the process holds what it did before. Said of one test at a time, if it has not failed by itself. */
const expectNothingMore: Effect.Effect<void, never, Scope.Scope> = Effect.suspend(() => {
  const before = new ProcessHoldings()
  const mine = ++begun
  const others = ++looking > 1
  const alone = (): boolean => !others && looking === 1 && begun === mine
  return Effect.addFinalizer((exit) =>
    Effect.ensuring(
      Exit.isSuccess(exit) ? Effect.orDie(expectHeld(before, alone)) : Effect.void,
      Effect.sync(() => {
        looking--
        before.close()
      })
    )
  )
})

const open = (options: TestLoopOptions): Effect.Effect<EventLoop, never, Scope.Scope> => {
  checkOption("expectClean", options.expectClean, "boolean")
  const follows = followsClock(options)
  const patience = patienceFor("autojump", options.autojump)
  return Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    // Before the loop, so that it ends after it: a loop that closes may have to wait for timers, too.
    if (patience !== undefined) {
      const timeline = yield* timelineHere("autojump")
      yield* forkScoped(Effect.interruptible(jumping(timeline, patience)))
    }
    const checks = options.expectClean ?? true
    if (checks) yield* expectNothingMore
    let undo = (): void => {}
    // This as well: code that cleans up is timed.
    yield* Effect.addFinalizer(() => Effect.sync(() => undo()))
    const loop = yield* Loop.open(options)
    undo = prepare(loop, clock, new TestSignals(isMainThread ? processSignals : undefined), follows)
    if (checks) {
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
export const layer = (options: TestLoopOptions = {}): Layer.Layer<Loop> =>
  Layer.provideMerge(layerScoped(Loop, open(options)), trackedClock())
