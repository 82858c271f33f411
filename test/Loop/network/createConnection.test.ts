// Connections of TCP: made, refused, cancelled.
// Covers: connecting, resolve, failures, checks, Address, Source, createServer, listening, Network, Server, SocketTransport, unixPath
import { describe, expect, it } from "vitest"
import { ConnectError } from "../../../src/index.js"
import { failure, onLoop, Recording } from "../../support/network.js"

describe("createConnection", () => {
  it("server-001 gives a transport and its protocol, told of the connection before and of data after", () =>
    onLoop(async (loop) => {
      const served = new Recording(loop)
      const server = await loop.createServer(() => served, { host: "127.0.0.1" })
      const port = server.sockets[0]?.port
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "127.0.0.1",
        port
      })
      expect(protocol.transport).toBe(transport)
      expect(protocol.log).toEqual(["made"])
      expect(transport.getExtraInfo("sockname")).toMatchObject({ host: "127.0.0.1", family: 4 })
      expect(transport.getExtraInfo("peername")).toEqual({ host: "127.0.0.1", port, family: 4 })
      await served.made
      served.transport.write("xxx")
      await protocol.received("xxx")
      transport.close()
      await Promise.all([protocol.lost, served.lost])
      expect([protocol.log, served.log]).toEqual([
        ["made", "data xxx", "lost null"],
        ["made", "eof", "lost null"]
      ])
      server.close()
    }))

  it("server-048 server-092 a port that nobody listens on is a ConnectError that names it, at once", () =>
    onLoop(async (loop) => {
      const server = await loop.createServer(() => ({}), { host: "127.0.0.1" })
      const port = server.sockets[0]?.port
      server.close()
      const error = await failure(() => loop.createConnection(() => ({}), { host: "127.0.0.1", port }))
      expect(error).toBeInstanceOf(ConnectError)
      expect(error).toMatchObject({ code: "ECONNREFUSED", address: `127.0.0.1:${port}` })
      expect(String(error)).toContain("nobody listens there")
    }))
})
