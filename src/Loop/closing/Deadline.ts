/**
 * How long one wait for what was told to stop may take: a report when it is slow, and an end when `closeDeadline` has
 * passed. Both are measured on the clock that the loop was opened under, but not by the loop, which may be stopped,
 * closed or busy by then.
 */
import { blamedIn, leftoversOf, tableOf } from "./Leftovers.js"
import { tellSlow } from "../fiber/SlowJoin.js"
import type { Home } from "../ports.js"

/** After so many real milliseconds a clock that is not the live one is taken to stand still. */
const STUCK = 2_000

/** After this part of the time, what has not been told to stop yet is told. */
const HURRY = 3 / 4

/** The states of what somebody has told to stop, and waits for. */
const joining = ["cancelling", "terminating", "killed"]

/** @internal */
export class Deadline {
  readonly #loop: Home
  readonly #what: string
  readonly #cancels: Array<() => void> = []

  /**
   * `what` is being waited for, in words; `hurry` is called when a quarter of the time is left, `expire` when the
   * deadline has passed.
   */
  constructor(loop: Home, what: string, hurry: () => void, expire: () => void) {
    this.#loop = loop
    this.#what = what
    const { _clock: clock, _closeDeadline: closeDeadline, _closing: closing, _slowJoin: slowJoin } = loop
    if (closeDeadline !== Infinity) {
      const begun = closing.since ?? loop.time()
      const remaining = Math.max(0, closeDeadline - (loop.time() - begun))
      this.#cancels.push(
        clock.after(remaining * HURRY, hurry),
        clock.after(remaining, () => {
          this.cancel()
          expire()
        })
      )
    }
    if (slowJoin < closeDeadline) {
      this.#cancels.push(
        clock.after(slowJoin, () => {
          // A body that joins what it has told to stop is slow because of that, and the join has said so already.
          const joins = closing.body !== undefined && leftoversOf(loop).some((l) => joining.includes(l.state))
          if (!joins) this.#tell(`has waited ${slowJoin}ms`)
        })
      )
    }
    if (!clock.live) {
      const stuck = setTimeout(
        () => this.#tell("waits, and its clock does not move (a TestClock that nobody adjusts)"),
        STUCK
      )
      this.#cancels.push(() => clearTimeout(stuck))
    }
  }

  cancel(): void {
    for (const cancel of this.#cancels) cancel()
  }

  #tell(how: string): void {
    const leftovers = leftoversOf(this.#loop)
    const blamed = blamedIn(leftovers)
    if (blamed === 0) return
    tellSlow(this.#loop, { message: `${this.#what} ${how} for ${blamed} to stop:\n${tableOf(leftovers)}` })
  }
}
