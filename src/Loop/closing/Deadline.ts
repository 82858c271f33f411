/**
 * How long one wait for what was told to stop may take: a report when it is slow, and an end when `closeDeadline` has
 * passed. Both are measured on the clock that the loop was opened under, but not by the loop, which may be stopped,
 * closed or busy by then. Where that clock stands still, real time ends the wait: a test that leaks fails, and says why.
 */
import { blamedIn, leftoversOf } from "./Leftovers.js"
import { tableOf } from "./table.js"
import { tellSlow } from "../fiber/SlowJoin.js"
import { inRealTime } from "../host/inRealTime.js"
import { whenStuck } from "../host/whenStuck.js"
import type { Home } from "../ports.js"

/** After this part of the time, what has not been told to stop yet is told. */
const HURRY = 3 / 4

/** The states of what somebody has told to stop, and waits for. */
const joining = ["cancelling", "terminating", "killed"]

/** The longest time that a part of the loop was given for its end, from now on. */
const patienceOf = (loop: Home): number =>
  Math.max(0, ...[...loop._capabilities].map((capability) => capability.patience()))

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
      const after = (ms: number, f: () => void): (() => void) =>
        clock.live ? inRealTime(ms, f) : clock.after(ms, f)
      const end = (): void => {
        this.cancel()
        expire()
      }
      const patience = patienceOf(loop)
      const hurryAfter = patience + Math.max(0, remaining - patience) * HURRY
      this.#cancels.push(after(Math.min(hurryAfter, remaining), hurry), after(remaining, end))
      this.#cancels.push(whenStuck(clock, () => this.#stuck(closeDeadline, hurry, end)))
    } else this.#cancels.push(whenStuck(clock, () => this.#tellStuck()))
    if (slowJoin < closeDeadline) this.#tellAfter(slowJoin, loop.time())
  }

  /** Reports once what is slow, when nothing of it has time of its own any more. */
  #tellAfter(ms: number, begun: number): void {
    const loop = this.#loop
    this.#cancels.push(
      loop._clock.after(ms, () => {
        const patience = patienceOf(loop)
        if (patience > 0) return this.#tellAfter(patience + loop._slowJoin, begun)
        // A body that joins what it has told to stop, or runs a finalizer with a name, is slow because of that, which says so.
        const joins =
          loop._closing.body !== undefined &&
          leftoversOf(loop).some((l) => joining.includes(l.state) || l.what === "finalizer")
        if (!joins) this.#tell(`has waited ${Math.round(loop.time() - begun)}ms`)
      })
    )
  }

  cancel(): void {
    for (const cancel of this.#cancels) cancel()
  }

  /** Nobody moves the clock: from here on the deadline is one of real time, which does move. */
  #stuck(closeDeadline: number, hurry: () => void, end: () => void): void {
    this.#tellStuck()
    this.#cancels.push(inRealTime(closeDeadline * HURRY, hurry), inRealTime(closeDeadline, end))
  }

  #tellStuck(): void {
    this.#tell("waits, and its clock does not move (a TestClock that nobody adjusts)")
  }

  #tell(how: string): void {
    const leftovers = leftoversOf(this.#loop)
    const blamed = blamedIn(leftovers)
    if (blamed === 0) return
    tellSlow(this.#loop, { message: `${this.#what} ${how} for ${blamed} to stop:\n${tableOf(leftovers)}` })
  }
}
