/** A child process told to a protocol. `startSubprocess.ts` makes one; `Process.ts` has streams in its place. */
import type { Child } from "./Child.js"
import { isThenable } from "../kernel/adopt.js"
import { describeValue } from "../kernel/describe.js"
import { BrokenPipeError } from "../errors.js"
import { Future } from "../kernel/Future.js"
import { Handle } from "../kernel/Handle.js"
import type { Context } from "../kernel/Context.js"
import { lastWordsOf } from "./LastWords.js"
import { isFull } from "./unread.js"
import { PipeTransport } from "../stream/PipeTransport.js"
import type { BaseTransport, PipeOwner, ReadTransport, WriteTransport } from "../stream/Transport.js"
import type { Home } from "../ports.js"

/**
 * What is told of a child process. The methods are called by the loop, one after the other, in the async-local state in
 * which `subprocessExec` was called; what one throws goes to the exception handler, and the others go on.
 *
 * `connectionMade` is the first and `connectionLost` the last, each once. The data of a pipe come before its end;
 * `processExited` may come anywhere between. asyncio: `SubprocessProtocol`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SubprocessProtocol {
  /** The process was started. */
  connectionMade?(transport: SubprocessTransport): void
  /** Data came. `fd` is the child's number: 1 for stdout, 2 for stderr. */
  pipeDataReceived?(fd: number, data: Buffer): void
  /** A pipe is closed. `null`: it ended, or was closed here. */
  pipeConnectionLost?(fd: number, error: Error | null): void
  /** The process has exited; `transport.getReturncode()` tells how. What it has written may still be on its way. */
  processExited?(): void
  /** The process has exited, and all its pipes are closed. */
  connectionLost?(error: Error | null): void
  /** More waits to be written to a pipe than its limit: called inside `write`. */
  pauseWriting?(fd: number): void
  /** What waits to be written has gone down to the lower limit. */
  resumeWriting?(fd: number): void
}

