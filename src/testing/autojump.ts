/** A clock that moves by itself when there is nothing else to do, as that of trio's MockClock with an `autojump_threshold`. */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { callback, forkChild, type DurationInput } from "../effect.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { Loop } from "../Loop/Loop.js"
import { millis } from "../Loop/Settings.js"
import { eventsSeen, InFlight } from "./inFlight.js"
import { settled } from "./settled.js"
import { type Timeline, timelineHere } from "./Timeline.js"

// Those of Node, whatever a test puts in their place.
const { clearTimeout, setTimeout } = globalThis
const realTime = performance.now.bind(performance)

/**
 * When a clock may jump.
 *
 * @category models
 * @since 0.2.0
 */
export interface AutojumpOptions {
  /** For how long in real time nothing may have happened before a jump. Default 0: as soon as the loops have settled. */
  readonly threshold?: DurationInput | undefined
  /**
   * For how long in real time what is in flight outside (a socket, a request to the system, a child process, a job of a worker) holds a
   * jump back without anything happening. Then the clock jumps all the same, and standard error says once what was in flight. May be
   * infinite. Default 1 second.
   */
  readonly heldAtMost?: DurationInput | undefined
}

/** How often it is looked again, in milliseconds of real time, while something holds a jump back. */
const AGAIN = 5

/** Milliseconds. */
interface Patience {
  readonly threshold: number
  readonly heldAtMost: number
}

/** Throws `TypeError` or `RangeError` that names the option; `what` is the call. */
const patienceOf = (what: string, options: AutojumpOptions): Patience => {
  if (typeof options !== "object" || options === null || Effect.isEffect(options)) {
    throw new TypeError(`${what} takes an object with threshold or heldAtMost, not ${describeValue(options)}`)
  }
  return {
    threshold: millis(`threshold of ${what}`, options.threshold, 0),
    heldAtMost: millis(`heldAtMost of ${what}`, options.heldAtMost, 1_000)
  }
}

/** The same for an option that may be left out; nothing where the clock is not to jump. */
export const patienceFor = (
  what: string,
  option: boolean | AutojumpOptions | undefined
): Patience | undefined => {
  if (option === undefined || option === false) return undefined
  return patienceOf(what, option === true ? {} : option)
}

const inRealTime = (ms: number): Effect.Effect<void> =>
  callback<void>((resume) => {
    const timer = setTimeout(() => resume(Effect.void), ms)
    return Effect.sync(() => clearTimeout(timer))
  })

/** Completes when somebody sleeps, and nobody moves the clock. */
const somebodySleeps = (timeline: Timeline): Effect.Effect<void> =>
  callback<void>((resume) => {
    const look = (): void => {
      if (timeline.next() === undefined) return
      off()
      resume(Effect.void)
    }
    const off = timeline.onChange(look)
    look()
    return Effect.sync(off)
  })

/** Since when nothing has happened, in real time: neither on the loops nor outside. */
class Stillness {
  #since = realTime()
  #before = ""

  constructor(private readonly timeline: Timeline) {}

  /** For how many milliseconds it has been still now. */
  lasts(inFlight: ReadonlyArray<string>): number {
    const { loops } = this.timeline
    const callbacks = [...loops].map((loop) => loop.statistics().callbacks)
    const now = [eventsSeen(), ...callbacks, ...inFlight].join()
    if (now !== this.#before) {
      this.#before = now
      this.#since = realTime()
    }
    return realTime() - this.#since
  }
}

