/**
 * What transports over one socket of Node have in common: they write with flow control, end, and tell their owner from the
 * loop's ready queue, in order, in one async-local state. How they read is their own: `PipeTransport.ts` is one kind, the
 * `SocketTransport` of network the other.
 */
import { Buffer } from "node:buffer"
import { describeValue } from "../kernel/describe.js"
import { InvalidStateError } from "../kernel/errors.js"
import { Handle } from "../kernel/Handle.js"
import type { Context } from "../kernel/Context.js"
import { WriteLimits } from "./WriteLimits.js"
import type { ReadTransport, Wire, WriteTransport } from "./Transport.js"
import type { Home } from "../ports.js"

/** What is used of a socket's handle, which Node's types do not have. */
interface Handled {
  readonly _handle?: { readonly fd?: number } | null
}

const nothing = new Uint8Array(0)

/**
 * Legal states: open (its stream ended or not), closing, lost. A lost one stays lost, and says so once.
 *
 * `#limits` counts what the system has not said that it has taken, but for what it took at once where `_atOnce` says that
 * Node tells so.
 */
export abstract class NodeTransport implements ReadTransport, WriteTransport {
  /** @internal */ protected readonly _loop: Home
  /** @internal */ protected readonly _socket: Wire
  /** @internal */ protected readonly _context: Context | undefined
  readonly #fd: number | undefined
  #paused = false
  #closing = false
  #eofWritten = false
  #aborted = false
  #losing = false
  #lost = false
  /** The socket was given to somebody else. */
  #released = false
  #error: Error | undefined
  readonly #limits: WriteLimits

