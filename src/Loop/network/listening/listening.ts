/** What listens: one of Node's servers for each address, opened all or none. */
import {
  createServer as netServer,
  type ListenOptions,
  type Server as NetServer,
  type Socket
} from "node:net"
import { getBuiltinModule } from "node:process"
import type { TlsOptions, TLSSocket } from "node:tls"
import { addressOf, addressText, type SocketAddress } from "../Address.js"
import { bindError } from "../failures.js"
import { kindOfFd, pathOfFd } from "../connecting/givenFd.js"
import { acceptedSource, StreamReads } from "../Source.js"
import type { Accept, Listener } from "./Server.js"
import { freePath, UnixFile } from "./unixPath.js"

/** One place to listen on. */
export interface Place {
  readonly text: string
  readonly listen: ListenOptions & {
    readonly fd?: number | undefined
    readonly reusePort?: boolean | undefined
  }
  /** Of a unix socket: its path, where it is known, and whether its file is removed. */
  readonly unix?: { readonly path: string | undefined; readonly cleanup: boolean } | undefined
  /** Whether it is a descriptor that was given. */
  readonly given?: boolean | undefined
}

/** How connections are accepted. */
export interface Acceptance {
  readonly ssl: TlsOptions | undefined
  /** In milliseconds. */
  readonly handshake: number
  readonly keepAlive: boolean
}

/** Node's server for one place. It closes no half of a connection by itself: that is the protocol's to say. */
const nodeServer = ({ handshake, keepAlive, ssl }: Acceptance): NetServer => {
  const options = { allowHalfOpen: true, noDelay: true, keepAlive }
  return ssl === undefined
    ? netServer({ ...options, pauseOnConnect: true })
    : getBuiltinModule("node:tls").createServer({ ...ssl, ...options, handshakeTimeout: handshake })
}

/** Legal states: made, opening, open, closed. */
class NodeListener implements Listener {
  readonly #server: NetServer
  readonly #place: Place
  readonly #accept: Accept
  #file: UnixFile | undefined
  #closed = false
  address: SocketAddress | string

  constructor(server: NetServer, place: Place, accept: Accept) {
    this.#server = server
    this.#place = place
    this.#accept = accept
    this.address = place.text
  }

  /** `done` is called once, later; not where it is closed before. */
  open(done: (error?: Error) => void): void {
    const { listen, unix } = this.#place
    const tell = (error?: Error): void => {
      if (!this.#closed) done(error)
    }
    if (this.#place.given === true) {
      const wrong = this.#wrongFd()
      if (wrong === undefined) this.#listen(listen, tell)
      else process.nextTick(tell, wrong)
      return
    }
    if (unix?.path === undefined) return this.#listen(listen, tell)
    freePath(unix.path, (error) => {
      if (this.#closed) return
      if (error === undefined) this.#listen(listen, tell)
      else tell(error)
    })
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    const close = (): void => void this.#server.close(nothing)
    if (this.#file === undefined) close()
    else this.#file.closeWith(close)
  }

  ref(): void {
    this.#server.ref()
  }

  unref(): void {
    this.#server.unref()
  }

  #listen(options: ListenOptions, done: (error?: Error) => void): void {
    const server = this.#server
    const failed = (error: Error): void => {
      server.off("listening", listening)
      server.on("error", nothing)
      done(bindError(this.#place.text, error))
    }
    const listening = (): void => {
      server.off("error", failed)
      server.on("error", (error) => this.#accept.failed(error, addressText(this.address)))
      done(this.#settle())
    }
    server.once("error", failed)
    server.once("listening", listening)
    server.on("connection", (socket: Socket) => this.#connection(socket))
    server.on("secureConnection", (socket: TLSSocket) => {
      // What Node's types do not have: what is under TLS. Without it, it would be named twice in reports.
      const { _parent: raw } = socket as { readonly _parent?: Socket }
      this.#accept.accepted(new StreamReads(socket), { ...this.#path(), tls: socket, raw })
    })
    // Node says that the time of a handshake is over, and leaves the connection open.
    server.on("tlsClientError", (_error: Error, socket: TLSSocket) => void socket.destroy())
    try {
      server.listen(options)
    } catch (error) {
      server.off("error", failed)
      process.nextTick(failed, error)
    }
  }

  /** A descriptor that was given and cannot be listened on as it is meant. It is left as it is. */
  #wrongFd(): Error | undefined {
    const { listen, text, unix } = this.#place
    const kind = kindOfFd(listen.fd ?? -1)
    if (kind instanceof Error) return bindError(text, kind)
    if (kind === "datagram") return this.#wrong("it is a socket of datagrams")
    if (kind === "unix" && unix === undefined) return this.#wrong("it is a unix socket: use createUnixServer")
    if (kind === "tcp" && unix !== undefined) return this.#wrong("it is no unix socket: use createServer")
    return undefined
  }

  #wrong(why: string): Error {
    return bindError(this.#place.text, Object.assign(new Error(why), { code: "EINVAL" }), why)
  }

  /** It listens: what is known of where now. An error where a descriptor was given that is of another kind after all. */
  #settle(): Error | undefined {
    const { given, listen, text, unix } = this.#place
    const address = addressOf(this.#server.address())
    if (given === true && (typeof address === "object") === (unix !== undefined))
      return this.#wrong("it is of another family")
    const path = unix === undefined ? undefined : (unix.path ?? pathOfFd(listen.fd))
    this.address = typeof address === "object" ? address : (path ?? text)
    if (unix !== undefined && path !== undefined)
      this.#file = new UnixFile(path, unix.cleanup, given !== true)
    return undefined
  }

  #connection(socket: Socket): void {
    if ("setSecureContext" in this.#server) this.#accept.arriving(socket)
    else this.#accept.accepted(acceptedSource(socket), this.#path())
  }

  #path(): { readonly path?: string } {
    return typeof this.address === "string" ? { path: this.address } : {}
  }
}

/** Opens all places, or none. The result takes it back: what is open then is closed, and `done` is not called. */
export const openPlaces = (
  places: ReadonlyArray<Place>,
  how: Acceptance,
  accept: Accept,
  done: (listeners: ReadonlyArray<Listener> | undefined, error?: Error) => void
): (() => void) => {
  const listeners = places.map((place) => new NodeListener(nodeServer(how), place, accept))
  const closeAll = (): void => {
    for (const listener of listeners) listener.close()
  }
  let left = listeners.length
  for (const listener of listeners) {
    listener.open((error) => {
      if (error !== undefined) {
        closeAll()
        done(undefined, error)
      } else if (--left === 0) done(listeners)
    })
  }
  return closeAll
}

const nothing = (): void => {}
