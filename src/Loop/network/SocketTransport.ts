/** One connection as a transport: TCP, a unix socket, or either with TLS. */
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { addressText, localOf, remoteOf, type SocketAddress } from "./Address.js"
import { isThenable } from "../kernel/adopt.js"
import { describeValue } from "../kernel/describe.js"
import { InvalidStateError, isCancelledError, isLoopClosedError } from "../kernel/errors.js"
import { Handle } from "../kernel/Handle.js"
import type { Context } from "../kernel/Context.js"
import type { Invocable, Runnable } from "../kernel/ports.js"
import { networkOf } from "./Network.js"
import { NodeTransport } from "../stream/NodeTransport.js"
import type { BufferedProtocol, Protocol } from "./Protocol.js"
import type { Home, Leftover } from "../ports.js"
import type { Source } from "./Source.js"

/** After so many bytes that the loop has not told yet, no more are read. */
const MOST_WAITING = 64 * 1024
/** After so many writes to a lost connection that were dropped, the program is told once. asyncio's constant. */
const MOST_DROPPED = 5

/** Whom a transport tells. */
export type AnyProtocol = Protocol & BufferedProtocol

/** What a transport belongs to, and tells of its end: a server. */
export interface Owner {
  attach(transport: SocketTransport): void
  detach(transport: SocketTransport): void
  /** A socket is on its way to be a transport, until `arrived` or its close. */
  arriving(socket: Socket): void
  arrived(socket: Socket): void
}

/**
 * A connection. asyncio: `Transport`.
 *
 * Legal states of reading: not begun (its protocol was not told of the connection yet), reading, paused, ended. What comes
 * is told by callbacks of the loop; while that does not run, or is behind, the sender is held up.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const echo = (): Protocol => {
 *     let transport: SocketTransport
 *     return {
 *       connectionMade: (made) => (transport = made),
 *       dataReceived: (data) => transport.write(data)
 *     }
 *   }
 *   const server = await loop.createServer(echo, { host: "127.0.0.1" })
 *   const [address] = server.sockets
 *   const answer = loop.createFuture<string>()
 *   const client: Protocol = { dataReceived: (data) => answer.setResult(data.toString()) }
 *   const [transport] = await loop.createConnection(() => client, { host: "127.0.0.1", port: address?.port })
 *   transport.write("hello")
 *   console.log(await answer) // => hello
 *   transport.close()
 *   server.close()
 *   await server.waitClosed()
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.2.0
 */
export class SocketTransport extends NodeTransport {
  /** @internal */ protected readonly _reads = true
  /** @internal */ protected readonly _writes = true
  /** @internal What a TLS socket was given is on its way through OpenSSL. */
  protected readonly _atOnce: boolean
  readonly #source: Source
  readonly #owner: Owner | undefined
  readonly #createdAt: number
  readonly #tls: TLSSocket | undefined
  readonly #path: string | undefined
  readonly #local: SocketAddress | string | undefined
  readonly #remote: SocketAddress | string | undefined
  readonly #told: Runnable & Invocable
  #protocol: AnyProtocol
  #begun = false
  #queued = false
  /** Nothing is read from the socket. */
  #stopped = false
  #received: Array<Buffer> = []
  #waiting = 0
  #ended = false
  #eofTold = false
  /** Node has closed the socket, both of whose ends were there: that is told after what came before. */
  #closed = false
  #writesDropped = 0

