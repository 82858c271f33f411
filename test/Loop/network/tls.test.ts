// TLS: connections, servers, and connections that are given it later. localhost.crt is there for nothing else.
// Covers: createConnection, createServer, connecting, tlsHandshake
import { once } from "node:events"
import * as fs from "node:fs"
import { connect as netConnect, createServer as netServer, type Socket } from "node:net"
import { connect as tlsConnect, createServer as tlsServer, type TLSSocket } from "node:tls"
import { afterEach, describe, expect, it } from "vitest"
import { ConnectError, InvalidStateError, type SocketTransport, SyncLoop } from "../../../src/index.js"
import { until } from "../../fixtures/subprocess/recording.js"
import { echo, failure, folder, onLoop, Recording } from "../../support/network.js"

const read = (name: string): string =>
  fs.readFileSync(new URL(`../../fixtures/network/${name}`, import.meta.url), "utf8")
const cert = read("localhost.crt")
const key = read("localhost.key")
const server = { cert, key }
const client = { ca: cert }

const open = new Set<{ close(): void }>()
const sockets = new Set<Socket>()
afterEach(() => {
  for (const each of open) each.close()
  open.clear()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

const listening = async (made: ReturnType<typeof netServer>): Promise<number> => {
  open.add(made)
  made.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
  })
  made.listen(0, "127.0.0.1")
  await once(made, "listening")
  return (made.address() as { readonly port: number }).port
}

describe("createConnection with ssl", () => {
  it("connects, tells of TLS in getExtraInfo, and closes with a word", () =>
    onLoop(async (loop) => {
      const seen: Array<string> = []
      const port = await listening(
        tlsServer(server, (socket: TLSSocket) => {
          socket.on("data", (data: Buffer) => socket.write(data))
          socket.on("end", () => seen.push("end"))
          socket.on("error", (error) => seen.push(String(error)))
          socket.on("close", () => seen.push("close"))
        })
      )
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "localhost",
        port,
        ssl: client
      })
      expect(protocol.log).toEqual(["made"])
      const tls = transport.getExtraInfo("sslObject") as TLSSocket
      expect(tls.authorized).toBe(true)
      expect(tls.servername).toBe("localhost")
      expect(transport.getExtraInfo("cipher")).toMatchObject({ name: expect.any(String) as string })
      expect(transport.getExtraInfo("peercert")).toMatchObject({ subject: { CN: "localhost" } })
      expect(transport.getExtraInfo("peername")).toEqual({ host: "127.0.0.1", port, family: 4 })
      expect(transport.canWriteEof()).toBe(false)
      expect(() => transport.writeEof()).toThrow(InvalidStateError)
      transport.write("a")
      transport.writelines(["b", "c"])
      await protocol.received("abc")
      transport.write("last")
      transport.close()
      await protocol.lost
      await until(() => seen.includes("close"))
      expect(seen).toEqual(["end", "close"])
      expect(protocol.log.at(-1)).toBe("lost null")
    }))

  it("says that it closes, so that the other end does not take it for a cut", () =>
    onLoop(async (loop) => {
      const port = await listening(
        tlsServer({ ...server, maxVersion: "TLSv1.2" }, (socket) => void socket.resume())
      )
      const sent: Array<Buffer> = []
      const through = await listening(
        netServer((socket) => {
          const to = netConnect({ port, host: "127.0.0.1" })
          sockets.add(to.on("error", () => {}))
          to.pipe(socket)
          socket.on("data", (data: Buffer) => sent.push(data)).pipe(to)
        })
      )
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "localhost",
        port: through,
        ssl: client
      })
      transport.write("last")
      await until(() => transport.getWriteBufferSize() === 0)
      transport.close()
      await protocol.lost
      const types = (): ReadonlyArray<number> => {
        const bytes = Buffer.concat(sent)
        const found: Array<number> = []
        for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
          found.push(bytes[at] ?? 0)
        return found
      }
      const [data, alert] = [23, 21]
      await until(() => types().at(-1) === alert)
      expect(types().slice(-2)).toEqual([data, alert])
    }))

  it("a certificate that is not trusted, or of another name, is a ConnectError, and nothing is open", () =>
    onLoop(async (loop) => {
      const port = await listening(tlsServer(server))
      const untrusted = await failure(() =>
        loop.createConnection(() => ({}), { host: "localhost", port, ssl: true })
      )
      expect(untrusted).toBeInstanceOf(ConnectError)
      expect(untrusted).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT", address: `localhost:${port}` })
      expect(String(untrusted)).toContain("give that as ca")
      const wrongName = await failure(() =>
        loop.createConnection(() => ({}), {
          host: "localhost",
          port,
          ssl: client,
          serverHostname: "example.org"
        })
      )
      expect(wrongName).toMatchObject({ _tag: "ConnectError", code: "ERR_TLS_CERT_ALTNAME_INVALID" })
      const byAddress = await loop.createConnection(() => ({}), { host: "127.0.0.1", port, ssl: client })
      byAddress[0].abort()
    }))

  it("a server that says nothing of TLS is told at the end of the handshake's time, one that says nonsense at once", () =>
    onLoop(async (loop) => {
      const silent = await listening(netServer())
      const timedOut = await failure(() =>
        loop.createConnection(() => ({}), {
          host: "localhost",
          port: silent,
          ssl: client,
          sslHandshakeTimeout: 30
        })
      )
      expect(timedOut).toMatchObject({ _tag: "ConnectError", code: "ETIMEDOUT" })
      expect(String(timedOut)).toContain("the TLS handshake was not done in time")
      const nonsense = await listening(netServer((socket) => void socket.end("nonsense, for sure\r\n")))
      expect(
        await failure(() =>
          loop.createConnection(() => ({}), { host: "localhost", port: nonsense, ssl: client })
        )
      ).toBeInstanceOf(ConnectError)
      const gone = await listening(netServer((socket) => void socket.destroy()))
      expect(
        await failure(() => loop.createConnection(() => ({}), { host: "localhost", port: gone, ssl: client }))
      ).toMatchObject({ _tag: "ConnectError", code: "ECONNRESET" })
    }))

  it("cancelled in its handshake it leaves nothing open", () =>
    onLoop(async (loop) => {
      const made = netServer()
      const port = await listening(made)
      const accepted = once(made, "connection")
      const connecting = loop.createConnection(() => ({}), { host: "localhost", port, ssl: client })
      const [socket] = (await accepted) as [Socket]
      await once(socket, "data")
      connecting.cancel()
      await failure(() => connecting)
      await until(() => socket.readableEnded || socket.destroyed)
    }))

  it("without a host, the name of the certificate has to be said", () => {
    const loop = SyncLoop.make()
    expect(() => loop.createUnixConnection(() => ({}), { path: "/tmp/x", ssl: true })).toThrow(
      "serverHostname"
    )
    return loop.close()
  })

  it("is seen in a socket that is given, and has it already", () =>
    onLoop(async (loop) => {
      const port = await listening(tlsServer(server, (socket: TLSSocket) => void socket.pipe(socket)))
      const sock = tlsConnect({ port, host: "localhost", ca: cert })
      sockets.add(sock)
      await once(sock, "secureConnect")
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), { sock })
      expect(transport.getExtraInfo("sslObject")).toBe(sock)
      transport.write("given")
      await protocol.received("given")
      transport.close()
      await protocol.lost
    }))

  it("on a unix socket", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      const made = await loop.createUnixServer(echo, { path, ssl: server })
      const [transport, protocol] = await loop.createUnixConnection(() => new Recording(loop), {
        path,
        ssl: client,
        serverHostname: "localhost"
      })
      transport.write("unix")
      await protocol.received("unix")
      transport.close()
      made.close()
      await made.waitClosed()
    }))
})

