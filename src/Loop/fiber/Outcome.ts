/**
 * The table between the worlds. Nobody else inspects a Cause or a settled Future.
 *
 *     aio settles as            Effect sees                 Effect exits with        aio future becomes
 *     value                     success                     success                  value
 *     error e                   failure (mapped)            failure e                error e, the same object
 *     cancelled, by this fiber  interruption                interruption only        cancelled
 *     cancelled, by others      failure CancelledError      defect, mixed cause      error: squashed, Cause attached
 *
 * It stands in this room, below the Adapter, because `loop.effectAsFuture` needs its right half.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { defects, failures, isInterrupted, isInterruptedOnly } from "../../effect.js"
import { type CancelledError, isCancelledError, LoopClosedError } from "../kernel/errors.js"
import { AioError } from "../errors.js"
import type { Future } from "../kernel/Future.js"
import { Task } from "../kernel/Task.js"
import type { Home } from "../ports.js"

const causes = new WeakMap<object, Cause.Cause<unknown>>()

/**
 * The whole Cause behind an error with which an Effect ended in aio code, where the error alone does not tell all: a
 * defect, several failures, a failure while being interrupted.
 *
 * @category accessors
 * @since 0.1.0
 */
export const causeOf = (error: unknown): Cause.Cause<unknown> | undefined =>
  typeof error === "object" && error !== null ? causes.get(error) : undefined

/** What a done Future is to an Effect that waited for it, and was not interrupted. */
export const fromFuture = <A, E>(
  future: Future<A>,
  mapError: (error: unknown) => E
): Effect.Effect<A, E | CancelledError | LoopClosedError> => {
  switch (future._peek()) {
    case "value":
      return Effect.succeed(future._value())
    case "cancelled": {
      const error = future._error() as CancelledError
      // Cancelled because the loop closes: that is the news, and its cause is the crash if there was one.
      return Effect.fail(error.reason instanceof LoopClosedError ? error.reason : error)
    }
    default: {
      const error = future._error()
      // Cancellation may come as an error, too: from another loop, or by `setException`.
      if (error instanceof LoopClosedError || isCancelledError(error)) return Effect.fail(error)
      try {
        return Effect.fail(mapError(error))
      } catch (defect) {
        return Effect.die(defect)
      }
    }
  }
}

/** The failure of an adapter that was given no `catch`. */
export const aioError =
  (task: () => string) =>
  (cause: unknown): AioError =>
    new AioError({ cause, task: task() })

/**
 * What a done Future is to a fiber that was interrupted and has waited for it: nothing, unless it failed. A failure
 * joins the fiber's Cause as a defect, and goes to the exception handler too, because `timeout`, `race` and `all`
 * throw a loser's Cause away.
 */
export const afterInterrupt = (
  loop: Home,
  name: () => string,
  future: Future<unknown>
): Effect.Effect<void> => {
  switch (future._peek()) {
    case "error": {
      const exception = future._error()
      if (exception instanceof LoopClosedError || isCancelledError(exception)) return Effect.void
      loop.callExceptionHandler({
        kind: "late",
        message: `${name()} failed after it was cancelled`,
        exception,
        future
      })
      return Effect.die(exception)
    }
    case "value":
      loop._countLate()
      return Effect.void
    default:
      if (future instanceof Task && future._dropped) loop._countLate()
      return Effect.void
  }
}

/** The error that aio code sees for a Cause: one error as it is, wrappers of this library taken off. */
const errorOf = (cause: Cause.Cause<unknown>): unknown => {
  const squashed = Cause.squash(cause)
  return squashed instanceof AioError ? squashed.cause : squashed
}

/** Settles a Future with the Exit of the fiber behind it. `message` is what its `cancel` was given. */
export const settleWithExit = <A>(future: Future<A>, exit: Exit.Exit<A, unknown>, message: unknown): void => {
  if (future.done()) return
  if (Exit.isSuccess(exit)) return future._settleValue(exit.value)
  const { cause } = exit
  if (isInterruptedOnly(cause)) return future._settleCancelled(message)
  const error = errorOf(cause)
  if (
    typeof error === "object" &&
    error !== null &&
    (failures(cause).length !== 1 || defects(cause).length > 0 || isInterrupted(cause))
  ) {
    causes.set(error, cause)
  }
  future._settleError(error)
}

/** What a background effect failed with, for a report: one error as it is, several as a group. */
export const backgroundFailure = (
  exit: Exit.Exit<unknown, unknown>
): { readonly error: unknown } | undefined => {
  if (Exit.isSuccess(exit) || isInterruptedOnly(exit.cause)) return undefined
  const errors = [...failures(exit.cause), ...defects(exit.cause)].map((error) =>
    error instanceof AioError ? error.cause : error
  )
  return {
    error: errors.length === 1 ? errors[0] : new AggregateError(errors, "several failures of one effect")
  }
}
