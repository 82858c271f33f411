/**
 * The closing of a loop, as one pipeline:
 *
 *     1 refuse new work from outside; cleanup may still schedule
 *     2 run every callback submitted so far
 *   3-7 the phases of `phases.ts`: the first that is not quiet, until all are or the deadline has passed
 *     8 release the capabilities: drop readers, writers, signal handlers and timers; close the file descriptors marked
 *       with `autoclose`
 *     9 run the callbacks that these steps queued
 *    10 closed
 *
 * Everything happens inside `closeDeadline`, counted from when stopping began. When it passes, what has not settled is
 * reported as leftovers and closing moves on: a leftover cannot block exit. When a quarter of it is left, phases that
 * cannot be left behind without a word are told, even if an earlier one has not ended: a child process may need a moment,
 * and is not to blame.
 */
import * as Effect from "effect/Effect"
import { phasesOf, releaseCapabilities } from "./phases.js"
import type { Home, Phase } from "../ports.js"

/**
 * Closes the loop in order and waits for it. Every call waits for the same closing. A loop that was closed at once, with
 * `loop.close()`, may still have fibers that are being interrupted: those are waited for all the same.
 */
export const shutdown = (loop: Home): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { _closing: closing } = loop
    if (loop.isClosed() && (closing.gaveUp || loop._effects.size === 0)) return Effect.void
    if (!closing.begun) begin(loop)
    return closing.ended
  })

const begin = (loop: Home): void => {
  loop._closing.begin()
  loop._beginClosing(loop._crash)
  const close = (): void => {
    loop._close(loop._crash)
    loop._closing.end()
  }
  // The last hop is there because the loop cannot be closed from inside its own pass.
  const quiet = (): void => {
    releaseCapabilities(loop)
    loop._afterQueued(() => loop.host.hop(close))
  }
  loop._afterQueued(() => (isEmpty(loop) ? quiet() : new Sweep(loop, quiet).next()))
}

/** Nothing is there that a phase could hold: most loops have ended their work when they are closed. */
const isEmpty = (loop: Home): boolean =>
  !loop._hasTasks && loop._effects.size + loop._crossings.size + loop._capabilities.size === 0

/** Steps 3 to 7, one generation after the other: what a cleanup starts may finish with it, and is ended after it. */
class Sweep {
  readonly #phases: ReadonlyArray<Phase>
  #ended = false

  constructor(
    private readonly loop: Home,
    private readonly onQuiet: () => void
  ) {
    this.#phases = phasesOf(loop)
  }

  next(): void {
    if (this.#ended) return
    const phase = this.#phases.find((one) => !one.quiet())
    if (phase === undefined) return this.#end()
    this.loop._closing.limit(
      () => this.#end(),
      () => this.#hurry()
    )
    this.loop._closing.waitsFor(phase.name)
    // The next look comes after the callbacks of what has ended: they may belong to the same cleanup.
    phase.close(() => this.loop._afterQueued(() => this.next()))
  }

  #hurry(): void {
    for (const phase of this.#phases) phase.hurry()
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.loop._closing.quiet()
    this.onQuiet()
  }
}