/** Jumps whenever nothing but timers waits, until it is interrupted. */
export const jumping = (timeline: Timeline, { heldAtMost, threshold }: Patience): Effect.Effect<never> =>
  Effect.suspend(() => {
    const { loops } = timeline
    const outside = new InFlight()
    const stillness = new Stillness(timeline)
    let told = false
    const tell = (inFlight: ReadonlyArray<string>): void => {
      if (told) return
      told = true
      console.error(
        `TestLoop.autojump: the clock jumps while ${inFlight.join(", ")} may still be in flight, where nothing has happened for ${heldAtMost}ms of real time (heldAtMost)`
      )
    }
    const look = Effect.suspend(() => {
      const inFlight = outside.now(loops)
      const patience = inFlight.length > 0 ? Math.max(threshold, heldAtMost) : threshold
      const rest = patience - stillness.lasts(inFlight)
      if (patience > 0 && rest > 0) return inRealTime(Math.min(rest, AGAIN))
      if (inFlight.length > 0) tell(inFlight)
      return timeline.jump
    })
    return Effect.forever(
      Effect.flatMap(somebodySleeps(timeline), () => Effect.flatMap(settled(loops), () => look))
    )
  })

/** Runs an Effect while the clock of a timeline jumps. */
const whileJumping = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  patience: Patience
): Effect.Effect<A, E, R | Loop> =>
  Effect.flatMap(Loop, (loop) =>
    Effect.flatMap(timelineHere("TestLoop.autojump"), (timeline) =>
      timeline.loops.has(loop)
        ? Effect.acquireUseRelease(
            forkChild(Effect.interruptible(jumping(timeline, patience))),
            () => effect,
            (driver) => Fiber.interrupt(driver)
          )
        : Effect.die(
            new TypeError(
              `TestLoop.autojump: ${loop.name} is no loop of TestLoop.layer under this clock, and nobody knows who sleeps there`
            )
          )
    )
  )

/**
 * Runs an Effect while the clock moves by itself: whenever nothing but timers waits on the loop, the TestClock jumps to the next of
 * them, be it the loop's, a `setTimeout` of promise code or an `Effect.sleep` of a fiber. Before and after it stands still, as always.
 * `TestLoop.layer({ autojump: true })` does so for all of a test.
 *
 * What is in flight outside holds a jump back, for as long as something happens there, and for `heldAtMost` (1 second of real time)
 * after that: sockets, requests to the system, child processes, and jobs of workers.
 *
 * **Flavor** Effect. **Starts** when it is run. **Cancel** as that of the Effect. **Loop closed** the same. Dies with a `TypeError`
 * where the clock is no TestClock, or the loop is not one of `TestLoop.layer` under it.
 *
 * **Gotchas**
 * - What waits for real time outside of the loop does not hold it back: give a `threshold`.
 * - Nor does a server that listens, nor what Node does not list: a job of its thread pool (crypto, zlib), a thread that the program has
 *   started by itself.
 * - Fibers outside of the Layer may sleep on the same clock: it does not jump to them, but they wake when it passes.
 *
 * @example
 * import { TestLoop } from "effect-aio/testing"
 * import { TestClock, TestContext } from "effect"
 *
 * const nap = fromAio(async () => {
 *   await new Promise((resolve) => setTimeout(resolve, 3_600_000))
 *   return new Date().toISOString()
 * })
 * const test = TestLoop.autojump(nap()).pipe(Effect.provide(TestLoop.layer()), Effect.provide(TestContext.TestContext))
 * console.log(await Effect.runPromise(test)) // => 1970-01-01T01:00:00.000Z
 *
 * @category testing
 * @since 0.2.0
 */
export function autojump(
  options: AutojumpOptions
): <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | Loop>
export function autojump<A, E, R>(
  effect: Effect.Effect<A, E, R>,
  options?: AutojumpOptions
): Effect.Effect<A, E, R | Loop>
export function autojump(
  effectOrOptions: Effect.Effect<unknown, unknown, unknown> | AutojumpOptions,
  options: AutojumpOptions = {}
): unknown {
  if (Effect.isEffect(effectOrOptions))
    return whileJumping(effectOrOptions, patienceOf("TestLoop.autojump", options))
  const patience = patienceOf("TestLoop.autojump", effectOrOptions)
  return (effect: Effect.Effect<unknown, unknown, unknown>) => whileJumping(effect, patience)
}
