/**
 * Waits that nobody can interrupt, because they are in a finalizer, in an acquire, or in another uninterruptible region: told
 * of when they take long; and in a finalizer given up as a close is, so that what closes goes on.
 */
import { afterGrace, tellIfSlow } from "../../Loop/fiber/SlowJoin.js"
import { about, afterInterrupt } from "../../Loop/fiber/Outcome.js"
import type { Watch } from "../../Loop/fiber/Wait.js"
import { CancelledError, Canceller } from "../../Loop/kernel/errors.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { Task } from "../../Loop/kernel/Task.js"
import type { Home } from "../../Loop/ports.js"
import { cancel, describe } from "./join.js"
import type { OnInterrupt } from "./options.js"

/**
 * For a wait of work that a fiber has begun. It is given up after its `grace`, by default that of the loop or else its
 * `closeDeadline`: the work is cancelled, reported as a leftover, and no longer waited for by anybody; the Effect fails with
 * CancelledError. A loop that is being stopped or closed bounds such waits itself, by what is left of its own deadline.
 */
export const watchHeld = (
  loop: Home,
  name: (future: Future<unknown>) => string,
  { grace = loop._grace === Infinity ? loop._closeDeadline : loop._grace }: OnInterrupt,
  ...[held, future, giveUp]: Parameters<Watch<CancelledError>>
): (() => void) => {
  if (loop._closing.since !== undefined) return () => {}
  const where = held === "work" ? "a fiber that cannot be interrupted" : "a finalizer"
  const notSlow = tellIfSlow(loop, () => ({
    message: `${where} has waited ${loop._slowJoin}ms for ${describe(future)}, which has not ended`,
    ...about(future)
  }))
  const giveUpOn = (when: string): void => {
    notSlow()
    loop._tally?.abandoned()
    const nameOfIt = (): string => name(future)
    const who = new Canceller(`${where} has waited for it, and waits no longer ${when}`)
    const error = new CancelledError(who)
    loop.callExceptionHandler({
      kind: "leftover",
      message: `abandoned ${when}: ${describe(future)} was waited for in ${where} and has not ended`,
      exception: error,
      ...about(future)
    })
    cancel(loop, nameOfIt, future, who)
    future._add({ resumes: false, run: () => void afterInterrupt(loop, nameOfIt, future) })
    if (future instanceof Task) future._graceIsOver = true
    giveUp(error)
  }
  const stay =
    held === "work" || grace === Infinity
      ? loop._closing.opener?.bound({ asked: false, giveUp: giveUpOn })
      : afterGrace(loop, grace, () => giveUpOn(`after a grace of ${grace}ms`))
  return () => {
    notSlow()
    stay?.()
  }
}
