/**
 * One pipe or socket of Node as a transport: what comes and what happens to it is told to its owner from the loop's
 * ready queue, in order, in one async-local state. `SubprocessTransport.ts` is such an owner.
 */
import { Buffer } from "node:buffer"
import type { Socket } from "node:net"
import { describeValue } from "../kernel/describe.js"
import { InvalidStateError } from "../kernel/errors.js"
import { Handle } from "../kernel/Handle.js"
import type { Context } from "../kernel/Context.js"
import type { PipeOwner, ReadTransport, WriteTransport } from "./Transport.js"
import type { Home } from "../ports.js"

/** What is used of a socket's handle, which Node's types do not have. */
interface Handled {
  readonly _handle?: { readonly fd?: number } | null
}

/** What Node says when the other end has gone. */
const gone = new Set(["EPIPE", "ECONNRESET", "ECONNABORTED", "ERR_STREAM_DESTROYED"])

/**
 * A pipe, or the parent's end of a socket that a child has.
 *
 * Legal states: made (nothing is told yet), open (reading or paused; writing or its stream ended), closing, lost. Reading
 * takes what is there in a callback of the loop: as long as that does not run, or it is paused, the sender is held up.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const ended = loop.createFuture<void>()
 *   const protocol: SubprocessProtocol = {
 *     pipeDataReceived: (_fd, data) => console.log(data.toString()), // => hello
 *     connectionLost: () => ended.setResult(undefined)
 *   }
 *   const [transport] = await loop.subprocessExec(() => protocol, "cat")
 *   const stdin = transport.getPipeTransport(0)
 *   stdin?.write("hello")
 *   stdin?.writeEof()
 *   await ended
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class PipeTransport implements ReadTransport, WriteTransport {
  readonly #loop: Home
  readonly #socket: Socket
  readonly #owner: PipeOwner
  readonly #context: Context | undefined
  readonly #fd: number | undefined
  readonly #reads: boolean
  readonly #writes: boolean
  #made = false
  #paused = false
  #polling = false
  #closing = false
  #eofWritten = false
  #aborted = false
  #lost = false
  #error: Error | undefined
  /** The number of bytes that the system has not said that it has taken. */
  #unwritten = 0
  /** asyncio's limits: CPython 3.11, `Lib/asyncio/transports.py`. */
  #high = 64 * 1024
  #low = 16 * 1024
  #heldUp = false

  /** @internal `direction` is what the other end lets this one do. */
  constructor(
    loop: Home,
    socket: Socket,
    direction: { readonly reads: boolean; readonly writes: boolean },
    owner: PipeOwner,
    context: Context | undefined
  ) {
    this.#loop = loop
    this.#socket = socket
    this.#owner = owner
    this.#context = context
    this.#reads = direction.reads
    this.#writes = direction.writes
    const fd = (socket as Handled)._handle?.fd
    if (fd !== undefined && fd >= 0) {
      this.#fd = fd
      loop._transportFds.set(fd, this)
    }
    socket.on("error", this.#failed)
    socket.on("readable", this.#poll)
    if (socket.closed) this.#closed()
    else socket.once("close", this.#closed)
  }

  /** @internal The owner has been told of the connection: from now on it is told of data. */
  _begin(): void {
    this.#made = true
    this.#poll()
  }

  /** @internal Gives up the number of a socket that Node has closed, and has told nobody of yet. */
  _dropClosedFd(): void {
    if (this.#socket.destroyed) this.#forget()
  }

  /** @internal The error that broke the pipe, where the system has said. */
  get _cause(): Error | undefined {
    return this.#error ?? this.#socket.errored ?? undefined
  }

  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this.#unwritten > 0 && !this.#socket.destroyed) this.#socket.destroySoon()
    else this.#destroy()
  }

  isClosing(): boolean {
    return this.#closing || this._broken()
  }

  getExtraInfo(name: string, fallback?: unknown): unknown {
    return name === "pipe" ? this.#socket : fallback
  }

  isReading(): boolean {
    return this.#reads && !this.#paused && !this.isClosing()
  }

  pauseReading(): void {
    this.#paused = true
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#poll()
  }

  write(data: string | Uint8Array): void {
    const bytes = typeof data === "string" ? Buffer.from(data) : data
    if (!(bytes instanceof Uint8Array))
      throw new TypeError(`write takes a string or bytes, not ${describeValue(data)}`)
    if (!this.#writes)
      throw new InvalidStateError(`write() to ${this.#owner.toString()}, which can only be read`)
    if (this.#eofWritten) throw new InvalidStateError(`write() to ${this.#owner.toString()} after writeEof()`)
    if (bytes.length === 0 || this.isClosing() || !this.#socket.writable) return
    this.#unwritten += bytes.length
    this.#socket.write(bytes, (error) => {
      if (error === undefined || error === null) this.#written(bytes.length)
    })
    if (this.#heldUp || this.#unwritten <= this.#high) return
    this.#heldUp = true
    this.#call(() => this.#owner.pauseWriting())
  }

  writelines(data: Iterable<string | Uint8Array>): void {
    for (const item of data) this.write(item)
  }

  writeEof(): void {
    if (!this.#writes)
      throw new InvalidStateError(`writeEof() of ${this.#owner.toString()}, which can only be read`)
    if (this.#eofWritten || this.isClosing()) return
    this.#eofWritten = true
    this.#socket.end()
  }

  canWriteEof(): boolean {
    return this.#writes
  }

  abort(): void {
    this.#closing = true
    this.#aborted = true
    this.#destroy()
  }

  getWriteBufferSize(): number {
    return this.#lost ? 0 : this.#unwritten
  }

  getWriteBufferLimits(): { readonly low: number; readonly high: number } {
    return { low: this.#low, high: this.#high }
  }

  setWriteBufferLimits(
    limits: { readonly low?: number | undefined; readonly high?: number | undefined } = {}
  ): void {
    const high = limits.high ?? (limits.low === undefined ? 64 * 1024 : 4 * limits.low)
    const low = limits.low ?? Math.floor(high / 4)
    if (!(high >= low && low >= 0))
      throw new RangeError(`setWriteBufferLimits takes high >= low >= 0, not high ${high}, low ${low}`)
    this.#high = high
    this.#low = low
    if (!this.#heldUp && this.#unwritten > high && !this.isClosing()) {
      this.#heldUp = true
      this.#call(() => this.#owner.pauseWriting())
    }
    this.#resumeWriting()
  }

  toString(): string {
    const words = [
      this.#lost ? "closed" : this.isClosing() ? "closing" : "open",
      ...(this.#paused ? ["paused"] : []),
      ...(this.#unwritten > 0 && !this.#lost ? [`${this.#unwritten} bytes to write`] : [])
    ]
    return `<PipeTransport ${this.#owner.toString()} ${words.join(" ")}>`
  }

  toJSON(): unknown {
    return { _id: "PipeTransport", name: this.#owner.toString(), closing: this.isClosing() }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** Queues a callback that reads, as something may be there. At most one is queued. */
  readonly #poll = (): void => {
    if (!this.#reads || !this.#made || this.#paused || this.#polling || this.#closing) return
    this.#polling = true
    this.#push(function dataReceived(this: PipeTransport) {
      this.#polling = false
      if (this.#paused || this.#closing) return
      // At the end of the stream, this is also what lets Node notice.
      const data = this.#socket.read() as Buffer | null
      if (data === null) return
      // Node 26 gives less than all of it, and says nothing of the rest.
      if (this.#socket.readableLength > 0) this.#poll()
      if (data.length > 0) this.#owner.dataReceived(data)
    })
  }

  readonly #failed = (error: Error): void => {
    this.#error ??= error
    this.#forget()
  }

  /** The system has closed the pipe. */
  readonly #closed = (): void => {
    this.#forget()
    this.#socket.off("error", this.#failed)
    this.#socket.off("readable", this.#poll)
    const error = this.#reason()
    this.#push(function connectionLost(this: PipeTransport) {
      this.#closing = true
      this.#lost = true
      this.#owner.connectionLost(error)
    })
  }

  #reason(): Error | null {
    const code = (this.#error as NodeJS.ErrnoException | undefined)?.code
    if (this.#aborted) return null
    if (this.#error !== undefined && !gone.has(code ?? "")) return this.#error
    // What was written may have been dropped without an error: Node closes the input of a process that has ended.
    return this.#error !== undefined || this.#unwritten > 0 ? this.#owner.brokenPipe(this.#error) : null
  }

  /** @internal Whether the other end has gone, or Node has closed it. `connectionLost` follows, or has come. */
  _broken(): boolean {
    const { destroyed, errored, writable } = this.#socket
    // The process has ended, and its input with it; or this end was closed.
    const ended = this.#writes && !this.#eofWritten && !writable
    // `errored` is there at once, where a write has failed. The event comes when no microtask is left: who writes and
    // drains by turns would never hear of it.
    return this.#lost || this.#error !== undefined || destroyed || errored !== null || ended
  }

  #written(length: number): void {
    this.#unwritten -= length
    if (this.#heldUp && this.#unwritten <= this.#low) {
      this.#push(function resumeWriting(this: PipeTransport) {
        this.#resumeWriting()
      })
    }
  }

  #resumeWriting(): void {
    if (!this.#heldUp || this.#unwritten > this.#low || this.#lost) return
    this.#heldUp = false
    this.#call(() => this.#owner.resumeWriting())
  }

  #destroy(): void {
    this.#socket.destroy()
    this.#forget()
  }

  /** Gives up the number of the descriptor, which may be somebody else's from now on. */
  #forget(): void {
    if (this.#fd !== undefined && this.#loop._transportFds.get(this.#fd) === this) {
      this.#loop._transportFds.delete(this.#fd)
    }
  }

  #push(f: (this: PipeTransport) => void): void {
    if (!this.#loop.isClosed())
      this.#loop._push(new Handle(this.#loop, bind(f, this), undefined, this.#context))
  }

  /** Calls the owner now, as a callback of the loop: what it throws goes to the exception handler. */
  #call(f: () => void): void {
    this.#loop.host.contexts.callHandle(this.#context, new Handle(this.#loop, f, undefined, undefined))
  }
}

const bind = (f: (this: PipeTransport) => void, transport: PipeTransport): (() => void) => f.bind(transport)
