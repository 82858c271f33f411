/**
 * The errors that the kernel itself throws; those of the rooms above are in `../errors.ts`.
 *
 * Plain classes with a `_tag`, so that `Effect.catchTag` works without re-wrapping. Bad arguments are `TypeError` or
 * `RangeError`, thrown before anything is scheduled.
 */

/** `Error` as V8 has it: how many frames a new error captures. */
export const V8Error: ErrorConstructor & { stackTraceLimit?: number | undefined } = Error

/** What a message of any type looks like inside an error text. Never throws: it runs inside `cancel`. */
export const messageText = (message: unknown): string => {
  if (message === undefined || message === null) return ""
  try {
    return String(message instanceof Error ? message.message : message)
  } catch {
    return "<unprintable>"
  }
}

/**
 * @internal Who has cancelled, where no reason was given: what the CancelledError says, and nobody's `reason`. A library's word,
 * so it is a class: a program may give any value.
 */
export class Canceller {
  constructor(readonly text: string) {}
}

/** What was given to the cancel that `error` tells of, to be handed on with another cancel. */
export const givenTo = (error: CancelledError): unknown => error.reason ?? new Canceller(error.message)

/**
 * The work was cancelled: `cancel()` was called on the Future or Task, or on the Task that awaited it.
 *
 * Raised by: every wait on a cancelled Future. What to do: clean up and let it pass; a Task that swallows it goes on.
 * It is an `Error` in JavaScript, so a catch-all sees it: rethrow the same object. `name` and `code` are those of an
 * `AbortError`, so that libraries which ignore aborts ignore this too. It carries no stack: cancelling is not a bug. Its
 * message is what was given to `cancel(message)`, else who has cancelled.
 *
 * Differs: asyncio's is a `BaseException`, which `except Exception` lets pass. JavaScript has one kind of `catch`.
 *
 * @example
 * const loop = SyncLoop.make()
 * const future = loop.createFuture<void>()
 * future.cancel("not needed")
 * try {
 *   future.result()
 * } catch (error) {
 *   if (error instanceof CancelledError) console.log(error.reason) // => not needed
 * }
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class CancelledError extends Error {
  readonly _tag = "CancelledError"
  override readonly name = "AbortError"
  readonly code = "ABORT_ERR"
  /** What was given to `cancel(message)`, as it was given; `undefined` where nothing was. */
  readonly reason: unknown
  constructor(reason?: unknown, options?: ErrorOptions) {
    const limit = V8Error.stackTraceLimit
    V8Error.stackTraceLimit = 0
    super((reason instanceof Canceller ? reason.text : messageText(reason)) || "cancelled", options)
    V8Error.stackTraceLimit = limit
    this.reason = reason instanceof Canceller ? undefined : (reason ?? undefined)
  }
}

/**
 * The call does not fit the state: settling twice, reading a pending outcome, a task that awaits itself, closing a
 * loop from inside one of its callbacks.
 *
 * @example
 * const loop = SyncLoop.make()
 * const future = loop.createFuture<number>()
 * future.setResult(1)
 * try {
 *   future.setResult(2)
 * } catch (error) {
 *   console.log(error instanceof InvalidStateError) // => true
 * }
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class InvalidStateError extends Error {
  readonly _tag = "InvalidStateError"
  override readonly name = "InvalidStateError"
}

/**
 * The loop was closed, is closing, or has crashed (`cause` is then the {@link LoopCrash}) before this call could be
 * served. What to do: schedule from inside the loop's Scope.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.close()
 * try {
 *   loop.callSoon(() => {})
 * } catch (error) {
 *   console.log(error instanceof LoopClosedError) // => true
 * }
 *
 * @category errors
 * @since 0.1.0
 */
export class LoopClosedError extends Error {
  readonly _tag = "LoopClosedError"
  override readonly name = "LoopClosedError"
}