describe("createServer with ssl", () => {
  it("serves clients that have TLS, and goes on where one has not", () =>
    onLoop(async (loop) => {
      const served: Array<Recording> = []
      const made = await loop.createServer(
        () => {
          const protocol = new Recording(loop)
          served.push(protocol)
          return protocol
        },
        { host: "127.0.0.1", ssl: server }
      )
      const port = made.sockets[0]?.port ?? 0
      const plain = netConnect({ port, host: "127.0.0.1" })
      plain.on("error", () => {})
      plain.write("GET / HTTP/1.0\r\n\r\n")
      await once(plain.resume(), "close")
      const secure = tlsConnect({ port, host: "localhost", ca: cert })
      sockets.add(secure)
      await once(secure, "secureConnect")
      secure.write("hello")
      await until(() => served.length === 1)
      await served[0]?.received("hello")
      served[0]?.transport.write("world")
      expect(String((await once(secure, "data"))[0])).toBe("world")
      expect((served[0]?.transport.getExtraInfo("sslObject") as TLSSocket).encrypted).toBe(true)
      secure.end()
      await served[0]?.lost
      expect(served[0]?.log).toEqual(["made", "data hello", "eof", "lost null"])
      made.close()
      await made.waitClosed()
    }))

  it("waitClosed waits for a client in its handshake, whose time is limited", () =>
    onLoop(async (loop) => {
      const made = await loop.createServer(() => ({}), {
        host: "127.0.0.1",
        ssl: server,
        sslHandshakeTimeout: 40
      })
      const silent = netConnect({ port: made.sockets[0]?.port ?? 0, host: "127.0.0.1" })
      silent.on("error", () => {})
      await once(silent.resume(), "connect")
      await until(() => String(made).includes("connections=1"))
      made.close()
      const closed = made.waitClosed()
      await loop.sleep(5)
      expect(closed.done()).toBe(false)
      await closed
      await until(() => silent.destroyed)
      const other = await loop.createServer(() => ({}), { host: "127.0.0.1", ssl: server })
      const second = netConnect({ port: other.sockets[0]?.port ?? 0, host: "127.0.0.1" }).resume()
      await once(second, "connect")
      await until(() => String(other).includes("connections=1"))
      other.close()
      other.closeClients()
      await other.waitClosed()
    }))

  it("the closing of a loop ends a client in its handshake", async () => {
    const loop = SyncLoop.make()
    const silent = await loop.runUntilComplete(async () => {
      const made = await loop.createServer(() => ({}), { host: "127.0.0.1", ssl: server })
      const socket = netConnect({ port: made.sockets[0]?.port ?? 0, host: "127.0.0.1" })
      await once(socket.resume(), "connect")
      await until(() => String(made).includes("connections=1"))
      return socket.on("error", () => {})
    })
    await loop.close()
    await until(() => silent.destroyed)
  })
})

