/**
 * How long one wait for what was told to stop may take: a report when it is slow, and an end when `closeDeadline` has
 * passed. Both are measured on the clock that the loop was opened under, but not by the loop, which may be stopped,
 * closed or busy by then.
 */
import { blamedIn, leftoversOf, reportLeftovers, tableOf } from "./Leftovers.js"
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
   * `what` is being waited for, in words; `expire` is called when the deadline has passed, `hurry` when a quarter of the
   * time is left.
   */
  constructor(loop: Home, what: string, expire: () => void, hurry: () => void = () => {}) {
    this.#loop = loop
    this.#what = what
    const { _clock: clock, _closeDeadline: closeDeadline, _slowJoin: slowJoin } = loop
    if (closeDeadline !== Infinity) {
      const begun = loop._closingSince ?? loop.time()
      const remaining = Math.max(0, closeDeadline - (loop.time() - begun))
      this.#cancels.push(
        clock.after(remaining * HURRY, hurry),
        clock.after(remaining, () => {
          this.cancel()
          loop._gaveUp = true
          reportLeftovers(loop, `at the deadline of ${closeDeadline}ms for ${what}`)
          expire()
        })
      )
    }
    if (slowJoin < closeDeadline) {
      this.#cancels.push(
        clock.after(slowJoin, () => {
          // A body that joins what it has told to stop is slow because of that, and the join has said so already.
          const joins = loop._body !== undefined && leftoversOf(loop).some((l) => joining.includes(l.state))
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
    this.#loop.callExceptionHandler({
      kind: "slowJoin",
      message: `${this.#what} ${how} for ${blamed} to stop:\n${tableOf(leftovers)}`
    })
  }
}
