/** Sending a signal to all of a command, and waiting until it has ended. */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"
import { ProcessLookupError, SignalError } from "../../Loop/errors.js"
import { Waiting } from "../../Loop/fiber/Wait.js"
import type { Home } from "../../Loop/ports.js"
import type { Child } from "../../Loop/process/Child.js"

/** How long who kills waits for what the command has started, after its own exit. Real time, as the platform has it. */
const GROUP_GRACE = 1_000

/**
 * Calls `then` once the child has exited and the rest of its group has ended or had its time. After `insistAfter` milliseconds
 * all of it gets SIGKILL. The result ends the waiting.
 */
const whenKilled = (child: Child, insistAfter: number | undefined, then: () => void): (() => void) => {
  let timer: NodeJS.Timeout | undefined
  let exited = false
  const stop = (): void => {
    clearTimeout(timer)
    noEnd()
    noExit()
  }
  const over = (): void => {
    stop()
    then()
  }
  const enough = (): void => {
    if (exited && insistAfter === undefined) timer = setTimeout(over, GROUP_GRACE)
  }
  let noEnd = (): void => {}
  let noExit = (): void => {}
  noExit = child.onExit(() => {
    exited = true
    enough()
  })
  if (insistAfter !== undefined) {
    timer = setTimeout(() => {
      insistAfter = undefined
      child.abandon()
      enough()
    }, insistAfter)
  }
  noEnd = child.onEnd(over)
  return stop
}

/** Where the child exits with an error, what it has started gets the signal at once. */
export const killOnError = (child: Child, signal: NodeJS.Signals): void => {
  child.onExit(() => {
    if ((child.returncode ?? 0) <= 0) return
    try {
      child.signalGroup(signal)
    } catch {
      // There was nothing.
    }
  })
}

/**
 * Sends `signal` to the command and its group, and waits: for its exit, and at most a second more for what it has started.
 * Where there is an `insistAfter`, in milliseconds, for all of it, which gets SIGKILL then. Interrupting it ends the waiting.
 */
export const killCommand = (
  loop: Home,
  child: Child,
  signal: NodeJS.Signals,
  insistAfter: number | undefined
): Effect.Effect<void, ProcessLookupError | SignalError> =>
  callback((resume) => {
    try {
      child.signalGroup(signal)
    } catch (error) {
      return resume(
        error instanceof ProcessLookupError || error instanceof SignalError
          ? Effect.fail(error)
          : Effect.die(error)
      )
    }
    loop._start()
    const waiting = new Waiting(loop, () => resume(Effect.void))
    const stop = whenKilled(child, insistAfter, () => loop._afterQueued(() => waiting.run()))
    return Effect.sync(stop)
  })
