/** The timers of the promise code of one loop, and the time that it reads. */
import * as Effect from "effect/Effect"
import type * as Clock from "effect/Clock"
import type { EventLoop } from "../Loop/EventLoop.js"
import type { Leftover } from "../Loop/ports.js"
import type { LoopTimeout, TimerOwner } from "./LoopTimeout.js"

export class LoopTimers implements TimerOwner {
  readonly #waiting = new Set<LoopTimeout>()

  constructor(
    readonly loop: EventLoop,
    private readonly clock: Clock.Clock
  ) {}

  waits(timer: LoopTimeout): void {
    this.#waiting.add(timer)
  }

  rests(timer: LoopTimeout): void {
    this.#waiting.delete(timer)
  }

  /** Milliseconds since 1970, as fibers of the same clock read them. */
  wall(): number {
    return Effect.runSync(this.clock.currentTimeMillis)
  }

  /** Rows of those that would keep a process alive. */
  held(): ReadonlyArray<Leftover> {
    return [...this.#waiting]
      .filter((timer) => timer.hasRef())
      .map((timer) => ({
        what: "timer",
        name: timer.name,
        age: this.loop.time() - timer.createdAt,
        state: "waiting",
        waitingOn: "the clock",
        createdAt: timer.place,
        blamed: true
      }))
  }

  /** The loop has closed. */
  close(): void {
    for (const timer of this.#waiting) timer.drop()
  }
}
