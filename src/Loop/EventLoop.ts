/**
 * The loop with what Node lets it watch and run: file descriptors and streams, signals, child processes, other threads.
 * The methods only: each capability has a file of its own, and is made when it is first used.
 */
import {
  createSubprocess,
  type Known,
  type ProcessOf,
  type ProcessOptions
} from "./process/createSubprocess.js"
import type { DurationInput } from "../effect.js"
import { numbersOf } from "./closing/Capability.js"
import { EffectLoop, type EffectLoopStatistics } from "./EffectLoop.js"
import type { Executor } from "./executor/Executor.js"
import { type JobNumbers, Executors, executorsOf } from "./executor/Executors.js"
import type { OfferedHandle } from "./thread/OfferedHandle.js"
import { type OfferNumbers, type OfferOptions, Offers, offersOf } from "./thread/Offers.js"
import { type ProcessNumbers, Processes } from "./process/Processes.js"
import type { Watchable } from "./readers/fdOf.js"
import type { JobArguments, JobContext, JobValue, ModuleJob } from "./executor/Job.js"
import { rememberSite } from "./kernel/sites.js"
import type { Future } from "./kernel/Future.js"
import type { WatchHandle } from "./kernel/WatchHandle.js"
import { type ReaderNumbers, Readers, readersOf } from "./readers/Readers.js"
import { type SignalNumbers, Signals, signalsOf } from "./signals/Signals.js"
import { shellCommand, startSubprocess } from "./process/startSubprocess.js"
import type { SubprocessProtocol, SubprocessTransport } from "./process/SubprocessTransport.js"
import type { SubprocessOptions } from "./process/SubprocessOptions.js"
import type { ThreadFunctions } from "./thread/threadMessages.js"

/**
 * What a loop holds, as numbers. A snapshot.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopStatistics
  extends EffectLoopStatistics, ReaderNumbers, SignalNumbers, ProcessNumbers, JobNumbers, OfferNumbers {}

/** @internal The part of capabilities that were not used. */
export const nothingHeld = {
  ...Readers.none,
  ...Signals.none,
  ...Processes.none,
  ...Executors.none,
  ...Offers.none
}

/**
 * The event loop of an Effect program: asyncio's methods, and `effectAsFuture` and `runEffectTask` to start Effects
 * from aio code. Everything that is started on it belongs to the Scope it was opened in.
 *
 * @category models
 * @since 0.1.0
 */
export class EventLoop extends EffectLoop {
  override statistics(): LoopStatistics {
    return { ...super.statistics(), ...nothingHeld, ...numbersOf(this) }
  }

