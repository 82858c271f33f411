/**
 * The loop's methods for connections and servers, and their documentation. `createConnection.ts` and `createServer.ts` do it.
 */
import type {
  AcceptedSocketOptions,
  AdoptedSocket,
  ConnectionOptions,
  UnixConnectionOptions
} from "./connecting/createConnection.js"
import type { ServerOptions, UnixServerOptions } from "./listening/createServer.js"
import type { Future } from "../kernel/Future.js"
import type { BufferedProtocol, Protocol } from "./Protocol.js"
import type { Server } from "./listening/Server.js"
import type { StartTlsOptions } from "../stream/StartTlsOptions.js"
import type { SocketTransport } from "./SocketTransport.js"

/**
 * Connections and servers, told to protocols.
 *
 * @category models
 * @since 0.2.0
 */
export interface NetworkMethods {
  /**
   * Connects to `host` and `port`, or takes over a socket, and tells what comes of it to the protocol that
   * `protocolFactory` makes once it is connected. Gives the transport and the protocol, after `connectionMade` was called.
   * Where a name has several addresses they are tried as Node does it, the families by turns, the next one when the last
   * has not answered for a while. asyncio: `create_connection`.
   *
   * Fails with {@link ConnectError}, which names each address that was tried, {@link ResolveError}, and what
   * `protocolFactory` throws; nothing is open then. Throws `TypeError` or `RangeError` for wrong arguments, and
   * {@link LoopClosedError}, before anything is opened.
   *
   * Cancelling it gives the attempt up at once. A connection that is there belongs to the loop: closing that aborts it, after
   * tasks were cancelled. Callbacks run in the async-local state of this call. A protocol that fails is reported as
   * `connection`, and crashes nothing; where data or their end cannot be told, the connection is closed with that error.
   *
   * Differs: one object of options; a port is a number and never a name. The loop that stands still reads nothing, and holds
   * the sender up.
   *
   * **Gotchas**
   * - Bytes that are written are not copied, and must not be changed before they are sent: as long as
   *   `getWriteBufferSize()` is above 0.
   * - TLS has no half of a connection: `canWriteEof()` is false, and the end of the other end is the end of it.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const server = await loop.createServer(
   *     (): Protocol => ({ connectionMade: (client) => (client.write("hello"), client.close()) }),
   *     { host: "127.0.0.1" }
   *   )
   *   const ended = loop.createFuture<void>()
   *   const protocol: Protocol = {
   *     dataReceived: (data) => console.log(data.toString()), // => hello
   *     connectionLost: (error) => ended.setResult(console.log(error)) // => null
   *   }
   *   await loop.createConnection(() => protocol, { host: "127.0.0.1", port: server.sockets[0]?.port })
   *   await ended
   * })
   * await loop.close()
   */
  createConnection<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    options: ConnectionOptions
  ): Future<[transport: SocketTransport, protocol: P]>

  /**
   * `createConnection` for a unix socket, by its path. asyncio: `create_unix_connection`.
   *
   * Fails with {@link ConnectError}: `ENOENT` where there is no such socket, `ECONNREFUSED` where nobody listens any more,
   * `ENAMETOOLONG` for more bytes than the system takes (107 on Linux).
   */
  createUnixConnection<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    options: UnixConnectionOptions
  ): Future<[transport: SocketTransport, protocol: P]>

  /**
   * `createConnection` for a socket that was accepted elsewhere, which is this one's from then on: with `ssl`, its TLS is the
   * server's. asyncio: `connect_accepted_socket`.
   *
   * @example
   * import { createServer } from "node:net"
   *
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const said = loop.createFuture<string>()
   *   const server = createServer((socket) => {
   *     server.close()
   *     loop.connectAcceptedSocket(
   *       (): Protocol => ({ dataReceived: (data) => said.setResult(data.toString()) }),
   *       socket
   *     )
   *   })
   *   await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
   *   const address = server.address()
   *   const port = typeof address === "object" ? address?.port : undefined
   *   const [client] = await loop.createConnection(() => ({}), { host: "127.0.0.1", port })
   *   client.write("hello")
   *   console.log(await said) // => hello
   * })
   * await loop.close()
   */
  connectAcceptedSocket<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    sock: AdoptedSocket,
    options?: AcceptedSocketOptions
  ): Future<[transport: SocketTransport, protocol: P]>

  /**
   * Listens for connections, on one port of each address of each host, and tells each to a protocol of its own, which
   * `protocolFactory` makes. Gives the server once it listens. asyncio: `create_server`.
   *
   * Fails with {@link BindError}, which names the address, and {@link ResolveError}; nothing listens then. Throws `TypeError`
   * or `RangeError` for wrong arguments, and {@link LoopClosedError}, before anything is opened.
   *
   * Cancelling it closes what may be open. A server belongs to the loop: closing that stops it before tasks are cancelled,
   * so that these can still answer those who are connected. `protocolFactory` and protocols run in the async-local state of
   * this call. A factory that throws is reported as `connection`, and costs that connection; so does one that cannot be
   * accepted, because the process has no descriptor left.
   *
   * Differs: all addresses of this machine are one socket, as Node does it, where asyncio makes one for each family. Where
   * `startServing` is false, nothing is bound before it serves.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   // Answers in capitals, and puts what comes into one buffer.
   *   const capitals = (): BufferedProtocol => {
   *     const buffer = Buffer.alloc(1024)
   *     let transport: SocketTransport
   *     return {
   *       connectionMade: (made) => (transport = made),
   *       getBuffer: () => buffer,
   *       bufferUpdated: (length) => transport.write(buffer.toString("utf8", 0, length).toUpperCase())
   *     }
   *   }
   *   await using server = await loop.createServer(capitals, { host: "127.0.0.1", port: 0 })
   *   const said = loop.createFuture<string>()
   *   const [client] = await loop.createConnection(
   *     (): Protocol => ({ dataReceived: (data) => said.setResult(data.toString()) }),
   *     { host: "127.0.0.1", port: server.sockets[0]?.port }
   *   )
   *   client.write("hello")
   *   console.log(await said) // => HELLO
   *   client.close()
   * })
   * await loop.close()
   */
  createServer(protocolFactory: () => Protocol | BufferedProtocol, options?: ServerOptions): Future<Server>

  /**
   * `createServer` for a unix socket, by its path. A stale socket that is there, on which nobody listens any more, is removed
   * before; the file is removed when the server is closed, unless it is another one by then. asyncio: `create_unix_server`.
   *
   * Fails with {@link BindError}: `EADDRINUSE` where something else is there, which is left as it is, `ENAMETOOLONG` for more
   * bytes than the system takes (107 on Linux).
   *
   * Differs: asyncio removes a socket that somebody else listens on, too, and takes his place.
   */
  createUnixServer(
    protocolFactory: () => Protocol | BufferedProtocol,
    options: UnixServerOptions
  ): Future<Server>

  /**
   * Gives a connection TLS. The result is the transport from then on, whose end `protocol` is told; it is not told of the
   * connection again. The transport that was given is nobody's, and tells nothing any more. asyncio: `start_tls`.
   *
   * Fails with {@link ConnectError} where the handshake fails; the connection is closed then. Cancelling it closes it, too.
   * Throws {@link InvalidStateError} where the transport is closing or has something to write, `TypeError` for wrong
   * arguments.
   *
   * **Gotchas** What the other end sends of the handshake must not be told to the protocol as data: agree on the moment, as
   * SMTP does with its answer to STARTTLS, and call this in the `dataReceived` that saw it.
   */
  startTls(
    transport: SocketTransport,
    protocol: Protocol | BufferedProtocol,
    options?: StartTlsOptions
  ): Future<SocketTransport>
}
