/** Connections of TCP and of unix sockets, with TLS or without: asyncio's `create_connection` and its relatives. */
import { type LookupFunction, Socket } from "node:net"
import type { ConnectionOptions as TlsConnectionOptions, TlsOptions } from "node:tls"
import { pathText, remoteOf, addressText } from "../Address.js"
import {
  checkDescriptor,
  checkFactory,
  checkFamily,
  checkFlag,
  checkHandshake,
  checkHost,
  checkOptions,
  checkPath,
  checkPort,
  checkSecure,
  checkServerSsl,
  optionNames,
  checkText
} from "../checks.js"
import { type Connected, Connecting, type Target, targetText } from "./connecting.js"
import { describeValue } from "../../kernel/describe.js"
import type { DurationInput } from "../../../effect.js"
import type { Context } from "../../kernel/Context.js"
import { ConnectError } from "../../errors.js"
import { kindOfFd } from "./givenFd.js"
import type { TlsPlan } from "./tlsHandshake.js"
import { Future, readAsFuture } from "../../kernel/Future.js"
import { Handle } from "../../kernel/Handle.js"
import { type Held, networkOf } from "../Network.js"
import type { BufferedProtocol, Protocol } from "../Protocol.js"
import type { Home } from "../../ports.js"
import type { StartTlsOptions } from "../../stream/StartTlsOptions.js"
import { checkProtocol, SocketTransport } from "../SocketTransport.js"

/** What connections have in common. */
interface SharedConnectionOptions {
  /** TLS: true, or what `tls.connect` takes. Default: none. */
  readonly ssl?: boolean | TlsConnectionOptions | undefined
  /** The name that the certificate has to have. Default: `host`. */
  readonly serverHostname?: string | undefined
  /** How long the TLS handshake may take. Default 60 seconds. */
  readonly sslHandshakeTimeout?: DurationInput | undefined
  /** A socket that is connected already, or about to be, or its descriptor: in place of an address. */
  readonly sock?: AdoptedSocket | undefined
}

/**
 * What to connect to, and how.
 *
 * @category models
 * @since 0.2.0
 */
export interface ConnectionOptions extends SharedConnectionOptions {
  /** An address, also one with a zone (`fe80::1%eth0`), or a name. Default `localhost`. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** Addresses of this family only. */
  readonly family?: 0 | 4 | 6 | undefined
  /** The end that is here. */
  readonly localAddr?: { readonly host?: string | undefined; readonly port?: number | undefined } | undefined
  /** The resolver of names. Default: `dns.lookup`. */
  readonly lookup?: LookupFunction | undefined
  /** Whether several addresses of a name are tried, the families by turns, as Node does. Default true. */
  readonly autoSelectFamily?: boolean | undefined
  /** After how many milliseconds the next address is tried as well. Default: Node's (250). */
  readonly autoSelectFamilyAttemptTimeout?: number | undefined
  /** Whether the system looks now and then if the other end is still there. */
  readonly keepAlive?: boolean | undefined
}

/**
 * Which unix socket to connect to, and how.
 *
 * @category models
 * @since 0.2.0
 */
export interface UnixConnectionOptions extends SharedConnectionOptions {
  /** The path; on Linux, `"\0name"` is a name that no file has. */
  readonly path?: string | undefined
}

/**
 * A socket that was connected or accepted elsewhere, or its descriptor.
 *
 * @category models
 * @since 0.2.0
 */
export type AdoptedSocket = Socket | number | { readonly fd: number }

/**
 * How a connection that was accepted elsewhere is taken over.
 *
 * @category models
 * @since 0.2.0
 */
export interface AcceptedSocketOptions {
  /** TLS, with the certificate and key, and whatever else `tls.createServer` takes. */
  readonly ssl?: TlsOptions | undefined
  /** How long the TLS handshake may take. Default 60 seconds. */
  readonly sslHandshakeTimeout?: DurationInput | undefined
}

const shared = ["ssl", "serverHostname", "sslHandshakeTimeout", "sock"]

const tcpNames = optionNames(
  [
    ...shared,
    "host",
    "port",
    "family",
    "localAddr",
    "lookup",
    "autoSelectFamily",
    "autoSelectFamilyAttemptTimeout",
    "keepAlive"
  ],
  {
    path: "use createUnixConnection",
    happyEyeballsDelay: "it is autoSelectFamilyAttemptTimeout, as in node:net",
    interleave: "the families take turns",
    allowHalfOpen: "it depends on what eofReceived of the protocol gives",
    noDelay: "it is on",
    timeout: "use waitFor, or timeout",
    signal: "cancel the Future, or the task that awaits it"
  }
)

