/**
 * A whole program with a loop: signals, exit codes, and the promise that the process ends.
 *
 * The first SIGINT or SIGTERM interrupts the program and closes in order; the second skips to a report and exits. What
 * has not stopped at `closeDeadline` is named, and does not keep the process.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  defects,
  failures,
  fiberState,
  interruptFork,
  isInterruptedOnly,
  observe,
  type FiberState
} from "../../effect.js"
import { LoopCrash } from "../errors.js"
import { leftoversOf, tableOf } from "./Leftovers.js"
import { LONGEST } from "../host/NodeHost.js"
import { logAs } from "../host/Reporter.js"
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
  /** Milliseconds from the first signal, crash or interruption to the last word. */
  readonly closeDeadline: number
  readonly slowJoin: number
}

const signals = ["SIGINT", "SIGTERM"] as const
const codes: Record<(typeof signals)[number], number> = { SIGINT: 130, SIGTERM: 143 }

/** After the deadline of the body there is this much more for the loop's own last steps, in milliseconds. */
const LAST_STEPS = 250

/** How long output that a pipe holds back may keep the process, in milliseconds. */
const FLUSH = 1_000

/** The loop of the program, and how to log as the program would. */
interface Opened {
  readonly loop: Home
  readonly state: FiberState
}

/** Ends the process, after what was written to its pipes: the last report is worth the most. */
const leaveProcess = (code: number): void => {
  let held = 1
  const flushed = (): void => {
    if (--held === 0) process.exit(code)
  }
  for (const stream of [process.stdout, process.stderr]) {
    if (!(stream.writableLength > 0)) continue
    held++
    stream.on("error", () => {})
    stream.write("", flushed)
  }
  if (held > 1) setTimeout(() => process.exit(code), FLUSH)
  flushed()
}

/** What keeps the process alive, without the standard streams, which do not. */
const keptAliveBy = (): string => {
  const all = process.getActiveResourcesInfo()
  const others = all.filter((name) => !/^(TTYWrap|PipeWrap)$/.test(name))
  return (others.length > 0 ? others : all).join(", ")
}

/** Runs `program` until the process can end. Resolves with its Exit; never rejects. */
export const runMain = <A, E>(
  program: (opened: (loop: Home) => Effect.Effect<void>) => Effect.Effect<A, E>,
  options: MainOptions
): Promise<Exit.Exit<A, E>> =>
  new Promise((resolve) => {
    let opened: Opened | undefined
    let signal: (typeof signals)[number] | undefined
    /** An accident that no crash carries into the Exit. */
    let accident = false
    let leaving = false
    let deadline: NodeJS.Timeout | undefined
    const keepAlive = setInterval(() => {}, LONGEST)

    const log = (level: "warning" | "error", message: string, cause?: Cause.Cause<unknown>): void => {
      if (opened === undefined) return console.error(message, cause ?? "")
      logAs(opened.state, level, message, { loop: opened.loop.name }, cause)
    }
    const leftovers = (): string => {
      const all = opened === undefined ? [] : leftoversOf(opened.loop)
      return all.length === 0 ? "nothing on the loop is left" : `not stopped:\n${tableOf(all)}`
    }
    const startDeadline = (): void => {
      if (deadline !== undefined || options.closeDeadline === Infinity) return
      deadline = setTimeout(
        () => {
          // The loop's deadline has passed before this one, and what has not stopped was reported there.
          log("error", `the program did not stop within ${options.closeDeadline}ms: leaving without it`)
          leaving = true
          leaveProcess(signal === undefined ? 1 : codes[signal])
        },
        Math.min(options.closeDeadline + LAST_STEPS, LONGEST)
      )
    }
    const onSignal = (name: (typeof signals)[number]): void => {
      // Somebody who asks a third time has no patience for the report either.
      if (leaving) return process.exit(codes[name])
      if (signal !== undefined) {
        log("error", `${name} after ${signal}: leaving at once; ${leftovers()}`)
        leaving = true
        return leaveProcess(codes[name])
      }
      signal = name
      startDeadline()
      interruptFork(fiber)
    }
    // Accidents of the process close the loop instead of skipping finalizers.
    const onAccident = (kind: string) => (error: unknown) => {
      startDeadline()
      const loop = opened?.loop
      if (loop === undefined || loop.isClosed() || loop._crash !== undefined) {
        accident = true
        log("error", `${kind} while stopping`, Cause.die(error))
        if (loop === undefined) interruptFork(fiber)
      } else {
        log("error", `${kind}: the loop crashes`, Cause.die(error))
        loop._crashWith(error, kind)
      }
    }
    const onUncaught = onAccident("uncaught exception")
    const onUnhandled = onAccident("unhandled rejection")
    const stopListening = (): void => {
      for (const name of signals) process.off(name, onSignal)
      process.off("uncaughtException", onUncaught)
      process.off("unhandledRejection", onUnhandled)
      clearInterval(keepAlive)
      clearTimeout(deadline)
    }

    const codeOf = (exit: Exit.Exit<A, E>): number => {
      if (accident) return 1
      if (signal === undefined) return Exit.isSuccess(exit) ? 0 : 1
      return Exit.isSuccess(exit) || isInterruptedOnly(exit.cause) ? codes[signal] : 1
    }
    const end = (exit: Exit.Exit<A, E>): void => {
      // The process is on its way out already; its code is chosen.
      if (leaving) return
      if (Exit.isFailure(exit) && !isInterruptedOnly(exit.cause) && !isLoggedCrash(exit.cause)) {
        log("error", "the program failed", exit.cause)
      }
      let left = false
      const leave = (chosen: number): void => {
        if (left) return
        left = true
        // Whoever awaits `run` sees its Exit before the process ends.
        if (chosen !== 0 || signal !== undefined) return void setImmediate(() => leaveProcess(chosen))
        process.exitCode ??= chosen
        // Nothing of the loop is left. If something else holds the process, say so instead of hanging in silence.
        setTimeout(
          () => log("warning", `the program has ended, and the process is kept alive by: ${keptAliveBy()}`),
          Math.min(options.slowJoin, LONGEST)
        ).unref()
      }
      stopListening()
      resolve(exit)
      if (options.teardown === undefined) return leave(codeOf(exit))
      try {
        options.teardown(exit, leave, codeOf(exit))
      } catch (error) {
        log("error", "the teardown failed", Cause.die(error))
        leave(1)
      }
    }

    for (const name of signals) process.on(name, onSignal)
    process.on("uncaughtException", onUncaught)
    process.on("unhandledRejection", onUnhandled)
    const fiber = Effect.runFork(
      program((loop) =>
        Effect.map(fiberState, (state) => {
          opened = { loop, state }
          loop._onCrash(startDeadline)
        })
      )
    )
    observe(fiber, end)
  })

/** The crash itself was logged when it happened; what the program's finalizers added to it was not. */
const isLoggedCrash = (cause: Cause.Cause<unknown>): boolean =>
  [...failures(cause), ...defects(cause)].every((error) => error instanceof LoopCrash)