describe("startTls", () => {
  it("gives a connection TLS, on both sides, and its protocols go on", () =>
    onLoop(async (loop) => {
      const upgraded = loop.createFuture<SocketTransport>()
      class Upgrading extends Recording {
        override dataReceived(data: Buffer): void {
          super.dataReceived(data)
          if (this.text !== "STARTTLS\n") return
          this.transport.write("go\n")
          loop
            .startTls(this.transport, this, { serverSide: true, ssl: server })
            .addDoneCallback((secure) => upgraded.setResult(secure.result()))
        }
      }
      const served = new Upgrading(loop)
      const made = await loop.createServer(() => served, { host: "127.0.0.1" })
      const [plain, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "127.0.0.1",
        port: made.sockets[0]?.port
      })
      plain.write("STARTTLS\n")
      await protocol.received("go\n")
      const transport = await loop.startTls(plain, protocol, { ssl: client, serverHostname: "localhost" })
      const theirs = await upgraded
      expect(loop.statistics().transports).toBe(2)
      expect((transport.getExtraInfo("sslObject") as TLSSocket).authorized).toBe(true)
      transport.write("secret")
      await served.received("STARTTLS\nsecret")
      theirs.write("secret, too")
      await protocol.received("go\nsecret, too")
      expect([protocol.log.filter((line) => line === "made"), plain.isClosing()]).toEqual([["made"], true])
      plain.close()
      plain.abort()
      plain.write("nobody hears")
      made.close()
      made.closeClients()
      await Promise.all([protocol.lost, served.lost, made.waitClosed()])
      expect([protocol.log.at(-1), served.log.at(-1)]).toEqual(["lost null", "lost null"])
      expect(loop.statistics().transports).toBe(0)
    }))

  it("a handshake that fails closes the connection, and is a ConnectError", () =>
    onLoop(async (loop) => {
      const port = await listening(tlsServer(server))
      const [plain, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "127.0.0.1",
        port
      })
      const error = await failure(() => loop.startTls(plain, protocol, { serverHostname: "localhost" }))
      expect(error).toMatchObject({ _tag: "ConnectError", code: "DEPTH_ZERO_SELF_SIGNED_CERT" })
      expect(loop.statistics().transports).toBe(0)
    }))

  it("is refused to what is closing, is no transport, or has no certificate for the server's end", () =>
    onLoop(async (loop) => {
      const made = await loop.createServer(() => ({}), { host: "127.0.0.1" })
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "127.0.0.1",
        port: made.sockets[0]?.port
      })
      expect(() => loop.startTls(transport, protocol, { serverSide: true } as never)).toThrow(TypeError)
      expect(() => loop.startTls({} as SocketTransport, protocol)).toThrow(TypeError)
      expect(() => loop.startTls(transport, protocol)).toThrow("serverHostname")
      transport.close()
      expect(() => loop.startTls(transport, protocol, { serverHostname: "localhost" })).toThrow(
        InvalidStateError
      )
      await protocol.lost
      made.close()
    }))

  it("connectAcceptedSocket takes a socket over with TLS", () =>
    onLoop(async (loop) => {
      const made = netServer()
      const port = await listening(made)
      const accepted = once(made, "connection")
      const secure = tlsConnect({ port, host: "localhost", ca: cert })
      sockets.add(secure)
      const [socket] = (await accepted) as [Socket]
      const [transport, protocol] = await loop.connectAcceptedSocket(() => new Recording(loop), socket, {
        ssl: server
      })
      secure.write("hello")
      await protocol.received("hello")
      transport.write("world")
      expect(String((await once(secure, "data"))[0])).toBe("world")
      secure.end()
      await protocol.lost
    }))

  it("asks the client for a certificate where it is to, and refuses one that has none", () =>
    onLoop(async (loop) => {
      const made = netServer()
      const port = await listening(made)
      const accept = async (own: object) => {
        const accepted = once(made, "connection")
        const secure = tlsConnect({ port, host: "localhost", ca: cert, ...own })
        sockets.add(secure.on("error", () => {}).resume())
        const [socket] = (await accepted) as [Socket]
        return loop.connectAcceptedSocket(() => ({}), socket, {
          ssl: { ...server, ca: cert, requestCert: true }
        })
      }
      expect(await failure(() => accept({}))).toBeInstanceOf(ConnectError)
      const [transport] = await accept(server)
      expect(transport.getExtraInfo("peercert")).toMatchObject({ subject: { CN: "localhost" } })
      transport.close()
    }))
})