  /** @internal */
  constructor(loop: Home, socket: Wire, context: Context | undefined) {
    this._loop = loop
    this._socket = socket
    this._context = context
    this.#limits = new WriteLimits({
      pauseWriting: () => this._tellPause(),
      resumeWriting: () => this._tellResume(),
      later: (resume) =>
        this._tell(function resumeWriting() {
          resume()
        })
    })
    const fd = (socket as Handled)._handle?.fd
    if (fd !== undefined && fd >= 0) {
      this.#fd = fd
      loop._transportFds.set(fd, this)
    }
  }

  /** @internal The last of a constructor: from here on its owner may be told. */
  protected _attach(): void {
    this._socket.on("error", this.#failed)
    if (this._socket.closed) this.#closed()
    else this._socket.once("close", this.#closed)
  }

  /** @internal Whether the other end lets it read. */
  protected abstract readonly _reads: boolean
  /** @internal Whether the other end lets it write. */
  protected abstract readonly _writes: boolean
  /** @internal Whether what the system has taken at once is seen at the socket when `write` returns, so that nobody need tell. */
  protected abstract readonly _atOnce: boolean
  /** @internal The class and whose transport it is, for texts. */
  protected abstract readonly _title: readonly [kind: string, name: string]
  /** @internal Something may be there to be read, and reading is not paused. */
  protected abstract _read(): void
  /** @internal Tells the owner to stop writing; inside `write`, as asyncio does. */
  protected abstract _tellPause(): void
  /** @internal Tells the owner to go on. */
  protected abstract _tellResume(): void
  /** @internal The last that the owner is told. */
  protected abstract _tellLost(error: Error | null): void
  /** @internal Why it was lost; `unwritten` bytes were not taken. */
  protected abstract _reason(error: Error | undefined, unwritten: number): Error | null

  /** @internal Whether there is an end to be written before the socket is destroyed. */
  protected _lingers(): boolean {
    return this.#limits.size > 0
  }

  /** @internal It was destroyed here: nothing that came is told any more. */
  protected _destroyed(): void {}

  /** @internal Node has closed the socket. What came before may still be to be told. */
  protected _socketClosed(): void {
    this._lose()
  }

  /** @internal Reading was paused. */
  protected _held(): void {}

  /** @internal What was written was dropped, because it is closing or lost. */
  protected _dropped(): void {}

  /** @internal Gives up the number of a socket that Node has closed, and has told nobody of yet. */
  _dropClosedFd(): void {
    if (this._socket.destroyed) this.#forget()
  }

  /** @internal The error that broke it, where the system has said. */
  get _cause(): Error | undefined {
    return this.#error ?? this._socket.errored ?? undefined
  }

  /** @internal Whether `close` or `abort` was called, or the end of it was told. */
  protected get _closing(): boolean {
    return this.#closing
  }

  /** @internal */
  protected get _paused(): boolean {
    return this.#paused
  }

  /** @internal Whether the owner was told of its end. */
  get _lost(): boolean {
    return this.#lost
  }

  /** @internal Whether `writeEof` was called. */
  protected get _eofWritten(): boolean {
    return this.#eofWritten
  }

  close(): void {
    if (this.#closing) return
    this.#closing = true
    if (this._lingers() && !this._socket.destroyed) {
      if (this._socket.destroySoon === undefined) this._socket.end(() => this._socket.destroy())
      else this._socket.destroySoon()
      this._held()
    } else this.#destroy()
  }

  isClosing(): boolean {
    return this.#closing || this._broken()
  }

  abstract getExtraInfo(name: string, fallback?: unknown): unknown

  isReading(): boolean {
    return this._reads && !this.#paused && !this.isClosing()
  }

  pauseReading(): void {
    if (this.#paused) return
    this.#paused = true
    if (!this.#closing) this._held()
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    if (!this.#closing) this._read()
  }

  write(data: string | Uint8Array): void {
    const bytes = this.#bytes("write", data)
    if (bytes.length === 0) return
    if (!this.#takes()) return this._dropped()
    if (this.#tells()) this.#count(bytes, bytes.length)
    else {
      this._socket.write(bytes)
      this.#countLeft()
    }
    this.#limits.check()
  }

  writelines(data: Iterable<string | Uint8Array>): void {
    const all = Array.from(data, (item) => this.#bytes("writelines", item)).filter(({ length }) => length > 0)
    if (all.length === 0) return
    if (!this.#takes()) return this._dropped()
    const tells = this.#tells()
    // They are sent as one.
    this._socket.cork()
    for (const bytes of all) {
      if (tells) this.#count(bytes, bytes.length)
      else this._socket.write(bytes)
    }
    this._socket.uncork()
    if (!tells) this.#countLeft()
    this.#limits.check()
  }

  writeEof(): void {
    if (!this.canWriteEof())
      throw new InvalidStateError(`writeEof() of ${this._title[1]}, ${this._whyNoEof()}`)
    if (this.#eofWritten || this.isClosing()) return
    this.#eofWritten = true
    this._socket.end()
  }

  canWriteEof(): boolean {
    return this._writes
  }

  /** @internal Why the end of what is written cannot be told. */
  protected _whyNoEof(): string {
    return "which can only be read"
  }

  abort(): void {
    if (this.#released) return
    this.#closing = true
    this.#aborted = true
    this.#destroy()
  }

  getWriteBufferSize(): number {
    return this.#lost ? 0 : this.#limits.size
  }

  getWriteBufferLimits(): { readonly low: number; readonly high: number } {
    return this.#limits.limits
  }

  setWriteBufferLimits(
    limits: { readonly low?: number | undefined; readonly high?: number | undefined } = {}
  ): void {
    this.#limits.set(limits)
    if (!this.isClosing()) this.#limits.check()
  }

  toString(): string {
    const [kind, name] = this._title
    const words = [
      this.#lost ? "closed" : this.isClosing() ? "closing" : "open",
      ...(this.#paused ? ["paused"] : []),
      ...(this.#limits.size > 0 && !this.#lost ? [`${this.#limits.size} bytes to write`] : [])
    ]
    return `<${kind} ${name} ${words.join(" ")}>`
  }

  toJSON(): unknown {
    const [kind, name] = this._title
    return { _id: kind, name, closing: this.isClosing() }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal Whether the other end has gone, or Node has closed it. `connectionLost` follows, or has come. */
  _broken(): boolean {
    const { destroyed, errored, writable } = this._socket
    // The process has ended, and its input with it; or this end was closed.
    const ended = this._writes && !this.#eofWritten && !writable
    // `errored` is there at once, where a write has failed. The event comes when no microtask is left: who writes and
    // drains by turns would never hear of it.
    return this.#losing || this.#error !== undefined || destroyed || errored !== null || ended
  }

  /** @internal Ends it at once because of an error, which its owner is told at the end of it. */
  protected _fail(error: Error): void {
    if (this.#losing) return
    this.#error ??= error
    this.#closing = true
    this.#destroy()
  }

  /** @internal Tells the owner that it is lost, once: nothing else comes after that. */
  protected _lose(): void {
    if (this.#losing) return
    this.#losing = true
    this.#forget()
    const error = this.#aborted ? null : this._reason(this._cause, this.#limits.size)
    this._tell(function connectionLost() {
      this.#closing = true
      this.#lost = true
      this.#limits.end()
      this._tellLost(error)
    })
  }

  /** @internal The socket belongs to somebody else from now on, who takes over everything. */
  protected _release(): void {
    this.#released = this.#losing = this.#closing = true
    this._socket.off("error", this.#failed)
    this._socket.off("close", this.#closed)
    this.#forget()
  }

  /** @internal Queues a callback of the loop. */
  protected _tell(f: (this: this) => void): void {
    if (!this._loop.isClosed())
      this._loop._push(new Handle(this._loop, f.bind(this), undefined, this._context))
  }

  /** @internal Calls the owner now, as a callback of the loop: what it throws goes to the exception handler. */
  protected _call(f: () => void): void {
    this._loop.host.contexts.callHandle(this._context, new Handle(this._loop, f, undefined, undefined))
  }

  #bytes(what: string, data: unknown): Uint8Array {
    const bytes = typeof data === "string" ? Buffer.from(data) : viewOf(data)
    if (bytes === undefined)
      throw new TypeError(`${what} takes a string or bytes, not ${describeValue(data)}`)
    if (!this._writes) throw new InvalidStateError(`${what}() to ${this._title[1]}, which can only be read`)
    if (this.#eofWritten) throw new InvalidStateError(`${what}() to ${this._title[1]} after writeEof()`)
    return bytes
  }

  #takes(): boolean {
    return !this.isClosing() && this._socket.writable
  }

  /** Whether a write has to tell when it was taken, as one before it does, or the socket does not show it. */
  #tells(): boolean {
    return !this._atOnce || this.#limits.size > 0
  }

  /** Of what was not taken at once nobody would tell; what follows it in the same stream does. */
  #countLeft(): void {
    const left = this._socket.writableLength
    if (left > 0) this.#count(nothing, left)
  }

  #count(bytes: Uint8Array, length: number): void {
    this.#limits.add(length)
    this._socket.write(bytes, (error) => {
      if (error === undefined || error === null) this.#limits.remove(length)
    })
  }

  readonly #failed = (error: Error): void => {
    this.#error ??= error
    this.#forget()
  }

  /** The system has closed it. */
  readonly #closed = (): void => {
    this._socket.off("error", this.#failed)
    this._socketClosed()
  }

  #destroy(): void {
    this._socket.destroy()
    this.#forget()
    this._destroyed()
  }

  /** Gives up the number of the descriptor, which may be somebody else's from now on. */
  #forget(): void {
    if (this.#fd !== undefined && this._loop._transportFds.get(this.#fd) === this) {
      this._loop._transportFds.delete(this.#fd)
    }
  }
}

/** Bytes of any view, in place. */
const viewOf = (data: unknown): Uint8Array | undefined => {
  if (data instanceof Uint8Array) return data
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : undefined
}