const unixNames = optionNames([...shared, "path"], {
  host: "use createConnection",
  port: "use createConnection"
})
const acceptedNames = optionNames(["ssl", "sslHandshakeTimeout"])
const startTlsNames = optionNames(["ssl", "serverSide", "serverHostname", "sslHandshakeTimeout"])

/** A socket that was given, or what makes one of its descriptor. `unix`: it has to be one of a unix socket. */
const checkSock = (what: string, sock: unknown, unix = false): Target => {
  if (sock instanceof Socket) {
    if (unix && sock.remoteFamily !== undefined)
      throw new TypeError(`${what}: sock is no unix socket: use createConnection`)
    return { kind: "socket", text: socketText(sock), socket: () => sock }
  }
  const fd = checkDescriptor(what, sock)
  const open = (): Socket => {
    const kind = kindOfFd(fd)
    if (kind instanceof Error) throw kind
    if (kind === "datagram" || (unix && kind === "tcp")) {
      const why = kind === "tcp" ? "it is no unix socket" : "it is a socket of datagrams"
      throw new ConnectError({ address: `fd ${fd}`, code: "EINVAL", why })
    }
    return new Socket({ fd, allowHalfOpen: true })
  }
  return { kind: "socket", text: `fd ${fd}`, socket: open }
}

const socketText = (socket: Socket): string => {
  const remote = remoteOf(socket)
  return remote === undefined ? "the socket that was given" : addressText(remote)
}

const checkTls = (
  what: string,
  host: string | undefined,
  { ssl, serverHostname, sslHandshakeTimeout }: SharedConnectionOptions
): TlsPlan | undefined => {
  const handshake = checkHandshake(what, sslHandshakeTimeout)
  const name = serverHostname === undefined ? undefined : checkText(what, "serverHostname", serverHostname)
  if (ssl === undefined || ssl === false) {
    if (name !== undefined)
      throw new TypeError(`${what}: serverHostname is there for ssl, which is not asked for`)
    return undefined
  }
  if (ssl !== true && (typeof ssl !== "object" || ssl === null))
    throw new TypeError(`${what}: ssl is true or an object of options, not ${describeValue(ssl)}`)
  const options = ssl === true ? {} : ssl
  const wanted = name ?? options.servername ?? host
  if (wanted === undefined && options.rejectUnauthorized !== false)
    throw new TypeError(`${what}: ssl without a host needs serverHostname, the name of the certificate`)
  if (options.secureContext === undefined) checkSecure(what, options)
  return { serverSide: false, options, servername: wanted, handshake }
}

/** The server's end: its certificate and key. */
const checkServerTls = (
  what: string,
  {
    ssl,
    sslHandshakeTimeout
  }: { readonly ssl?: unknown; readonly sslHandshakeTimeout?: DurationInput | undefined }
): TlsPlan | undefined => {
  const handshake = checkHandshake(what, sslHandshakeTimeout)
  const options = checkServerSsl(what, ssl)
  return options === undefined ? undefined : { serverSide: true, options, handshake }
}

const checkLocal = (
  what: string,
  local: unknown
): { readonly host: string | undefined; readonly port: number } | undefined => {
  if (local === undefined) return undefined
  if (typeof local !== "object" || local === null)
    throw new TypeError(`${what}: localAddr is an object with host and port, not ${describeValue(local)}`)
  const { host, port } = local as { readonly host?: unknown; readonly port?: unknown }
  return { host: host === undefined ? undefined : checkHost(what, host), port: checkPort(what, port) }
}

const checkAttempt = (what: string, millis: unknown): number | undefined => {
  if (millis === undefined) return undefined
  if (typeof millis !== "number" || !Number.isInteger(millis) || millis < 10)
    throw new RangeError(
      `${what}: autoSelectFamilyAttemptTimeout is a whole number of at least 10 milliseconds, not ${describeValue(millis)}`
    )
  return millis
}

const checkLookup = (what: string, lookup: unknown): LookupFunction | undefined => {
  if (lookup === undefined || typeof lookup === "function") return lookup as LookupFunction | undefined
  throw new TypeError(`${what}: lookup is a function, not ${describeValue(lookup)}`)
}

