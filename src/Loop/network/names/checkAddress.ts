/** The address of a socket, as a program gives it: `{ host, port }`. */
import { describeValue } from "../../kernel/describe.js"
import { checkHost, checkPort } from "../checks.js"

/** A host and a port that were given; no host is `null`, no port 0. */
export interface GivenAddress {
  readonly host: string | null
  readonly port: number
}

const parts = new Set(["host", "port", "family"])

/** Throws `TypeError` for what is no address, `RangeError` for a port that is none. */
export const checkAddress = (what: string, option: string, address: unknown): GivenAddress => {
  const extra =
    typeof address === "object" && address !== null && Object.keys(address).find((key) => !parts.has(key))
  if (typeof address !== "object" || address === null || Array.isArray(address) || extra !== undefined)
    throw new TypeError(`${what}: ${option} is { host, port }, not ${describeValue(address)}`)
  const { host, port } = address as { readonly host?: unknown; readonly port?: unknown }
  const none = host === undefined || host === null || host === ""
  return { host: none ? null : checkHost(what, host), port: checkPort(what, port) }
}

/** A port to send to: there is no 0. */
export const checkTarget = (what: string, given: GivenAddress): GivenAddress => {
  if (given.port === 0) throw new RangeError(`${what} needs a port from 1 to 65535`)
  return given
}
