/**
 * A whole program with a loop: signals, exit codes, and the promise that the process ends.
 *
 * The first SIGINT or SIGTERM interrupts the program and closes in order; the second skips to a report and exits. What
 * has not stopped at `closeDeadline` is named, and does not keep the process. Nothing of the loop outlives it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  errorExitCode,
  errorReported,
  fiberState,
  interruptFork,
  isInterruptedOnly,
  observe,
  withoutErrors,
  type FiberState
} from "../../effect.js"
import { LoopClosedError } from "../kernel/errors.js"
import { blamedIn, leftoversOf } from "./Leftovers.js"
import { tableOf } from "./table.js"
import { logAs } from "../host/Reporter.js"
import { showInBrief } from "./inBrief.js"
import type { MainProcess } from "./MainProcess.js"
import { NodeProcess } from "./NodeProcess.js"
import { codes, type StopSignal } from "./StopSignals.js"
import { isAftermath, isEcho, wasTold } from "./told.js"
import type { Home } from "../ports.js"

/**
 * Has the last word before the process ends, and decides its exit code: calls `onExit` once, with `code` (0, 1,
 * 130 for SIGINT, 143 for SIGTERM) or another.
 */
export type Teardown = (
  exit: Exit.Exit<unknown, unknown>,
  onExit: (code: number) => void,
  code: number
) => void

/** What `runMain` needs beside the program. */
export interface MainOptions {
  readonly teardown?: Teardown | undefined
  /** Whether a failure of the program is logged. Default true. */
  readonly reportsErrors?: boolean | undefined
  /** Milliseconds from the first signal, crash or interruption to the last word. */
  readonly closeDeadline: number
  readonly slowJoin: number
}

/** After the deadline of the body there is this much more for the loop's own last steps, in milliseconds. */
const LAST_STEPS = 250

/** The loop of the program, and how to log as the program would. */
interface Opened {
  readonly loop: Home
  readonly state: FiberState
}

/**
 * Runs `program` until the process can end. Resolves with its Exit; never rejects. Throws {@link InvalidStateError} where one
 * runs already; `what` is the call, for that.
 */
