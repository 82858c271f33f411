/** Request, then wait: the fiber may not end before the aio side has cleaned up. */
import * as Effect from "effect/Effect"
import { callback, currentFiberState, outsideFibers } from "../../effect.js"
import { originOf } from "../../Loop/closing/origin.js"
import { afterInterrupt } from "../../Loop/fiber/Outcome.js"
import { after, oncePassed, tellIfSlow, Waiting } from "../../Loop/fiber/Wait.js"
import { enter } from "../../Loop/kernel/current.js"
import type { Future } from "../../Loop/kernel/Future.js"
import type { Report } from "../../Loop/kernel/Report.js"
import { Task } from "../../Loop/kernel/Task.js"
import type { Home } from "../../Loop/ports.js"

/** What interruption does to aio work, checked and in milliseconds. */
export interface OnInterrupt {
  readonly mode: "join" | "abandon"
  /** How long to join before the work is abandoned and reported; Infinity by default. */
  readonly grace: number
}

/** What interruption does where nothing else is said. */
export const join: OnInterrupt = { mode: "join", grace: Infinity }

const describe = (future: Future<unknown>): string =>
  future instanceof Task
    ? `${future.getName()} (age ${Math.round(future.age())}ms, created at ${originOf(future)})`
    : future.toString()

const about = (future: Future<unknown>): Pick<Report, "future" | "task"> =>
  future instanceof Task ? { future, task: future } : { future }

/** Cancelling is aio code: what it calls (listeners of a signal, an `onCancel`) is on the loop, and in no fiber. */
export const cancel = (loop: Home, name: () => string, future: Future<unknown>): void => {
  const owner = currentFiberState()
  outsideFibers(() => {
    try {
      enter(loop, undefined, owner, () => future.cancel(), undefined)
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

/** How something is told to end, and what is said of it when it does not. @internal */
export interface Asking {
  /** Tells it. */
  readonly ask: () => void
  /** What its end means to the fiber that has waited. Where nobody has, it still reaches the exception handler. */
  readonly ended: (waited: boolean) => Effect.Effect<void>
  /** Who waits, in words. */
  readonly who: string
  /** What it was, in words. */
  readonly told: string
}

/**
 * Cancels `future` and waits until it is done. Reports once when that takes longer than `slowJoin`, and gives up after
 * `grace`, with a report. Its failure is the result's defect.
 */
export const cancelAndJoin = (
  loop: Home,
  name: () => string,
  future: Future<unknown>,
  onInterrupt: OnInterrupt
): Effect.Effect<void> =>
  askAndJoin(loop, future, onInterrupt, {
    ask: () => cancel(loop, name, future),
    ended: () => afterInterrupt(loop, name, future),
    who: "an interrupted fiber",
    told: "was cancelled"
  })

/** `cancelAndJoin` for what is told to end in another way. @internal */
export const askAndJoin = (
  loop: Home,
  future: Future<unknown>,
  { grace, mode }: OnInterrupt,
  { ask, ended, told, who }: Asking
): Effect.Effect<void> =>
  Effect.suspend(() => {
    // A stopped loop delivers nothing; somebody waits for it now.
    loop._start()
    ask()
    const end = Effect.suspend(() => ended(true))
    const abandon = (): void => future._add({ resumes: false, run: () => void ended(false) })
    if (future.done()) {
      // The future's done callbacks have run when the fiber ends.
      return mode === "join" ? Effect.flatMap(oncePassed(loop), () => end) : end
    }
    if (mode === "abandon") {
      abandon()
      return Effect.void
    }
    return callback<void>((resume) => {
      const notSlow = tellIfSlow(loop, () => ({
        message: `${who} has waited ${loop._slowJoin}ms for ${describe(future)}, which ${told} and has not ended`,
        ...about(future)
      }))
      const waiting = new Waiting(loop, () => {
        notSlow()
        stay?.()
        resume(end)
      })
      const stay =
        grace === Infinity
          ? undefined
          : after(loop, grace, () => {
              notSlow()
              future._remove(waiting)
              loop.callExceptionHandler({
                kind: "leftover",
                message: `abandoned after a grace of ${grace}ms: ${describe(future)} ${told} and has not ended`,
                ...about(future)
              })
              abandon()
              resume(Effect.void)
            })
      future._await(waiting)
    })
  })
