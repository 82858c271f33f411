// Connections and servers as streams, over real sockets.
// Covers: openStreams, StreamReaderProtocol, StreamMethods, Opening
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import type * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import {
  type AioServer,
  CancelledError,
  type ClientConnected,
  ConnectError,
  ConnectionResetError,
  type EventLoop,
  IncompleteReadError,
  InvalidStateError,
  LimitOverrunError,
  LoopClosedError,
  NoRunningLoopError,
  type SocketTransport,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter
} from "../../../src/index.js"
import { settled, until, withLoop } from "../../support/readerLoops.js"

const failure = async (future: PromiseLike<unknown>): Promise<NodeJS.ErrnoException> => {
  try {
    await future
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
  throw new Error("it did not fail")
}

const text = async (future: PromiseLike<Buffer>): Promise<string> => (await future).toString()

/** The two kinds of servers and clients, at an address of their own. */
const kinds = ["TCP", "unix"] as const
type Kind = (typeof kinds)[number]

const start = async (loop: EventLoop, kind: Kind, handler: ClientConnected, limit?: number) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "effect-aio-streams-"))
  const at = path.join(folder, "socket")
  const server: AioServer =
    kind === "TCP"
      ? await loop.startServer(handler, { host: "127.0.0.1", limit })
      : await loop.startUnixServer(handler, { path: at, limit })
  const connect = (options: { readonly limit?: number } = {}) =>
    kind === "TCP"
      ? loop.openConnection({ host: "127.0.0.1", port: server.sockets[0]?.port, ...options })
      : loop.openUnixConnection({ path: at, ...options })
  /** Waits for the connections, or ends those whose handlers have left them open. */
  const stop = async (how: "wait" | "abort" = "wait"): Promise<void> => {
    server.close()
    if (how === "abort") server.abortClients()
    await server.waitClosed()
    fs.rmSync(folder, { recursive: true })
  }
  return { server, connect, stop }
}

/** Sends each line back, until the client has no more. */
const echo: ClientConnected = async (reader, writer) => {
  for await (const line of reader) {
    writer.write(line)
    await writer.drain()
  }
  writer.close()
  await writer.waitClosed()
}

/** The tasks of a server of streams. */
const clientsOf = (loop: EventLoop) =>
  [...loop.allTasks()].filter((task) => task.getName().startsWith("client"))

const socketOf = (writer: StreamWriter): net.Socket => writer.getExtraInfo("socket") as net.Socket

