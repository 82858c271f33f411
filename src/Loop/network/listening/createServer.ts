/** Servers of TCP and of unix sockets, with TLS or without: asyncio's `create_server` and `create_unix_server`. */
import type { LookupAddress } from "node:dns"
import type { LookupFunction } from "node:net"
import type { TlsOptions } from "node:tls"
import { hostPort, pathText } from "../Address.js"
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
  checkServerSsl,
  optionNames,
  pathTooLong
} from "../checks.js"
import { describeValue } from "../../kernel/describe.js"
import type { DurationInput } from "../../../effect.js"
import { Future, readAsFuture } from "../../kernel/Future.js"
import { networkOf } from "../Network.js"
import { bindError } from "../failures.js"
import type { BufferedProtocol, Protocol } from "../Protocol.js"
import type { Home } from "../../ports.js"
import { openPlaces, type Place } from "./listening.js"
import { resolveHost } from "../names/resolve.js"
import { Server, type ServerPlan } from "./Server.js"

/** What servers have in common. */
interface SharedServerOptions {
  /** TLS, with the certificate and key, and whatever else `tls.createServer` takes. */
  readonly ssl?: TlsOptions | undefined
  /** How long a TLS handshake may take. Default 60 seconds. */
  readonly sslHandshakeTimeout?: DurationInput | undefined
  /** How many connections the system keeps that were not accepted yet. Default 100. */
  readonly backlog?: number | undefined
  /** Whether it listens when the Future is done. Default true; else `startServing` or `serveForever` lets it. */
  readonly startServing?: boolean | undefined
}

/**
 * Where a server listens, and how.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerOptions extends SharedServerOptions {
  /**
   * Addresses or names; each address that they stand for is listened on, once. Default, and for `""` and `null`: all of this
   * machine.
   */
  readonly host?: string | ReadonlyArray<string> | null | undefined
  /** Default, and for 0: any that is free, which `sockets` tells. */
  readonly port?: number | null | undefined
  /** A socket that is bound already, by the number of its descriptor: one that was inherited, in place of `host` and `port`. */
  readonly sock?: number | { readonly fd: number } | undefined
  /** Addresses of this family only. */
  readonly family?: 0 | 4 | 6 | undefined
  /** The resolver of names. Default: `dns.lookup`. */
  readonly lookup?: LookupFunction | undefined
  /** Lets several servers have one port, among which the system spreads connections. Node 22.12 and later, not on macOS. */
  readonly reusePort?: boolean | undefined
  /** Whether `::` leaves the IPv4 addresses to others. */
  readonly ipv6Only?: boolean | undefined
  /** Whether the system looks now and then if the other ends are still there. */
  readonly keepAlive?: boolean | undefined
}

/**
 * Where a server of a unix socket listens, and how.
 *
 * @category models
 * @since 0.2.0
 */
export interface UnixServerOptions extends SharedServerOptions {
  /** The path; on Linux, `"\0name"` is a name that no file has. */
  readonly path?: string | undefined
  /** A socket that is bound already, by the number of its descriptor, in place of `path`. */
  readonly sock?: number | { readonly fd: number } | undefined
  /** Whether the file is removed when the server is closed. Default true. */
  readonly cleanupSocket?: boolean | undefined
}

const shared = ["ssl", "sslHandshakeTimeout", "backlog", "startServing", "sock"]

const tcpNames = optionNames(
  [...shared, "host", "port", "family", "lookup", "reusePort", "ipv6Only", "keepAlive"],
  {
    reuseAddress: "it is so on all systems that Node runs on",
    path: "use createUnixServer",
    allowHalfOpen: "it depends on what eofReceived of the protocol gives",
    exclusive: "listen in one process, or use reusePort"
  }
)

const unixNames = optionNames([...shared, "path", "cleanupSocket"], {
  host: "use createServer",
  port: "use createServer"
})

