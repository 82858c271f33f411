/** A loop for tests: its promise code follows the test's clock, and what a test leaves on it fails the test. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type DurationInput, layerScoped } from "../effect.js"
import type { EventLoop } from "../Loop/EventLoop.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { Loop } from "../Loop/Loop.js"
import { leftoversOf } from "../Loop/closing/Leftovers.js"
import { checkOption, type LoopOptions, millis } from "../Loop/Settings.js"
import { LoopTimers } from "./LoopTimers.js"
import { NotCleanError } from "./NotCleanError.js"
import { follow, followed, unfollow } from "./Replacements.js"
import { settled } from "./settled.js"

export { NotCleanError } from "./NotCleanError.js"
export type { Leftover } from "../Loop/ports.js"

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

/** Everything that is left on a loop. */
const leftOn = (loop: EventLoop) => [...leftoversOf(loop), ...(followed(loop)?.held() ?? [])]

/**
 * Fails with {@link NotCleanError} where something is left on the loop: tasks, fibers that aio code has started, what is open across the
 * border, jobs, processes, servers, connections, readers, signal handlers, and timers that would keep a process alive. Settles first.
 *
 * @category testing
 * @since 0.1.0
 */
export const expectClean: Effect.Effect<void, NotCleanError, Loop> = Effect.suspend(() =>
  Effect.flatMap(Loop, (loop) =>
    Effect.flatMap(settled(loop), () => {
      const left = leftOn(loop)
      return left.length === 0 ? Effect.void : Effect.fail(new NotCleanError(loop.name, left))
    })
  )
)

/**
 * Completes when nothing but timers waits on the loop: its queue is empty, the continuations of promises have run, and no fiber has
 * anything to do. Takes a few milliseconds of real time.
 *
 * **Gotchas** What happens outside is not waited for: sockets, files, child processes, jobs of workers. So is a fiber of Effect 3 that
 * yields more than 2,048 times on end.
 *
 * @category testing
 * @since 0.1.0
 */
export const settle: Effect.Effect<void, never, Loop> = Effect.suspend(() => Effect.flatMap(Loop, settled))

/** A clock that can be moved, as TestClock of either line. */
interface Adjustable extends Clock.Clock {
  adjust(duration: number): Effect.Effect<void>
}

const isAdjustable = (clock: Clock.Clock): clock is Adjustable =>
  "adjust" in clock && typeof clock.adjust === "function"

/**
 * Moves the TestClock, and lets what that has set off settle, before it and after: what it starts first is timed from the right moment.
 *
 * @category testing
 * @since 0.1.0
 */
export const advance = (duration: DurationInput): Effect.Effect<void, never, Loop> => {
  const ms = millis("TestLoop.advance", duration, 0)
  return Effect.gen(function* () {
    const clock = yield* Clock.clockWith(Effect.succeed)
    if (!isAdjustable(clock)) {
      return yield* Effect.die(
        new TypeError("TestLoop.advance needs a TestClock; this test has another clock")
      )
    }
    yield* settle
    yield* clock.adjust(ms)
    yield* settle
  })
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
 * when the Layer ends fails the test with {@link NotCleanError}, as a defect.
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
