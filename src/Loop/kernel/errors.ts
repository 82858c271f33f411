/**
 * The only taxonomy: every error that effect-aio makes itself is a class of this file.
 *
 * Plain classes with a `_tag`, so that `Effect.catchTag` works without re-wrapping. Bad arguments are `TypeError` or
 * `RangeError`, thrown before anything is scheduled.
 */

/** `Error` as V8 has it: how many frames a new error captures. */
const V8Error: ErrorConstructor & { stackTraceLimit?: number | undefined } = Error

/** What a message of any type looks like inside an error text. Never throws: it runs inside `cancel`. */
const text = (message: unknown): string => {
  if (message === undefined || message === null) return ""
  try {
    return String(message instanceof Error ? message.message : message)
  } catch {
    return "<unprintable>"
  }
}

/**
 * The work was cancelled: `cancel()` was called on the Future or Task, or on the Task that awaited it.
 *
 * Raised by: every wait on a cancelled Future. What to do: clean up and let it pass; a Task that swallows it goes on.
 * It is an `Error` in JavaScript, so a catch-all sees it: rethrow the same object. `name` and `code` are those of an
 * `AbortError`, so that libraries which ignore aborts ignore this too. It carries no stack: cancelling is not a bug.
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
    super(text(reason), options)
    V8Error.stackTraceLimit = limit
    this.reason = reason ?? undefined
  }
}

/**
 * The call does not fit the state: settling twice, reading a pending outcome, a task that awaits itself, closing a
 * loop from inside one of its callbacks.
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
 * A run of a `SyncLoop` was stopped before what it ran for was done; that goes on in the next run.
 * What to do: run the loop again, or cancel the Future.
 *
 * @category errors
 * @since 0.1.0
 */
export class LoopStoppedError extends Error {
  readonly _tag = "LoopStoppedError"
  override readonly name = "LoopStoppedError"
}

/**
 * The time given to `waitFor` or `timeout` was over; what ran has been cancelled, and has ended. asyncio: `TimeoutError`.
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
 * @category errors
 * @since 0.1.0
 */
export class TaskGroupError extends AggregateError {
  readonly _tag = "TaskGroupError"
  override readonly name = "TaskGroupError"
}

/**
 * More events came than the buffer of a Stream made by `fromEmitter` holds. What to do: take them up faster, give it
 * more `capacity`, or choose to drop some.
 *
 * @category errors
 * @since 0.1.0
 */
export class BufferOverflowError extends Error {
  readonly _tag = "BufferOverflowError"
  override readonly name = "BufferOverflowError"
  constructor(
    /** The name of the stream. */ readonly stream: string,
    readonly capacity: number
  ) {
    super(
      `${stream} sent more than ${capacity} events before they were taken; raise its capacity, or let it drop some`
    )
  }
}

/**
 * File descriptors cannot be watched here: `koffi`, an optional dependency, is missing or may not be loaded, or the
 * platform has no backend. Streams and sockets of Node can be watched all the same.
 * What to do: see `reason`; install `koffi`, allow native addons, or pass the Node object instead of its number.
 *
 * @category errors
 * @since 0.1.0
 */
export class FdPollUnavailableError extends Error {
  readonly _tag = "FdPollUnavailableError"
  override readonly name = "FdPollUnavailableError"
  readonly code = "ERR_FD_POLL_UNAVAILABLE"
  constructor(
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`readers and writers of file descriptors need a poll backend: ${reason}`, options)
  }
}

/**
 * The system refused to watch a file descriptor: it is not open (`EBADF`), or of a kind that cannot be waited for, such
 * as a regular file (`EPERM`). Nothing was registered.
 *
 * @category errors
 * @since 0.1.0
 */
export class FdError extends Error {
  readonly _tag = "FdError"
  override readonly name = "FdError"
  readonly fd: number
  /** The system's name of the error. */
  readonly code: string
  /** The system call that gave it. */
  readonly syscall: string
  constructor(options: {
    readonly fd: number
    readonly code: string
    readonly syscall: string
    readonly why: string
  }) {
    super(`${options.code}: ${options.why}, ${options.syscall} fd ${options.fd}`)
    this.fd = options.fd
    this.code = options.code
    this.syscall = options.syscall
  }
}

/**
 * A signal that cannot be handled: unknown, never delivered (SIGKILL, SIGSTOP), or asked for in a worker thread, where
 * none arrives. What to do: see the message.
 *
 * @category errors
 * @since 0.1.0
 */
export class SignalError extends Error {
  readonly _tag = "SignalError"
  override readonly name = "SignalError"
  constructor(
    /** As it was given. */ readonly signal: string | number,
    why: string
  ) {
    super(`signal ${signal}: ${why}`)
  }
}

/**
 * A program could not be started. Nothing runs and nothing is open. `code` is the system's name of the error: `ENOENT`
 * for a missing program or directory, `EACCES` for a missing permission.
 *
 * @category errors
 * @since 0.1.0
 */
export class SpawnError extends Error {
  readonly _tag = "SpawnError"
  override readonly name = "SpawnError"
  /** The program and its arguments, as text. */
  readonly command: string
  readonly cwd: string | undefined
  readonly code: string
  constructor(options: {
    readonly command: string
    readonly cwd: string | undefined
    readonly code: string
    readonly why: string
    readonly cause: unknown
  }) {
    super(`${options.code}: cannot start ${options.command}: ${options.why}`, { cause: options.cause })
    this.command = options.command
    this.cwd = options.cwd
    this.code = options.code
  }
}

