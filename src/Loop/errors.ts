/**
 * The errors of the rooms above the kernel: of what a loop watches, runs, is called by, and of the border.
 *
 * Plain classes with a `_tag`, so that `Effect.catchTag` works without re-wrapping, as the kernel's own
 * (`kernel/errors.ts`). One file, however long, so that a program finds all that it may have to catch in one place.
 */
import { messageText, V8Error } from "./kernel/errors.js"

/**
 * A run of a `SyncLoop` was stopped before what it ran for was done; that goes on in the next run.
 *
 * Raised by `runUntilComplete`, when `stop()` was called in the run. What to do: run the loop again, or cancel the
 * Future.
 *
 * @example
 * const loop = SyncLoop.make()
 * const answer = loop.createFuture<number>()
 * loop.callSoon(() => loop.stop())
 * try {
 *   await loop.runUntilComplete(answer)
 * } catch (error) {
 *   console.log(error instanceof LoopStoppedError) // => true
 * }
 * answer.setResult(42)
 * console.log(await loop.runUntilComplete(answer)) // => 42
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class LoopStoppedError extends Error {
  readonly _tag = "LoopStoppedError"
  override readonly name = "LoopStoppedError"
}

/**
 * More events came than the buffer of a Stream holds.
 *
 * Raised by a Stream of `fromEmitter`, after the items that wait. What to do: take them up faster, give it more
 * `capacity`, or choose to drop some with `overflow`.
 *
 * @example
 * import { EventEmitter } from "node:events"
 *
 * const emitter = new EventEmitter()
 * const lines = fromEmitter<string>(emitter, { event: "line", buffer: { capacity: 1 } })
 * const program = Stream.runForEach(lines, () =>
 *   Effect.sync(() => {
 *     emitter.emit("line", "waits")
 *     emitter.emit("line", "is one too many")
 *   })
 * ).pipe(Effect.catchTag("BufferOverflowError", (error) => Effect.sync(() => console.log(error.capacity)))) // => 1
 * setImmediate(() => emitter.emit("line", "first"))
 * await Effect.runPromise(Loop.scoped(program))
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
 * File descriptors cannot be watched here: `koffi`, an optional peer, is missing or may not be loaded, or the
 * platform has no backend. Streams and sockets of Node can be watched all the same.
 *
 * Raised by `addReader`, `addWriter`, `Loop.readable` and `Loop.writable` for a number. What to do: see `reason`;
 * install it (`npm install koffi@3`), allow native addons, or pass the Node object instead of its number.
 *
 * @example
 * const program = Loop.readable(0).pipe(
 *   Effect.timeout("10 millis"),
 *   Effect.catchTag("FdPollUnavailableError", (error) => Effect.logError(error.reason)),
 *   Effect.ignore
 * )
 * await Effect.runPromise(Loop.scoped(program))
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
 * Raised by `addReader`, `addWriter`, `Loop.readable` and `Loop.writable`. What to do: for `EBADF`, register before the
 * descriptor is closed; for `EPERM`, read or write at once, because a file is always ready.
 *
 * @example
 * import * as fs from "node:fs"
 *
 * const fd = fs.openSync(process.execPath, "r")
 * const program = Loop.readable(fd).pipe(
 *   Effect.catchTag("FdError", (error) => Effect.sync(() => console.log(error.code))) // => EPERM
 * )
 * await Effect.runPromise(Loop.scoped(program))
 * fs.closeSync(fd)
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
 * A signal that cannot be handled or sent: unknown, never delivered (SIGKILL, SIGSTOP), a fault of the machine, asked
 * for in a worker thread, where none arrives, or not allowed to be sent to that process.
 *
 * Raised by `addSignalHandler`, `Loop.signal` and the `sendSignal` of processes. What to do: see the message.
 *
 * @example
 * const loop = SyncLoop.make()
 * try {
 *   loop.addSignalHandler("SIGKILL", () => {})
 * } catch (error) {
 *   if (error instanceof SignalError) console.log(error.signal) // => SIGKILL
 * }
 * await loop.close()
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
 * Raised by everything that starts a child process, as the failure of its Future or Effect. What to do: see the
 * message, which says what is missing.
 *
 * @example
 * const program = Effect.scoped(Loop.subprocess("no-such-program")).pipe(
 *   Effect.catchTag("SpawnError", (error) => Effect.sync(() => console.log(error.code))) // => ENOENT
 * )
 * await Effect.runPromise(Loop.scoped(program))
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
 * Raised by `sendSignal`, `terminate` and `kill` of processes. What to do: nothing, where the process was to end
 * anyway; else look at its `returncode` first.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const child = await loop.createSubprocessExec("true")
 *   await child.wait()
 *   try {
 *     child.terminate()
 *   } catch (error) {
 *     console.log(error instanceof ProcessLookupError) // => true
 *   }
 * })
 * await loop.close()
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
 * Raised by `drain` and `waitClosed` of a StreamWriter, and by the `stdin` of a Subprocess. What to do: stop writing,
 * and see what the process has said and how it ended.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const child = await loop.createSubprocessExec("true", [], { stdin: "pipe" })
 *   await child.wait()
 *   child.stdin.write("too late")
 *   try {
 *     await child.stdin.drain()
 *   } catch (error) {
 *     console.log(error instanceof BrokenPipeError) // => true
 *   }
 * })
 * await loop.close()
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
 * A host name could not be resolved: nobody knows it (`ENOTFOUND`), the name server did not answer (`EAI_AGAIN`), or it has
 * no address of the family that was asked for. `host` is the name.
 *
 * Raised by what connects or listens, as the failure of its Future. What to do: see the message.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   try {
 *     await loop.createConnection(() => ({}), { host: "no-such-host.invalid", port: 80 })
 *   } catch (error) {
 *     if (error instanceof ResolveError) console.log(error.host) // => no-such-host.invalid
 *   }
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.2.0
 */