  /** @internal `connectionMade` is to follow. */
  constructor(
    loop: Home,
    source: Source,
    protocol: AnyProtocol,
    context: Context | undefined,
    options: {
      readonly path?: string | undefined
      readonly owner?: Owner | undefined
      readonly tls?: TLSSocket | undefined
    } = {}
  ) {
    const { socket } = source
    super(loop, socket, context)
    this.#source = source
    this.#protocol = protocol
    this.#owner = options.owner
    this.#tls = options.tls
    this.#path = options.path
    this.#createdAt = loop.time()
    this._atOnce = options.tls === undefined
    // Of a unix socket one end has a path, and the other has none.
    const { owner, path } = options
    const nameless = path === undefined ? undefined : ""
    this.#local = localOf(socket) ?? (owner === undefined ? nameless : path)
    this.#remote = remoteOf(socket) ?? (owner === undefined ? path : nameless)
    this.#told = new Told(loop, context, () => this.#tellReceived())
    socket.allowHalfOpen = true
    socket.on("end", this.#end)
    networkOf(loop).opens(this)
    options.owner?.attach(this)
    this._attach()
  }

  /** @internal The protocol is told of the connection, and then of what comes. In a callback of the loop. */
  _begin(): void {
    this.#guard("connectionMade", () => this.#protocol.connectionMade?.(this))
    this._goOn()
  }

  /** @internal It goes on for a protocol that was told of the connection before. In a callback of the loop. */
  _goOn(): void {
    this.#begun = this.#stopped = true
    if (this.isClosing()) return
    this.#source.open(this.#take)
    if (this._socket.readableEnded) this.#ended = true
    if (!this._paused) this._read()
  }

  /** @internal Gives its socket away, to be used by another transport. This one is nobody's from then on. */
  _handOver(what: string): {
    readonly source: Source
    readonly owner: Owner | undefined
    readonly path: string | undefined
    readonly text: string
  } {
    if (this.isClosing()) throw new InvalidStateError(`${what} of ${this._title[1]}: it is closing`)
    if (this.getWriteBufferSize() > 0)
      throw new InvalidStateError(`${what} of ${this._title[1]}: something waits to be written`)
    this.#source.detach()
    for (const bytes of this.#received.reverse()) this.#source.socket.unshift(bytes)
    this.#received = []
    this._socket.off("end", this.#end)
    this._release()
    networkOf(this._loop).transports.delete(this)
    this.#owner?.arriving(this.#source.socket)
    this.#owner?.detach(this)
    return { source: this.#source, owner: this.#owner, path: this.#path, text: this._title[1] }
  }

  /**
   * The information under a name, else `fallback`: `"socket"` the `net.Socket`; `"sockname"` and `"peername"` the addresses
   * of the two ends, {@link SocketAddress} or the path of a unix socket, also when it is closed; with TLS `"sslObject"` the
   * `tls.TLSSocket`, `"cipher"` and `"peercert"`.
   */
  getExtraInfo(name: string, fallback?: unknown): unknown {
    const tls = this.#tls
    switch (name) {
      case "socket":
        return this._socket
      case "sockname":
        return this.#local ?? fallback
      case "peername":
        return this.#remote ?? fallback
      case "sslObject":
        return tls ?? fallback
      case "cipher":
        return tls?.getCipher() ?? fallback
      case "peercert": {
        const certificate = tls?.getPeerCertificate()
        return certificate === undefined || Object.keys(certificate).length === 0 ? fallback : certificate
      }
      default:
        return fallback
    }
  }

  /** The protocol that is told. */
  getProtocol(): Protocol | BufferedProtocol {
    return this.#protocol
  }

  /** Lets another protocol be told from now on, of either kind. */
  setProtocol(protocol: Protocol | BufferedProtocol): void {
    this.#protocol = checkProtocol("setProtocol", protocol)
  }

  /** Whether `writeEof` can be called: TLS has no half of a connection. */
  override canWriteEof(): boolean {
    return this.#tls === undefined
  }

  /** @internal */
  protected override _whyNoEof(): string {
    return "which has TLS: close it"
  }

  /** @internal The row of the connection in a report. */
  describe(): Leftover {
    const closing = this._closing
    return {
      what: "connection",
      name: this._title[1],
      age: this._loop.time() - this.#createdAt,
      state: closing ? "closing" : this.#eofTold ? "half-closed" : "open",
      waitingOn:
        closing && this.getWriteBufferSize() > 0 ? `${this.getWriteBufferSize()} bytes to be taken` : "",
      createdAt: this.#owner === undefined ? "createConnection" : "createServer",
      blamed: false
    }
  }

  /** @internal */
  protected get _title(): readonly [kind: string, name: string] {
    const end = (address: SocketAddress | string | undefined): string =>
      address === undefined || address === "" ? "?" : addressText(address)
    const name =
      this.#local === undefined && this.#remote === undefined
        ? "a socket"
        : this.#local === ""
          ? end(this.#remote)
          : this.#remote === ""
            ? `a client of ${end(this.#local)}`
            : `${end(this.#local)} - ${end(this.#remote)}`
    return ["SocketTransport", name]
  }

  /** @internal */
  protected _read(): void {
    if (!this.#begun) return
    if (this.#received.length > 0 || this.#ended) this.#queue()
    else this.#go()
  }

  /** @internal */
  protected override _held(): void {
    if (!this.#begun || this.#stopped) return
    this.#stopped = true
    this.#source.pause()
  }

  /** @internal TLS tells the other end of the end, or that would take it for a cut. */
  protected override _lingers(): boolean {
    return super._lingers() || (this.#tls !== undefined && !this._broken())
  }

  /** @internal The descriptor is closed, and there is nothing to wait for. */
  protected override _destroyed(): void {
    this.#received = []
    this.#waiting = 0
    this._lose()
  }

  /**
   * @internal After an error what came before is told if the loop is at that already. A socket that has ended on both sides
   * is closed by Node itself, whoever has not read it yet.
   */
  protected override _socketClosed(): void {
    if (this._cause === undefined && !this._closing && this.#begun && this.#untold()) {
      this.#closed = true
      this.#queue()
    } else this._lose()
  }

  #untold(): boolean {
    return this.#received.length > 0 || (this.#ended && !this.#eofTold)
  }

  /** @internal Whether it keeps the process. */
  hold(process: boolean): void {
    if (process) this.#source.socket.ref()
    else this.#source.socket.unref()
  }

  /** @internal */
  protected _tellPause(): void {
    this._call(() => this.#guard("pauseWriting", () => this.#protocol.pauseWriting?.()))
  }

  /** @internal */
  protected _tellResume(): void {
    this._call(() => this.#guard("resumeWriting", () => this.#protocol.resumeWriting?.()))
  }

  /** @internal */
  protected _tellLost(error: Error | null): void {
    try {
      this.#guard("connectionLost", () => this.#protocol.connectionLost?.(error))
    } finally {
      networkOf(this._loop).transports.delete(this)
      this.#owner?.detach(this)
    }
  }

  /** @internal Errors are the system's own. */
  protected _reason(error: Error | undefined): Error | null {
    return error ?? null
  }

  /** @internal */
  protected override _dropped(): void {
    if (this._cause === undefined || ++this.#writesDropped !== MOST_DROPPED) return
    this._loop.callExceptionHandler({
      kind: "late",
      message: `${MOST_DROPPED} writes to ${this._title[1]} were dropped: the connection is lost`,
      exception: this._cause,
      transport: this
    })
  }

  /** What came. False where no more is wanted for now. */
  readonly #take = (bytes: Buffer): boolean => {
    if (this._closing) return false
    this.#received.push(bytes)
    this.#waiting += bytes.length
    this.#queue()
    if (this.#waiting < MOST_WAITING && !this._paused) return true
    this.#stopped = true
    return false
  }

  readonly #end = (): void => {
    this.#ended = true
    this.#queue()
  }

  #queue(): void {
    if (this.#queued || this._paused || !this.#begun || this._loop.isClosed()) return
    this.#queued = true
    if (this._loop.getDebug()) {
      this._tell(function dataReceived() {
        this.#tellReceived()
      })
    } else this._loop._push(this.#told)
  }

  #tellReceived(): void {
    this.#queued = false
    while (this.#received.length > 0) {
      if (this._paused || this._closing) return
      const bytes = this.#received.shift() as Buffer
      this.#waiting -= bytes.length
      this.#tellData(bytes)
    }
    if (this._closing || this._paused) return
    if (this.#ended) this.#tellEnd()
    else if (this.#stopped) this.#go()
    if (this.#closed) this._lose()
  }

  #go(): void {
    if (!this.#stopped) return
    this.#stopped = false
    this.#source.resume()
  }

  #tellData(bytes: Buffer): void {
    if (typeof this.#protocol.getBuffer === "function") return this.#fill(bytes)
    try {
      this.#follow("dataReceived", this.#protocol.dataReceived?.(bytes))
    } catch (exception) {
      this.#fatal("dataReceived", exception)
    }
  }

  /** Puts it into the protocol's buffer, and says so; again and again, where that is too short. */
  #fill(bytes: Buffer): void {
    let rest = bytes
    let asking = true
    try {
      while (rest.length > 0 && !this._closing) {
        // It was paused, or given another protocol, in the middle.
        if (this._paused || typeof this.#protocol.getBuffer !== "function") {
          this.#received.unshift(rest)
          this.#waiting += rest.length
          return
        }
        asking = true
        const buffer: unknown = this.#protocol.getBuffer(rest.length)
        if (!(buffer instanceof Uint8Array) || buffer.length === 0)
          throw new RangeError(`getBuffer gives a Uint8Array that is not empty, not ${describeValue(buffer)}`)
        const length = Math.min(buffer.length, rest.length)
        buffer.set(length === rest.length ? rest : rest.subarray(0, length))
        rest = rest.subarray(length)
        asking = false
        this.#follow("bufferUpdated", this.#protocol.bufferUpdated?.(length))
      }
    } catch (exception) {
      this.#fatal(asking ? "getBuffer" : "bufferUpdated", exception)
    }
  }

  #tellEnd(): void {
    if (this.#eofTold) return
    this.#eofTold = true
    let keep: unknown
    try {
      keep = this.#protocol.eofReceived?.()
    } catch (exception) {
      return this.#fatal("eofReceived", exception)
    }
    if (keep !== true || this.#tls !== undefined) this.close()
  }

  /** Calls the protocol; its failure is told, and changes nothing. */
  #guard(what: string, f: () => unknown): void {
    const failed = (exception: unknown): void => this.#report(exception, `${what}() of the protocol failed`)
    try {
      onFailure(f(), failed)
    } catch (exception) {
      failed(exception)
    }
  }

  /** A method that goes on, as an async one does: its failure is the end of the connection, too. */
  #follow(what: string, returned: unknown): void {
    // Nearly none returns anything.
    if (typeof returned === "object") onFailure(returned, (exception) => this.#fatal(what, exception))
  }

  /** A failure that the connection does not survive. */
  #fatal(what: string, exception: unknown): void {
    const message = `Fatal error: ${what}() of the protocol failed`
    this.#report(exception, message)
    this._fail(exception instanceof Error ? exception : new Error(message, { cause: exception }))
  }

  #report(exception: unknown, message: string): void {
    this._loop.callExceptionHandler({
      kind: "connection",
      message: `${message}: ${this._title[1]}`,
      exception,
      transport: this,
      protocol: this.#protocol
    })
  }
}

/** Tells of the later failure of what was returned, if it is a promise. */
const onFailure = (returned: unknown, failed: (exception: unknown) => void): void => {
  if (!isThenable(returned)) return
  returned.then(undefined, (exception: unknown) => {
    // Cancelled, or its loop was closed under it: nobody's accident.
    if (!isCancelledError(exception) && !isLoopClosedError(exception)) failed(exception)
  })
}

/** What is queued again and again, for all that comes: where a Handle would be one for each. */
class Told implements Runnable, Invocable {
  readonly resumes = false

  constructor(
    readonly _scheduler: Home,
    private readonly context: Context | undefined,
    readonly _invoke: () => void
  ) {}

  run(): void {
    this._scheduler.host.contexts.callHandle(this.context, this)
  }

  _threw(exception: unknown): void {
    new Handle(this._scheduler, this._invoke, undefined, undefined)._threw(exception)
  }
}

/** A protocol, checked. Throws `TypeError` for what cannot be told anything. */
export const checkProtocol = (what: string, protocol: unknown): AnyProtocol => {
  if (typeof protocol === "object" && protocol !== null && !isThenable(protocol)) return protocol
  throw new TypeError(`${what} takes a protocol, an object, not ${describeValue(protocol)}`)
}
