/** A datagram socket of Node as a transport: what comes to it is told to a protocol. `createDatagramEndpoint.ts` makes one. */
import { Buffer } from "node:buffer"
import type { RemoteInfo, Socket } from "node:dgram"
import { isIP } from "node:net"
import { describeValue } from "../../kernel/describe.js"
import { Handle } from "../../kernel/Handle.js"
import type { Context } from "../../kernel/Context.js"
import type { BaseTransport } from "../../stream/Transport.js"
import { WriteLimits } from "../../stream/WriteLimits.js"
import type { Home, Leftover } from "../../ports.js"
import { addressOf, addressText, type SocketAddress } from "../Address.js"
import { checkAddress, checkTarget } from "../names/checkAddress.js"
import { networkOf } from "../Network.js"
import { checkProtocol } from "../SocketTransport.js"

/**
 * What is told of a datagram endpoint. The methods are called by the loop, one after the other, in the async-local state
 * in which `createDatagramEndpoint` was called; what one throws goes to the exception handler, and the others go on.
 *
 * `connectionMade` is the first and `connectionLost` the last, each once. asyncio: `DatagramProtocol`.
 *
 * @category models
 * @since 0.2.0
 */
export interface DatagramProtocol {
  /** The endpoint is open. */
  connectionMade?(transport: DatagramTransport): void
  /** A datagram came, from this address. */
  datagramReceived?(data: Buffer, addr: SocketAddress): void
  /** The system has refused to send or to receive; the endpoint stays open. `error.code` is its name of the error. */
  errorReceived?(error: Error): void
  /** The endpoint is closed. `null`: it was closed here. */
  connectionLost?(error: Error | null): void
  /** More waits to be sent than the limit: called inside `sendto`. */
  pauseWriting?(): void
  /** What waits to be sent has gone down to the lower limit. */
  resumeWriting?(): void
}

/** Where datagrams go to that say nothing of it. */
export interface Remote {
  /** The host as the program has given it. */
  readonly name: string
  readonly address: SocketAddress
  /** Whether the socket takes and sends no others. */
  readonly connected: boolean
}

/** What a datagram costs beside its bytes. CPython 3.13 counts its header of 8 bytes, too. */
const HEADER = 8
/** In a queue of this process, an empty datagram takes about so much. */
const OVERHEAD = 256
/** What has come and was not told of yet, in bytes with the overhead; more is dropped, as the system does. */
const MOST = 4 * 1024 * 1024

/**
 * A datagram endpoint, for its protocol. asyncio: `DatagramTransport`.
 *
 * Legal states: open; closing, while what was sent before is on its way; lost.
 *
 * Node takes datagrams from the system as they come. While the loop does not run, or lags behind, up to 4 MiB of them
 * wait, and what comes beyond is dropped, as the system drops what its own buffer has no room for.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const answer = loop.createFuture<string>()
 *   const echo = (): DatagramProtocol => {
 *     let transport: DatagramTransport | undefined
 *     return {
 *       connectionMade: (made) => void (transport = made),
 *       datagramReceived: (data, addr) => transport?.sendto(data, addr)
 *     }
 *   }
 *   const [server] = await loop.createDatagramEndpoint(echo, { localAddr: { host: "127.0.0.1" } })
 *   const client: DatagramProtocol = { datagramReceived: (data) => answer.setResult(data.toString()) }
 *   const remoteAddr = server.getExtraInfo("sockname") as SocketAddress
 *   const [transport] = await loop.createDatagramEndpoint(() => client, { remoteAddr })
 *   transport.sendto(Buffer.from("hello"))
 *   console.log(await answer) // => hello
 *   transport.close()
 *   server.close()
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.2.0
 */
export class DatagramTransport implements BaseTransport {
  readonly #loop: Home
  readonly #socket: Socket
  readonly #name: SocketAddress
  readonly #remote: Remote | undefined
  readonly #context: Context | undefined
  readonly #limits: WriteLimits
  readonly #info: ReadonlyMap<string, unknown>
  readonly #since: number
  #protocol: DatagramProtocol = {}
  /** What has come and was not told of yet, as `MOST` counts it. */
  #waiting = 0
  #closing = false
  #lost = false

