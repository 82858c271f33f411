/**
 * The table between the worlds: the one place that says what the end of aio work is to an Effect, and what the Exit of a
 * fiber is to aio code.
 *
 *     aio settles as            Effect sees                 Effect exits with        aio future becomes
 *     value                     success                     success                  value
 *     error e                   failure (mapped)            failure e                error e, the same object
 *     cancelled, by this fiber  interruption                interruption only        cancelled
 *     cancelled, by others      failure CancelledError      defect, mixed cause      error: squashed, Cause attached
 *
 * It stands in this room, below the Adapter, because `loop.effectAsFuture` needs its right half.
 *
 * Other files look at a settled Future or into a Cause, too, for what is no translation: to pass an outcome on inside its
 * own world, to choose what to report, or to tell whether something failed at all. One program that is in both worlds
 * keeps a Cause beside the error that it threw into its generator: Adapter/allowAio.ts.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  defects,
  defectsHideFailures,
  failures,
  isInterrupted,
  isInterruptedOnly,
  sequentialCauses,
  withoutErrors
} from "../../effect.js"
import {
  CancelledError,
  Canceller,
  isCancelledError,
  type LoopClosedError,
  isLoopClosedError
} from "../kernel/errors.js"
import { AioError } from "../errors.js"
import type { Future } from "../kernel/Future.js"
import type { Report } from "../kernel/Report.js"
import { Task } from "../kernel/Task.js"
import type { Home } from "../ports.js"
import { addLate, isLate } from "./late.js"

/** The Causes that {@link causeOf} gives, by the error that aio code got. */
const causes = new WeakMap<object, Cause.Cause<unknown>>()

/**
 * The whole Cause behind an error with which an Effect ended in aio code, where the error alone does not tell all: a
 * defect, several failures, a failure while being interrupted.
 *
 * @example
 * const program = runAioCoroutine(async () => {
 *   try {
 *     await runEffect(Effect.die(new Error("a bug")))
 *   } catch (error) {
 *     const cause = causeOf(error)
 *     return cause !== undefined && Cause.squash(cause) === error
 *   }
 *   return undefined
 * })
 * console.log(await Effect.runPromise(Loop.scoped(program))) // => true
 *
 * @category accessors
 * @since 0.1.0
 */
export const causeOf = (error: unknown): Cause.Cause<unknown> | undefined =>
  typeof error === "object" && error !== null ? causes.get(error) : undefined

/** What an Effect fails with for a cancellation: that the loop closes, where it was that. Its cause is the crash, if any. */
export const cancellationOf = (error: CancelledError): CancelledError | LoopClosedError =>
  isLoopClosedError(error.reason) ? error.reason : error

/** What a done Future is to an Effect that waited for it, and was not interrupted. */
export const fromFuture = <A, E>(
  future: Future<A>,
  mapError: (error: unknown) => E
): Exit.Exit<A, E | CancelledError | LoopClosedError> => {
  switch (future._peek()) {
    case "value":
      return Exit.succeed(future._value())
    case "cancelled": {
      return Exit.fail(cancellationOf(future._error() as CancelledError))
    }
    default: {
      const error = future._error()
      // Cancellation may come as an error, too: from another loop, or by `setException`.
      if (isLoopClosedError(error) || isCancelledError(error)) return Exit.fail(error)
      try {
        return Exit.fail(mapError(error))
      } catch (defect) {
        return Exit.die(defect)
      }
    }
  }
}

/** The failure of an adapter that was given no `catch`. */
export const aioError =
  (task: () => string) =>
  (cause: unknown): AioError =>
    new AioError({ cause, task: task() })

/** What was waited for, as the fields of a report. */
export const about = (future: Future<unknown>): Pick<Report, "future" | "task"> =>
  future instanceof Task ? { future, task: future } : { future }

/** Reports how a Future has failed, unless somebody else tells of that. Either way it is told of. */
export const tellLate = (loop: Home, message: string, future: Future<unknown>): void => {
  const exception = future._error()
  if (future._passedOn) return addLate(exception)
  loop.callExceptionHandler({
    kind: "late",
    message,
    exception,
    ...about(future)
  })
}

