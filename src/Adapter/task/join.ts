/**
 * Request, then wait: the fiber may not end before the aio side has cleaned up. As in trio-asyncio's `run_aio_future`
 * (trio-asyncio 0.16, `_util.py`), which knows no grace and says nothing of a slow join.
 */
import * as Effect from "effect/Effect"
import { callback, currentFiberState, outsideFibers } from "../../effect.js"
import { originOf } from "../../Loop/closing/origin.js"
import { about, afterInterrupt } from "../../Loop/fiber/Outcome.js"
import { afterGrace, tellIfSlow, waitIsTold } from "../../Loop/fiber/SlowJoin.js"
import { oncePassed, Waiting } from "../../Loop/fiber/Wait.js"
import { asOwn, enter } from "../../Loop/kernel/current.js"
import { textOf } from "../../Loop/kernel/describe.js"
import { Canceller } from "../../Loop/kernel/errors.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { Task } from "../../Loop/kernel/Task.js"
import type { Home } from "../../Loop/ports.js"
import type { OnInterrupt } from "./options.js"

/** What a slow or abandoned join says of the work. */
export const describe = (future: Future<unknown>, origin?: () => string): string =>
  future instanceof Task
    ? `${future._name} (age ${Math.round(future.age())}ms, ${origin?.() ?? `created at ${originOf(future)}`}` +
      `${future._beingStopped ? "; its cancel has not ended" : ""})`
    : textOf(future)

/**
 * How long is waited where the call has not said: as long as the loop says. Work that was given a `cancel` is waited for
 * no longer than a close is: its program has said how it is stopped, and that should have been enough.
 */
const graceOf = (loop: Home, future: Future<unknown>, { grace, stoppable }: OnInterrupt): number => {
  if (grace !== undefined || loop._grace !== Infinity) return grace ?? loop._grace
  return stoppable === true || (future instanceof Task && future._hasCancel) ? loop._closeDeadline : Infinity
}

const interrupted = new Canceller("the fiber that waited for it was interrupted")

/** Cancelling is aio code: what it calls (listeners of a signal, an `onCancel`) is on the loop, and in no fiber. */
export const cancel = (loop: Home, name: () => string, future: Future<unknown>, message?: unknown): void => {
  const owner = currentFiberState()
  outsideFibers(() => {
    try {
      enter(loop, undefined, owner, () => asOwn(() => future.cancel(message ?? interrupted)), undefined)
    } catch (exception) {
      // It was told, and may still end; a failure to tell it does not make waiting for it wrong.
      loop.callExceptionHandler({
        kind: "late",
        message: `cancelling ${name()} failed`,
        exception,
        ...about(future)
      })
    }
  })
}

/** How work is told to end, and what is said of it when it does not. */
export interface EndRequest {
  /** Tells the work to end. */
  readonly ask: () => void
  /**
   * Called when the work has ended: reports what is to be reported, and gives what that end means to the fiber that has
   * waited for it, if one has.
   */
  readonly ended: () => Effect.Effect<void>
  /** Who waits, for reports: "an interrupted fiber". */
  readonly who: string
  /** What was done to the work, for reports: "was cancelled". */
  readonly told: string
  /** Where it comes from, for reports: "acquired at main.ts:7". Default: where the task was created. */
  readonly origin?: (() => string) | undefined
  /** Called when the grace has passed, and nobody waits any more. */
  readonly abandoned?: (() => void) | undefined
}

/**
 * Cancels `future` and waits until it is done. Reports once when that takes longer than `slowJoin`, and gives up after
 * `grace`, with a report. Its failure is the result's defect. `name` is what it is called in reports.
 */
export const cancelAndJoin = (
  loop: Home,
  name: (future: Future<unknown>) => string,
  onInterrupt: OnInterrupt,
  future: Future<unknown>
): Effect.Effect<void> => {
  const nameOfIt = (): string => name(future)
  return askAndJoin(loop, future, onInterrupt, {
    ask: () => cancel(loop, nameOfIt, future),
    ended: () => afterInterrupt(loop, nameOfIt, future),
    who: "an interrupted fiber",
    told: "was cancelled"
  })
}

/** `cancelAndJoin` for work that is told to end in another way. */
export const askAndJoin = (
  loop: Home,
  future: Future<unknown>,
  onInterrupt: OnInterrupt,
  { abandoned, ask, ended, origin, told, who }: EndRequest
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // A stopped loop delivers nothing, and this fiber waits for it now.
    loop._start()
    ask()
    const { mode } = onInterrupt
    const grace = graceOf(loop, future, onInterrupt)
    const end = Effect.suspend(ended)
    const abandon = (): void => future._add({ resumes: false, run: () => void ended() })
    if (future.done()) {
      // The future's done callbacks have run when the fiber ends.
      return mode === "join" ? Effect.flatMap(oncePassed(loop), () => end) : end
    }
    if (mode === "abandon") {
      loop._tally?.abandoned()
      abandon()
      return Effect.void
    }
    const joined = loop._tally?.joining()
    return callback<void>((resume) => {
      const notSlow = tellIfSlow(
        loop,
        () => ({
          message: `${who} has waited ${loop._slowJoin}ms for ${describe(future, origin)}, which ${told} and has not ended`,
          ...about(future)
        }),
        () => future instanceof Task && waitIsTold(future)
      )
      const waiting = new Waiting(loop, () => {
        notSlow()
        stay?.()
        joined?.()
        resume(end)
      })
      const giveUp = (when: string): void => {
        notSlow()
        joined?.()
        loop._tally?.abandoned()
        future._remove(waiting)
        loop.callExceptionHandler({
          kind: "leftover",
          message: `abandoned ${when}: ${describe(future, origin)} ${told} and has not ended`,
          ...about(future)
        })
        abandoned?.()
        abandon()
        if (future instanceof Task) future._graceIsOver = true
        resume(Effect.void)
      }
      const stay =
        grace === Infinity
          ? loop._closing.opener?.bound({ asked: onInterrupt.grace === undefined, giveUp })
          : afterGrace(loop, grace, () => giveUp(`after a grace of ${grace}ms`))
      future._await(waiting)
    })
  })
