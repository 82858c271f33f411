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
import { rememberSite } from "./kernel/describe.js"
import type { Future } from "./kernel/Future.js"
import type { WatchHandle } from "./kernel/WatchHandle.js"
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