/**
 * A call that needs a running loop was made where none is: outside of loop callbacks and tasks.
 * What to do: call it inside `fromAio`, `runAioCoroutine` or a loop callback, or name the loop.
 *
 * @example
 * try {
 *   getRunningLoop()
 * } catch (error) {
 *   console.log(error instanceof NoRunningLoopError) // => true
 * }
 *
 * @category errors
 * @since 0.1.0
 */
export class NoRunningLoopError extends Error {
  readonly _tag = "NoRunningLoopError"
  override readonly name = "NoRunningLoopError"
}

/**
 * A Future or Task of one loop was used on another. What to do: await it on its own loop, or copy its outcome with
 * `loop.wrapFuture`.
 *
 * @example
 * const one = SyncLoop.make()
 * const other = SyncLoop.make()
 * const future = other.createFuture<void>()
 * await one.runUntilComplete(future).catch((error: unknown) => console.log(error instanceof WrongLoopError)) // => true
 * await other.close()
 * await one.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class WrongLoopError extends Error {
  readonly _tag = "WrongLoopError"
  override readonly name = "WrongLoopError"
}

/**
 * The loop was opened with `queueLength`, and that many callbacks are waiting already.
 *
 * @example
 * const loop = SyncLoop.make({ queueLength: 1 })
 * loop.callSoon(() => {})
 * try {
 *   loop.callSoon(() => {})
 * } catch (error) {
 *   if (error instanceof QueueFullError) console.log(error.queueLength) // => 1
 * }
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class QueueFullError extends Error {
  readonly _tag = "QueueFullError"
  override readonly name = "QueueFullError"
  constructor(readonly queueLength: number) {
    super(
      `the loop's queue is full: ${queueLength} callbacks are waiting; raise queueLength or schedule less`
    )
  }
}

/**
 * The time given to `waitFor` or `timeout` was over; what ran has been cancelled, and has ended. asyncio: `TimeoutError`.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   try {
 *     await waitFor(() => sleep(60_000), 10)
 *   } catch (error) {
 *     console.log(error instanceof TimeoutError) // => true
 *   }
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class TimeoutError extends Error {
  readonly _tag = "TimeoutError"
  override readonly name = "TimeoutError"
}

/**
 * Children of a task group failed, or its body did: all their errors, the first one first, after all children have
 * ended. asyncio: `ExceptionGroup`.
 *
 * @example
 * const loop = SyncLoop.make()
 * const group = () =>
 *   TaskGroup.run((group) => {
 *     group.createTask(() => {
 *       throw new Error("no such row")
 *     })
 *   })
 * await loop.runUntilComplete(group).catch((error: unknown) => {
 *   if (error instanceof TaskGroupError) console.log(error.errors.map(String).join()) // => Error: no such row
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class TaskGroupError extends AggregateError {
  readonly _tag = "TaskGroupError"
  override readonly name = "TaskGroupError"
}

/**
 * Whether a value is a {@link CancelledError}, of this or of another copy of the library.
 *
 * @example
 * console.log(isCancelledError(new CancelledError()), isCancelledError(new Error("no"))) // => true false
 *
 * @category guards
 * @since 0.1.0
 */
export const isCancelledError = (u: unknown): u is CancelledError => {
  try {
    return (
      u instanceof CancelledError ||
      (u instanceof Error && "_tag" in u && u._tag === "CancelledError" && u.name === "AbortError")
    )
  } catch {
    return false // A thrown value may be anything, also a proxy that throws when it is asked.
  }
}

/** @internal Whether a value says that a loop was closed. A thrown value may be anything, also a proxy that throws when it is asked. */
export const isLoopClosedError = (u: unknown): u is LoopClosedError => {
  try {
    return u instanceof LoopClosedError
  } catch {
    return false
  }
}

/** Whether an error is what libraries throw when their AbortSignal was aborted. */
export const isAbortError = (u: unknown): boolean => {
  try {
    return (
      typeof u === "object" &&
      u !== null &&
      (("name" in u && u.name === "AbortError") || ("code" in u && u.code === "ABORT_ERR"))
    )
  } catch {
    return false
  }
}
