/**
 * A TestClock that knows who sleeps on it, which the TestClock of Effect 4 does not tell, and that of Effect 3 not exactly: there
 * a sleep that was interrupted is listed until its time has come.
 *
 * Whoever has it sleeps on the TestClock itself, with all others, and is listed while he does. What moves it moves that.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { layerClock, type DurationInput } from "../effect.js"
import type { EventLoop } from "../Loop/EventLoop.js"

/** A clock that can be moved, as the TestClock of either line. */
interface TestClock extends Clock.Clock {
  adjust(duration: DurationInput): Effect.Effect<void>
  setTime(instant: number): Effect.Effect<void>
}

const isTestClock = (clock: Clock.Clock): clock is TestClock =>
  "adjust" in clock &&
  typeof clock.adjust === "function" &&
  "setTime" in clock &&
  typeof clock.setTime === "function"

/** One TestClock: who sleeps on it, who moves it, and the loops that were opened under it. */
export class Timeline {
  static readonly #of = new WeakMap<Clock.Clock, Timeline>()
  readonly #sleeps = new Set<{ readonly at: number }>()
  readonly #listeners = new Set<() => void>()
  readonly loops = new Set<EventLoop>()
  /** How many are moving it now. */
  #moving = 0

  /** What fibers and loops are to be given in the place of `base`. */
  readonly clock: TestClock

  private constructor(private readonly base: TestClock) {
    this.clock = Object.create(base, {
      sleep: { value: (duration: Duration.Duration) => this.#sleep(duration) },
      adjust: { value: (duration: DurationInput) => this.#move(base.adjust(duration)) },
      setTime: { value: (instant: number) => this.#move(base.setTime(instant)) }
    }) as TestClock
  }

  /** That of a clock, or of what was given in its place; nothing for one that cannot be moved. */
  static of(clock: Clock.Clock): Timeline | undefined {
    const known = this.#of.get(clock)
    if (known !== undefined || !isTestClock(clock)) return known
    const made = new Timeline(clock)
    this.#of.set(clock, made)
    this.#of.set(made.clock, made)
    return made
  }

  /** When the first of those who sleep is to wake; nothing while somebody moves the clock, or nobody sleeps. */
  next(): number | undefined {
    if (this.#moving > 0) return undefined
    let first: number | undefined
    for (const { at } of this.#sleeps) if (first === undefined || at < first) first = at
    return first
  }

  /** Calls `f` whenever `next` may have changed; the result takes it back. */
  onChange(f: () => void): () => void {
    this.#listeners.add(f)
    return () => void this.#listeners.delete(f)
  }

  /**
   * Moves the clock to the first who is to wake. That may be in the past, where somebody has moved it and was interrupted: a
   * TestClock that is wakes no more of those who are due. So this cannot be.
   */
  readonly jump: Effect.Effect<void> = Effect.suspend(() =>
    Effect.flatMap(this.base.currentTimeMillis, (now) => {
      const at = this.next()
      return at === undefined
        ? Effect.void
        : this.#move(Effect.uninterruptible(this.base.setTime(Math.max(at, now))))
    })
  )

  #sleep(duration: Duration.Duration): Effect.Effect<void> {
    const { base } = this
    const ms = Duration.toMillis(duration)
    if (ms === Infinity) return base.sleep(duration)
    return Effect.flatMap(base.currentTimeMillis, (now) => {
      const sleep = { at: now + ms }
      return Effect.acquireUseRelease(
        this.#change(() => this.#sleeps.add(sleep)),
        () => base.sleep(duration),
        () => this.#change(() => this.#sleeps.delete(sleep))
      )
    })
  }

  #move(moves: Effect.Effect<void>): Effect.Effect<void> {
    return Effect.acquireUseRelease(
      this.#change(() => this.#moving++),
      () => moves,
      () => this.#change(() => this.#moving--)
    )
  }

  #change(f: () => void): Effect.Effect<void> {
    return Effect.sync(() => {
      f()
      for (const listener of [...this.#listeners]) listener()
    })
  }
}

/** The timeline of the clock that the caller has. Dies where it cannot be moved; `what` is the call, for that. */
export const timelineHere = (what: string): Effect.Effect<Timeline> =>
  Clock.clockWith((clock) => {
    const timeline = Timeline.of(clock)
    return timeline === undefined
      ? Effect.die(new TypeError(`${what} needs a TestClock; this test has another clock`))
      : Effect.succeed(timeline)
  })

/** The clock of those who build the Layer, as one that knows who sleeps on it. */
export const trackedClock = (): Layer.Layer<never> =>
  layerClock(Clock.clockWith((clock) => Effect.succeed(Timeline.of(clock)?.clock ?? clock)))
