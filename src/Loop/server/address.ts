/** Where a server can be reached, as people write it. */
import { describeValue } from "../kernel/describe.js"
import { hostPort } from "../network/Address.js"
import { isSecure, type NetServer, speechOf } from "./kinds.js"
import type { Place } from "./ServerOptions.js"

/**
 * Where a server listens: an address of a network, or the path of a unix socket.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerAddress =
  | { readonly host: string; readonly port: number; readonly family: "IPv4" | "IPv6" }
  | { readonly path: string }

/** The place that somebody has asked for, for errors. */
export const placeText = ({ fd, host, path, port }: Place): string => {
  if (path !== undefined) return path
  if (fd !== undefined) return `descriptor ${fd}`
  return hostPort(host ?? "*", port ?? 0)
}

/** Where a server of Node listens; `undefined` where it does not say. */
export const addressOf = (server: { readonly address?: () => unknown }): ServerAddress | undefined => {
  const address: unknown = typeof server.address === "function" ? server.address() : undefined
  if (typeof address === "string") return { path: address }
  if (typeof address !== "object" || address === null) return undefined
  const { address: host, family, port } = address as Record<string, unknown>
  if (typeof host !== "string" || typeof port !== "number") return undefined
  return { host, port, family: family === "IPv6" || family === 6 ? "IPv6" : "IPv4" }
}

const schemes = { http: "http", http2: "http", raw: "tcp" }

/** The scheme of its address; that of a server which says nothing of itself is empty. */
const schemeOf = (server: NetServer | undefined): string => {
  if (server === undefined) return ""
  const scheme = schemes[speechOf(server)]
  if (!isSecure(server)) return `${scheme}://`
  return scheme === "tcp" ? "tls://" : `${scheme}s://`
}

/** `http://127.0.0.1:8080`, `unix:/run/app.sock`. */
export const addressText = (server: NetServer | undefined, address: ServerAddress | undefined): string => {
  if (address === undefined) return "at an unknown address"
  if ("path" in address)
    return `unix:${address.path.startsWith("\0") ? describeValue(address.path) : address.path}`
  return `${schemeOf(server)}${hostPort(address.host, address.port)}`
}