  /**
   * Runs `callback(...args)` as a callback of the loop whenever a file descriptor or stream can be read, in the
   * async-local state of this call, until the Handle is cancelled or `removeReader` is called. Level-triggered: it runs
   * again as long as there is something to read, which an end or an error is too. A second reader of the same target on
   * this loop replaces the first; a writer, other loops and Effects that wait are not disturbed. asyncio: `add_reader`.
   *
   * A number is a file descriptor: a pipe, socket, terminal, eventfd, timerfd, inotify, pidfd. It is neither read nor
   * closed, nor is its blocking mode changed. Of an object, `fileno()` or `fd` is watched, but a stream of Node
   * (`net.Socket`, `Readable`, `process.stdin`) as a stream: ready when `read()` gives something, has ended or is
   * destroyed.
   *
   * Throws {@link FdError} for what the system refuses (`EBADF` not open, `EPERM` a regular file), {@link
   * FdPollUnavailableError} for descriptors where `koffi` is not there, `RangeError` for numbers that are no descriptor,
   * `TypeError` for objects without one, {@link InvalidStateError} for a descriptor of a transport of this loop, {@link
   * LoopClosedError}. Nothing is registered then.
   *
   * **Gotchas** A wake may be spurious, because others may read first: expect EAGAIN. Remove the reader before you close
   * the descriptor: one that was closed is silent, and its number may come back as another file. A destroyed stream is
   * ready once more, then silent. A descriptor keeps the process alive while it is watched, unless `unref()` says
   * otherwise; a stream does so by itself. A reader stops the flow of a stream; removing it restores that, but
   * `process.stdin` is left paused. A thread that `terminate()` ends leaves two descriptors of the library's own open.
   *
   * @example
   * const handle = loop.addReader(socket, () => console.log(socket.read()))
   */
  addReader<Args extends ReadonlyArray<unknown>>(
    fd: Watchable,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle {
    return this.#site(readersOf(this).add("addReader", "reader", fd, callback, args), this.addReader)
  }

  /**
   * Takes the reader of a target back, and what is queued of it; true if there was one. From then on the descriptor is
   * watched no more, and may be closed or used again. False on a closed loop. Throws `TypeError`, `RangeError` and
   * {@link InvalidStateError} as `addReader` does.
   */
  removeReader(fd: Watchable): boolean {
    return readersOf(this).remove("removeReader", "reader", fd)
  }

  /**
   * `addReader` for when something can be written. What has lost its reader is ready: the write says so. A stream is
   * ready as long as it does not ask to wait for `drain`. Remove the writer when there is nothing to write: it runs
   * in every turn otherwise. asyncio: `add_writer`.
   *
   * @example
   * loop.addWriter(fd, () => {
   *   fs.writeSync(fd, "hello")
   *   loop.removeWriter(fd)
   * })
   */
  addWriter<Args extends ReadonlyArray<unknown>>(
    fd: Watchable,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle {
    return this.#site(readersOf(this).add("addWriter", "writer", fd, callback, args), this.addWriter)
  }

  /** `removeReader` for the writer. */
  removeWriter(fd: Watchable): boolean {
    return readersOf(this).remove("removeWriter", "writer", fd)
  }

  /**
   * Marks a file descriptor or object, to be closed when the loop is, after readers and writers have been dropped: a
   * number by `close(2)`, an object by its own `destroy` or `close`. Marking twice is the same. What goes wrong is
   * reported as `late`, also that a number is closed already, because it may be somebody else's by then. Throws as
   * `addReader` does for what has no descriptor. trio-asyncio: `autoclose`.
   */
  autoclose(fd: Watchable): void {
    readersOf(this).autoclose(fd)
  }

  /** Takes the mark of `autoclose` back. Throws {@link InvalidStateError} for what is not marked. */
  noAutoclose(fd: Watchable): void {
    readersOf(this).noAutoclose(fd)
  }

  /** In debug mode, the caller of a method is where its Handle was created. */
  #site(handle: WatchHandle, above: object): WatchHandle {
    if (this.getDebug()) rememberSite(handle, above)
    return handle
  }

  // ---- signals ----

  /**
   * Runs `callback(...args)` as a callback of the loop for every delivery of a signal, in the async-local state of this
   * call, until the Handle is cancelled. A second handler for the signal on this loop replaces the first; handlers of
   * other loops, Streams of `Loop.signal` and listeners of the process get it too. When nobody is left, the signal does
   * what it did before. asyncio: `add_signal_handler`.
   *
   * Throws {@link SignalError} for what is no signal here, for SIGKILL and SIGSTOP, for faults of the machine (SIGSEGV,
   * SIGBUS, SIGFPE, SIGILL), and in worker threads, where no signal arrives; `TypeError` for coroutine functions;
   * {@link LoopClosedError}.
   *
   * **Gotchas** A handler does not keep the process alive, unless the Handle's `ref()` asks for that. Deliveries that
   * come at the same time may be one, as everywhere in Unix; those that come while a SyncLoop is at rest run in its next
   * run. `Loop.run` still ends the program at SIGINT and SIGTERM: the handler runs first. Node opens its debugger at
   * SIGUSR1, which it does no more once that had a handler, and profiles with SIGPROF.
   *
   * @example
   * loop.addSignalHandler("SIGHUP", reload, "config.json")
   */
  addSignalHandler<Args extends ReadonlyArray<unknown>>(
    signal: NodeJS.Signals | number,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle {
    return signalsOf(this).add(signal, callback, args)
  }

  /**
   * Takes the handler of this loop for a signal back, and what is queued of it. False where it has none, and for what
   * never has one (SIGKILL, a closed loop). Throws for what is no signal.
   */
  removeSignalHandler(signal: NodeJS.Signals | number): boolean {
    return signalsOf(this).remove(signal)
  }

  // ---- child processes ----

  /**
   * Starts a program, and tells what comes of it to the protocol that `protocolFactory` makes. stdin, stdout and stderr
   * are pipes unless the options say otherwise. The arguments are an array, as in `node:child_process`; a `file:` URL
   * stands for its path. Gives the transport and the protocol, once `connectionMade` was called. asyncio:
   * `subprocess_exec`.
   *
   * Fails with {@link SpawnError} if the system refuses: then no protocol is told. Throws `TypeError` or `RangeError`
   * for wrong arguments and options, {@link LoopClosedError}, and what `protocolFactory` throws; nothing is started then.
   *
   * Cancelling it kills what may have been started, and waits until that has ended. The process itself belongs to the
   * loop: closing that terminates it, kills it after `killGrace`, and waits for it.
   *
   * @example
   * const [transport] = await loop.subprocessExec(
   *   () => ({ pipeDataReceived: (fd, data) => console.log(fd, data.toString()) }),
   *   "ls",
   *   ["-l"],
   *   { cwd: "/tmp" }
   * )
   */
  subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    program: string | URL,
    args: ReadonlyArray<string | URL> = [],
    options: SubprocessOptions = {}
  ): Future<[transport: SubprocessTransport, protocol: P]> {
    return startSubprocess(this, "subprocessExec", protocolFactory, [program, args], options)
  }

  /**
   * `subprocessExec` for a command line, which `/bin/sh` runs (on Windows `cmd.exe`).
   *
   * **Gotchas** The shell reads the line: never put text into it that came from outside.
   */
  subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    command: string,
    options: SubprocessOptions = {}
  ): Future<[transport: SubprocessTransport, protocol: P]> {
    return startSubprocess(this, "subprocessShell", protocolFactory, shellCommand(command), options)
  }

