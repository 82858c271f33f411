/** A child process as Effect code sees it: owned by a Scope, its pipes Streams and Sinks, its exit an Effect. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import { dyingSink, dyingStream } from "../../effect.js"
import type { Child } from "./Child.js"
import { InvalidStateError, type LoopClosedError, type QueueFullError } from "../kernel/errors.js"
import { type BrokenPipeError, ProcessLookupError, SignalError, type SpawnError } from "../errors.js"
import { pipeSink, pipeStream } from "./pipeStreams.js"
import { type ScopedChild, startScoped } from "./ScopedChild.js"
import { spawnChild } from "./spawnChild.js"
import type { SubprocessDefaults, SubprocessOptions } from "./SubprocessOptions.js"
import { fdName } from "./unread.js"
import type { Home } from "../ports.js"

/**
 * Where the options say nothing: what a person at a shell would expect, and a group of its own, to be ended as a whole.
 */
const defaults: SubprocessDefaults = { stdin: "pipe", stdout: "pipe", stderr: "inherit", detached: true }

/**
 * A pipe of a child beyond the first three, which both sides can read and write.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubprocessPipe {
  /** Writes what the child reads from the pipe. */
  readonly sink: Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError>
  /** Reads what the child writes to the pipe. */
  readonly stream: Stream.Stream<Uint8Array, LoopClosedError>
}

/**
 * A running child process, from `Loop.subprocess`.
 *
 * Its output waits until it is read: a child that writes more than the pipe holds waits, too. What it has written can
 * be read after it has exited.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const sort = yield* Loop.subprocess("sort", ["-n"])
 *   yield* Effect.forkScoped(Stream.run(Stream.make("10\n", "9\n"), sort.stdin))
 *   const sorted = yield* Stream.mkString(Stream.decodeText(sort.stdout))
 *   return [JSON.stringify(sorted), yield* sort.exitCode]
 * })
 * console.log(...(await Effect.runPromise(Loop.scoped(Effect.scoped(program))))) // => "9\n10\n" 0
 *
 * @category models
 * @since 0.1.0
 */
export class Subprocess {
  readonly pid: number
  /** The program and its arguments, shortened, for reports. */
  readonly command: string
  readonly #scoped: ScopedChild
  readonly #child: Child
  // Made when they are asked for: each is some kilobytes, and most programs use one of them.
  #stdin: Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError> | undefined
  #stdout: Stream.Stream<Uint8Array, LoopClosedError> | undefined
  #stderr: Stream.Stream<Uint8Array, LoopClosedError> | undefined
  readonly #extra = new Map<number, SubprocessPipe>()

  /** @internal `Loop.subprocess` makes one. */
  constructor(scoped: ScopedChild) {
    const { child } = scoped
    this.#scoped = scoped
    this.#child = child
    this.pid = child.pid
    this.command = child.command
    this.exitCode = scoped.exitCode
    this.isRunning = scoped.isRunning
    for (const fd of child.pipes.keys()) {
      if (fd > 2) this.#extra.set(fd, { sink: this.#sink(fd), stream: this.#stream(fd) })
    }
  }

