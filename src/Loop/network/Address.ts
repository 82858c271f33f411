/** Addresses of sockets, as programs see them and as texts. */
import type { AddressInfo, Socket } from "node:net"

/**
 * The address of one end of a TCP or UDP socket.
 *
 * @category models
 * @since 0.2.0
 */
export interface SocketAddress {
  readonly host: string
  readonly port: number
  readonly family: 4 | 6
}

const familyOf = (family: string | number | undefined): 4 | 6 => (family === "IPv6" || family === 6 ? 6 : 4)

/** What Node says of an address; a string is the path of a unix socket. */
export const addressOf = (
  info: AddressInfo | string | null | undefined
): SocketAddress | string | undefined =>
  typeof info === "object" && info !== null
    ? { host: info.address, port: info.port, family: familyOf(info.family) }
    : (info ?? undefined)

/** This end of a TCP connection; `undefined` for others. */
export const localOf = ({ localAddress, localFamily, localPort }: Socket): SocketAddress | undefined =>
  localAddress === undefined || localPort === undefined
    ? undefined
    : { host: localAddress, port: localPort, family: familyOf(localFamily) }

/** The other end of a TCP connection; `undefined` for others. */
export const remoteOf = ({ remoteAddress, remoteFamily, remotePort }: Socket): SocketAddress | undefined =>
  remoteAddress === undefined || remotePort === undefined
    ? undefined
    : { host: remoteAddress, port: remotePort, family: familyOf(remoteFamily) }

/** `127.0.0.1:80`, `[::1]:80`, or a path. */
export const addressText = (address: SocketAddress | string): string =>
  typeof address === "string" ? pathText(address) : hostPort(address.host, address.port)

export const hostPort = (host: string, port: number): string =>
  host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`

/** A name that no file has begins with a NUL, for which programs that show one write `@`. */
export const pathText = (path: string): string => path.replace(/^\0/, "@")
