/** One end of a pipe, or of what is like one, for a protocol: asyncio's `connect_read_pipe` and `connect_write_pipe`. */
import { fstatSync, type Stats } from "node:fs"
import { Socket } from "node:net"
import { Duplex, Readable, Writable } from "node:stream"
import { isatty, ReadStream, WriteStream } from "node:tty"
import { describeValue } from "../../kernel/describe.js"
import { BrokenPipeError, FdError } from "../../errors.js"
import { Future } from "../../kernel/Future.js"
import { Handle } from "../../kernel/Handle.js"
import type { Home, Leftover } from "../../ports.js"
import { PipeTransport } from "../../stream/PipeTransport.js"
import type { PipeOwner, Wire } from "../../stream/Transport.js"
import { checkDescriptor, checkFactory } from "../checks.js"
import { type Held, networkOf } from "../Network.js"
import { Opening } from "../Opening.js"
import { checkProtocol } from "../SocketTransport.js"

/**
 * An end of a pipe: a file descriptor of a pipe, a socket or a terminal, an object that has one as its `fd`, or a stream of
 * Node of bytes. It belongs to the transport from then on, which closes it.
 *
 * @category models
 * @since 0.2.0
 */
export type PipeEnd = number | { readonly fd: number } | Readable | Writable

/**
 * What is told of one end of a pipe. Every method may be missing, and does nothing then. The methods are called by the loop,
 * one after the other, in the async-local state in which the end was connected; what one throws goes to the exception
 * handler, and the others go on.
 *
 * @category models
 * @since 0.2.0
 */
export interface PipeProtocol {
  /** The end is connected. */
  connectionMade?(transport: PipeTransport): unknown
  /** Data came. They are the protocol's own. */
  dataReceived?(data: Buffer): unknown
  /** Nothing more comes: the pipe is closed then. */
  eofReceived?(): unknown
  /** The end is closed: the last call. `null`: the pipe has ended, or was closed here. */
  connectionLost?(error: Error | null): unknown
  /** More waits to be written than the limit: called inside `write`. */
  pauseWriting?(): unknown
  /** What waits to be written has gone down to the lower limit. */
  resumeWriting?(): unknown
}

/** Which half of it is used. */
type Half = "read" | "write"

/** The end of a pipe that a program has given, as a stream of Node, and its name for people. */
interface Given {
  readonly wire: Wire
  readonly name: string
}

/** Throws what is wrong with a descriptor: only what can be waited for is taken. */
const openDescriptor = (what: string, fd: number, half: Half): Wire => {
  let stats: Stats
  try {
    stats = fstatSync(fd)
  } catch (error) {
    const { code = "EBADF" } = error as NodeJS.ErrnoException
    throw new FdError({ fd, code, syscall: "fstat", why: "the file descriptor is not open" })
  }
  if (isatty(fd)) return half === "read" ? new ReadStream(fd) : new WriteStream(fd)
  if (!stats.isFIFO() && !stats.isSocket())
    throw new RangeError(
      `${what} takes pipes, sockets and terminals, and fd ${fd} is none: it would always be ready`
    )
  return new Socket({ fd, readable: half === "read", writable: half === "write", allowHalfOpen: true })
}

const given = (what: string, end: unknown, half: Half): Given => {
  const Half = half === "read" ? Readable : Writable
  if (end instanceof Half || end instanceof Duplex) {
    const bytes =
      half === "read"
        ? !(end as Readable).readableObjectMode && (end as Readable).readableEncoding === null
        : !(end as Writable).writableObjectMode
    if (!bytes)
      throw new TypeError(`${what} takes a stream of bytes, and ${describeValue(end)} has other items`)
    // Of a stream that has one half, the transport uses no other.
    return { wire: end as Wire, name: describeValue(end) }
  }
  if (end instanceof Readable || end instanceof Writable)
    throw new TypeError(`${what}: ${describeValue(end)} cannot be ${half === "read" ? "read" : "written to"}`)
  const fd = checkDescriptor(what, end)
  return { wire: openDescriptor(what, fd, half), name: `fd ${fd}` }
}

