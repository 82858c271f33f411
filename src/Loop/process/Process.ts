/**
 * A child process with streams and Futures. `createSubprocess.ts` makes one; `SubprocessTransport.ts` tells it to a
 * protocol.
 */
import { describeValue } from "../kernel/describe.js"
import { InvalidStateError } from "../kernel/errors.js"
import { BrokenPipeError } from "../errors.js"
import type { Future } from "../kernel/Future.js"
import type { StreamReader } from "../stream/StreamReader.js"
import type { StreamWriter } from "../stream/StreamWriter.js"
import type { SubprocessTransport } from "./SubprocessTransport.js"
import type { ProcessStreams } from "./ProcessStreams.js"
import type { Home } from "../ports.js"

/**
 * Both directions of a pipe beyond the first three.
 *
 * @category models
 * @since 0.1.0
 */
export interface ProcessPipe {
  readonly reader: StreamReader
  readonly writer: StreamWriter
}

/** The part of a stream in what `communicate` gives: all of it, where there is one. */
type Collected<R> = R extends StreamReader ? Buffer : null

/**
 * A child process. asyncio: `Process`.
 *
 * `stdin`, `stdout` and `stderr` are streams where they were asked for with `"pipe"`, else `null`. A process that is
 * dropped goes on running: it is terminated, then killed, when the loop closes.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const cat = await loop.createSubprocessExec("cat", [], { stdin: "pipe", stdout: "pipe" })
 *   cat.stdin.write("hello\n")
 *   console.log((await cat.stdout.readline()).toString().trim()) // => hello
 *   console.log(cat.transport.getPid() === cat.pid) // => true
 *   cat.terminate()
 *   console.log(await cat.wait()) // => -15
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class Process<
  In extends StreamWriter | null = StreamWriter | null,
  Out extends StreamReader | null = StreamReader | null,
  Err extends StreamReader | null = StreamReader | null
> {
  readonly pid: number
  readonly stdin: In
  readonly stdout: Out
  readonly stderr: Err
  readonly #loop: Home
  readonly #transport: SubprocessTransport
  readonly #streams: ProcessStreams

  /** @internal `createSubprocessExec` and `createSubprocessShell` make one. */
  constructor(loop: Home, transport: SubprocessTransport, streams: ProcessStreams) {
    this.pid = transport.getPid()
    // Which of them there are is what the types say of the options that it was started with.
    this.stdin = streams.writer(0) as In
    this.stdout = streams.reader(1) as Out
    this.stderr = streams.reader(2) as Err
    this.#loop = loop
    this.#transport = transport
    this.#streams = streams
  }

  /** The exit code, the negative number of the signal that ended it, or `null` while it runs. */
  get returncode(): number | null {
    return this.#transport.getReturncode()
  }

  /** The transport behind the process: the way to close it and all its pipes at once. */
  get transport(): SubprocessTransport {
    return this.#transport
  }

  /** The streams of a pipe that was asked for with `fds`, by the child's number; `null` where there is none. */
  pipe(fd: number): ProcessPipe | null {
    const reader = this.#streams.reader(fd)
    const writer = this.#streams.writer(fd)
    return reader === null || writer === null ? null : { reader, writer }
  }

  /**
   * The return code, once the process has exited. Cancelling the Future ends the waiting and nothing else.
   *
   * **Gotchas** A child whose output nobody reads stops when its pipe is full, and never exits: read it, or use
   * `communicate`. What it has written may still be read after this.
   */
  wait(): Future<number> {
    return this.#transport._wait()
  }

  /**
   * Writes `input`, closes stdin, reads stdout and stderr to their ends, waits for the exit, and gives both outputs:
   * `null` where there is no pipe. A child that does not read its input is no failure.
   *
   * Cancelling it ends the waiting: the child goes on, and what was read so far can be read again. Throws
   * InvalidStateError for input without a stdin pipe, and `TypeError` for input that is neither string nor bytes.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const sort = await loop.createSubprocessExec("sort", ["-n"], { stdin: "pipe", stdout: "pipe" })
   *   const [sorted] = await sort.communicate("10\n9\n")
   *   console.log(JSON.stringify(sorted.toString())) // => "9\n10\n"
   * })
   * await loop.close()
   */
  communicate(input?: string | Uint8Array): Future<[stdout: Collected<Out>, stderr: Collected<Err>]> {
    if (input !== undefined && typeof input !== "string" && !(input instanceof Uint8Array))
      throw new TypeError(`communicate takes a string or bytes, not ${describeValue(input)}`)
    const { stderr, stdin, stdout } = this
    if (input !== undefined && stdin === null)
      throw new InvalidStateError(
        `communicate(input) with pid ${this.pid}, which was started without stdin: "pipe"`
      )
    const wait = (): Future<number> => this.wait()
    return this.#loop.createTask(
      function* () {
        const out = stdout?.read()
        const err = stderr?.read()
        try {
          if (stdin !== null) yield* feed(stdin, input)
          const collected = [out === undefined ? null : yield* out, err === undefined ? null : yield* err]
          yield* wait()
          return collected as [Collected<Out>, Collected<Err>]
        } finally {
          out?.cancel()
          err?.cancel()
        }
      },
      { name: `communicate with pid ${this.pid}` }
    )
  }

  /**
   * Sends a signal, by name or number. Throws ProcessLookupError once it has exited, SignalError for a signal that is
   * unknown or may not be sent.
   */
  sendSignal(signal: NodeJS.Signals | number): void {
    this.#transport.sendSignal(signal)
  }

  /**
   * Sends a signal to the process and all of the group that it leads (`detached`, or a shell); to the process alone where it
   * leads none. Throws ProcessLookupError once nothing of them runs, else as `sendSignal`. Differs: asyncio leaves that to
   * `os.killpg`, whose number may be another group's by then.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const shell = await loop.createSubprocessShell("sleep 60 & sleep 60")
   *   shell.signalGroup("SIGTERM")
   *   console.log(await shell.wait()) // => -15
   * })
   * await loop.close()
   */
  signalGroup(signal: NodeJS.Signals | number): void {
    this.#transport.signalGroup(signal)
  }

  /** Sends SIGTERM to the process. Throws ProcessLookupError once it has exited. */
  terminate(): void {
    this.#transport.terminate()
  }

  /** Sends SIGKILL to the process. Throws ProcessLookupError once it has exited. */
  kill(): void {
    this.#transport.kill()
  }

  toString(): string {
    return `<Process ${this.pid}${this.returncode === null ? "" : ` returncode=${this.returncode}`}>`
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }
}

/** Writes all of the input and closes stdin. A child that does not want it need not take it. */
function* feed(stdin: StreamWriter, input: string | Uint8Array | undefined) {
  try {
    if (input !== undefined) {
      stdin.write(input)
      yield* stdin.drain()
    }
  } catch (error) {
    if (!(error instanceof BrokenPipeError)) throw error
  }
  stdin.close()
}
