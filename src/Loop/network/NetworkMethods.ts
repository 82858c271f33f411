/** The loop's methods for connections and servers, and their documentation. */
import type {
  AcceptedSocketOptions,
  AdoptedSocket,
  ConnectionOptions,
  StartTlsOptions,
  UnixConnectionOptions
} from "./createConnection.js"
import type { ServerOptions, UnixServerOptions } from "./createServer.js"
import type { Future } from "../kernel/Future.js"
import type { BufferedProtocol, Protocol } from "./Protocol.js"
import type { Server } from "./Server.js"
import type { SocketTransport } from "./SocketTransport.js"

/**
 * Connections and servers, told to protocols.
 *
 * @category models
 * @since 0.2.0
 */
export interface NetworkMethods {
  createConnection<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    options: ConnectionOptions
  ): Future<[transport: SocketTransport, protocol: P]>

  createUnixConnection<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    options: UnixConnectionOptions
  ): Future<[transport: SocketTransport, protocol: P]>

  connectAcceptedSocket<P extends Protocol | BufferedProtocol>(
    protocolFactory: () => P,
    sock: AdoptedSocket,
    options?: AcceptedSocketOptions
  ): Future<[transport: SocketTransport, protocol: P]>

  createServer(protocolFactory: () => Protocol | BufferedProtocol, options?: ServerOptions): Future<Server>

  createUnixServer(
    protocolFactory: () => Protocol | BufferedProtocol,
    options: UnixServerOptions
  ): Future<Server>

  startTls(
    transport: SocketTransport,
    protocol: Protocol | BufferedProtocol,
    options?: StartTlsOptions
  ): Future<SocketTransport>
}