/**
 * One end, to its transport and to the closing of the loop.
 *
 * Legal states: connecting, until its protocol was told; connected; lost.
 */
class ConnectedEnd<P extends PipeProtocol> implements PipeOwner, Held {
  readonly future: Future<[transport: PipeTransport, protocol: P]>
  readonly #loop: Home
  readonly #name: string
  readonly #what: string
  readonly #since: number
  readonly #wire: Wire
  readonly #transport: PipeTransport
  #protocol: P | undefined

  constructor(loop: Home, what: string, factory: () => P, { name, wire }: Given, half: Half) {
    this.#loop = loop
    this.#wire = wire
    this.#name = name
    this.#what = what
    this.#since = loop.time()
    this.future = new Opening(loop, () => this.abort())
    const context = loop.host.contexts.capture()
    // Before there is a transport: an end that has closed already is told of at once, and comes after it.
    loop._push(new Handle(loop, () => this.#begin(factory), undefined, context))
    const direction = { reads: half === "read", writes: half === "write" }
    this.#transport = new PipeTransport(loop, wire, direction, this, context)
    networkOf(loop).opens(this)
  }

  dataReceived(data: Buffer): void {
    this.#protocol?.dataReceived?.(data)
  }

  eofReceived(): void {
    this.#protocol?.eofReceived?.()
  }

  connectionLost(error: Error | null): void {
    networkOf(this.#loop).transports.delete(this)
    this.#protocol?.connectionLost?.(error)
  }

  pauseWriting(): void {
    this.#protocol?.pauseWriting?.()
  }

  resumeWriting(): void {
    this.#protocol?.resumeWriting?.()
  }

  brokenPipe(cause: Error | undefined): Error {
    const options = cause === undefined ? undefined : { cause }
    return new BrokenPipeError(`cannot write to ${this.#name}: its other end has gone`, options)
  }

  hold(process: boolean): void {
    if (process) this.#wire.ref?.()
    else this.#wire.unref?.()
  }

  abort(): void {
    networkOf(this.#loop).transports.delete(this)
    this.#transport._abandon()
  }

  describe(): Leftover {
    return {
      what: "pipe",
      name: this.#name,
      age: this.#loop.time() - this.#since,
      state: this.#transport.isClosing() ? "closing" : "open",
      waitingOn: "",
      createdAt: this.#what,
      blamed: false
    }
  }

  toString(): string {
    return this.#name
  }

  #begin(factory: () => P): void {
    const { future } = this
    // Cancelled meanwhile: there is nobody to be told.
    if (future.done()) return
    let protocol: P
    try {
      protocol = factory()
      checkProtocol(`${this.#what}, from its protocolFactory,`, protocol)
    } catch (error) {
      this.abort()
      return future._settleError(error)
    }
    this.#protocol = protocol
    try {
      protocol.connectionMade?.(this.#transport)
    } finally {
      this.#transport._begin()
      if (!future.done()) future._settleValue([this.#transport, protocol])
    }
  }
}

const connect = <P extends PipeProtocol>(
  loop: Home,
  what: string,
  factory: () => P,
  end: unknown,
  half: Half
): Future<[transport: PipeTransport, protocol: P]> => {
  checkFactory(what, factory)
  if (loop._parks(what)) return new Future(loop)
  networkOf(loop).refuse(what)
  return new ConnectedEnd(loop, what, factory, given(what, end, half), half).future
}

/** What `connectReadPipe` does. */
export const connectReadPipe = <P extends PipeProtocol>(
  loop: Home,
  protocolFactory: () => P,
  pipe: PipeEnd
): Future<[transport: PipeTransport, protocol: P]> =>
  connect(loop, "connectReadPipe", protocolFactory, pipe, "read")

/** What `connectWritePipe` does. */
export const connectWritePipe = <P extends PipeProtocol>(
  loop: Home,
  protocolFactory: () => P,
  pipe: PipeEnd
): Future<[transport: PipeTransport, protocol: P]> =>
  connect(loop, "connectWritePipe", protocolFactory, pipe, "write")