describe.each(kinds)("a connection of %s as streams", (kind) => {
  it("gives the first line and then the rest, and closes (streams-001)", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, kind, (_reader, writer) => {
        writer.writelines(["HTTP/1.0 200 OK\r\n", "Content-Type: text/plain\r\n\r\n", "Test message"])
        writer.close()
      })
      const [reader, writer] = await connect()
      expect(await text(reader.readline())).toBe("HTTP/1.0 200 OK\r\n")
      expect(await text(reader.read())).toBe("Content-Type: text/plain\r\n\r\nTest message")
      writer.close()
      await stop()
      expect(reports).toEqual([])
    }))

  it("is lost with an error, which every read fails with, and closing it is harmless (streams-002)", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, kind, () => {})
      const [reader, writer] = await connect()
      const waiting = reader.read()
      const wrong = new Error("broken")
      socketOf(writer).destroy(wrong)
      expect(await failure(waiting)).toBe(wrong)
      expect(await failure(reader.read())).toBe(wrong)
      expect(await failure(writer.drain())).toBe(wrong)
      expect(await failure(writer.waitClosed())).toBe(wrong)
      writer.close()
      await settled()
      expect(reports).toEqual([])
      await stop("abort")
    }))

  it("echoes a line for a client, with an async handler and with a plain one (streams-032)", () =>
    withLoop(async (loop, reports) => {
      const plain: ClientConnected = (reader, writer) => {
        const line = reader.readline()
        line.addDoneCallback(() => {
          writer.write(line.result())
          writer.close()
        })
      }
      for (const handler of [echo, plain]) {
        const { connect, stop } = await start(loop, kind, handler)
        const [reader, writer] = await connect()
        writer.write("hello\n")
        expect(await text(reader.readline())).toBe("hello\n")
        writer.close()
        await writer.waitClosed()
        await stop()
      }
      expect(reports).toEqual([])
    }))

  it("writes, reads to the end, closes and waits for that in one task (streams-040)", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, kind, echo)
      await loop.createTask(async () => {
        const [reader, writer] = await connect()
        writer.write("one\ntwo")
        writer.writeEof()
        expect(await text(reader.read())).toBe("one\ntwo")
        writer.close()
        await writer.waitClosed()
      })
      await stop()
      expect(reports).toEqual([])
    }))

  it("fails a drain after its close with a reset, and reports nothing (streams-041)", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, kind, echo)
      const [, writer] = await connect()
      writer.close()
      expect(writer.isClosing()).toBe(true)
      writer.write("data")
      const error = (await failure(writer.drain())) as ConnectionResetError
      expect(error).toBeInstanceOf(ConnectionResetError)
      expect(error.code).toBe("ECONNRESET")
      await stop()
      expect(reports).toEqual([])
    }))

  it("is at its end once it was closed here (streams-042)", () =>
    withLoop(async (loop) => {
      const { connect, stop } = await start(loop, kind, echo)
      const [reader, writer] = await connect()
      const waiting = reader.read()
      writer.close()
      await writer.waitClosed()
      expect(await text(waiting)).toBe("")
      expect(await text(reader.read())).toBe("")
      expect(reader.atEof()).toBe(true)
      await stop()
    }))

  it("reports a handler that fails, once, with the error and the transport, and goes on (streams-044)", () =>
    withLoop(async (loop, reports) => {
      const wrong = new Error("in the handler")
      let clients = 0
      const { connect, stop } = await start(loop, kind, (reader, writer) => {
        if (clients++ === 0) throw wrong
        if (clients === 2) return Promise.reject(wrong)
        return echo(reader, writer)
      })
      for (let i = 0; i < 2; i++) {
        const [reader, writer] = await connect()
        expect(await text(reader.read())).toBe("")
        writer.close()
        await writer.waitClosed()
      }
      const [reader, writer] = await connect()
      writer.write("still there\n")
      expect(await text(reader.readline())).toBe("still there\n")
      writer.close()
      await stop()
      expect(reports.length).toBe(2)
      for (const report of reports) {
        expect(report).toMatchObject({ kind: "connection", exception: wrong })
        expect(report.message).toContain("Unhandled exception in the handler of client")
        expect((report.transport as SocketTransport).isClosing()).toBe(true)
      }
    }))

  it("reports nothing of a handler that is cancelled, and closes its connection (streams-045)", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, kind, echo)
      const [reader, writer] = await connect()
      await until(() => clientsOf(loop).length > 0)
      for (const task of clientsOf(loop)) task.cancel()
      expect(await text(reader.read())).toBe("")
      writer.close()
      const { connect: again, stop: stopAgain } = await start(loop, kind, () => {
        throw new CancelledError("of its own")
      })
      const [second, secondWriter] = await again()
      expect(await text(second.read())).toBe("")
      secondWriter.close()
      await stop()
      await stopAgain()
      expect(reports).toEqual([])
    }))

  it("reports nothing of a client that goes, whatever the handler was doing", () =>
    withLoop(async (loop, reports) => {
      const ended: Array<string> = []
      const handlers: ReadonlyArray<ClientConnected> = [
        async (reader) => void (await reader.readexactly(100)),
        async (_reader, writer) => {
          for (;;) {
            writer.write(Buffer.alloc(65536))
            await writer.drain()
          }
        }
      ]
      for (const handler of handlers) {
        const { connect, stop } = await start(loop, kind, async (reader, writer) => {
          try {
            await handler(reader, writer)
          } catch (error) {
            ended.push((error as Error).name)
            throw error
          }
        })
        const [, writer] = await connect()
        writer.write("x")
        await settled()
        const socket = socketOf(writer)
        if (kind === "TCP") socket.resetAndDestroy()
        else writer.transport.abort()
        await until(() => ended.length > 0)
        await stop()
        // A unix socket that is closed ends what is read: the handler has not got what it wants, and says so.
        const incomplete = ended.splice(0).includes("IncompleteReadError")
        expect(reports.length).toBe(incomplete ? 1 : 0)
        ;(reports as Array<unknown>).length = 0
      }
    }))

  it("sends what several pieces have in order, whatever kind of bytes (streams-048)", () =>
    withLoop(async (loop) => {
      const { connect, stop } = await start(loop, kind, echo)
      const [reader, writer] = await connect()
      const view = new Uint8Array([0x2d, 0x32, 0x2d])
      writer.writelines([Buffer.from("1"), view.subarray(1, 2), "3\n"])
      expect(await text(reader.readline())).toBe("123\n")
      writer.close()
      await stop()
    }))

  it("serves 100 clients at once, each in two steps with large blocks (server-091, server-107)", () =>
    withLoop(async (loop, reports) => {
      const block = Buffer.alloc(100_000, "block")
      const { connect, server, stop } = await start(loop, kind, async (reader, writer) => {
        const first = await reader.readexactly(4)
        writer.write(Buffer.concat([first, block]))
        await writer.drain()
        writer.write(await reader.readexactly(block.length))
        await writer.drain()
        writer.close()
      })
      const client = async (i: number): Promise<void> => {
        const [reader, writer] = await connect()
        writer.write(String(i).padStart(4, "0"))
        // Strings are UTF-8 here; what is neither they nor bytes disturbs nothing.
        expect(() => writer.write(7 as never)).toThrow(TypeError)
        expect(await text(reader.readexactly(4))).toBe(String(i).padStart(4, "0"))
        expect((await reader.readexactly(block.length)).equals(block)).toBe(true)
        writer.write(block)
        await writer.drain()
        expect((await reader.read()).equals(block)).toBe(true)
        writer.close()
        await writer.waitClosed()
      }
      await Promise.all(Array.from({ length: 100 }, (_, i) => loop.createTask(() => client(i))))
      await stop()
      expect([server.isServing(), reports]).toEqual([false, []])
    }))

  it("of a peer that closes early fails a readexactly, and can be closed (server-108)", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, kind, (_reader, writer) => {
        writer.write("part")
        writer.close()
      })
      const [reader, writer] = await connect()
      const error = (await failure(reader.readexactly(10))) as IncompleteReadError
      expect(error).toBeInstanceOf(IncompleteReadError)
      expect(Buffer.from(error.partial).toString()).toBe("part")
      writer.close()
      await writer.waitClosed()
      await stop()
      expect(await failure(loop.openUnixConnection({ path: "/no/such/socket" }))).toMatchObject({
        _tag: "ConnectError",
        code: "ENOENT"
      })
      expect(reports).toEqual([])
    }))

  it("holds a sender up that is not read, and goes on where it is", () =>
    withLoop(async (loop) => {
      let got: StreamReader | undefined
      const { connect, stop } = await start(loop, kind, (reader) => {
        got = reader
      })
      const [, writer] = await connect()
      const mebibyte = Buffer.alloc(1024 * 1024)
      let sent = 0
      const sending = loop.createTask(async () => {
        for (; sent < 64; sent++) {
          writer.write(mebibyte)
          await writer.drain()
        }
        writer.writeEof()
      })
      await until(() => String(got).includes("paused"))
      await settled()
      expect(sending.done()).toBe(false)
      expect(sent).toBeLessThan(32)
      let all = 0
      for (;;) {
        const chunk = await (got as StreamReader).read(1_000_000)
        if (chunk.length === 0) break
        all += chunk.length
      }
      expect(all).toBe(64 * mebibyte.length)
      writer.close()
      await stop("abort")
    }))

  it("of a client that sends garbage without end of line costs no more than the limit", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(
        loop,
        kind,
        async (reader, writer) => {
          try {
            await reader.readline()
          } catch (error) {
            writer.write(`${(error as Error).name}\n`)
            writer.close()
          }
        },
        100
      )
      const [reader, writer] = await connect()
      writer.write(Buffer.alloc(10_000, 0xff))
      expect(await text(reader.readline())).toBe("LimitOverrunError\n")
      writer.close()
      await stop()
      expect(reports).toEqual([])
    }))
})

