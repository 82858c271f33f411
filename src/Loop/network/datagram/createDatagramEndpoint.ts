/** Opening a datagram endpoint: asyncio's `create_datagram_endpoint`, over node:dgram. */
import dgram, { type Socket } from "node:dgram"
import type { LookupFunction } from "node:net"
import { describeValue } from "../../kernel/describe.js"
import { BindError } from "../../errors.js"
import { Future } from "../../kernel/Future.js"
import type { Context } from "../../kernel/Context.js"
import type { Home } from "../../ports.js"
import { addressOf, addressText, type SocketAddress } from "../Address.js"
import { checkAddress, checkTarget, type GivenAddress } from "../names/checkAddress.js"
import { checkFactory, checkFamily, checkFlag, checkOptions, optionNames } from "../checks.js"
import { type DatagramProtocol, DatagramTransport, type Remote } from "./DatagramTransport.js"
import { bindError, connectError } from "../failures.js"
import { ownAddresses, withPort } from "../names/getaddrinfo.js"
import { networkOf } from "../Network.js"
import { Opening } from "../Opening.js"
import { resolveHost } from "../names/resolve.js"
import { checkProtocol } from "../SocketTransport.js"

/**
 * Where a datagram endpoint receives, and to whom it sends. One of `localAddr`, `remoteAddr`, `family` and `sock` is
 * needed.
 *
 * @category models
 * @since 0.2.0
 */
export interface DatagramOptions {
  /** Where it receives: no host or an empty one is all interfaces, no port or 0 a free one. Default: a free port. */
  readonly localAddr?: { readonly host?: string | null; readonly port?: number | null } | undefined
  /**
   * The one whom it talks to: it sends to nobody else, and hears nobody else unless `allowBroadcast` is set. No host is
   * this machine.
   */
  readonly remoteAddr?: { readonly host?: string | null; readonly port: number } | undefined
  /** Addresses of IPv4 only, or of IPv6 only. Default: what the addresses are; IPv4 where there is a choice. */
  readonly family?: 0 | 4 | 6 | undefined
  /** Lets several endpoints have one port, among whom the system divides what comes. Needs Node 22.12. Default false. */
  readonly reusePort?: boolean | undefined
  /** Lets it send to broadcast addresses. Default false. */
  readonly allowBroadcast?: boolean | undefined
  /** A resolver in place of the system's, as `net.connect` takes it. */
  readonly lookup?: LookupFunction | undefined
  /** A socket of node:dgram to take over, in place of all others. It is closed with the endpoint. */
  readonly sock?: Socket | undefined
}

/** The options, checked. */
interface Plan {
  readonly local: GivenAddress | undefined
  readonly remote: GivenAddress | undefined
  readonly family: 0 | 4 | 6
  readonly reusePort: boolean
  readonly broadcast: boolean
  readonly lookup: LookupFunction | undefined
}

/** One way to open the endpoint: addresses of one family. */
interface Way {
  readonly local: SocketAddress
  readonly remote: SocketAddress | undefined
}

const what = "createDatagramEndpoint"

const known = optionNames([
  "localAddr",
  "remoteAddr",
  "family",
  "reusePort",
  "allowBroadcast",
  "lookup",
  "sock"
])

/** `options`, checked. Throws `TypeError` or `RangeError`. */
const planOf = (options: DatagramOptions): Plan => {
  const { localAddr, lookup, remoteAddr } = options
  if (lookup !== undefined && typeof lookup !== "function")
    throw new TypeError(`${what}: lookup is a function, not ${describeValue(lookup)}`)
  const plan = {
    local: localAddr === undefined ? undefined : checkAddress(what, "localAddr", localAddr),
    remote:
      remoteAddr === undefined
        ? undefined
        : checkTarget(`${what}: remoteAddr`, checkAddress(what, "remoteAddr", remoteAddr)),
    family: checkFamily(what, options.family),
    reusePort: checkFlag(what, "reusePort", options.reusePort),
    broadcast: checkFlag(what, "allowBroadcast", options.allowBroadcast),
    lookup
  }
  if (plan.local === undefined && plan.remote === undefined && plan.family === 0)
    throw new RangeError(`${what} needs localAddr, remoteAddr, family or sock: it cannot know what to open`)
  return plan
}

