/**
 * The errors of the rooms above the kernel: of what a loop watches, runs, is called by, and of the border.
 *
 * Plain classes with a `_tag`, so that `Effect.catchTag` works without re-wrapping, as the kernel's own
 * (`kernel/errors.ts`).
 */
import { messageText, V8Error } from "./kernel/errors.js"

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
    super(`${options.task} failed: ${messageText(options.cause)}`)
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
    super(`loop ${options.loop} crashed: ${messageText(options.cause)} (in ${options.source})`, {
      cause: options.cause
    })
    this.source = options.source
  }
}
