/**
 * The loop's methods for child processes, and their documentation. `startSubprocess.ts` and `createSubprocess.ts` do it.
 */
import type { Future } from "../kernel/Future.js"
import type { Known, ProcessOf, ProcessOptions } from "./createSubprocess.js"
import type { SubprocessOptions } from "./SubprocessOptions.js"
import type { SubprocessProtocol, SubprocessTransport } from "./SubprocessTransport.js"

/**
 * Child processes, told to a protocol or with streams.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessMethods {
  /**
   * Starts a program, and tells what comes of it to the protocol that `protocolFactory` makes. stdin, stdout and stderr
   * are pipes unless the options say otherwise. The arguments are an array, as in `node:child_process`; a `file:` URL
   * stands for its path. Gives the transport and the protocol, once `connectionMade` was called. asyncio:
   * `subprocess_exec`.
   *
   * Fails with {@link SpawnError} if the system refuses: then no protocol is told. Throws `TypeError` or `RangeError`
   * for wrong arguments and options, {@link LoopClosedError}, and what `protocolFactory` throws; nothing is started
   * then.
   *
   * Cancelling it kills what may have been started, and waits until that has ended. The process itself belongs to the
   * loop: closing that terminates it, kills it after `killGrace`, and waits for it. What the program has started is not
   * ended with it, unless it leads a group of its own (`detached: true`). However it is ended, its pipes are closed after
   * that: it cannot take the end of its input for the end of what it was to do.
   *
   * **Gotchas**
   * - Pipes are pairs of sockets, as Node makes them, and Linux lets nobody open a socket by name: `/dev/stdin`,
   *   `/dev/stdout` and `/dev/stderr` give the child ENXIO. In a shell say `>&2` for `> /dev/stderr`; for programs that
   *   open them, put a `cat` between (`prog /dev/stdin` becomes `sh -c 'cat | prog /dev/stdin'`), or give them a file.
   *   asyncio has the same of stdin.
   * - A descriptor that is given by its number must be open when the child starts: else SpawnError with EBADF.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const ended = loop.createFuture<void>()
   *   const protocol: SubprocessProtocol = {
   *     pipeDataReceived: (fd, data) => console.log(fd, data.toString()), // => 1 hello
   *     connectionLost: () => ended.setResult(undefined)
   *   }
   *   const [transport] = await loop.subprocessExec(() => protocol, "echo", ["hello"], { cwd: "/tmp" })
   *   await ended
   *   console.log(transport.getReturncode()) // => 0
   * })
   * await loop.close()
   */
  subprocessExec<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    program: string | URL,
    args?: ReadonlyArray<string | URL>,
    options?: SubprocessOptions
  ): Future<[transport: SubprocessTransport, protocol: P]>

  /**
   * `subprocessExec` for a command line, which `/bin/sh` runs (on Windows `cmd.exe`). The shell leads a session and group
   * of its own unless the options say `detached: false`: `close()` of the transport, a cancelled start and the closing of
   * the loop end all of that, what the shell has put into the background included.
   *
   * Differs: in asyncio what the shell has started runs on. `terminate`, `kill` and `sendSignal` are to the shell alone, as
   * there.
   *
   * **Gotchas**
   * - The shell reads the line: never put text into it that came from outside.
   * - In a session of its own it has no terminal: Ctrl-C does not reach it, but for the loop that closes, and `/dev/tty`
   *   cannot be opened. What talks to a person wants `detached: false`.
   */
  subprocessShell<P extends SubprocessProtocol>(
    protocolFactory: () => P,
    command: string,
    options?: SubprocessOptions
  ): Future<[transport: SubprocessTransport, protocol: P]>

  /**
   * Starts a program as a {@link Process}. stdin, stdout and stderr are the parent's own unless the options say
   * otherwise; those that are `"pipe"` are streams of the Process. asyncio: `create_subprocess_exec`.
   *
   * Fails, throws and is cancelled as `subprocessExec`.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const wc = await loop.createSubprocessExec("wc", ["-l"], { stdin: "pipe", stdout: "pipe" })
   *   const [count] = await wc.communicate("a\nb\n")
   *   console.log(Number(count), wc.returncode) // => 2 0
   * })
   * await loop.close()
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

  /** `createSubprocessExec` for a command line, which `/bin/sh` runs (on Windows `cmd.exe`): see `subprocessShell`. */
  createSubprocessShell(command: string, options?: undefined): Future<ProcessOf<Record<never, never>>>
  createSubprocessShell<const O extends ProcessOptions>(
    command: string,
    options: Known<O>
  ): Future<ProcessOf<O>>
}