/** A socket that is given, checked: it stands in place of all other options. */
const checkSocket = (options: DatagramOptions): Socket => {
  const { sock, ...others } = options
  if (!(sock instanceof dgram.Socket))
    throw new TypeError(`${what}: sock is a socket of node:dgram, not ${describeValue(sock)}`)
  const beside = Object.entries(others).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (beside.length > 0) throw new RangeError(`${what} takes sock alone, not with ${beside.join(", ")}`)
  return sock
}

/**
 * An endpoint on its way to the program that asked for it.
 *
 * Legal states while its Future is pending: resolving; opening, when there is a socket; made, until the protocol was told.
 * Each can be cancelled at once: a datagram socket is closed without a wait.
 */
class EndpointOpening<P extends DatagramProtocol> {
  readonly future: Future<[transport: DatagramTransport, protocol: P]>
  readonly #loop: Home
  readonly #factory: () => P
  readonly #context: Context | undefined
  /** Closes what there is. */
  #discard = (): void => {}

  constructor(loop: Home, factory: () => P) {
    this.future = new Opening(loop, () => this.#discard())
    this.#loop = loop
    this.#factory = factory
    this.#context = loop.host.contexts.capture()
  }

  /** Resolves the addresses, and opens the first way that can be opened. */
  resolve(plan: Plan): void {
    const found: Array<ReadonlyArray<SocketAddress> | undefined> = []
    let left = 2
    const answer = (at: number, addresses: ReadonlyArray<SocketAddress> | undefined): void => {
      found[at] = addresses
      if (--left > 0 || this.#over()) return
      const ways = waysOf(found[0], found[1], plan.family)
      if (ways.length === 0)
        return this.#fail(new RangeError(`${what}: localAddr and remoteAddr have no family in common`))
      this.#tryNext(plan, ways, undefined)
    }
    for (const [at, given] of [plan.local, plan.remote].entries()) {
      if (given === undefined) process.nextTick(answer, at, undefined)
      else if (given.host === null)
        process.nextTick(answer, at, ownAddresses(plan.family, given.port, given === plan.local))
      else {
        resolveHost(given.host, plan.family, plan.lookup, (addresses, error) => {
          if (addresses === undefined) this.#fail(error as Error)
          else answer(at, withPort(addresses, given.port))
        })
      }
    }
  }

  /** A socket of the program's own, bound or not. */
  adopt(socket: Socket): void {
    this.#discard = () => socket.close()
    const bound = (): void => {
      socket.off("error", failed)
      const peer = connectedTo(socket)
      this.#opened(
        socket,
        peer === undefined ? undefined : { name: peer.host, address: peer, connected: true }
      )
    }
    const failed = (error: Error): void => {
      socket.off("listening", bound)
      this.#discard()
      this.#fail(bindError("sock", error))
    }
    socket.once("error", failed)
    if (isBound(socket)) return bound()
    socket.once("listening", bound)
    try {
      socket.bind(0)
    } catch (error) {
      // The program has begun to bind it, which is heard of as well.
      if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_ALREADY_BOUND") throw error
    }
  }

  #tryNext(plan: Plan, ways: ReadonlyArray<Way>, first: Error | undefined): void {
    const [way, ...others] = ways
    if (way === undefined) return this.#fail(first as Error)
    const { local, remote } = way
    const { family } = local
    if (plan.reusePort && !reusesPorts) return this.#fail(noReuse(addressText(local)))
    const socket = dgram.createSocket({
      type: family === 6 ? "udp6" : "udp4",
      // All addresses are numbers by now: Node need not ask for them, nor wait a turn for each datagram.
      lookup: (address, _options, callback) => callback(null, address, family),
      ...(plan.reusePort ? { reusePort: true } : {})
    })
    this.#discard = () => closeQuietly(socket)
    const failed = (error: Error): void => {
      this.#discard()
      if (!this.#over()) this.#tryNext(plan, others, first ?? error)
    }
    const bindFailed = (error: Error): void => failed(bindError(addressText(local), error))
    const opened = (connected: boolean): void => {
      socket.off("error", bindFailed)
      if (this.#over()) return this.#discard()
      this.#opened(
        socket,
        remote === undefined
          ? undefined
          : { name: plan.remote?.host ?? remote.host, address: remote, connected }
      )
    }
    socket.once("error", bindFailed)
    socket.once("listening", () => {
      if (this.#over()) return this.#discard()
      if (plan.broadcast) socket.setBroadcast(true)
      if (remote === undefined || plan.broadcast) return opened(false)
      socket.connect(remote.port, remote.host, (error?: Error | null) => {
        if (error instanceof Error) failed(connectError(addressText(remote), error))
        else opened(true)
      })
    })
    socket.bind({ port: local.port, address: local.host })
  }

  /** The socket is bound. From here on, its transport owns it. */
  #opened(socket: Socket, remote: Remote | undefined): void {
    const { future } = this
    let protocol: P | undefined
    const make = (): DatagramProtocol => {
      // Cancelled meanwhile: there is nobody to be told.
      if (future.done()) return {}
      try {
        const made = this.#factory()
        checkProtocol(`${what}, from its protocolFactory,`, made)
        protocol = made
        return made
      } catch (error) {
        transport.abort()
        future._settleError(error)
        return {}
      }
    }
    const made = (): void => {
      if (!future.done() && protocol !== undefined) future._settleValue([transport, protocol])
    }
    const transport = new DatagramTransport(this.#loop, socket, remote, this.#context, make, made)
    this.#discard = () => transport.abort()
  }

  #over(): boolean {
    return this.future.done() || this.#loop.isClosed()
  }

  #fail(error: Error): void {
    if (!this.#over()) this.future._settleError(error)
  }
}

/** What fits both: in the order in which the resolver has given what is to be reached, or else bound to. */
const waysOf = (
  locals: ReadonlyArray<SocketAddress> | undefined,
  remotes: ReadonlyArray<SocketAddress> | undefined,
  family: 0 | 4 | 6
): ReadonlyArray<Way> => {
  const anywhere = (of: 4 | 6): SocketAddress => ({ host: of === 6 ? "::" : "0.0.0.0", port: 0, family: of })
  if (remotes === undefined)
    return (locals ?? [anywhere(family === 6 ? 6 : 4)]).map((local) => ({ local, remote: undefined }))
  return remotes.flatMap((remote): ReadonlyArray<Way> => {
    const local =
      locals === undefined ? anywhere(remote.family) : locals.find((of) => of.family === remote.family)
    return local === undefined ? [] : [{ local, remote }]
  })
}

/** Node sets it since 22.12 and 23.1, and takes no notice of it before. */
const reusesPorts = (() => {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
  return major > 23 || (major === 23 && minor > 0) || (major === 22 && minor >= 12)
})()

const noReuse = (address: string): BindError =>
  new BindError({
    address,
    code: "ENOTSUP",
    why: `reusePort needs Node 22.12, and this is ${process.version}`
  })

const closeQuietly = (socket: Socket): void => {
  try {
    socket.close()
  } catch {
    // It has been closed.
  }
}

/** Throws `RangeError` for a socket that is closed. */
const isBound = (socket: Socket): boolean => {
  try {
    socket.address()
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_SOCKET_DGRAM_NOT_RUNNING") return false
    throw new RangeError(`${what}: sock is closed`, { cause: error })
  }
}

const connectedTo = (socket: Socket): SocketAddress | undefined => {
  try {
    return addressOf(socket.remoteAddress()) as SocketAddress
  } catch {
    return undefined
  }
}

/** What `createDatagramEndpoint` does. */
export const createDatagramEndpoint = <P extends DatagramProtocol>(
  loop: Home,
  protocolFactory: () => P,
  options: DatagramOptions
): Future<[transport: DatagramTransport, protocol: P]> => {
  checkFactory(what, protocolFactory)
  checkOptions(what, options, known)
  const socket = options.sock === undefined ? undefined : checkSocket(options)
  const plan = socket === undefined ? planOf(options) : undefined
  if (socket !== undefined) isBound(socket)
  if (loop._parks(what)) return new Future(loop)
  networkOf(loop).refuse(what)
  const opening = new EndpointOpening(loop, protocolFactory)
  if (socket !== undefined) opening.adopt(socket)
  else if (plan !== undefined) opening.resolve(plan)
  return opening.future
}