describe("opening streams", () => {
  it("takes the options of a connection, and a limit for lines", () =>
    withLoop(async (loop) => {
      const { connect, stop } = await start(loop, "TCP", (_reader, writer) => {
        writer.write("a line\n")
        writer.close()
      })
      const [reader, writer] = await connect({ limit: 3 })
      expect(await failure(reader.readline())).toBeInstanceOf(LimitOverrunError)
      writer.close()
      await stop()
      for (const limit of [0, -1, NaN]) expect(() => connect({ limit })).toThrow(RangeError)
      expect(() => connect({ limit: "1" as never })).toThrow(TypeError)
      expect(() => loop.openConnection({ hots: "x" } as never)).toThrow(TypeError)
      expect(() => loop.openConnection(undefined as never)).toThrow(TypeError)
      expect(() => loop.openUnixConnection({} as never)).toThrow(TypeError)
      expect(() => loop.startServer("f" as never)).toThrow(TypeError)
      expect(() => loop.startServer(echo, { limit: 0 })).toThrow(RangeError)
      expect(() => loop.startUnixServer(echo, null as never)).toThrow(TypeError)
    }))

  it("fails where nobody listens, as a connection does", () =>
    withLoop(async (loop) => {
      const server = await loop.startServer(echo, { host: "127.0.0.1" })
      const port = server.sockets[0]?.port
      server.close()
      await server.waitClosed()
      const error = (await failure(loop.openConnection({ host: "127.0.0.1", port }))) as ConnectError
      expect(error).toBeInstanceOf(ConnectError)
      expect(error.code).toBe("ECONNREFUSED")
    }))

  it("J1 cancelled leaves nothing open, at whatever moment", () =>
    withLoop(async (loop, reports) => {
      const { connect, server, stop } = await start(loop, "TCP", echo)
      const outcomes = new Set<boolean>()
      for (let turns = 0; turns < 6; turns++) {
        const task = loop.createTask(async () => {
          const [, writer] = await connect()
          writer.close()
        })
        await loop.sleep(0)
        for (let i = 0; i < turns; i++) await new Promise<void>((resolve) => setImmediate(resolve))
        task.cancel()
        await settled()
        outcomes.add(task.cancelled())
      }
      expect(outcomes.has(true)).toBe(true)
      await stop()
      expect([server.isServing(), loop.statistics().transports, reports]).toEqual([false, 0, []])
    }))

  it("closes what a cancel has kept from its receiver", () =>
    withLoop(async (loop) => {
      const { connect, stop } = await start(loop, "TCP", echo)
      const opening = connect()
      const task = loop.createTask(async () => await opening)
      opening.addDoneCallback(() => void task.cancel())
      await failure(task)
      expect(opening.cancelled()).toBe(false)
      await stop()
      expect(loop.statistics().transports).toBe(0)
    }))

  it("S1 the closing of the loop cancels the handlers, and closes what is open", async () => {
    const ended: Array<string> = []
    let closed: EventLoop | undefined
    await withLoop(async (loop) => {
      closed = loop
      const handler: ClientConnected = async (reader) => {
        try {
          await reader.read()
          ended.push("the end")
        } catch (error) {
          ended.push((error as Error).name)
          throw error
        }
      }
      const server = await loop.startServer(handler, { host: "127.0.0.1" })
      const address = { host: "127.0.0.1", port: server.sockets[0]?.port }
      await loop.openConnection(address)
      await until(() => clientsOf(loop).length > 0)
      expect(clientsOf(loop)[0]?.getName()).toMatch(/^client 127.0.0.1:\d+$/)
    })
    expect(ended).toEqual(["AbortError"])
    expect(closed?.statistics()).toMatchObject({ servers: 0, transports: 0, tasks: 0 })
    expect(() => closed?.openConnection({ port: 1 })).toThrow(LoopClosedError)
    expect(() => closed?.startServer(echo)).toThrow(LoopClosedError)
  })
})

