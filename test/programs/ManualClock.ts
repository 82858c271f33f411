/** A clock that moves when the harness says so: a millisecond whenever everything has had some turns. */
import { Clock, Duration, Effect } from "effect"

interface Sleeper {
  readonly when: number
  readonly wake: () => void
}

export class ManualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  #now = 0
  readonly #sleepers = new Set<Sleeper>()

  unsafeCurrentTimeMillis(): number {
    return this.#now
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(this.#now) * 1_000_000n
  }

  readonly currentTimeMillis = Effect.sync(() => this.#now)
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = { when: this.#now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
      this.#sleepers.add(sleeper)
      return Effect.sync(() => void this.#sleepers.delete(sleeper))
    })
  }

  /** A millisecond passes. */
  tick(): void {
    this.#now++
    const due = [...this.#sleepers].filter(({ when }) => when <= this.#now).sort((a, b) => a.when - b.when)
    for (const sleeper of due) {
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    }
  }

  get sleepers(): number {
    return this.#sleepers.size
  }
}