  /**
   * Writes what the child reads. Takes bytes and strings (as UTF-8), waits while the pipe is full, and closes it when
   * the Stream that was run into it has ended, however; where that was for an error or an interruption that leaves the
   * Scope of the process as well, the child is ended before. Fails with {@link BrokenPipeError} where the child has closed
   * it or ended before it had been given everything. Used once.
   */
  get stdin(): Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError> {
    return (this.#stdin ??= this.#sink(0))
  }

  /**
   * Reads what the child writes, in chunks as they come, until all that have the pipe have closed it. Leaving it early
   * closes the pipe, as `head` does: whoever writes to it next gets SIGPIPE, or ECONNRESET where it left something
   * unread (Node's pipes are sockets). Read once. Fails with LoopClosedError where the loop has closed it, or made the
   * child end.
   */
  get stdout(): Stream.Stream<Uint8Array, LoopClosedError> {
    return (this.#stdout ??= this.#stream(1))
  }

  /**
   * The same of stderr, where `stderr: "pipe"` was asked for.
   *
   * @example
   * const program = Effect.gen(function* () {
   *   const shell = yield* Loop.subprocess("sh", ["-c", "echo careful >&2"], { stderr: "pipe" })
   *   return yield* Stream.mkString(Stream.decodeText(shell.stderr))
   * })
   * const said = await Effect.runPromise(Loop.scoped(Effect.scoped(program)))
   * console.log(said.trim()) // => careful
   */
  get stderr(): Stream.Stream<Uint8Array, LoopClosedError> {
    return (this.#stderr ??= this.#stream(2))
  }

  /** The exit code as `exitCode` gives it, once the process has exited; `null` before. */
  get returncode(): number | null {
    return this.#child.returncode
  }

  /** A pipe beyond the first three, by the child's number. Throws `RangeError` for what is none. */
  fd(fd: number): SubprocessPipe {
    const pipe = this.#extra.get(fd)
    if (pipe === undefined) {
      const there = [...this.#extra.keys()].join(", ") || "none"
      throw new RangeError(
        `${this.#scoped.name(fd)} is no extra pipe; there are: ${there} (ask for one with fds: { 3: "pipe" })`
      )
    }
    return pipe
  }

  /**
   * Waits until the process has exited: its exit code, or the negative number of the signal that ended it (-15 for
   * SIGTERM). Does not wait for its output. Interrupting it stops waiting and nothing else. A child that cannot exit
   * because nobody reads its output is reported once (`slowJoin`).
   */
  readonly exitCode: Effect.Effect<number, LoopClosedError>
  /** Whether the process runs. */
  readonly isRunning: Effect.Effect<boolean>

  /**
   * Sends a signal, by name or number, to the process alone, not to its group. Fails with {@link ProcessLookupError} when
   * it has exited, {@link SignalError} for a signal that does not exist or may not be sent.
   */
  sendSignal(signal: NodeJS.Signals | number): Effect.Effect<void, ProcessLookupError | SignalError> {
    return sending(() => this.#child.sendSignal(signal))
  }

  /**
   * Sends a signal to the process and all of its group, which is what it has started and what has not left the group; with
   * `detached: false`, to the process alone. Does not wait. Fails with {@link ProcessLookupError} when nothing of them runs,
   * {@link SignalError} as `sendSignal` does.
   *
   * @example
   * const program = Effect.gen(function* () {
   *   const shell = yield* Loop.subprocess("sh", ["-c", "sleep 60 & sleep 60"])
   *   yield* shell.signalGroup("SIGTERM")
   *   return yield* shell.exitCode
   * })
   * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => -15
   */
  signalGroup(signal: NodeJS.Signals | number): Effect.Effect<void, ProcessLookupError | SignalError> {
    return sending(() => this.#child.signalGroup(signal))
  }

  /** Sends SIGTERM to the process, and does not wait. */
  readonly terminate: Effect.Effect<void, ProcessLookupError | SignalError> = Effect.suspend(() =>
    this.sendSignal("SIGTERM")
  )

  /** Sends SIGKILL to the process, and does not wait. */
  readonly kill: Effect.Effect<void, ProcessLookupError | SignalError> = Effect.suspend(() =>
    this.sendSignal("SIGKILL")
  )

  toString(): string {
    const { returncode } = this
    return `<Subprocess ${this.#scoped.name()} ${returncode === null ? "running" : `exited ${returncode}`}>`
  }

  toJSON(): unknown {
    return { _id: "Subprocess", pid: this.pid, command: this.command, returncode: this.returncode }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  #noPipe(fd: number): InvalidStateError {
    return new InvalidStateError(
      `${this.#scoped.name(fd)} is no pipe: ask for one with ${fdName(fd)}: "pipe"`
    )
  }

  #stream(fd: number): Stream.Stream<Uint8Array, LoopClosedError> {
    const pipe = this.#scoped.pipe(fd)
    return pipe === undefined ? dyingStream(() => this.#noPipe(fd)) : pipeStream(...pipe)
  }

  #sink(fd: number): Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError> {
    const pipe = this.#scoped.pipe(fd)
    return pipe === undefined ? dyingSink(() => this.#noPipe(fd)) : pipeSink(...pipe)
  }
}

const sending = (send: () => void): Effect.Effect<void, ProcessLookupError | SignalError> =>
  Effect.suspend(() => {
    try {
      send()
      return Effect.void
    } catch (error) {
      return error instanceof ProcessLookupError || error instanceof SignalError
        ? Effect.fail(error)
        : Effect.die(error)
    }
  })

/** @internal `Loop.subprocess` on a loop. */
export const subprocess = (
  loop: Home,
  command: string | URL,
  args: ReadonlyArray<string | URL>,
  options: SubprocessOptions
): Effect.Effect<Subprocess, SpawnError | LoopClosedError | QueueFullError, Scope.Scope> =>
  Effect.map(
    startScoped(loop, () => spawnChild(loop, "Loop.subprocess", command, args, options, defaults)),
    (scoped) => new Subprocess(scoped)
  )