describe("StreamReaderProtocol", () => {
  it("makes streams where a program opens the connection for a protocol, and switches to them", () =>
    withLoop(async (loop) => {
      const { server, stop } = await start(loop, "TCP", echo)
      const reader = new StreamReader({ loop })
      const protocol = new StreamReaderProtocol(reader, undefined, { loop })
      const [transport] = await loop.createConnection(() => protocol, {
        host: "127.0.0.1",
        port: server.sockets[0]?.port
      })
      const writer = new StreamWriter(transport, protocol, reader)
      writer.write("by hand\n")
      await writer.drain()
      expect(await text(reader.readline())).toBe("by hand\n")
      expect([writer.canWriteEof(), writer.transport]).toEqual([true, transport])
      expect(writer.getExtraInfo("peername")).toMatchObject({ host: "127.0.0.1" })
      expect(writer.getExtraInfo("none", "fallback")).toBe("fallback")
      expect(String(reader)).toContain("transport=<SocketTransport>")
      writer.close()
      await writer.waitClosed()
      await stop()
    }))

  it("refuses what is no reader or no handler, and a second connection", () =>
    withLoop(async (loop) => {
      expect(() => new StreamReaderProtocol({} as never)).toThrow(TypeError)
      const reader = new StreamReader({ loop })
      expect(() => new StreamReaderProtocol(reader, "f" as never, { loop })).toThrow(TypeError)
      const protocol = new StreamReaderProtocol(reader, undefined, { loop })
      const { server, stop } = await start(loop, "TCP", (_reader, writer) => writer.close())
      const address = { host: "127.0.0.1", port: server.sockets[0]?.port }
      const [transport] = await loop.createConnection(() => protocol, address)
      expect(() => protocol.connectionMade(transport)).toThrow(InvalidStateError)
      transport.close()
      await stop()
    }))

  it("is of the running loop where none is named, and of none outside (streams-034)", async () => {
    let reader: StreamReader | undefined
    await withLoop(async (loop) => {
      reader = new StreamReader({ loop })
      await loop.createTask(async () => new StreamReaderProtocol(reader as StreamReader))
    })
    expect(() => new StreamReaderProtocol(reader as StreamReader)).toThrow(NoRunningLoopError)
  })
})

