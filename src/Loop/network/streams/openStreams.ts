/** Connections and servers as streams: asyncio's `open_connection`, `start_server` and their unix forms. */
import { describeValue } from "../../kernel/describe.js"
import type { Future } from "../../kernel/Future.js"
import type { Home } from "../../ports.js"
import { checkLimit, defaultLimit, StreamReader } from "../../stream/StreamReader.js"
import { StreamWriter } from "../../stream/StreamWriter.js"
import {
  type ConnectionOptions,
  createConnection,
  createUnixConnection,
  type UnixConnectionOptions
} from "../connecting/createConnection.js"
import {
  createServer,
  createUnixServer,
  type ServerOptions,
  type UnixServerOptions
} from "../listening/createServer.js"
import { openedAs } from "../Opening.js"
import type { Server } from "../listening/Server.js"
import type { SocketTransport } from "../SocketTransport.js"
import { type ClientConnected, StreamReaderProtocol } from "./StreamReaderProtocol.js"

/**
 * How streams are read.
 *
 * @category models
 * @since 0.2.0
 */
export interface StreamOptions {
  /** How many bytes wait to be read before the sender is held up, and how long a line may be. Default 65536. */
  readonly limit?: number | undefined
}

/** The two halves of a connection. */
export type Streams = [reader: StreamReader, writer: StreamWriter]

/** The options that are the connection's or server's own, and the limit. */
const split = <O extends StreamOptions>(
  what: string,
  options: O
): { readonly limit: number; readonly rest: Omit<O, "limit"> } => {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`${what} takes an object of options, not ${describeValue(options)}`)
  const { limit = defaultLimit, ...rest } = options
  return { limit: checkLimit(what, limit), rest }
}

const opened = (
  loop: Home,
  limit: number,
  connect: (factory: () => StreamReaderProtocol) => Future<[SocketTransport, StreamReaderProtocol]>
): Future<Streams> => {
  const reader = new StreamReader({ limit, loop })
  return openedAs<[SocketTransport, StreamReaderProtocol], Streams>(
    loop,
    connect(() => new StreamReaderProtocol(reader, undefined, { loop })),
    ([transport, protocol]) => [reader, new StreamWriter(transport, protocol, reader)],
    ([transport]) => transport.abort()
  )
}

/** What `openConnection` does. */
export const openConnection = (loop: Home, options: ConnectionOptions & StreamOptions): Future<Streams> => {
  const { limit, rest } = split("openConnection", options)
  return opened(loop, limit, (factory) => createConnection(loop, factory, rest))
}

/** What `openUnixConnection` does. */
export const openUnixConnection = (
  loop: Home,
  options: UnixConnectionOptions & StreamOptions
): Future<Streams> => {
  const { limit, rest } = split("openUnixConnection", options)
  return opened(loop, limit, (factory) => createUnixConnection(loop, factory, rest))
}

/** Makes the protocol of each connection of a server. */
const serving = (
  loop: Home,
  what: string,
  clientConnected: ClientConnected,
  limit: number
): (() => StreamReaderProtocol) => {
  if (typeof clientConnected !== "function")
    throw new TypeError(`${what} takes a function for its clients, not ${describeValue(clientConnected)}`)
  return () => new StreamReaderProtocol(new StreamReader({ limit, loop }), clientConnected, { loop })
}

/** What `startServer` does. */
export const startServer = (
  loop: Home,
  clientConnected: ClientConnected,
  options: ServerOptions & StreamOptions
): Future<Server> => {
  const { limit, rest } = split("startServer", options)
  return createServer(loop, serving(loop, "startServer", clientConnected, limit), rest)
}

/** What `startUnixServer` does. */
export const startUnixServer = (
  loop: Home,
  clientConnected: ClientConnected,
  options: UnixServerOptions & StreamOptions
): Future<Server> => {
  const { limit, rest } = split("startUnixServer", options)
  return createUnixServer(loop, serving(loop, "startUnixServer", clientConnected, limit), rest)
}
