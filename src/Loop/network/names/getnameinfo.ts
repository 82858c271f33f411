/** The names of a host and of a service: asyncio's `getnameinfo`, by the system's resolver. */
import { isIP } from "node:net"
import { getBuiltinModule } from "node:process"
import { describeValue } from "../../kernel/describe.js"
import { ResolveError } from "../../errors.js"
import { Future } from "../../kernel/Future.js"
import type { Home } from "../../ports.js"
import { checkAddress } from "./checkAddress.js"

/**
 * What `getnameinfo` gives.
 *
 * @category models
 * @since 0.2.0
 */
export interface NameInfo {
  /** The host's name, or its number where it has none. */
  readonly host: string
  /** The service's name, or the number of the port where it has none. */
  readonly service: string
}

/** What `getnameinfo` does. */
export const getnameinfo = (
  loop: Home,
  address: { readonly host: string; readonly port: number }
): Future<NameInfo> => {
  const what = "getnameinfo"
  const { host, port } = checkAddress(what, "the address", address)
  if (host === null || isIP(host) === 0)
    throw new RangeError(`${what} takes the number of a host, not ${describeValue(host)}`)
  const future = new Future<NameInfo>(loop)
  if (loop._parks(what)) return future
  loop._refuse(what)
  getBuiltinModule("node:dns").lookupService(host, port, (error, name, service) => {
    if (future.done() || loop.isClosed()) return
    if (error === null) return future._settleValue({ host: name, service })
    const { code = "UNKNOWN", message } = error
    future._settleError(new ResolveError({ host, code, why: message, cause: error }))
  })
  return future
}