  /**
   * Starts a program as a {@link Process}. stdin, stdout and stderr are the parent's own unless the options say
   * otherwise; those that are `"pipe"` are streams of the Process. asyncio: `create_subprocess_exec`.
   *
   * Fails, throws and is cancelled as `subprocessExec`.
   *
   * @example
   * const wc = await loop.createSubprocessExec("wc", ["-l"], { stdin: "pipe", stdout: "pipe" })
   * const [count] = await wc.communicate("a\nb\n")
   * console.log(Number(count), wc.returncode) // => 2 0
   */
  createSubprocessExec(
    program: string | URL,
    args?: ReadonlyArray<string | URL>,
    options?: undefined
  ): Future<ProcessOf<Record<never, never>>>
  createSubprocessExec<const O extends ProcessOptions>(
    program: string | URL,
    args: ReadonlyArray<string | URL> | undefined,
    options: Known<O>
  ): Future<ProcessOf<O>>
  createSubprocessExec<const O extends ProcessOptions>(
    program: string | URL,
    args: ReadonlyArray<string | URL> = [],
    options?: Known<O>
  ): Future<ProcessOf<O>> {
    return createSubprocess<O>(this, "createSubprocessExec", [program, args], options)
  }

  /** `createSubprocessExec` for a command line, which `/bin/sh` runs (on Windows `cmd.exe`): see `subprocessShell`. */
  createSubprocessShell(command: string, options?: undefined): Future<ProcessOf<Record<never, never>>>
  createSubprocessShell<const O extends ProcessOptions>(
    command: string,
    options: Known<O>
  ): Future<ProcessOf<O>>
  createSubprocessShell<const O extends ProcessOptions>(
    command: string,
    options?: Known<O>
  ): Future<ProcessOf<O>> {
    return createSubprocess<O>(this, "createSubprocessShell", shellCommand(command), options)
  }

  // ---- executors ----

