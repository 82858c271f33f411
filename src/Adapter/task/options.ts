/** What may be said of aio work that an Effect waits for, checked where it is given: before anything is scheduled. */
import { type DurationInput, toMillis } from "../../effect.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import type { CancelledError, LoopClosedError, QueueFullError } from "../../Loop/kernel/errors.js"

/**
 * What interruption of the Effect does to the aio work, and what the work is called.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioOptions {
  /**
   * `"join"` (the default) cancels the work and waits until it has ended. `"abandon"` cancels it and returns at once:
   * it stays on the loop, is listed, and is joined when the loop closes.
   */
  readonly onInterrupt?: "join" | "abandon" | undefined
  /** With `"join"`: how long to wait before the work is abandoned and reported as a leftover. Default: the loop's. */
  readonly grace?: DurationInput | undefined
  /** The name of the task, for reports. Default: the function's name. */
  readonly name?: string | undefined
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
}

/** What interruption does where nothing else is said. */
export const joinAlways: OnInterrupt = { mode: "join", grace: undefined }

/** The `onInterrupt` and `grace` of a call. Throws `RangeError` for what they cannot be. */
export const onInterruptOf = ({ grace, onInterrupt = "join" }: AioOptions): OnInterrupt => {
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

/** Throws `TypeError` for an option of `operation` that is to be a function and is something else. */
export const checkFunctionOptions = (operation: string, options: Readonly<Record<string, unknown>>): void => {
  for (const [key, given] of Object.entries(options)) {
    if (given !== undefined && typeof given !== "function") {
      throw new TypeError(`${operation}'s ${key} is a function, not ${describeValue(given)}`)
    }
  }
}
