import { describe, expectTypeOf, it } from "vitest"
import type { Socket } from "node:net"
import type {
  AioServer,
  BufferedProtocol,
  ConnectionOptions,
  EventLoop,
  Future,
  LoopStatistics,
  Protocol,
  ReadTransport,
  ServerSocket,
  SocketTransport,
  WriteTransport
} from "../../src/index.js"

declare const loop: EventLoop
declare const transport: SocketTransport

class Lines {
  readonly lines: Array<string> = []
  dataReceived(data: Buffer): void {
    this.lines.push(data.toString())
  }
}

describe("connections", () => {
  it("a protocol keeps its type, and may have any of the methods", () => {
    expectTypeOf(loop.createConnection(() => new Lines(), { port: 80 })).toEqualTypeOf<
      Future<[transport: SocketTransport, protocol: Lines]>
    >()
    expectTypeOf(loop.createUnixConnection(() => new Lines(), { path: "/run/x" })).toEqualTypeOf<
      Future<[transport: SocketTransport, protocol: Lines]>
    >()
    expectTypeOf(loop.connectAcceptedSocket(() => new Lines(), {} as Socket)).toEqualTypeOf<
      Future<[transport: SocketTransport, protocol: Lines]>
    >()
    expectTypeOf<Lines>().toExtend<Protocol>()
    expectTypeOf<object>().toExtend<Protocol>()
    expectTypeOf<object>().toExtend<BufferedProtocol>()
    // @ts-expect-error a method of another type
    void loop.createConnection(() => ({ dataReceived: 1 }), { port: 80 })
    // @ts-expect-error data are bytes
    void loop.createConnection((): Protocol => ({ dataReceived: (data: string) => data }), { port: 80 })
  })

  it("an async method and one that answers are methods", () => {
    const protocol: Protocol = {
      dataReceived: async () => {},
      eofReceived: () => true,
      connectionLost: () => 7
    }
    const buffered: BufferedProtocol = { getBuffer: (hint) => new Uint8Array(hint), bufferUpdated: () => {} }
    expectTypeOf(loop.createServer(() => protocol)).toEqualTypeOf<Future<AioServer>>()
    expectTypeOf(loop.createServer(() => buffered, { host: ["a", "b"] })).toEqualTypeOf<Future<AioServer>>()
    // @ts-expect-error the answer has to be there at once
    const late: Protocol = { eofReceived: async () => true }
    void late
  })

  it("options are those of asyncio and node:net that there are", () => {
    const exact: ConnectionOptions = { host: undefined, port: undefined, ssl: undefined }
    void exact
    // @ts-expect-error a port is a number
    void loop.createConnection(() => ({}), { port: "80" })
    // @ts-expect-error a server has a certificate
    void loop.createServer(() => ({}), { ssl: true })
    // @ts-expect-error the server's end has a certificate
    void loop.startTls(transport, {}, { serverSide: true })
    // @ts-expect-error no such option
    void loop.createConnection(() => ({}), { port: 80, timeout: 1 })
    // @ts-expect-error a unix socket has a path
    void loop.createUnixServer(() => ({}), { host: "x" })
  })

  it("a transport reads and writes, and startTls gives another", () => {
    expectTypeOf<SocketTransport>().toExtend<ReadTransport>()
    expectTypeOf<SocketTransport>().toExtend<WriteTransport>()
    expectTypeOf(transport.getProtocol()).toEqualTypeOf<Protocol | BufferedProtocol>()
    expectTypeOf(loop.startTls(transport, {}, { serverHostname: "x" })).toEqualTypeOf<
      Future<SocketTransport>
    >()
    // @ts-expect-error only strings and bytes
    transport.write(7)
  })

  it("a server tells where it listens, and is disposed of", () => {
    const server = {} as AioServer
    expectTypeOf(server.sockets).toEqualTypeOf<ReadonlyArray<ServerSocket>>()
    expectTypeOf(server.serveForever()).toEqualTypeOf<Future<never>>()
    expectTypeOf(server.waitClosed()).toEqualTypeOf<Future<void>>()
    expectTypeOf<AioServer>().toExtend<AsyncDisposable>()
  })

  it("statistics count them", () => {
    expectTypeOf<LoopStatistics["servers"]>().toEqualTypeOf<number>()
    expectTypeOf<LoopStatistics["transports"]>().toEqualTypeOf<number>()
  })
})