  /**
   * Runs a job in a worker thread, and gives its result. `executor` is `null` for the loop's default one, which is made at
   * its first job: as many threads as the machine can run at once, named `effect-aio-1` and so on. Jobs for which no thread
   * is free wait in line. asyncio: `run_in_executor`.
   *
   * A job is `{ module, export }`, which is the recommended form, or a function. Of a function its source is sent: it may
   * use its parameters, globals and `import()`, and nothing else of the file it stands in. Both see a JobContext as `this`
   * (arrow functions see none). Arguments and results are copied as `structuredClone` does, arguments at this call; what is
   * given through `transfer` moves instead.
   *
   * The Future fails with what the job threw (name, message, stack, cause, code and own fields), with
   * {@link JobRefusedError} where the job did not run because of what it is, or its result cannot be cloned, and with
   * {@link WorkerDiedError} where its thread died. Throws `JobRefusedError` for an argument that cannot be cloned, and for a
   * function that cannot be sent (a method, a class, a native or bound function); {@link ExecutorClosedError};
   * `TypeError` for anything else than jobs and executors; {@link LoopClosedError}. Nothing is queued then.
   *
   * Cancelling the Future takes a queued job out of the line at once. A running one is told through `this.signal` and
   * `this.cancelled()`, and its thread is terminated after the executor's `grace`; the Future is pending until the job has
   * ended. A value or error that it still gives is delivered, unless it is an AbortError.
   *
   * **Gotchas** What a function refers to outside of itself is missing only when it comes to use it: JobRefusedError then
   * names it. Build tools may add such names (test coverage does). Workers of Node 20 do not take on `--import`, so modules
   * in TypeScript need JavaScript there. A job that the system holds up (`openSync` of a FIFO that nobody writes to)
   * cannot be terminated until that returns.
   *
   * @example
   * const sum = await loop.runInExecutor(null, (a: number, b: number) => a + b, 40, 2)
   * const job: ModuleJob<typeof import("./parse.js").parse> = {
   *   module: new URL("./parse.js", import.meta.url),
   *   export: "parse"
   * }
   * const parsed = await loop.runInExecutor(null, job, text)
   */
  runInExecutor<Args extends ReadonlyArray<unknown>, R>(
    executor: Executor | null,
    job: (this: JobContext, ...args: Args) => R,
    ...args: JobArguments<Args>
  ): Future<JobValue<R>>
  runInExecutor<
    F extends (this: JobContext, ...args: never) => unknown = (...args: Array<unknown>) => unknown
  >(
    executor: Executor | null,
    job: ModuleJob<F>,
    ...args: JobArguments<Parameters<F>>
  ): Future<JobValue<ReturnType<F>>>
  runInExecutor(executor: unknown, job: unknown, ...args: ReadonlyArray<unknown>): Future<unknown> {
    const future = executorsOf(this).run(executor, job, args)
    if (this.getDebug()) rememberSite(future, this.runInExecutor)
    return future
  }

  /**
   * Makes `executor` the one that `null` stands for. It belongs to this loop then, which shuts it down when it closes; one
   * that was set before goes back to its owner. Throws `TypeError` for anything but an Executor. asyncio:
   * `set_default_executor`.
   *
   * @example
   * loop.setDefaultExecutor(Executor.make({ maxWorkers: 8 }))
   */
  setDefaultExecutor(executor: Executor): void {
    executorsOf(this).setDefault(executor)
  }

  /**
   * Shuts the default executor down, and waits for the jobs it has; `null` stands for none from now on. When `deadline` has
   * passed, the jobs that are left are reported as leftovers, by name, and their threads are terminated. Cancelling the
   * Future only stops waiting. Closing the loop does all this by itself. asyncio: `shutdown_default_executor`.
   *
   * @example
   * await loop.shutdownDefaultExecutor("5 seconds")
   */
  shutdownDefaultExecutor(deadline?: DurationInput): Future<void> {
    return executorsOf(this).shutdownDefault(deadline)
  }

  // ---- other threads ----

  /**
   * Offers functions to one other thread, which calls them by name through the `LoopHandle` that it makes of the result's
   * `port`: as callbacks of this loop, and as its tasks. It is open until `close()`, until the other thread ends, or until
   * the loop closes; what that thread has asked for is then cancelled. Calls for a SyncLoop at rest wait for its next run.
   * asyncio: `call_soon_threadsafe` and `run_coroutine_threadsafe`.
   *
   * Throws `TypeError` for what is no object of functions, and {@link LoopClosedError}.
   *
   * **Gotchas** It keeps the process alive while it is open, unless it is `unref()`ed. A thread that is to call this loop
   * needs a handle of its own. Functions of the prototype are not offered.
   *
   * @example
   * const { port } = loop.threadHandle({ add: async (a: number, b: number) => a + b })
   * new Worker(file, { workerData: { port }, transferList: [port] })
   */
  threadHandle<F extends ThreadFunctions<F>>(functions: F, options: OfferOptions = {}): OfferedHandle {
    return offersOf(this).offer(functions, options)
  }
}
