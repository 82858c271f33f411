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
import { InvalidStateError, LoopClosedError } from "../kernel/errors.js"
import { blamedIn, leftoversOf } from "./Leftovers.js"
import { tableOf } from "./table.js"
import { onBrokenOutput } from "../host/brokenOutput.js"
import { inRealTime } from "../host/inRealTime.js"
import { keptAliveBy, WorkersSeen } from "../host/keptAlive.js"
import { lastLine } from "../host/lastLine.js"
import { LONGEST } from "../host/NodeHost.js"
import { logAs } from "../host/Reporter.js"
import { showInBrief } from "./inBrief.js"
import { abandonAll, endThreads, exitIsHeld } from "./outliving.js"
import { codes, type StopSignal, StopSignals } from "./StopSignals.js"
import { isAftermath, isEcho, isLeftOver, wasTold } from "./told.js"
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

/** A process has one main: two would each leave it while the other one is still closing. */
let running = false

/** After the deadline of the body there is this much more for the loop's own last steps, in milliseconds. */
const LAST_STEPS = 250

/** How long output that a pipe holds back may keep the process, in milliseconds. */
const FLUSH = 1_000

/** The loop of the program, and how to log as the program would. */
interface Opened {
  readonly loop: Home
  readonly state: FiberState
}

/** How long threads may take to end before the process leaves without `process.exit`, in milliseconds. */
const THREADS = 250

/**
 * Ends the process at once. `process.exit` waits for threads: where one is in a call that cannot be ended, the process is
 * killed, by the signal that it was told to stop by.
 */
const exitProcess = (code: number): never => {
  if (!exitIsHeld()) return process.exit(code)
  const name = (Object.keys(codes) as ReadonlyArray<StopSignal>).find((signal) => codes[signal] === code)
  lastLine(`a thread is in a call that cannot be ended: the process ends by ${name ?? "SIGKILL"}`)
  process.emit("exit", code)
  if (name !== undefined) {
    process.removeAllListeners(name)
    process.kill(process.pid, name)
  }
  process.kill(process.pid, "SIGKILL")
  throw new Error("the process has not ended")
}

/** Ends the process, after what was written to its pipes: the last report is worth the most. Children are ended at once. */
const leaveProcess = (code: number): void => {
  abandonAll()
  let held = 1
  const flushed = (): void => {
    if (--held === 0) exitProcess(code)
  }
  if (exitIsHeld()) {
    held++
    let waits = true
    const over = (): void => {
      if (waits) flushed()
      waits = false
    }
    void endThreads().then(over)
    setTimeout(over, THREADS)
  }
  for (const stream of [process.stdout, process.stderr]) {
    if (!(stream.writableLength > 0)) continue
    held++
    stream.on("error", () => {})
    stream.write("", flushed)
  }
  if (held > 1) setTimeout(() => exitProcess(code), FLUSH)
  flushed()
}

/**
 * Runs `program` until the process can end. Resolves with its Exit; never rejects. Throws {@link InvalidStateError} where one
 * runs already; `what` is the call, for that.
 */
export const runMain = <A, E>(
  what: string,
  program: (opened: (loop: Home) => Effect.Effect<void>) => Effect.Effect<A, E>,
  options: MainOptions
): Promise<Exit.Exit<A, E>> => {
  if (running) {
    throw new InvalidStateError(
      `${what} in a process whose program runs already, and a process has one: run the second one inside the first, ` +
        "for instance with Effect.all, or with Effect.runPromise(Loop.scoped(program)), which neither listens to signals nor exits"
    )
  }
  running = true
  return new Promise((resolve) => {
    let opened: Opened | undefined
    /** The first one: from then on the program is being stopped. */
    let signal: StopSignal | undefined
    /** An accident that no crash carries into the Exit: before the loop was opened, or after the program has ended. */
    let accident = false
    /** `ended` with its Exit; `leaving` without it. */
    let state: "running" | "ended" | "leaving" = "running"
    let stopDeadline: (() => void) | undefined
    const keepAlive = setInterval(() => {}, LONGEST)
    const workers = new WorkersSeen()

    const log = (level: "warning" | "error", message: string, cause?: Cause.Cause<unknown>): void => {
      if (opened === undefined) return console.error(message, cause ?? "")
      logAs(opened.state, level, message, { loop: opened.loop.name }, cause)
    }
    const leftovers = (): string => {
      const all = opened === undefined ? [] : leftoversOf(opened.loop)
      return all.length === 0 ? "nothing on the loop is left" : `not stopped:\n${tableOf(all)}`
    }
    const crashed = (): boolean => accident || opened?.loop._crash !== undefined
    const leave = (code: number): void => {
      state = "leaving"
      leaveProcess(code)
    }
    const startDeadline = (): void => {
      const closeDeadline = opened?.loop._closeDeadline ?? options.closeDeadline
      if (stopDeadline !== undefined || closeDeadline === Infinity) return
      stopDeadline = inRealTime(closeDeadline + LAST_STEPS, () => {
        // The loop's deadline has passed before this one, and what has not stopped was reported there.
        log("error", `the program did not stop within ${closeDeadline}ms: leaving without it`)
        leave(signal === undefined || crashed() ? 1 : codes[signal])
      })
    }
    const onSignal = (name: StopSignal): void => {
      // Somebody who asks a third time has no patience for the report either.
      if (state === "leaving") return exitProcess(codes[name])
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
      if (state === "ended") process.exitCode = 1
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
    const onUncaught = unlessEcho("uncaught exception")
    const onUnhandled = unlessEcho("unhandled rejection")
    const offBrokenOutput = onBrokenOutput((name, error) => {
      // A program that was told to stop goes on stopping.
      if (signal === undefined) onAccident(`${name} cannot be written any more`, error)
    })
    const onExit = (code: number): void => {
      if (state !== "running" || opened === undefined || blamedIn(leftoversOf(opened.loop)) === 0) return
      lastLine(`the process exits with ${code} before its program has ended; ${leftovers()}`)
    }
    const stopListening = (): void => {
      signals.close()
      process.off("exit", onExit)
      clearInterval(keepAlive)
      stopDeadline?.()
      showInBrief(false)
    }

    /** Accidents of its end come a moment later. Where the process leaves at once, this is not called. */
    const stopCatching = (): void => {
      process.off("uncaughtException", onUncaught)
      process.off("unhandledRejection", onUnhandled)
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
          return void setImmediate(() => leaveProcess(accident ? 1 : chosen))
        process.exitCode ??= chosen
        setImmediate(stopCatching)
        // Nothing of the loop is left. If something else holds the process, say so instead of hanging in silence; if that may
        // be what the loop has given up, it has had its time.
        setTimeout(
          () => {
            const leaving = isLeftOver() ? ": leaving without what was left over" : ""
            log(
              "warning",
              `the program has ended, and the process is kept alive by: ${keptAliveBy(workers)}${leaving}`
            )
            workers.close()
            if (isLeftOver()) leaveProcess(Number(process.exitCode))
          },
          Math.min(options.slowJoin, LONGEST)
        ).unref()
      }
      running = false
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

    const signals = new StopSignals(onSignal)
    process.on("uncaughtException", onUncaught)
    process.on("unhandledRejection", onUnhandled)
    process.prependListener("exit", onExit)
    const fiber = Effect.runFork(
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
