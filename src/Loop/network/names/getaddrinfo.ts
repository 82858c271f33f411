/** The addresses of a host: asyncio's `getaddrinfo`, by the system's resolver, as Node asks it. */
import type { LookupAddress } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import { describeValue } from "../../kernel/describe.js"
import { Future } from "../../kernel/Future.js"
import type { Home } from "../../ports.js"
import type { SocketAddress } from "../Address.js"
import { checkFamily, checkFlag, checkHost, checkOptions, checkPort, optionNames } from "../checks.js"
import { resolveHost } from "./resolve.js"

/**
 * What is asked of the resolver.
 *
 * @category models
 * @since 0.2.0
 */
export interface ResolveOptions {
  /** Addresses of IPv4 only, or of IPv6 only. 0, the default: both. */
  readonly family?: 0 | 4 | 6 | undefined
  /** Without a host: the addresses to listen at, not those to connect to. Default false. */
  readonly passive?: boolean | undefined
  /** A resolver in place of the system's, as `net.connect` takes it. */
  readonly lookup?: LookupFunction | undefined
}

const known = optionNames(["family", "passive", "lookup"])

const here = { connect: ["127.0.0.1", "::1"], listen: ["0.0.0.0", "::"] } as const

/** The addresses of this machine itself. */
export const ownAddresses = (
  family: 0 | 4 | 6,
  port: number,
  passive: boolean
): ReadonlyArray<SocketAddress> =>
  here[passive ? "listen" : "connect"].flatMap((host) => {
    const of = isIP(host) === 6 ? 6 : 4
    return family !== 0 && family !== of ? [] : [{ host, port, family: of }]
  })

/** What a resolver has found. */
export const withPort = (found: ReadonlyArray<LookupAddress>, port: number): ReadonlyArray<SocketAddress> =>
  found.map(({ address, family }) => ({ host: address, port, family: family === 6 ? 6 : 4 }))

/** What `getaddrinfo` does. */
export const getaddrinfo = (
  loop: Home,
  host: string | null,
  port: number | null,
  options: ResolveOptions
): Future<ReadonlyArray<SocketAddress>> => {
  const what = "getaddrinfo"
  const name = host === null || host === "" ? null : checkHost(what, host)
  const number = checkPort(what, port)
  checkOptions(what, options, known)
  const family = checkFamily(what, options.family)
  const passive = checkFlag(what, "passive", options.passive)
  const { lookup } = options
  if (lookup !== undefined && typeof lookup !== "function")
    throw new TypeError(`${what}: lookup is a function, not ${describeValue(lookup)}`)
  const future = new Future<ReadonlyArray<SocketAddress>>(loop)
  if (loop._parks(what)) return future
  loop._refuse(what)
  if (name === null) {
    future._settleValue(ownAddresses(family, number, passive))
    return future
  }
  resolveHost(name, family, lookup, (addresses, error) => {
    // Cancelled, or settled by the closing of the loop: a resolver cannot be told.
    if (future.done() || loop.isClosed()) return
    if (addresses === undefined) future._settleError(error)
    else future._settleValue(withPort(addresses, number))
  })
  return future
}
