/** What a request is called in reports: `GET /user/7 from 10.0.0.1`. */
import type { Socket } from "node:net"
import { oneLine } from "../../kernel/describe.js"

/** The path of a request's target; its query may hold what is nobody's business. */
export const pathOf = (url: string): string => {
  const query = url.indexOf("?")
  return query === -1 ? url : url.slice(0, query)
}

/** The other end of the connection, which can be asked only as long as that is open. */
export const originOf = ({ socket }: { readonly socket: Pick<Socket, "remoteAddress"> }): string => {
  const address = (socket as typeof socket | null)?.remoteAddress
  // An IPv4 client of a server that listens on both is shown as the former.
  return address === undefined ? "unix" : address.replace(/^::ffff:(?=\d+\.)/, "")
}

/** All of it, in one line of bounded length. */
export const nameOf = (method: string, path: string, from: string): string =>
  `${oneLine(`${method} ${path}`)} from ${from}`
