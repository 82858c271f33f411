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
import { EffectLoop } from "./EffectLoop.js"
import type { Watchable } from "./readers/fdOf.js"
import { rememberSite } from "./kernel/describe.js"
import type { Future } from "./kernel/Future.js"
import type { WatchHandle } from "./kernel/WatchHandle.js"
import { Readers } from "./readers/Readers.js"
import { Signals } from "./Signals.js"
import { shellCommand, startSubprocess } from "./process/startSubprocess.js"
import type { SubprocessProtocol, SubprocessTransport } from "./process/Subprocess.js"
import type { SubprocessOptions } from "./process/SubprocessOptions.js"

/**
 * The event loop of an Effect program: asyncio's methods, and `effectAsFuture` and `runEffectTask` to start Effects
 * from aio code. Everything that is started on it belongs to the Scope it was opened in.
 *
 * @category models
 * @since 0.1.0
 */
export class NodeLoop extends EffectLoop {
  // ---- readers and writers ----

  #readers: Readers | undefined

  /** @internal */
  get _readers(): Readers {
    return (this.#readers ??= new Readers(this))
  }

  /** @internal What is watched is watched while the loop runs. */
  override _start(): void {
    super._start()
    this.#readers?.follow()
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
    return this.#site(this._readers.add("addReader", "reader", fd, callback, args), this.addReader)
  }

  /**
   * Takes the reader of a target back, and what is queued of it; true if there was one. From then on the descriptor is
   * watched no more, and may be closed or used again. False on a closed loop. Throws `TypeError`, `RangeError` and
   * {@link InvalidStateError} as `addReader` does.
   */
  removeReader(fd: Watchable): boolean {
    return this._readers.remove("removeReader", "reader", fd)
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
    return this.#site(this._readers.add("addWriter", "writer", fd, callback, args), this.addWriter)
  }

  /** `removeReader` for the writer. */
  removeWriter(fd: Watchable): boolean {
    return this._readers.remove("removeWriter", "writer", fd)
  }

  /**
   * Marks a file descriptor or object, to be closed when the loop is, after readers and writers have been dropped: a
   * number by `close(2)`, an object by its own `destroy` or `close`. Marking twice is the same. What goes wrong is
   * reported as `late`, also that a number is closed already, because it may be somebody else's by then. Throws as
   * `addReader` does for what has no descriptor. trio-asyncio: `autoclose`.
   */
  autoclose(fd: Watchable): void {
    this._readers.autoclose(fd)
  }

  /** Takes the mark of `autoclose` back. Throws {@link InvalidStateError} for what is not marked. */
  noAutoclose(fd: Watchable): void {
    this._readers.noAutoclose(fd)
  }

  /** In debug mode, the caller of a method is where its Handle was created. */
  #site(handle: WatchHandle, above: object): WatchHandle {
    if (this.getDebug()) rememberSite(handle, above)
    return handle
  }

  // ---- signals ----

  #signals: Signals | undefined

  /** @internal */
  get _signals(): Signals {
    return (this.#signals ??= new Signals(this))
  }

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
    return this._signals.add(signal, callback, args)
  }

  /**
   * Takes the handler of this loop for a signal back, and what is queued of it. False where it has none, and for what
   * never has one (SIGKILL, a closed loop). Throws for what is no signal.
   */
  removeSignalHandler(signal: NodeJS.Signals | number): boolean {
    return this._signals.remove(signal)
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
  createSubprocessExec<const O extends ProcessOptions = Record<never, never>>(
    program: string | URL,
    args: ReadonlyArray<string | URL> = [],
    options?: Known<O>
  ): Future<ProcessOf<O>> {
    return createSubprocess<O>(this, "createSubprocessExec", [program, args], options)
  }

  /** `createSubprocessExec` for a command line, which `/bin/sh` runs (on Windows `cmd.exe`): see `subprocessShell`. */
  createSubprocessShell<const O extends ProcessOptions = Record<never, never>>(
    command: string,
    options?: Known<O>
  ): Future<ProcessOf<O>> {
    return createSubprocess<O>(this, "createSubprocessShell", shellCommand(command), options)
  }
}