export const runMain = <A, E>(
  what: string,
  program: (opened: (loop: Home) => Effect.Effect<void>) => Effect.Effect<A, E>,
  options: MainOptions,
  process: MainProcess = new NodeProcess()
): Promise<Exit.Exit<A, E>> => {
  const giveBack = process.take(what)
  return new Promise((resolve) => {
    let opened: Opened | undefined
    /** The first one: from then on the program is being stopped. */
    let signal: StopSignal | undefined
    /** An accident that no crash carries into the Exit: before the loop was opened, or after the program has ended. */
    let accident = false
    /** `ended` with its Exit; `leaving` without it. */
    let state: "running" | "ended" | "leaving" = "running"
    let stopDeadline: (() => void) | undefined

    const log = (level: "warning" | "error", message: string, cause?: Cause.Cause<unknown>): void => {
      if (opened === undefined) return process.print(message, cause)
      logAs(opened.state, level, message, { loop: opened.loop.name }, cause)
    }
    const leftovers = (): string => {
      const all = opened === undefined ? [] : leftoversOf(opened.loop)
      return all.length === 0 ? "nothing on the loop is left" : `not stopped:\n${tableOf(all)}`
    }
    const crashed = (): boolean => accident || opened?.loop._crash !== undefined
    const leave = (code: number): void => {
      state = "leaving"
      process.leave(code)
    }
    const startDeadline = (): void => {
      const closeDeadline = opened?.loop._closeDeadline ?? options.closeDeadline
      if (stopDeadline !== undefined || closeDeadline === Infinity) return
      stopDeadline = process.after(closeDeadline + LAST_STEPS, () => {
        // The loop's deadline has passed before this one, and what has not stopped was reported there.
        log("error", `the program did not stop within ${closeDeadline}ms: leaving without it`)
        leave(signal === undefined || crashed() ? 1 : codes[signal])
      })
    }
    const onSignal = (name: StopSignal): void => {
      // Somebody who asks a third time has no patience for the report either.
      if (state === "leaving") return process.exit(codes[name])
      if (signal !== undefined) {
        log("error", `${name} after ${signal}: leaving at once; ${leftovers()}`)
        return leave(codes[name])
      }
      signal = name
      showInBrief(true)
      startDeadline()
      interruptFork(fiber)
    }
    // The exception handler decides. The loop's own closes the loop, where Node would skip finalizers.
    const onAccident = (what: string, error: unknown): void => {
      const loop = opened?.loop
      if (loop !== undefined && state === "running") {
        const message = loop._closing.since === undefined ? what : `${what} while stopping`
        return loop.callExceptionHandler({ kind: "callback", message, exception: error })
      }
      accident = true
      log("error", `${what} ${loop === undefined ? "before" : "after"} the program`, Cause.die(error))
      if (state === "ended") process.fail()
      if (state !== "running") return
      startDeadline()
      interruptFork(fiber)
    }
    // That the library has cancelled something reaches promises that nobody awaits, too.
    const unlessEcho = (what: string) => (error: unknown) => {
      const stopping = signal !== undefined || opened?.loop._closing.since !== undefined
      if (isEcho(error) && (stopping || !(error instanceof LoopClosedError))) return
      onAccident(what, error)
    }
    const offAccident = process.onAccident(
      unlessEcho("uncaught exception"),
      unlessEcho("unhandled rejection")
    )
    const offBrokenOutput = process.onBrokenOutput((name, error) => {
      // A program that was told to stop goes on stopping.
      if (signal === undefined) onAccident(`${name} cannot be written any more`, error)
    })
    const offExit = process.onExit((code) => {
      if (state !== "running" || opened === undefined || blamedIn(leftoversOf(opened.loop)) === 0) return
      process.lastLine(`the process exits with ${code} before its program has ended; ${leftovers()}`)
    })
    const stopListening = (): void => {
      offStop()
      offExit()
      stopDeadline?.()
      showInBrief(false)
    }

    /** Accidents of its end come a moment later. Where the process leaves at once, this is not called. */
    const stopCatching = (): void => {
      offAccident()
      offBrokenOutput()
    }

    /** What is left of a failure for the program to answer for. What follows from being stopped is none. */
    const ownFailure = (exit: Exit.Exit<A, E>, isOthers: (error: unknown) => boolean): boolean =>
      Exit.isFailure(exit) && !isInterruptedOnly(withoutErrors(exit.cause, isOthers))
    const failureCode = (exit: Exit.Exit<A, E>): number =>
      Exit.isFailure(exit) ? errorExitCode(Cause.squash(withoutErrors(exit.cause, isAftermath))) : 1
    const codeOf = (exit: Exit.Exit<A, E>): number => {
      if (crashed()) return failureCode(exit)
      if (signal === undefined) return Exit.isSuccess(exit) ? 0 : failureCode(exit)
      return ownFailure(exit, isAftermath) ? failureCode(exit) : codes[signal]
    }
    const tellFailure = (exit: Exit.Exit<A, E>): void => {
      const stopped = signal !== undefined || crashed()
      const isTold = (error: unknown): boolean =>
        wasTold(error) || !errorReported(error) || (stopped && isEcho(error))
      if (!Exit.isFailure(exit)) return
      if (ownFailure(exit, isTold)) {
        if (options.reportsErrors !== false)
          log("error", "the program failed", withoutErrors(exit.cause, isTold))
      } else if (!stopped && isInterruptedOnly(exit.cause)) {
        log("warning", "the program has interrupted itself: nobody has told it to stop")
      }
    }
    const end = (exit: Exit.Exit<A, E>): void => {
      // The process is on its way out already; its code is chosen.
      if (state === "leaving") return
      state = "ended"
      tellFailure(exit)
      let left = false
      const leaveWith = (chosen: number): void => {
        if (left) return
        left = true
        // Whoever awaits `run` sees its Exit before the process ends.
        if (chosen !== 0 || signal !== undefined)
          return process.soon(() => process.leave(accident ? 1 : chosen))
        process.soon(stopCatching)
        process.end(chosen, options.slowJoin, (keeps) =>
          log("warning", `the program has ended, and the process is kept alive by: ${keeps}`)
        )
      }
      giveBack()
      stopListening()
      resolve(exit)
      if (options.teardown === undefined) return leaveWith(codeOf(exit))
      try {
        options.teardown(exit, leaveWith, codeOf(exit))
      } catch (error) {
        log("error", "the teardown failed", Cause.die(error))
        leaveWith(1)
      }
    }

    const offStop = process.onStop(onSignal)
    const fiber = process.fork(
      program((loop) =>
        Effect.map(fiberState, (current) => {
          opened = { loop, state: current }
          loop._onCrash(startDeadline)
        })
      )
    )
    observe(fiber, end)
  })
}
