/** The loop's methods for connections and servers as streams, and their documentation. `openStreams.ts` does it. */
import type { Future } from "../../kernel/Future.js"
import type { StreamReader } from "../../stream/StreamReader.js"
import type { StreamWriter } from "../../stream/StreamWriter.js"
import type { ConnectionOptions, UnixConnectionOptions } from "../connecting/createConnection.js"
import type { ServerOptions, UnixServerOptions } from "../listening/createServer.js"
import type { StreamOptions } from "./openStreams.js"
import type { Server } from "../listening/Server.js"
import type { ClientConnected } from "./StreamReaderProtocol.js"

/**
 * Connections and servers as streams.
 *
 * @category models
 * @since 0.2.0
 */
export interface StreamMethods {
  /**
   * Connects, and gives what to read from and what to write to. asyncio: `open_connection`.
   *
   * Options, failures and cancelling are those of `createConnection`, and `limit`: how many bytes wait to be read before
   * the sender is held up, and how long a line may be (default 65536). The connection belongs to the loop, whose closing
   * aborts it; else it is open until `writer.close()`, or the other end has ended it and this end has closed.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const shout: ClientConnected = async (reader, writer) => {
   *     for await (const line of reader) writer.write(line.toString().toUpperCase())
   *     writer.close()
   *   }
   *   await using server = await loop.startServer(shout, { host: "127.0.0.1" })
   *   const [reader, writer] = await loop.openConnection({ host: "127.0.0.1", port: server.sockets[0]?.port })
   *   writer.write("hello\n")
   *   writer.writeEof()
   *   console.log((await reader.read()).toString().trim()) // => HELLO
   *   writer.close()
   *   await writer.waitClosed()
   * })
   * await loop.close()
   */
  openConnection(
    options: ConnectionOptions & StreamOptions
  ): Future<[reader: StreamReader, writer: StreamWriter]>

  /** `openConnection` for a unix socket: see `createUnixConnection`. asyncio: `open_unix_connection`. */
  openUnixConnection(
    options: UnixConnectionOptions & StreamOptions
  ): Future<[reader: StreamReader, writer: StreamWriter]>

  /**
   * Starts a server that calls `clientConnected` for each connection, with what to read from and what to write to, in a
   * task of its own. Gives the server, which listens. asyncio: `start_server`.
   *
   * Options, failures and cancelling are those of `createServer`, and `limit` as in `openConnection`. A connection is open
   * until `writer.close()`: a task that ends without it leaves it open, as in asyncio. One that fails is reported once, with
   * its connection, and that is closed; the server goes on. Closing the loop stops the server first, then cancels those
   * tasks, and aborts what connections are left in the end.
   */
  startServer(clientConnected: ClientConnected, options?: ServerOptions & StreamOptions): Future<Server>

  /** `startServer` for a unix socket: see `createUnixServer`. asyncio: `start_unix_server`. */
  startUnixServer(
    clientConnected: ClientConnected,
    options: UnixServerOptions & StreamOptions
  ): Future<Server>
}
