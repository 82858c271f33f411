// What the loop's methods for streams, datagrams, pipes and names give and take.
import type { Socket } from "node:dgram"
import { Readable } from "node:stream"
import { describe, expectTypeOf, it } from "vitest"
import type {
  AioServer,
  DatagramProtocol,
  DatagramTransport,
  EventLoop,
  Future,
  NameInfo,
  PipeTransport,
  SocketAddress,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter
} from "../../src/index.js"

declare const loop: EventLoop
type Streams = [reader: StreamReader, writer: StreamWriter]

describe("streams of connections", () => {
  it("are a reader and a writer; a server is one of connections", () => {
    expectTypeOf(loop.openConnection({ host: "localhost", port: 1, limit: 10 })).toEqualTypeOf<
      Future<Streams>
    >()
    expectTypeOf(loop.openUnixConnection({ path: "/run/x" })).toEqualTypeOf<Future<Streams>>()
    expectTypeOf(
      loop.startServer(async (reader, writer) => {
        expectTypeOf(reader).toEqualTypeOf<StreamReader>()
        expectTypeOf(writer).toEqualTypeOf<StreamWriter>()
        expectTypeOf(writer.startTls({ ssl: {} })).toEqualTypeOf<Future<void>>()
      })
    ).toEqualTypeOf<Future<AioServer>>()
    // @ts-expect-error: a unix server has a path
    loop.startUnixServer(() => {})
    // @ts-expect-error: there is no such option
    loop.openConnection({ port: 1, limti: 1 })
  })

  it("are read in bytes, up to one separator or several", () => {
    expectTypeOf<ReturnType<StreamReader["readuntil"]>>().toEqualTypeOf<Future<Buffer>>()
    expectTypeOf<Parameters<StreamReader["readuntil"]>[0]>().toEqualTypeOf<
      string | Uint8Array | ReadonlyArray<string | Uint8Array> | undefined
    >()
  })
})

describe("datagrams and pipes", () => {
  it("give their transport and the program's own protocol", () => {
    class Mine implements DatagramProtocol {
      readonly seen = 1
      datagramReceived(data: Buffer, addr: SocketAddress): void {
        expectTypeOf(addr.family).toEqualTypeOf<4 | 6>()
        expectTypeOf(data).toEqualTypeOf<Buffer>()
      }
    }
    expectTypeOf(loop.createDatagramEndpoint(() => new Mine(), { family: 4 })).toEqualTypeOf<
      Future<[transport: DatagramTransport, protocol: Mine]>
    >()
    loop.createDatagramEndpoint(() => ({}), { sock: {} as Socket })
    // @ts-expect-error: an address is an object
    loop.createDatagramEndpoint(() => ({}), { localAddr: ["127.0.0.1", 0] })
    expectTypeOf(loop.connectReadPipe(() => ({}) as StreamReaderProtocol, 0)).toEqualTypeOf<
      Future<[transport: PipeTransport, protocol: StreamReaderProtocol]>
    >()
    loop.connectReadPipe(() => ({ dataReceived: (data) => void data.length }), Readable.from([]))
    loop.connectWritePipe(() => ({}), { fd: 1 })
    // @ts-expect-error: a name is no end of a pipe
    loop.connectReadPipe(() => ({}), "stdin")
  })
})

describe("names", () => {
  it("are addresses with a family, and the names of a host and a service", () => {
    expectTypeOf(loop.getaddrinfo("localhost", 80)).toEqualTypeOf<Future<ReadonlyArray<SocketAddress>>>()
    expectTypeOf(loop.getaddrinfo(null, null, { passive: true })).not.toBeAny()
    expectTypeOf(loop.getnameinfo({ host: "127.0.0.1", port: 80 })).toEqualTypeOf<Future<NameInfo>>()
  })
})
