/**
 * How the bytes of a socket come to its transport. Where we make the socket, Node reads into one buffer that all connections
 * of the thread share (`onread`), and the bytes are copied out of it at once: that is less work than a buffer and a stream
 * event for each read, and an idle connection holds none. A socket that somebody else has made, or that has TLS, is read as
 * a stream.
 */
import { Buffer } from "node:buffer"
import { Socket, type OnReadOpts } from "node:net"

/** Takes what came; false where no more may come until `resume`. */
export type Take = (bytes: Buffer) => boolean

/** What comes from one socket. Nothing does before `open` and the first `resume`. */
export interface Source {
  readonly socket: Socket
  open(take: Take): void
  pause(): void
  resume(): void
  /** Lets go of the socket, paused. */
  detach(): void
}

const SIZE = 64 * 1024
let shared: Buffer | undefined

/** On Windows a read that waits has its buffer already. */
const canShare = process.platform !== "win32"

/** A source whose socket is yet to be made: with `options`, which `node:net` takes. */
export class SharedReads implements Source {
  #socket: Socket | undefined
  #take: Take = () => false

  /** What makes a socket read into the shared buffer. */
  readonly onread: OnReadOpts = {
    buffer: (shared ??= Buffer.allocUnsafeSlow(SIZE)),
    callback: (length, buffer) => {
      const bytes = Buffer.allocUnsafe(length)
      bytes.set((buffer as Uint8Array).subarray(0, length))
      return this.#take(bytes)
    }
  }

  get socket(): Socket {
    return this.#socket as Socket
  }

  /** The socket that was made with `onread`. */
  of(socket: Socket): this {
    this.#socket = socket
    return this
  }

  open(take: Take): void {
    this.#take = take
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  detach(): void {
    this.socket.pause()
    this.#take = (bytes) => {
      this.socket.unshift(bytes)
      return false
    }
  }
}

/** A source that is a stream. */
export class StreamReads implements Source {
  #onData: ((bytes: Buffer) => void) | undefined

  constructor(readonly socket: Socket) {
    socket.pause()
  }

  open(take: Take): void {
    this.#onData = (bytes) => {
      if (!take(bytes)) this.socket.pause()
    }
    this.socket.on("data", this.#onData)
    this.socket.pause()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  detach(): void {
    this.socket.pause()
    if (this.#onData !== undefined) this.socket.off("data", this.#onData)
  }
}

/** What is used of Node beyond its types: the handle of a socket, and the server that counts it. */
interface Accepted {
  _handle: { readonly useUserBuffer?: unknown } | null
  _server: object | null
}

/**
 * The source of a connection that a server has accepted, paused. Node's servers make sockets without `onread`; a second
 * one is put around the same handle, as `node:cluster` does. Where Node does not let us, the first one is read.
 */
export const acceptedSource = (accepted: Socket): Source => {
  const first = accepted as unknown as Accepted
  if (!canShare || typeof first._handle?.useUserBuffer !== "function") return new StreamReads(accepted)
  const reads = new SharedReads()
  // Node 26's types know of another handle, and those of 20 of none.
  const options: object = {
    handle: first._handle,
    allowHalfOpen: true,
    pauseOnCreate: true,
    onread: reads.onread
  }
  const second = new Socket(options)
  const { _server: server } = first
  ;(second as unknown as Accepted)._server = server
  first._server = null
  first._handle = null
  return reads.of(second)
}

/** Whether a socket that we connect may read into the shared buffer. */
export const sharedReads = (): SharedReads | undefined => (canShare ? new SharedReads() : undefined)