const checkBacklog = (what: string, backlog: unknown): number => {
  if (backlog === undefined) return 100
  if (typeof backlog !== "number" || !Number.isInteger(backlog))
    throw new TypeError(`${what}: backlog is a whole number, not ${describeValue(backlog)}`)
  if (backlog < 0) throw new RangeError(`${what}: backlog is not negative: ${backlog}`)
  return backlog
}

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)

const checkReusePort = (what: string, reusePort: unknown): boolean => {
  const wanted = checkFlag(what, "reusePort", reusePort)
  if (wanted && (major < 22 || (major === 22 && minor < 12)))
    throw new RangeError(`${what}: reusePort needs Node 22.12 or later, and this is ${process.version}`)
  return wanted
}

const checkHosts = (what: string, hosts: unknown): ReadonlyArray<string | undefined> => {
  if (hosts === undefined || hosts === null || hosts === "") return [undefined]
  if (!Array.isArray(hosts)) return [checkHost(what, hosts)]
  if (hosts.length === 0) throw new RangeError(`${what}: host is an empty list`)
  return hosts.map((host: unknown) => (host === "" || host === null ? undefined : checkHost(what, host)))
}

/** The addresses of all hosts, each once. `undefined` stands for all of this machine. */
const resolveAll = (
  hosts: ReadonlyArray<string | undefined>,
  family: 0 | 4 | 6,
  lookup: LookupFunction | undefined,
  done: (addresses: ReadonlyArray<string | undefined> | undefined, error?: Error) => void
): void => {
  const found: Array<ReadonlyArray<string | undefined>> = hosts.map(() => [])
  let left = hosts.length
  let failed = false
  const one = (index: number, addresses: ReadonlyArray<LookupAddress> | undefined, error?: Error): void => {
    if (failed) return
    if (addresses === undefined) {
      failed = true
      return done(undefined, error)
    }
    found[index] = addresses.map(({ address }) => address)
    if (--left === 0) done([...new Set(found.flat())])
  }
  hosts.forEach((host, index) => {
    if (host !== undefined)
      return resolveHost(host, family, lookup, (addresses, error) => one(index, addresses, error))
    found[index] = [family === 4 ? "0.0.0.0" : family === 6 ? "::" : undefined]
    if (--left === 0) process.nextTick(done, [...new Set(found.flat())])
  })
}

interface Checked {
  readonly open: ServerPlan["open"]
  readonly name: string
  readonly startServing: boolean
}

const acceptanceOf = (what: string, options: SharedServerOptions, keepAlive: boolean) => ({
  ssl: checkServerSsl(what, options.ssl),
  handshake: checkHandshake(what, options.sslHandshakeTimeout),
  keepAlive
})

const checkStart = (what: string, startServing: unknown): boolean =>
  startServing === undefined ? true : checkFlag(what, "startServing", startServing)

const checkTcp = (what: string, options: ServerOptions): Checked => {
  checkOptions(what, options, tcpNames)
  const { host, lookup, port: wanted, sock } = options
  const hosts = checkHosts(what, host)
  const port = checkPort(what, wanted)
  const family = checkFamily(what, options.family)
  const backlog = checkBacklog(what, options.backlog)
  const ipv6Only = checkFlag(what, "ipv6Only", options.ipv6Only)
  const reusePort = checkReusePort(what, options.reusePort)
  const how = acceptanceOf(what, options, checkFlag(what, "keepAlive", options.keepAlive))
  const startServing = checkStart(what, options.startServing)
  if (sock !== undefined) {
    if (host !== undefined || wanted !== undefined)
      throw new TypeError(`${what} takes host and port, or sock, not both`)
    const fd = checkDescriptor(what, sock)
    const place: Place = { text: `fd ${fd}`, listen: { fd, backlog }, given: true }
    return { name: place.text, startServing, open: (accept, done) => openPlaces([place], how, accept, done) }
  }
  const name = hosts.map((one) => hostPort(one ?? "*", port)).join(", ")
  const places = (addresses: ReadonlyArray<string | undefined>): ReadonlyArray<Place> =>
    addresses.map((address) => ({
      text: hostPort(address ?? "*", port),
      listen: { host: address, port, backlog, ipv6Only, ...(reusePort ? { reusePort } : {}) }
    }))
  return {
    name,
    startServing,
    open: (accept, done) => {
      let closeAll: (() => void) | undefined
      let over = false
      resolveAll(hosts, family, lookup, (addresses, error) => {
        if (over) return
        if (addresses === undefined) return done(undefined, error)
        closeAll = openPlaces(places(addresses), how, accept, done)
      })
      return () => {
        over = true
        closeAll?.()
      }
    }
  }
}