  /**
   * @internal `socket` is bound. `make` is called first, in the loop, and gives the protocol; `made` after that was told of
   * the connection.
   */
  constructor(
    loop: Home,
    socket: Socket,
    remote: Remote | undefined,
    context: Context | undefined,
    make: () => DatagramProtocol,
    made: () => void
  ) {
    const name = addressOf(socket.address()) as SocketAddress
    this.#loop = loop
    this.#socket = socket
    this.#name = name
    this.#remote = remote
    this.#context = context
    this.#since = loop.time()
    this.#info = new Map<string, unknown>([
      ["socket", socket],
      ["sockname", name],
      ...(remote?.connected === true ? ([["peername", remote.address]] as const) : [])
    ])
    this.#limits = new WriteLimits({
      pauseWriting: () => this.#call(() => this.#protocol.pauseWriting?.()),
      resumeWriting: () => this.#call(() => this.#protocol.resumeWriting?.()),
      later: (f) => this.#push(f)
    })
    networkOf(loop).opens(this)
    this.#push(() => {
      this.#protocol = make()
      try {
        this.#protocol.connectionMade?.(this)
      } finally {
        made()
      }
    })
    socket.on("message", this.#received)
    socket.on("error", this.#failed)
    socket.once("close", () => this.#end(null))
  }

  /**
   * Sends one datagram, which may be empty: bytes, which are copied, to `addr`, or to the `remoteAddr` of the endpoint.
   *
   * What the system refuses (`EMSGSIZE` for a datagram that is too long, `EACCES` for a broadcast without
   * `allowBroadcast`) is told to `errorReceived`, and the endpoint goes on; so is, where there is a `remoteAddr`, that
   * nobody receives there (`ECONNREFUSED`). Dropped once the endpoint is closing.
   *
   * Throws `TypeError` for what is no bytes and where there is no address, and `RangeError` for another address than
   * `remoteAddr`, a host that is no number (names are for `getaddrinfo`), or one of the other family.
   */
  sendto(
    data: ArrayBufferView | ArrayBuffer,
    addr: { readonly host: string; readonly port: number } | null = null
  ): void {
    const bytes = copied(data)
    const to = this.#destination(addr)
    if (this.#closing) return
    const size = bytes.length + HEADER
    this.#limits.add(size)
    this.#limits.check()
    const sent = (error: Error | null): void => {
      if (this.#lost) return
      this.#limits.remove(size)
      if (error !== null) this.#refused(error)
      this.#closeIfSent()
    }
    try {
      if (this.#remote?.connected === true) this.#socket.send(bytes, sent)
      else this.#socket.send(bytes, to.port, to.host, sent)
    } catch (error) {
      // The program has closed the socket by itself: its `close` is on the way.
      sent(error as Error)
    }
  }

  /** Closes the endpoint when all is sent; what comes from now on is dropped. Idempotent. */
  close(): void {
    if (this.#closing) return
    this.#closing = true
    this.#closeIfSent()
  }

  /** Closes the endpoint at once: what waits to be sent is dropped. Idempotent. */
  abort(): void {
    this.#closing = true
    this.#end(null)
  }

  /** Whether it was closed. */
  isClosing(): boolean {
    return this.#closing
  }

  /** The protocol that is told. */
  getProtocol(): DatagramProtocol {
    return this.#protocol
  }

  /** Lets another protocol be told from now on. */
  setProtocol(protocol: DatagramProtocol): void {
    checkProtocol("setProtocol", protocol)
    this.#protocol = protocol
  }

  /**
   * Under `"sockname"` the endpoint's own {@link SocketAddress}, under `"peername"` that of the other end where the
   * endpoint has one, under `"socket"` the `dgram.Socket`. Else `fallback`. Known after the end, too.
   */
  getExtraInfo(name: string, fallback?: unknown): unknown {
    return this.#info.get(name) ?? fallback
  }

  /** The number of bytes that wait to be sent, 8 for each datagram included. */
  getWriteBufferSize(): number {
    return this.#limits.size
  }

  /** Above `high` bytes `pauseWriting` is called, at `low` bytes `resumeWriting`. */
  getWriteBufferLimits(): { readonly low: number; readonly high: number } {
    return this.#limits.limits
  }

  /**
   * Sets these limits. By default `high` is 65536, and `low` a quarter of it. Throws `RangeError` unless `high >= low >=
   * 0`.
   */
  setWriteBufferLimits(limits?: {
    readonly low?: number | undefined
    readonly high?: number | undefined
  }): void {
    this.#limits.set(limits)
    this.#limits.check()
  }

  toString(): string {
    const peer = this.#remote === undefined ? "" : ` to ${addressText(this.#remote.address)}`
    const words = [
      this.#lost ? "closed" : this.#closing ? "closing" : "open",
      ...(this.#limits.size > 0 ? [`${this.#limits.size} bytes to send`] : [])
    ]
    return `<DatagramTransport ${addressText(this.#name)}${peer} ${words.join(" ")}>`
  }

  toJSON(): unknown {
    return { _id: "DatagramTransport", sockname: this.#name, closing: this.#closing }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal The loop runs, or stands still: it keeps the process meanwhile, or does not. */
  hold(process: boolean): void {
    if (this.#lost) return
    if (process) this.#socket.ref()
    else this.#socket.unref()
  }

  /** @internal Its row in a report. */
  describe(): Leftover {
    return {
      what: "endpoint",
      name: `datagrams at ${addressText(this.#name)}`,
      age: this.#loop.time() - this.#since,
      state: this.#closing ? "closing" : "open",
      waitingOn: "",
      createdAt: "",
      blamed: false
    }
  }

  #destination(addr: unknown): SocketAddress {
    const remote = this.#remote
    if (addr === null) {
      if (remote !== undefined) return remote.address
      throw new TypeError("sendto: the endpoint has no remoteAddr, so each datagram needs an address")
    }
    const { host, port } = checkTarget("sendto", checkAddress("sendto", "the address", addr))
    if (remote !== undefined) {
      const { address, name } = remote
      if (port === address.port && (host === name || host === address.host)) return address
      throw new RangeError(
        `sendto: the address is ${addressText(address)} or none, not ${host ?? ""}:${port}: the endpoint has a remoteAddr`
      )
    }
    const { family } = this.#name
    const given = isIP(host ?? "")
    if (host === null || given === 0)
      throw new RangeError(
        `sendto: ${describeValue(host)} is no number of a host; it asks no resolver, as getaddrinfo does`
      )
    if (given !== family)
      throw new RangeError(`sendto: ${host} is of IPv${given}, and the endpoint of IPv${family}`)
    return { host, port, family }
  }

  readonly #received = (data: Buffer, from: RemoteInfo): void => {
    const size = data.length + OVERHEAD
    if (this.#closing || this.#waiting + size > MOST) return
    this.#waiting += size
    this.#push(() => {
      this.#waiting -= size
      if (!this.#closing) this.#protocol.datagramReceived?.(data, addressOf(from) as SocketAddress)
    })
  }

  /** An error event of Node. What the system says of one datagram has the name of a system call. */
  readonly #failed = (error: Error): void => {
    if ("syscall" in error) return this.#refused(error)
    if (this.#lost) return
    this.#push(() => {
      this.#loop.callExceptionHandler({
        kind: "connection",
        message: `Fatal error of ${this.toString()}`,
        exception: error,
        transport: this,
        protocol: this.#protocol
      })
    })
    this.#closing = true
    this.#end(error)
  }

  #refused(error: Error): void {
    if (this.#closing) return
    // Who sends to many hears of none of them that it is not there.
    if (this.#remote === undefined && (error as NodeJS.ErrnoException).code === "ECONNREFUSED") return
    this.#push(() => {
      if (!this.#closing) this.#protocol.errorReceived?.(error)
    })
  }

  #closeIfSent(): void {
    if (this.#closing && this.#limits.size === 0) this.#end(null)
  }

  /** The socket is closed, and its protocol told of that: also on a loop that closes. */
  #end(error: Error | null): void {
    if (this.#lost) return
    this.#closing = true
    this.#lost = true
    this.#limits.end()
    this.#socket.off("message", this.#received)
    networkOf(this.#loop).transports.delete(this)
    try {
      this.#socket.close()
    } catch {
      // The program has closed it by itself.
    }
    this.#push(() => this.#protocol.connectionLost?.(error))
  }

  #push(f: () => void): void {
    if (!this.#loop.isClosed()) this.#loop._push(new Handle(this.#loop, f, undefined, this.#context))
  }

  /** Calls the protocol now, as a callback of the loop: what it throws goes to the exception handler. */
  #call(f: () => void): void {
    this.#loop.host.contexts.callHandle(this.#context, new Handle(this.#loop, f, undefined, undefined))
  }
}

const copied = (data: unknown): Buffer => {
  if (ArrayBuffer.isView(data)) return Buffer.from(Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  if (data instanceof ArrayBuffer) return Buffer.from(new Uint8Array(data))
  throw new TypeError(`sendto takes bytes, not ${describeValue(data)}`)
}
