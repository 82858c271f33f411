/** The loop's methods for datagrams, pipes and names, and their documentation. The files of their names do it. */
import type { Future } from "../kernel/Future.js"
import type { PipeTransport } from "../stream/PipeTransport.js"
import type { PipeEnd, PipeProtocol } from "./connecting/connectPipe.js"
import type { DatagramOptions } from "./datagram/createDatagramEndpoint.js"
import type { DatagramProtocol, DatagramTransport } from "./datagram/DatagramTransport.js"
import type { ResolveOptions } from "./names/getaddrinfo.js"
import type { NameInfo } from "./names/getnameinfo.js"
import type { SocketAddress } from "./Address.js"

/**
 * Datagrams and pipes, told to a protocol; names and addresses of hosts.
 *
 * @category models
 * @since 0.2.0
 */
export interface EndpointMethods {
  /**
   * Opens a datagram endpoint, and tells what comes to it to the protocol that `protocolFactory` makes, in the loop, when
   * the endpoint is open. Gives the transport and the protocol, once `connectionMade` was called. asyncio:
   * `create_datagram_endpoint`.
   *
   * Fails with {@link ResolveError} for a host that has no address, {@link BindError} for a local address that cannot be
   * had, {@link ConnectError} for a remote one to which no way is known, and what `protocolFactory` throws. Throws
   * `TypeError` or `RangeError` for wrong options, and {@link LoopClosedError}; nothing is opened then.
   *
   * Cancelling it closes what was opened. The endpoint itself belongs to the loop, whose closing aborts it after the tasks
   * have ended.
   *
   * Differs: `proto` and `flags` are not there, nor datagrams over unix sockets, which Node does not have.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const received = loop.createFuture<string>()
   *   const protocol: DatagramProtocol = { datagramReceived: (data) => received.setResult(data.toString()) }
   *   const [server] = await loop.createDatagramEndpoint(() => protocol, { localAddr: { host: "127.0.0.1" } })
   *   const [client] = await loop.createDatagramEndpoint(() => ({}), { family: 4 })
   *   client.sendto(Buffer.from("metric:1|c"), server.getExtraInfo("sockname") as SocketAddress)
   *   console.log(await received) // => metric:1|c
   * })
   * await loop.close()
   */
  createDatagramEndpoint<P extends DatagramProtocol>(
    protocolFactory: () => P,
    options: DatagramOptions
  ): Future<[transport: DatagramTransport, protocol: P]>

  /**
   * Reads from one end of a pipe, and tells what comes to the protocol that `protocolFactory` makes, in the loop. Gives the
   * transport and the protocol, once `connectionMade` was called. asyncio: `connect_read_pipe`.
   *
   * The end is a file descriptor of a pipe, a socket or a terminal, or a stream of Node, such as `process.stdin`. It belongs
   * to the transport from then on: closing that, cancelling this, and the closing of the loop close it. As long as it is
   * paused, or the loop does not run, the sender is held up.
   *
   * Throws `TypeError` or `RangeError` for what is no such end (a file would always be ready), {@link FdError} for a
   * descriptor that is not open, and {@link LoopClosedError}; fails with what `protocolFactory` throws.
   *
   * @example
   * import { PassThrough } from "node:stream"
   *
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const pipe = new PassThrough()
   *   const reader = new StreamReader()
   *   await loop.connectReadPipe(() => new StreamReaderProtocol(reader), pipe)
   *   pipe.end("one\ntwo\n")
   *   for await (const line of reader) console.log(line.toString().trim())
   *   // => one
   *   // => two
   * })
   * await loop.close()
   */
  connectReadPipe<P extends PipeProtocol>(
    protocolFactory: () => P,
    pipe: PipeEnd
  ): Future<[transport: PipeTransport, protocol: P]>

  /**
   * Writes to one end of a pipe; what happens to it is told to the protocol that `protocolFactory` makes. asyncio:
   * `connect_write_pipe`. As `connectReadPipe` in everything else.
   *
   * That nobody reads from the other end any more is noticed with the next bytes that are written: then the protocol's
   * `connectionLost` is told of it, with a {@link BrokenPipeError}.
   *
   * Differs: asyncio notices it at once; Node does not look at a pipe that it has nothing to write to.
   *
   * @example
   * import { PassThrough } from "node:stream"
   *
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const pipe = new PassThrough()
   *   const [transport, protocol] = await loop.connectWritePipe(
   *     () => new StreamReaderProtocol(new StreamReader()),
   *     pipe
   *   )
   *   const writer = new StreamWriter(transport, protocol)
   *   writer.write("hello")
   *   await writer.drain()
   *   console.log(String(pipe.read())) // => hello
   *   writer.close()
   * })
   * await loop.close()
   */
  connectWritePipe<P extends PipeProtocol>(
    protocolFactory: () => P,
    pipe: PipeEnd
  ): Future<[transport: PipeTransport, protocol: P]>

  /**
   * All addresses of a host, in the order in which the system would try them, each with the port. Without a host (`null`
   * or an empty string): those of this machine to connect to, or with `passive` those to listen at. asyncio:
   * `getaddrinfo`.
   *
   * Fails with {@link ResolveError}. Throws `TypeError` or `RangeError` for wrong arguments, and {@link LoopClosedError}.
   * Cancelling it drops the answer, which the system's resolver still works out: it runs in one of Node's few threads.
   *
   * Differs: addresses of hosts only, without types and protocols of sockets, which Node does not choose by them; ports by
   * their numbers.
   *
   * @example
   * const loop = SyncLoop.make()
   * const all = await loop.runUntilComplete(() => loop.getaddrinfo("127.0.0.1", 80))
   * console.log(all) // => [ { host: '127.0.0.1', port: 80, family: 4 } ]
   * await loop.close()
   */
  getaddrinfo(
    host: string | null,
    port: number | null,
    options?: ResolveOptions
  ): Future<ReadonlyArray<SocketAddress>>

  /**
   * The name of a host, and that of the service at a port, by their numbers; the numbers again where they have no names.
   * asyncio: `getnameinfo`.
   *
   * Fails, throws and is cancelled as `getaddrinfo`; a host that is no number is a `RangeError`.
   *
   * @example
   * const loop = SyncLoop.make()
   * const names = await loop.runUntilComplete(() => loop.getnameinfo({ host: "127.0.0.1", port: 65500 }))
   * console.log(names.service) // => 65500
   * await loop.close()
   */
  getnameinfo(address: { readonly host: string; readonly port: number }): Future<NameInfo>
}
