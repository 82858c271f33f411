/** What a loop may be told, what holds where it is told nothing, and what it tells of itself. */
import { describeValue } from "./describe.js"
import type { BaseEventLoop } from "./BaseEventLoop.js"
import type { Report } from "./Report.js"
import type { CancelledOption, CancelOption, Coroutine, Task, TaskOptions } from "./Task.js"

/** A function that is given the loop. As a method's type it may ask for more: the loop of a room above the kernel. */
type Taking<Loop, Rest extends ReadonlyArray<unknown>, R> = { f(loop: Loop, ...rest: Rest): R }["f"]

/**
 * Called instead of the loop's own handler; `loop.defaultExceptionHandler(report)` does what that would do.
 *
 * @category models
 * @since 0.1.0
 */
export type ExceptionHandler = Taking<BaseEventLoop, [report: Report], void>

/**
 * Makes the tasks of `createTask`.
 *
 * @category models
 * @since 0.1.0
 */
export type TaskFactory = Taking<
  BaseEventLoop,
  [coroutine: Coroutine<unknown>, options: TaskOptions],
  Task<unknown>
>

/**
 * What a loop may be told when it is made.
 *
 * @category models
 * @since 0.1.0
 */
export interface EventLoopOptions {
  /** For reports and logs. Default `loop-<n>`. */
  readonly name?: string | undefined
  /** How many callbacks may wait. More give {@link QueueFullError}. Default: no limit. */
  readonly queueLength?: number | undefined
  /** Remember where things were created, and report slow callbacks. Default false. */
  readonly debug?: boolean | undefined
  /** Debug mode: from how many milliseconds on a callback is reported as slow. Default 100. */
  readonly slowCallbackDuration?: number | undefined
  readonly exceptionHandler?: ExceptionHandler | undefined
  /** How work is stopped where its signal does not reach, for tasks that are given no `cancel`. */
  readonly cancel?: CancelOption | undefined
  /** Which errors are the echo of our own cancel, for tasks that are given no `cancelled`. */
  readonly cancelled?: CancelledOption | undefined
}

/** After how many milliseconds a wait for cancelled work is reported, where nothing else is said. */
export const DEFAULT_SLOW_JOIN = 1_000

/** The numbers among the options, with their defaults. Throws `RangeError` for what is out of range. */
export const limitsOf = ({
  queueLength = Infinity,
  slowCallbackDuration = 100
}: EventLoopOptions): { readonly queueLength: number; readonly slowCallbackDuration: number } => {
  if (queueLength !== Infinity && (!Number.isInteger(queueLength) || queueLength < 1)) {
    throw new RangeError(
      `queueLength is a whole number of callbacks from 1 on, not ${describeValue(queueLength)}`
    )
  }
  if (typeof slowCallbackDuration !== "number" || !(slowCallbackDuration >= 0)) {
    throw new RangeError(
      `slowCallbackDuration is in milliseconds from 0 on, not ${describeValue(slowCallbackDuration)}`
    )
  }
  return { queueLength, slowCallbackDuration }
}

/**
 * What a loop holds, as numbers. A snapshot.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopStatistics {
  readonly name: string
  readonly state: "running" | "stopped" | "closing" | "closed"
  /** Callbacks and task steps that wait for their pass. */
  readonly ready: number
  /** Timers that wait, without cancelled ones. */
  readonly timers: number
  /** Tasks that are not done. */
  readonly tasks: number
  /** Failed Futures that nobody has looked at yet. */
  readonly unretrieved: number
  /** Passes since the loop was made. */
  readonly passes: number
  /** Callbacks and task steps run since the loop was made. */
  readonly callbacks: number
  /** The default exception handler's count of outcomes that came after their receiver had gone. */
  readonly late: number
}