/**
 * A child process, for its protocol. asyncio: `SubprocessTransport`.
 *
 * Legal states: running; exited, while pipes are open; lost, when `connectionLost` was called. It is closing from
 * `close()` on, and once it is lost.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const ended = loop.createFuture<void>()
 *   const protocol: SubprocessProtocol = { connectionLost: () => ended.setResult(undefined) }
 *   const [transport] = await loop.subprocessExec(() => protocol, "cat")
 *   transport.getPipeTransport(0)?.writeEof()
 *   await ended
 *   console.log(transport.getReturncode(), transport.isClosing()) // => 0 true
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class SubprocessTransport implements BaseTransport {
  readonly #loop: Home
  readonly #child: Child
  readonly #context: Context | undefined
  readonly #pipes = new Map<number, PipeTransport>()
  readonly #open = new Set<number>()
  readonly #waits = new Set<Future<number>>()
  #protocol: SubprocessProtocol
  #exited = false
  #lost = false
  #closing = false
  /** @internal How many data and ends the protocol was told of. */
  _told = 0

  /** @internal `child` has just been started. `made` runs after the protocol was told of it. */
  constructor(
    loop: Home,
    child: Child,
    protocol: SubprocessProtocol,
    context: Context | undefined,
    made: (transport: SubprocessTransport) => void
  ) {
    this.#loop = loop
    this.#child = child
    this.#protocol = protocol
    this.#context = context
    const connectionMade = (): void => {
      try {
        this.#protocol.connectionMade?.(this)
      } finally {
        for (const pipe of this.#pipes.values()) pipe._begin()
        made(this)
      }
    }
    // Before there are pipes: one that has closed already is told of at once, and comes after it.
    this.#push(connectionMade)
    for (const [fd, socket] of child.pipes) {
      this.#open.add(fd)
      const direction = { reads: fd !== 0, writes: fd === 0 || fd > 2 }
      this.#pipes.set(fd, new PipeTransport(loop, socket, direction, this.#owner(fd), context))
    }
    lastWordsOf(loop).add(this)
    child.onExit(() => this.#onExit())
    child._waits = this.#waits
  }

  /** The number of the process. */
  getPid(): number {
    return this.#child.pid
  }

  /** The exit code, the negative number of the signal that ended it, or `null` while it runs. */
  getReturncode(): number | null {
    return this.#child.returncode
  }

  /** The parent's end of a pipe, by the child's number; `null` where the child was given none. */
  getPipeTransport(fd: 0): WriteTransport | null
  getPipeTransport(fd: 1 | 2): ReadTransport | null
  getPipeTransport(fd: number): PipeTransport | null
  getPipeTransport(fd: number): PipeTransport | null {
    return this.#pipes.get(fd) ?? null
  }

  /**
   * Sends a signal, by name or number, to the process. Throws ProcessLookupError once it has exited, SignalError for a
   * signal that is unknown or may not be sent.
   */
  sendSignal(signal: NodeJS.Signals | number): void {
    this.#child.sendSignal(signal)
  }

  /**
   * Sends a signal to the process and all of the group that it leads; to the process alone where it leads none. Throws
   * ProcessLookupError once nothing of them runs, else as `sendSignal`. Differs: asyncio leaves that to `os.killpg`, whose
   * number may be another group's by then.
   */
  signalGroup(signal: NodeJS.Signals | number): void {
    this.#child.signalGroup(signal)
  }

  /** Sends SIGTERM to the process. Throws ProcessLookupError once it has exited. */
  terminate(): void {
    this.#child.terminate()
  }

  /** Sends SIGKILL to the process. Throws ProcessLookupError once it has exited. */
  kill(): void {
    this.#child.kill()
  }

  /**
   * Kills the process if it runs, with the group that it leads if it leads one, and then closes the pipes, at once: it
   * cannot take the end of its input for the end of what it was to do. The protocol is still told of all of that.
   * Idempotent; allowed at any time.
   */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#child.abandon()
    for (const pipe of this.#pipes.values()) pipe.abort()
  }

  /** Whether it was closed, or the end of everything was told. */
  isClosing(): boolean {
    return this.#closing
  }

  /** The protocol that is told. */
  getProtocol(): SubprocessProtocol {
    return this.#protocol
  }

  /** Lets another protocol be told from now on. */
  setProtocol(protocol: SubprocessProtocol): void {
    this.#protocol = checkProtocol("setProtocol", protocol)
  }

  /** Under `"command"`: the program and its arguments, shortened. Else `fallback`. */
  getExtraInfo(name: string, fallback?: unknown): unknown {
    return name === "command" ? this.#child.command : fallback
  }

  toString(): string {
    const { returncode } = this.#child
    const state = returncode === null ? "running" : `returncode=${returncode}`
    return `<SubprocessTransport pid=${this.#child.pid} ${state}${this.#closing ? " closing" : ""}>`
  }

  toJSON(): unknown {
    return { _id: "SubprocessTransport", pid: this.#child.pid, returncode: this.#child.returncode }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal The child's numbers of its pipes. */
  _fds(): ReadonlyArray<number> {
    return [...this.#pipes.keys()]
  }

  /** @internal Whether somebody waits for the return code. */
  get _awaited(): boolean {
    return this.#waits.size > 0
  }

  /** @internal Whether the child has to wait before it can write more to this pipe. */
  _full(fd: number): boolean {
    const pipe = this.#child.pipes.get(fd)
    return pipe !== undefined && isFull(pipe)
  }

  /** @internal The return code, once the process has exited. Cancelling the Future ends the waiting and nothing else. */
  _wait(): Future<number> {
    const wait: Future<number> = new Future<number>(this.#loop, () => {
      this.#waits.delete(wait)
      return false
    })
    const { returncode } = this.#child
    if (returncode === null) this.#waits.add(wait)
    else wait._settleValue(returncode)
    return wait
  }

  /** @internal Kills the process and its own group, and calls `then` when they have ended. */
  _discard(then: () => void): void {
    this.close()
    this.#child.discard(then)
  }

  /** @internal Whether the process has exited, and its protocol was not told of the end yet. */
  get _ending(): boolean {
    return this.#child.returncode !== null && !this.#lost
  }

  /** @internal The error of a write to a pipe that has no reader. */
  _brokenPipe(fd: number, failed: Error | undefined): BrokenPipeError {
    const { command, pid, readerGone, returncode } = this.#child
    const cause = failed ?? (fd === 0 ? readerGone : undefined)
    const why =
      returncode !== null
        ? `it has ended with ${returncode}`
        : this.#closing
          ? "its transport was closed"
          : "that pipe is closed"
    return new BrokenPipeError(
      `cannot write to fd ${fd} of ${command} (pid ${pid}): ${why}`,
      cause === undefined ? undefined : { cause }
    )
  }

  #owner(fd: number): PipeOwner {
    return {
      dataReceived: (data) => {
        this._told++
        this.#protocol.pipeDataReceived?.(fd, data)
      },
      connectionLost: (error) => {
        this._told++
        this.#open.delete(fd)
        try {
          this.#protocol.pipeConnectionLost?.(fd, error)
        } finally {
          this.#tryFinish()
        }
      },
      pauseWriting: () => this.#protocol.pauseWriting?.(fd),
      resumeWriting: () => this.#protocol.resumeWriting?.(fd),
      brokenPipe: (cause) => this._brokenPipe(fd, cause),
      toString: () => `fd ${fd} of pid ${this.#child.pid}: ${this.#child.command}`
    }
  }

  #onExit(): void {
    // Before anybody hears of the exit: the number of a pipe that Node has closed with it may be somebody else's.
    for (const pipe of this.#pipes.values()) pipe._dropClosedFd()
    const processExited = (): void => {
      this._told++
      this.#exited = true
      try {
        this.#protocol.processExited?.()
      } finally {
        this.#tryFinish()
      }
    }
    this.#push(processExited)
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const wait of waits) wait._settleValue(this.#child.returncode)
  }

  #tryFinish(): void {
    if (!this.#exited || this.#open.size > 0) return
    const connectionLost = (): void => {
      this.#lost = true
      this.#closing = true
      lastWordsOf(this.#loop).delete(this)
      this.#protocol.connectionLost?.(null)
    }
    this.#push(connectionLost)
  }

  #push(callback: () => void): void {
    if (!this.#loop.isClosed()) this.#loop._push(new Handle(this.#loop, callback, undefined, this.#context))
  }
}

/** A protocol, checked. Throws `TypeError` for what cannot be told anything. */
export const checkProtocol = (what: string, protocol: unknown): SubprocessProtocol => {
  if (typeof protocol === "object" && protocol !== null && !isThenable(protocol)) return protocol
  throw new TypeError(`${what} takes a protocol, an object, not ${describeValue(protocol)}`)
}