/**
 * Whether the defect of a cleanup would take the typed failure with which its Scope ends from whoever handles that: then it is
 * reported, and no defect.
 */
export const wouldHide = (exit: Exit.Exit<unknown, unknown>): boolean =>
  defectsHideFailures && Exit.isFailure(exit) && failures(exit.cause).length > 0

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
      if (isOurs(exception)) return Effect.void
      tellLate(loop, `${name()} failed after it was cancelled`, future)
      return Effect.die(exception)
    }
    case "value":
      loop._countLate()
      return Effect.void
    default:
      return Effect.void
  }
}

/** Who has cancelled, where a fiber ended by interruption and nobody has said why. */
const interrupted = new Canceller("the fiber was interrupted")

/**
 * What an Effect that failed throws into the generator of `allowAio`, which is Effect code too: its error as it is, wrappers
 * included, or CancelledError where it was interrupted.
 */
export const thrownFor = (cause: Cause.Cause<unknown>): unknown =>
  isInterruptedOnly(cause) ? new CancelledError(interrupted) : Cause.squash(cause)

/** Whether an error only says that the loop has cancelled something, or was closed. */
export const isOurs = (error: unknown): boolean => isLoopClosedError(error) || isCancelledError(error)

/**
 * The errors in a Cause, wrappers of this library taken off: those of the program. Only where it has none, those that say
 * what the loop did; beside an error of the program they are no more than where that came from.
 */
const errorsIn = (cause: Cause.Cause<unknown>): ReadonlyArray<unknown> => {
  const all = [...failures(cause), ...defects(cause)].map((error) =>
    error instanceof AioError ? error.cause : error
  )
  const own = all.filter((error) => !isOurs(error))
  return own.length === 0 ? all : own
}

/** An error that has come from an Effect before has a Cause already: what is new in this one is added to that. */
const attach = (error: object, cause: Cause.Cause<unknown>): void => {
  const before = causes.get(error)
  if (before === undefined) return void causes.set(error, cause)
  const more = withoutErrors(
    cause,
    (one) => one === error || (one instanceof AioError && one.cause === error)
  )
  causes.set(error, sequentialCauses(before, more))
}

/** The errors among these that were not reported as late. */
const untold = (errors: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  errors.filter((error) => !isLate(error))

/** Settles a Future with the Exit of the fiber behind it. `message` is what its `cancel` was given. */
export const settleWithExit = <A>(future: Future<A>, exit: Exit.Exit<A, unknown>, message: unknown): void => {
  if (future.done()) return
  if (Exit.isSuccess(exit)) return future._settleValue(exit.value)
  const { cause } = exit
  if (isInterruptedOnly(cause)) return future._settleCancelled(message ?? interrupted)
  // The others are in the Cause that is attached to it. Whoever gets it may have to report it: then the news goes first.
  const errors = errorsIn(cause)
  const news = untold(errors)
  const [error] = [...news, ...errors]
  // Told of already, as what an interrupted fiber had waited for or as a close that failed, it goes on through all that waited.
  if (news.length === 0) future._passOn()
  if (
    typeof error === "object" &&
    error !== null &&
    (failures(cause).length !== 1 || defects(cause).length > 0 || isInterrupted(cause))
  ) {
    attach(error, cause)
  }
  future._settleError(error)
}

/**
 * What a background effect failed with, for a report: one error as it is, several as a group. What was reported as late when it
 * was interrupted is no failure of its own.
 */
export const backgroundFailure = (
  exit: Exit.Exit<unknown, unknown>,
  told: boolean
): { readonly error: unknown } | undefined => {
  if (Exit.isSuccess(exit) || isInterruptedOnly(exit.cause)) return undefined
  const all = errorsIn(exit.cause)
  const news = untold(all)
  if (news.length === 0 && (told || isInterrupted(exit.cause))) return undefined
  const errors = news.length === 0 ? all : news
  return {
    error: errors.length === 1 ? errors[0] : new AggregateError(errors, "several failures of one effect")
  }
}