const checkTcp = (what: string, options: ConnectionOptions): readonly [Target, TlsPlan | undefined] => {
  checkOptions(what, options, tcpNames)
  const { autoSelectFamily, host, port, sock } = options
  const family = checkFamily(what, options.family)
  const local = checkLocal(what, options.localAddr)
  const lookup = checkLookup(what, options.lookup)
  const attemptTimeout = checkAttempt(what, options.autoSelectFamilyAttemptTimeout)
  const keepAlive = checkFlag(what, "keepAlive", options.keepAlive)
  if (sock !== undefined) {
    if (host !== undefined || port !== undefined)
      throw new TypeError(`${what} takes host and port, or sock, not both`)
    return [checkSock(what, sock), checkTls(what, undefined, options)]
  }
  if (port === undefined || port === null) throw new TypeError(`${what} takes a host and a port, or sock`)
  const name = host === undefined ? "localhost" : checkHost(what, host)
  if (name === "") throw new RangeError(`${what}: host is empty`)
  return [
    {
      kind: "host",
      host: name,
      port: checkPort(what, port),
      family,
      lookup,
      local,
      autoSelectFamily:
        autoSelectFamily === undefined ? undefined : checkFlag(what, "autoSelectFamily", autoSelectFamily),
      attemptTimeout,
      keepAlive
    },
    checkTls(what, name, options)
  ]
}

const checkUnix = (what: string, options: UnixConnectionOptions): readonly [Target, TlsPlan | undefined] => {
  checkOptions(what, options, unixNames)
  const { path, sock } = options
  if ((sock === undefined) === (path === undefined))
    throw new TypeError(`${what} takes a path, or sock${sock === undefined ? "" : ", not both"}`)
  const target: Target =
    sock === undefined ? { kind: "path", path: checkPath(what, path) } : checkSock(what, sock, true)
  return [target, checkTls(what, undefined, options)]
}

/**
 * A connection on its way to the program that asked for it. What a cancel kept from its receiver is closed.
 *
 * Legal states while pending: connecting; connected, and waiting for the pass that tells its protocol.
 */
class Creating<A> extends Future<A> {
  static {
    readAsFuture(this)
  }

  readonly #held: Held
  #connecting: Connecting | undefined
  #connected: Connected | undefined
  #made: { abort(): void } | undefined

  constructor(
    loop: Home,
    what: string,
    text: string,
    connect: (done: (connected: Connected | undefined, error?: Error) => void) => Connecting,
    made: (connected: Connected, context: Context | undefined) => readonly [made: { abort(): void }, value: A]
  ) {
    super(loop, () => {
      this.#abort()
      return false
    })
    const network = networkOf(loop)
    const context = loop.host.contexts.capture()
    const since = loop.time()
    this.#held = {
      abort: () => this.#abort(),
      describe: () => ({
        what: "connection",
        name: `to ${pathText(text)}`,
        age: loop.time() - since,
        state: this.#connecting?.state ?? "connected",
        waitingOn: "",
        createdAt: what,
        blamed: false
      })
    }
    network.starting.add(this.#held)
    const finish = (): void => {
      network.starting.delete(this.#held)
      const connected = this.#connected
      if (this.done() || connected === undefined) return void connected?.source.socket.destroy()
      try {
        const [its, value] = made(connected, context)
        this.#made = its
        this._settleValue(value)
      } catch (error) {
        connected.source.socket.destroy()
        this._settleError(error)
      }
    }
    this.#connecting = connect((connected, error) => {
      this.#connecting = undefined
      if (loop.isClosed()) return void connected?.source.socket.destroy()
      if (connected !== undefined) {
        this.#connected = connected
        return loop._push(new Handle(loop, finish, undefined, context))
      }
      loop._afterQueued(() => {
        network.starting.delete(this.#held)
        if (!this.done()) this._settleError(error)
      })
    })
    this.#connecting.start()
  }

  override _overtaken(): void {
    super._overtaken()
    if (this._peek() === "value") this.#made?.abort()
  }

  #abort(): void {
    networkOf(this._scheduler as Home).starting.delete(this.#held)
    this.#connecting?.abort()
    this.#connecting = undefined
    this.#connected?.source.socket.destroy()
    this.#connected = undefined
  }
}