describe("startTls of a StreamWriter", () => {
  /** A key, and a certificate of it for localhost that nobody else has signed. */
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "effect-aio-tls-"))
  const keyFile = path.join(folder, "key")
  const certFile = path.join(folder, "cert")
  execFileSync(
    "openssl",
    [
      ...[
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2"
      ],
      ...[
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        keyFile,
        "-out",
        certFile
      ]
    ],
    { stdio: "ignore" }
  )
  const [key, cert] = [fs.readFileSync(keyFile), fs.readFileSync(certFile)]
  fs.rmSync(folder, { recursive: true })

  it("secures the connection after what was written, on both ends", () =>
    withLoop(async (loop, reports) => {
      const { connect, stop } = await start(loop, "TCP", async (reader, writer) => {
        expect(await text(reader.readline())).toBe("STARTTLS\n")
        writer.write("ready\n")
        await writer.startTls({ serverSide: true, ssl: { key, cert } })
        expect(writer.getExtraInfo("sslObject")).toBeDefined()
        await echo(reader, writer)
      })
      const [reader, writer] = await connect()
      const plain = writer.transport
      writer.write("STARTTLS\n")
      expect(await text(reader.readline())).toBe("ready\n")
      await writer.startTls({ ssl: { ca: cert }, serverHostname: "localhost" })
      expect(writer.transport).not.toBe(plain)
      expect(writer.canWriteEof()).toBe(false)
      const long = `${"x".repeat(30_000)}\n`
      writer.write(long)
      await writer.drain()
      expect(await text(reader.readline())).toBe(long)
      writer.close()
      await writer.waitClosed()
      await stop()
      expect(reports).toEqual([])
    }))

  it("fails where the certificate is not trusted, and closes the connection", () =>
    withLoop(async (loop) => {
      const { connect, stop } = await start(loop, "TCP", async (_reader, writer) => {
        await writer.startTls({ serverSide: true, ssl: { key, cert } }).then(undefined, () => {})
      })
      const [, writer] = await connect()
      const error = await failure(writer.startTls({ serverHostname: "localhost" }))
      expect(error).toMatchObject({ _tag: "ConnectError", code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      await stop("abort")
    }))

  it("is refused for what is no connection", () =>
    withLoop(async (loop) => {
      const cat = await loop.createSubprocessExec("cat", [], { stdin: "pipe" })
      expect(() => cat.stdin.startTls()).toThrow(InvalidStateError)
      cat.stdin.close()
      await cat.wait()
    }))
})