/**
 * The process has ended, and cannot be sent a signal any more. asyncio: `ProcessLookupError`.
 *
 * @category errors
 * @since 0.1.0
 */
export class ProcessLookupError extends Error {
  readonly _tag = "ProcessLookupError"
  override readonly name = "ProcessLookupError"
  readonly pid: number
  constructor(options: {
    readonly pid: number
    readonly command: string
    readonly returncode: number | null
  }) {
    super(
      `no such process: ${options.command} (pid ${options.pid}) has ended` +
        (options.returncode === null ? "" : ` with ${options.returncode}`)
    )
    this.pid = options.pid
  }
}

/**
 * What was written has no reader any more: the process at the other end has ended, or closed its input.
 *
 * @category errors
 * @since 0.1.0
 */
export class BrokenPipeError extends Error {
  readonly _tag = "BrokenPipeError"
  override readonly name = "BrokenPipeError"
  readonly code = "EPIPE"
}

/**
 * The stream ended before as much came as was asked for. What did come has been taken out of the stream.
 * asyncio: `IncompleteReadError`.
 *
 * @category errors
 * @since 0.1.0
 */
export class IncompleteReadError extends Error {
  readonly _tag = "IncompleteReadError"
  override readonly name = "IncompleteReadError"
  /** What came before the end. */
  readonly partial: Uint8Array
  /** How many bytes were asked for; `null` where a separator was. */
  readonly expected: number | null
  constructor(options: { readonly partial: Uint8Array; readonly expected: number | null }) {
    const wanted = options.expected === null ? "a separator" : `${options.expected} bytes`
    super(`the stream ended after ${options.partial?.length} bytes, before ${wanted}`)
    this.partial = options.partial
    this.expected = options.expected
  }
}

/**
 * No separator came within the limit of the stream. What to do: make the stream with a higher `limit`, or read in
 * pieces. asyncio: `LimitOverrunError`.
 *
 * @category errors
 * @since 0.1.0
 */
export class LimitOverrunError extends Error {
  readonly _tag = "LimitOverrunError"
  override readonly name = "LimitOverrunError"
  /** How many bytes there are before the separator, or before the place where it may begin. */
  readonly consumed: number
  constructor(options: { readonly consumed: number; readonly limit: number; readonly found: boolean }) {
    super(
      options.found
        ? `the separator came after ${options.consumed} bytes, beyond the limit of ${options.limit}`
        : `no separator in ${options.consumed} bytes, the limit is ${options.limit}`
    )
    this.consumed = options.consumed
  }
}

/**
 * The executor was shut down, and takes no more jobs.
 *
 * @category errors
 * @since 0.1.0
 */
export class ExecutorClosedError extends Error {
  readonly _tag = "ExecutorClosedError"
  override readonly name = "ExecutorClosedError"
}

/**
 * A job that cannot be given to another thread: an argument cannot be cloned, a function is not self-contained, a module
 * or its export is not there. It has not run; or only so far that it missed what is outside of it, or to a result that
 * cannot be cloned. `cause` is the original error, where there is one.
 *
 * @category errors
 * @since 0.1.0
 */
export class JobRefusedError extends Error {
  readonly _tag = "JobRefusedError"
  override readonly name = "JobRefusedError"
  /** The name of the job. */
  readonly job: string
  constructor(options: { readonly job: string; readonly why: string; readonly cause?: unknown }) {
    super(
      `the job ${options.job} cannot run in another thread: ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.job = options.job
  }
}

/**
 * The worker thread died under its job: it ran out of memory, called `process.exit`, or was terminated. Other jobs and
 * other workers are not affected.
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerDiedError extends Error {
  readonly _tag = "WorkerDiedError"
  override readonly name = "WorkerDiedError"
  /** The name of the job. */
  readonly job: string
  constructor(options: { readonly job: string; readonly why: string; readonly cause?: unknown }) {
    super(
      `the worker thread that ran ${options.job} died: ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.job = options.job
  }
}

/**
 * What aio code threw, as an Effect failure; `cause` is the thrown value itself, of whatever type. Given by the
 * adapters unless a `catch` function maps the error. It never crosses back: aio code that awaits such an Effect sees
 * the cause again.
 *
 * @category errors
 * @since 0.1.0
 */
export class AioError extends Error {
  readonly _tag = "AioError"
  override readonly name = "AioError"
  override readonly cause: unknown
  /** The task or function that failed. */
  readonly task: string
  constructor(options: { readonly cause: unknown; readonly task: string }) {
    const limit = V8Error.stackTraceLimit
    V8Error.stackTraceLimit = 0
    super(`${options.task} failed: ${text(options.cause)}`)
    V8Error.stackTraceLimit = limit
    this.cause = options.cause
    this.task = options.task
    try {
      if (options.cause instanceof Error && options.cause.stack !== undefined)
        this.stack = options.cause.stack
    } catch {
      // A stack that cannot be read is no reason to lose the error.
    }
  }
}

/**
 * An error that nobody owns crashed the loop: an exception in a callback, or a failed background effect.
 * `cause` is that error; `source` names the handle or task it came from.
 *
 * @category errors
 * @since 0.1.0
 */
export class LoopCrash extends Error {
  readonly _tag = "LoopCrash"
  override readonly name = "LoopCrash"
  readonly source: string
  constructor(options: { readonly cause: unknown; readonly loop: string; readonly source: string }) {
    super(`loop ${options.loop} crashed: ${text(options.cause)} (in ${options.source})`, {
      cause: options.cause
    })
    this.source = options.source
  }
}

/**
 * Whether a value is a {@link CancelledError}, of this or of another copy of the library.
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