type Made<P> = [transport: SocketTransport, protocol: P]

const create = <P extends Protocol | BufferedProtocol>(
  loop: Home,
  what: string,
  factory: () => P,
  [target, tls]: readonly [Target, TlsPlan | undefined]
): Future<Made<P>> => {
  checkFactory(what, factory)
  if (loop._parks(what)) return new Future<Made<P>>(loop)
  networkOf(loop).refuse(what)
  const path = target.kind === "path" ? target.path : undefined
  return new Creating<Made<P>>(
    loop,
    what,
    targetText(target),
    (done) => new Connecting(target, tls, done),
    (connected, context) => {
      const protocol = factory()
      checkProtocol(`${what}, from its protocolFactory,`, protocol)
      const transport = new SocketTransport(loop, connected.source, protocol, context, {
        path,
        tls: connected.tls
      })
      transport._begin()
      return [transport, [transport, protocol]]
    }
  )
}

/** A connection for what reads and writes its socket as the stream that it is; `made` takes it over. */
export const connectStream = <A extends { abort(): void }>(
  loop: Home,
  what: string,
  options: ConnectionOptions | UnixConnectionOptions,
  made: (socket: Socket, path: string | undefined) => A
): Future<A> => {
  const isUnix = typeof options === "object" && options !== null && "path" in options
  const [target, tls] = isUnix ? checkUnix(what, options) : checkTcp(what, options)
  networkOf(loop).refuse(what)
  return new Creating<A>(
    loop,
    what,
    targetText(target),
    (done) => new Connecting(target, tls, done, true),
    ({ source }) => {
      const its = made(source.socket, target.kind === "path" ? target.path : undefined)
      return [its, its]
    }
  )
}

/** What `createConnection` does. */
export const createConnection = <P extends Protocol | BufferedProtocol>(
  loop: Home,
  protocolFactory: () => P,
  options: ConnectionOptions
): Future<Made<P>> => create(loop, "createConnection", protocolFactory, checkTcp("createConnection", options))

/** What `createUnixConnection` does. */
export const createUnixConnection = <P extends Protocol | BufferedProtocol>(
  loop: Home,
  protocolFactory: () => P,
  options: UnixConnectionOptions
): Future<Made<P>> =>
  create(loop, "createUnixConnection", protocolFactory, checkUnix("createUnixConnection", options))

/** What `connectAcceptedSocket` does. */
export const connectAcceptedSocket = <P extends Protocol | BufferedProtocol>(
  loop: Home,
  protocolFactory: () => P,
  sock: AdoptedSocket,
  options: AcceptedSocketOptions = {}
): Future<Made<P>> => {
  const what = "connectAcceptedSocket"
  checkOptions(what, options, acceptedNames)
  const tls = checkServerTls(what, options)
  return create(loop, what, protocolFactory, [checkSock(what, sock), tls])
}

const startTlsPlan = (what: string, options: StartTlsOptions): TlsPlan => {
  checkOptions(what, options, startTlsNames)
  checkFlag(what, "serverSide", options.serverSide)
  const plan =
    options.serverSide === true
      ? checkServerTls(what, options)
      : checkTls(what, undefined, { ...options, ssl: options.ssl ?? true })
  if (plan === undefined) throw new TypeError(`${what} takes ssl, the certificate and key of the server`)
  return plan
}

/** What `startTls` does. */
export const startTls = (
  loop: Home,
  transport: SocketTransport,
  protocol: Protocol | BufferedProtocol,
  options: StartTlsOptions
): Future<SocketTransport> => {
  const what = "startTls"
  if (!(transport instanceof SocketTransport))
    throw new TypeError(`${what} takes a SocketTransport, not ${describeValue(transport)}`)
  const told = checkProtocol(what, protocol)
  const tls = startTlsPlan(what, options)
  if (loop._parks(what)) return new Future<SocketTransport>(loop)
  networkOf(loop).refuse(what)
  const { owner, path, source, text } = transport._handOver(what)
  return new Creating<SocketTransport>(
    loop,
    what,
    text,
    (done) => new Connecting({ kind: "source", source, text }, tls, done),
    (connected, context) => {
      const secure = new SocketTransport(loop, connected.source, told, context, {
        owner,
        path,
        tls: connected.tls
      })
      owner?.arrived(source.socket)
      secure._goOn()
      return [secure, secure]
    }
  )
}