const checkUnix = (what: string, options: UnixServerOptions): Checked => {
  checkOptions(what, options, unixNames)
  const { sock } = options
  const backlog = checkBacklog(what, options.backlog)
  const cleanup =
    options.cleanupSocket === undefined || checkFlag(what, "cleanupSocket", options.cleanupSocket)
  const how = acceptanceOf(what, options, false)
  const startServing = checkStart(what, options.startServing)
  if ((sock === undefined) === (options.path === undefined))
    throw new TypeError(`${what} takes a path, or sock${sock === undefined ? "" : ", not both"}`)
  const given = sock === undefined ? undefined : checkDescriptor(what, sock)
  const path = given === undefined ? checkPath(what, options.path) : undefined
  const place: Place =
    given === undefined
      ? { text: pathText(path as string), listen: { path, backlog }, unix: { path, cleanup } }
      : {
          text: `fd ${given}`,
          listen: { fd: given, backlog },
          unix: { path: undefined, cleanup },
          given: true
        }
  return {
    name: place.text,
    startServing,
    open: (accept, done) => {
      const tooLong = path === undefined ? undefined : pathTooLong(path)
      if (tooLong === undefined) return openPlaces([place], how, accept, done)
      const error = bindError(
        place.text,
        Object.assign(new Error(tooLong), { code: "ENAMETOOLONG" }),
        tooLong
      )
      process.nextTick(done, undefined, error)
      return () => {}
    }
  }
}

/** A server on its way to the program that asked for it: closed where that does not get it. */
class Creating extends Future<Server> {
  static {
    readAsFuture(this)
  }

  readonly #server: Server

  constructor(loop: Home, server: Server, startServing: boolean) {
    super(loop, () => {
      server.close()
      return false
    })
    this.#server = server
    if (!startServing) {
      loop._afterQueued(() => {
        if (!this.done()) this._settleValue(server)
      })
      return
    }
    const start = server.startServing()
    start._add({
      resumes: false,
      run: () => {
        if (this.done()) start._markRetrieved()
        else if (start._peek() === "value") this._settleValue(server)
        else this._settleAs(start)
      }
    })
  }

  override _overtaken(): void {
    super._overtaken()
    if (this._peek() === "value") this.#server.close()
  }
}

const create = (loop: Home, what: string, factory: () => unknown, checked: Checked): Future<Server> => {
  checkFactory(what, factory)
  if (loop._parks(what)) return new Future<Server>(loop)
  networkOf(loop).refuse(what)
  const { name, open, startServing } = checked
  const server = new Server(loop, { what, name, open, factory }, loop.host.contexts.capture())
  return new Creating(loop, server, startServing)
}

/** What `createServer` does. */
export const createServer = (
  loop: Home,
  protocolFactory: () => Protocol | BufferedProtocol,
  options: ServerOptions = {}
): Future<Server> => create(loop, "createServer", protocolFactory, checkTcp("createServer", options))

/** What `createUnixServer` does. */
export const createUnixServer = (
  loop: Home,
  protocolFactory: () => Protocol | BufferedProtocol,
  options: UnixServerOptions
): Future<Server> => create(loop, "createUnixServer", protocolFactory, checkUnix("createUnixServer", options))
