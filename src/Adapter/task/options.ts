/** What may be said of aio work that an Effect waits for, checked where it is given: before anything is scheduled. */
import { type DurationInput, isProgram, toMillis } from "../../effect.js"
import { describeValue, oneLine } from "../../Loop/kernel/describe.js"
import type { CancelledError, LoopClosedError, QueueFullError } from "../../Loop/kernel/errors.js"
import { type CancelledOption, type CancelOption, nameOf } from "../../Loop/kernel/Task.js"

/**
 * How aio work is stopped, and how that shows.
 *
 * @example
 * const connection = () => {
 *   let fail = (_: Error): void => {}
 *   return {
 *     pop: () => new Promise<string>((_, reject) => (fail = reject)), // takes no signal
 *     disconnect: () => fail(new Error("gone"))
 *   }
 * }
 * const redis = connection()
 * const pop = fromAio(() => redis.pop(), {
 *   cancel: () => redis.disconnect(),
 *   cancelled: (error) => error instanceof Error && error.message === "gone"
 * })
 * const program = pop().pipe(Effect.timeout("50 millis"), Effect.ignore)
 * await Effect.runPromise(Loop.scoped(program))
 *
 * @category models
 * @since 0.1.0
 */
export interface StopOptions {
  /**
   * How the work is stopped where its signal does not reach: disconnect, `pg_cancel_backend`, `page.close()`. Aio code, called
   * with the CancelledError and the task, once, when the work is cancelled and has not ended, whoever cancels it; never for
   * work that has not started. The Effect that waits ends when both the work and what `cancel` has returned have ended; of
   * one that fails is reported (`late`), and nothing else. Work with a `cancel` is waited for no longer than `grace`, by
   * default the loop's `grace` or else its `closeDeadline`. Default: the `cancel` of the loop.
   */
  readonly cancel?: CancelOption | undefined
  /**
   * Whether an error that the work fails with after a cancel is the echo of that, and no failure. Asked only then; it
   * decides in place of the table of known aborts. One that throws is reported (`late`), and counts as false. Default: the
   * `cancelled` of the loop.
   *
   * **Gotchas** `() => true` also takes a failure that came at the same moment, and one of the cleanup.
   */
  readonly cancelled?: CancelledOption | undefined
}

/**
 * What interruption of the Effect does to the aio work, and what the work is called.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioOptions extends StopOptions {
  /**
   * `"join"` (the default) cancels the work and waits until it has ended. `"abandon"` cancels it and returns at once:
   * it stays on the loop, is listed, and is joined when the loop closes.
   */
  readonly onInterrupt?: "join" | "abandon" | undefined
  /**
   * With `"join"`: how long to wait before the work is abandoned and reported as a leftover. It counts from the interruption;
   * in a finalizer, where none can come, from the beginning of the wait, and the Effect then fails with CancelledError.
   * Default: the loop's; in a finalizer, else its `closeDeadline`.
   */
  readonly grace?: DurationInput | undefined
  /** The name of the task, for reports. Default: the function's name. */
  readonly name?: string | undefined
  /** False for work that may make no progress for as long as it likes: the loop's `slowTask` does not report it. Default true. */
  readonly slowTask?: boolean | undefined
}

/**
 * How every Effect over aio work can fail, beside its own errors: the work was cancelled by somebody else; the loop is
 * closed; the loop was opened with `queueLength` and is full.
 *
 * @category errors
 * @since 0.1.0
 */
export type AioInterrupted = CancelledError | LoopClosedError | QueueFullError

/** What interruption does to aio work, in milliseconds: an {@link AioOptions} that was checked. */
export interface OnInterrupt {
  readonly mode: "join" | "abandon"
  /** How long to join before the work is abandoned and reported; `undefined` is the loop's own `grace`. */
  readonly grace: number | undefined
  /** It was said how the work is stopped, by other means than a `cancel` of its task: then there is a bound as for that. */
  readonly stoppable?: boolean | undefined
}

/** What interruption does where nothing else is said. */
export const joinAlways: OnInterrupt = { mode: "join", grace: undefined }

/** The `onInterrupt` and `grace` of a call. Throws `RangeError` for what they cannot be. */
export const onInterruptOf = ({
  grace,
  onInterrupt = "join"
}: Pick<AioOptions, "grace" | "onInterrupt">): OnInterrupt => {
  if (onInterrupt !== "join" && onInterrupt !== "abandon") {
    throw new RangeError(`onInterrupt is "join" or "abandon", not ${describeValue(onInterrupt)}`)
  }
  return { mode: onInterrupt, grace: grace === undefined ? undefined : toMillis("grace", grace) }
}

/** Throws `TypeError` for options of `operation` that are none, as where a list is mapped with it. */
export const checkOptions = (operation: string, options: unknown): void => {
  if (typeof options === "object" && options !== null) return
  throw new TypeError(`the options of ${operation} are an object, not ${describeValue(options)}`)
}

/** A {@link StopOptions} that was checked, as a task takes it. */
export interface Stops {
  readonly cancel: CancelOption | undefined
  readonly cancelled: CancelledOption | undefined
  readonly slowTask?: boolean | undefined
}

/** The `cancel` and `cancelled` of a call of `operation`. Throws `TypeError` for what they cannot be. */
export const stopsOf = (
  operation: string,
  { cancel, cancelled, slowTask }: StopOptions & Pick<AioOptions, "slowTask">
): Stops => {
  checkFunctionOptions(operation, { cancel, cancelled })
  if (slowTask !== undefined && typeof slowTask !== "boolean") {
    throw new TypeError(`${operation}'s slowTask is a boolean, not ${describeValue(slowTask)}`)
  }
  return {
    cancel: cancel === undefined ? undefined : (reason, task) => refuseProgram(cancel(reason, task)),
    cancelled,
    slowTask
  }
}

/** What a `cancel` returned: an Effect would never run, and nothing would be stopped. */
export const refuseProgram = <A>(returned: A): A => {
  if (!isProgram(returned)) return returned
  throw new TypeError(
    "`cancel` returned an Effect, which nobody will run: it is aio code; return a promise, or runEffect(effect)"
  )
}

/** The name that was given to a call, for reports: one line, of bounded length, whatever it was. */
export const givenName = ({ name }: { readonly name?: string | undefined }): string | undefined =>
  name === undefined ? undefined : oneLine(nameOf(name))

/** Throws `TypeError` for an option of `operation` that is to be a function and is something else. */
export const checkFunctionOptions = (operation: string, options: Readonly<Record<string, unknown>>): void => {
  for (const [key, given] of Object.entries(options)) {
    if (given !== undefined && typeof given !== "function") {
      throw new TypeError(`${operation}'s ${key} is a function, not ${describeValue(given)}`)
    }
  }
}
