/** A clock that moves when the harness says so: a millisecond whenever everything has had some turns. */
import { Duration, Effect } from "effect"
import { clockOf } from "../support/clockOf.js"

interface Sleeper {
  readonly when: number
  readonly wake: () => void
}

export class ManualClock {
  #now = 0
  readonly #sleepers = new Set<Sleeper>()

  now(): number {
    return this.#now
  }

  /** The same as a service. */
  readonly clock = clockOf(
    () => this.#now,
    (duration) =>
      Effect.async<void>((resume) => {
        const sleeper = { when: this.#now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        this.#sleepers.add(sleeper)
        return Effect.sync(() => void this.#sleepers.delete(sleeper))
      })
  )

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