export class ResolveError extends Error {
  readonly _tag = "ResolveError"
  override readonly name = "ResolveError"
  readonly host: string
  readonly code: string
  constructor(options: {
    readonly host: string
    readonly code: string
    readonly why: string
    readonly cause?: unknown
  }) {
    super(
      `${options.code}: cannot resolve ${options.host}: ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.host = options.host
    this.code = options.code
  }
}

/**
 * No connection could be made, or its TLS handshake failed. Nothing is open. `code` is the system's name of the error
 * (`ECONNREFUSED`: nobody listens there), or OpenSSL's.
 *
 * Raised by `createConnection`, `createUnixConnection` and `startTls`, as the failure of their Future. What to do: see the
 * message, which names each address that was tried; `cause` is Node's own error.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   try {
 *     await loop.createUnixConnection(() => ({}), { path: "/tmp/no-such.sock" })
 *   } catch (error) {
 *     if (error instanceof ConnectError) console.log(error.code, error.address) // => ENOENT /tmp/no-such.sock
 *   }
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.2.0
 */
export class ConnectError extends Error {
  readonly _tag = "ConnectError"
  override readonly name = "ConnectError"
  /** What was to be connected to: `host:port`, or a path. */
  readonly address: string
  readonly code: string
  constructor(options: {
    readonly address: string
    readonly code: string
    readonly why: string
    readonly cause?: unknown
  }) {
    super(
      `${options.code}: cannot connect to ${options.address}: ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.address = options.address
    this.code = options.code
  }
}

/**
 * A server cannot listen there: the address is in use (`EADDRINUSE`), not one of this machine (`EADDRNOTAVAIL`), not
 * allowed (`EACCES`). Nothing is open, and what was there is as it was.
 *
 * Raised by `createServer`, `createUnixServer` and `startServing`, as the failure of their Future. What to do: see the
 * message.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const server = await loop.createServer(() => ({}), { host: "127.0.0.1" })
 *   try {
 *     await loop.createServer(() => ({}), { host: "127.0.0.1", port: server.sockets[0]?.port })
 *   } catch (error) {
 *     if (error instanceof BindError) console.log(error.code) // => EADDRINUSE
 *   }
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.2.0
 */
export class BindError extends Error {
  readonly _tag = "BindError"
  override readonly name = "BindError"
  /** Where the server was to listen: `host:port`, or a path. */
  readonly address: string
  readonly code: string
  constructor(options: {
    readonly address: string
    readonly code: string
    readonly why: string
    readonly cause?: unknown
  }) {
    super(
      `${options.code}: cannot listen on ${options.address}: ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.address = options.address
    this.code = options.code
  }
}

/**
 * The connection is gone: the other end has reset it, it broke, or it was closed here. `code` is the system's name of the
 * error, where there is one: `ECONNRESET`, `EPIPE`, `ETIMEDOUT`. asyncio: `ConnectionResetError`.
 *
 * Raised by `drain` of a StreamWriter, and by the Stream and the Sink of `Net`. What to do: stop writing; connect again.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const server = await loop.startServer(() => {}, { host: "127.0.0.1" })
 *   const [, writer] = await loop.openConnection({ host: "127.0.0.1", port: server.sockets[0]?.port })
 *   writer.close()
 *   writer.write("too late")
 *   try {
 *     await writer.drain()
 *   } catch (error) {
 *     console.log(error instanceof ConnectionResetError) // => true
 *   }
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.2.0
 */
export class ConnectionResetError extends Error {
  readonly _tag = "ConnectionResetError"
  override readonly name = "ConnectionResetError"
  /** What the connection is, as a text. */
  readonly connection: string
  readonly code: string
  constructor(options: { readonly connection: string; readonly cause?: unknown }) {
    const { cause, connection } = options
    const code = (cause as { readonly code?: unknown } | undefined)?.code
    super(
      `the connection is lost: ${connection}${cause === undefined ? "" : ` (${messageText(cause)})`}`,
      cause === undefined ? undefined : { cause }
    )
    this.connection = connection
    this.code = typeof code === "string" ? code : "ECONNRESET"
  }
}

/**
 * The stream ended before as much came as was asked for. What did come has been taken out of the stream.
 * asyncio: `IncompleteReadError`.
 *
 * Raised by `readexactly` and `readuntil` of a StreamReader. What to do: see `partial` for what came, or take the
 * sender for broken.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const reader = new StreamReader()
 *   reader.feedData(Buffer.from("ab"))
 *   reader.feedEof()
 *   try {
 *     await reader.readexactly(4)
 *   } catch (error) {
 *     if (error instanceof IncompleteReadError) console.log(error.partial.length, error.expected) // => 2 4
 *   }
 * })
 * await loop.close()
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
    const wanted = options.expected === null ? "before a separator" : `of ${options.expected} expected`
    super(`the stream ended after ${options.partial?.length} bytes ${wanted}`)
    this.partial = options.partial
    this.expected = options.expected
  }
}

/**
 * No separator came within the limit of the stream. asyncio: `LimitOverrunError`.
 *
 * Raised by `readline` and `readuntil` of a StreamReader. What to do: make the stream with a higher `limit`, or read in
 * pieces.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const reader = new StreamReader({ limit: 4 })
 *   reader.feedData(Buffer.from("a long line\n"))
 *   try {
 *     await reader.readuntil()
 *   } catch (error) {
 *     if (error instanceof LimitOverrunError) console.log(error.consumed) // => 11
 *   }
 * })
 * await loop.close()
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
        ? `the separator is found after ${options.consumed} bytes, beyond the limit of ${options.limit}`
        : `the separator is not found in ${options.consumed} bytes, the limit is ${options.limit}`
    )
    this.consumed = options.consumed
  }
}

/**
 * The executor was shut down, and takes no more jobs.
 *
 * Raised by `runInExecutor`, and the reason with which jobs are cancelled that were left when their executor was
 * closed. What to do: give the job to another executor, or shut this one down later.
 *
 * @example
 * const loop = SyncLoop.make()
 * const executor = Executor.make()
 * await executor.shutdown()
 * await loop.runUntilComplete(async () => {
 *   try {
 *     await loop.runInExecutor(executor, () => 42)
 *   } catch (error) {
 *     console.log(error instanceof ExecutorClosedError) // => true
 *   }
 * })
 * await loop.close()
 *
 * @category errors
 * @since 0.1.0
 */
export class ExecutorClosedError extends Error {
  readonly _tag = "ExecutorClosedError"
  override readonly name = "ExecutorClosedError"
}

/**
 * A job that cannot be given to another thread: an argument cannot be cloned, a function is not self-contained, a
 * module or its export is not there. It has not run; or only so far that it missed what is outside of it, or to a
 * result that cannot be cloned. `cause` is the original error, where there is one.
 *
 * Raised by `runInExecutor` and by the calls of a LoopHandle, thrown or as the failure of the Future. What to do: see
 * the message; pass what the job misses as an argument, or use the form `{ module, export }`.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const factor = 2
 *   try {
 *     await loop.runInExecutor(null, (a: number) => a * factor, 21)
 *   } catch (error) {
 *     console.log(error instanceof JobRefusedError) // => true
 *   }
 *   console.log(await loop.runInExecutor(null, (a: number, by: number) => a * by, 21, factor)) // => 42
 * })
 * await loop.close()
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
 * The worker thread died under its job: it ran out of memory, called `process.exit`, was terminated, or could not be
 * started because the system has no more threads, memory or descriptors. Other jobs and other workers are not affected.
 *
 * Raised by `runInExecutor`, as the failure of the Future. What to do: see the message and `cause`; a job that needs
 * more memory gets it with the `resourceLimits` of its executor.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   try {
 *     await loop.runInExecutor(null, () => process.exit(3))
 *   } catch (error) {
 *     console.log(error instanceof WorkerDiedError) // => true
 *   }
 * })
 * await loop.close()
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
 * A worker of the platform's worker services can answer nothing more: its thread or process has ended, could not be started, or
 * cannot be talked to any more. `cause` is what it threw, where that is known.
 *
 * Raised by `LoopWorker`, as the `cause` of the platform's WorkerError (on Effect 4, of its reason): of the spawning of the worker
 * before that was ready, of every job that it had not answered afterwards. What to do: the message names the worker, the file that
 * it ran as far as Node tells it, and its exit code.
 *
 * @example
 * const why = (error: { readonly cause?: unknown }) =>
 *   error.cause instanceof WorkerEndedError ? `code ${error.cause.code}` : "another reason"
 * console.log(why(new Error("a job", { cause: "unknown" }))) // => another reason
 *
 * @category errors
 * @since 0.1.0
 */
export class WorkerEndedError extends Error {
  readonly _tag = "WorkerEndedError"
  override readonly name = "WorkerEndedError"
  /** The worker's file, as far as it is known, and its thread or process. */
  readonly worker: string
  /** Its exit code; `null` where it was ended by a signal, never began, or is there still. */
  readonly code: number | null
  /** The signal that has ended it. */
  readonly signal: NodeJS.Signals | null
  constructor(options: {
    readonly worker: string
    readonly why: string
    readonly code: number | null
    readonly signal: NodeJS.Signals | null
    readonly cause?: unknown
  }) {
    super(
      `the worker ${options.worker} ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.worker = options.worker
    this.code = options.code
    this.signal = options.signal
  }
}

/**
 * The body of a request was not received whole: its client has gone, or the connection was cut. `cause` is Node's error, where
 * there is one.
 *
 * Raised by the `body` of a request that `Server.handler` serves. What to do: nothing, as a rule: the fiber of a request whose
 * client has gone is interrupted, and nobody is there to be answered.
 *
 * @example
 * const text = (body: Stream.Stream<Uint8Array, RequestBodyError>) =>
 *   Stream.mkString(Stream.decodeText(body)).pipe(
 *     Effect.catchTag("RequestBodyError", (error) => Effect.as(Effect.log(error.request), "a part"))
 *   )
 * console.log(await Effect.runPromise(text(Stream.make(Buffer.from("all of it"))))) // => all of it
 *
 * @category errors
 * @since 0.1.0
 */
export class RequestBodyError extends Error {
  readonly _tag = "RequestBodyError"
  override readonly name = "RequestBodyError"
  /** The request: `POST /user from 10.0.0.1`. */
  readonly request: string
  constructor(options: { readonly request: string; readonly cause: unknown }) {
    super(
      `the body of ${options.request} has ended early: its client has gone, or the connection was cut`,
      options.cause === undefined ? undefined : { cause: options.cause }
    )
    this.request = options.request
  }
}

/**
 * What aio code threw, as an Effect failure; `cause` is the thrown value itself, of whatever type. It never crosses
 * back: aio code that awaits such an Effect sees the cause again.
 *
 * Raised by the adapters, unless a `catch` function maps the error. What to do: give the adapter a `catch`, or look at
 * `cause`.
 *
 * @example
 * const load = fromAio(async (): Promise<number> => {
 *   throw new Error("no such row")
 * })
 * const program = load().pipe(
 *   Effect.catchTag("AioError", (error) => Effect.sync(() => console.log(String(error.cause)))) // => Error: no such row
 * )
 * await Effect.runPromise(Loop.scoped(program))
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
 * Raised by `Loop.scoped`, `Loop.run` and `Loop.crashed`; under a Layer it is the `cause` of the LoopClosedError of
 * every later call. What to do: catch the error where it is thrown, or start the work as something that is awaited.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   loop.callSoon(() => {
 *     throw new Error("nobody awaits this")
 *   })
 *   return yield* Effect.never
 * })
 * const exit = await Effect.runPromiseExit(Loop.scoped(program))
 * if (Exit.isFailure(exit)) console.error(Cause.squash(exit.cause)) // LoopCrash, whose cause is the error
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
