// Connections: made, refused, adopted, cancelled. What a transport does then is in SocketTransport.test.ts.
// Covers: createConnection, connecting, resolve, failures, checks, Address
import { AsyncLocalStorage } from "node:async_hooks"
import { lookup } from "node:dns"
import { once } from "node:events"
import { connect, createServer, type LookupFunction, type Server, Socket } from "node:net"
import { networkInterfaces } from "node:os"
import { it } from "@effect/vitest"
import { Effect } from "effect"
import { afterEach, describe, expect } from "vitest"
import {
  CancelledError,
  ConnectError,
  type ConnectionOptions,
  type EventLoop,
  fromAio,
  getRunningLoop,
  Loop,
  LoopClosedError,
  type Protocol,
  ResolveError,
  type SocketTransport,
  SyncLoop,
  type UnixConnectionOptions
} from "../../../src/index.js"
import { openFds } from "../../fixtures/subprocess/recording.js"
import { echo, failure, folder, freePort, noDelay, onLoop, Recording } from "../../support/network.js"

const servers: Array<Server> = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A server of Node's own, for the other end. */
const listen = async (onSocket: (socket: Socket) => void, on: object = { host: "127.0.0.1", port: 0 }) => {
  const server = createServer((socket) => {
    socket.on("error", () => {})
    onSocket(socket)
  })
  servers.push(server)
  server.listen(on)
  await once(server, "listening")
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1")
)

/** A resolver that knows these names. */
const resolver =
  (names: Readonly<Record<string, ReadonlyArray<string>>>): LookupFunction =>
  (host, options, answer) => {
    const found = names[host]
    if (found === undefined) return lookup(host, options, answer as never)
    const all = found.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
    setImmediate(answer as (error: null, all: unknown) => void, null, all)
  }

describe("createConnection", () => {
  it("server-001 gives a transport and its protocol, told of the connection before and of data after", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => void socket.end("xxx"))
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "127.0.0.1",
        port
      })
      expect(protocol.transport).toBe(transport)
      expect(protocol.log).toEqual(["made"])
      expect(transport.getExtraInfo("sockname")).toMatchObject({ host: "127.0.0.1", family: 4 })
      expect(transport.getExtraInfo("peername")).toEqual({ host: "127.0.0.1", port, family: 4 })
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data xxx", "eof", "lost null"])
    }))

  it("server-048 server-092 a port that nobody listens on is a ConnectError that names it, at once", () =>
    onLoop(async (loop) => {
      const port = await freePort()
      const fds = openFds()
      const error = await failure(() => loop.createConnection(() => ({}), { host: "127.0.0.1", port }))
      expect(error).toBeInstanceOf(ConnectError)
      expect(error).toMatchObject({
        _tag: "ConnectError",
        code: "ECONNREFUSED",
        address: `127.0.0.1:${port}`
      })
      expect(String(error)).toContain("nobody listens there")
      expect(openFds()).toBeLessThanOrEqual(fds)
    }))

  it("server-046 a name whose addresses all fail tells of each, and of one error where they fail alike", () =>
    onLoop(async (loop) => {
      const port = await freePort()
      const names = resolver({ two: ["127.0.0.1", "127.0.0.2"], mixed: ["127.0.0.1", "255.255.255.255"] })
      const alike = await failure(() =>
        loop.createConnection(() => ({}), { host: "two", port, lookup: names })
      )
      expect(alike).toMatchObject({ code: "ECONNREFUSED", address: `two:${port}` })
      expect(String(alike)).toContain(`nobody listens there (tried 127.0.0.1:${port}, 127.0.0.2:${port})`)
      const mixed = await failure(() =>
        loop.createConnection(() => ({}), { host: "mixed", port, lookup: names })
      )
      expect(mixed).toBeInstanceOf(ConnectError)
      expect(String(mixed)).toMatch(
        new RegExp(
          `each of its addresses failed \\(tried 127.0.0.1:${port} ECONNREFUSED, 255.255.255.255:${port} E`
        )
      )
      expect((mixed as ConnectError).cause).toBeInstanceOf(AggregateError)
    }))

  it("goes on with the next address of a name where the first one fails", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => void socket.end("there"))
      const names = resolver({ two: ["127.0.0.2", "127.0.0.1"] })
      const [, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "two",
        port,
        lookup: names
      })
      await protocol.lost
      expect(protocol.text).toBe("there")
    }))

  it("server-049 a resolver that gives nothing, or throws, is a ResolveError that names the host", () =>
    onLoop(async (loop) => {
      const nothing = await failure(() =>
        loop.createConnection(() => ({}), { host: "none", port: 80, lookup: resolver({ none: [] }) })
      )
      expect(nothing).toBeInstanceOf(ResolveError)
      expect(nothing).toMatchObject({ _tag: "ResolveError", host: "none", code: "ENOTFOUND" })
      const server = await failure(() =>
        loop.createServer(() => ({}), { host: "none", lookup: resolver({ none: [] }) })
      )
      expect(server).toBeInstanceOf(ResolveError)
      const thrown = await failure(() =>
        loop.createConnection(() => ({}), {
          host: "none",
          port: 80,
          lookup: () => {
            throw Object.assign(new Error("no"), { code: "EAI_AGAIN" })
          }
        })
      )
      expect(thrown).toMatchObject({ _tag: "ResolveError", code: "EAI_AGAIN" })
    }))

  it("a host that does not resolve is a ResolveError, and so is an address of the wrong family", () =>
    onLoop(async (loop) => {
      const unknown = await failure(() =>
        loop.createConnection(() => ({}), { host: "no-such-host.invalid", port: 80 })
      )
      expect(unknown).toBeInstanceOf(ResolveError)
      const wrong = await failure(() =>
        loop.createConnection(() => ({}), { host: "127.0.0.1", port: 80, family: 6 })
      )
      expect(wrong).toMatchObject({ _tag: "ResolveError", host: "127.0.0.1" })
    }))

  it("server-047 an attempt that times out passes the error on, and nothing is open then", () =>
    onLoop(async (loop) => {
      const fds = openFds()
      let sock!: Socket
      const connecting = loop.createConnection(() => ({}), {
        sock: (sock = connect({ host: "127.0.0.1", port: await freePort() }))
      })
      sock.destroy(Object.assign(new Error("connect ETIMEDOUT"), { code: "ETIMEDOUT" }))
      const error = await failure(() => connecting)
      expect(error).toMatchObject({ _tag: "ConnectError", code: "ETIMEDOUT" })
      expect(String(error)).toContain("it did not answer in time")
      await loop.sleep(1)
      expect(openFds()).toBeLessThanOrEqual(fds)
    }))

  it("server-006 from a local address of another family, or of none, it does not connect", () =>
    onLoop(async (loop) => {
      let came = 0
      const port = await listen(() => came++)
      const wrong = await failure(() =>
        loop.createConnection(() => ({}), { host: "127.0.0.1", port, localAddr: { host: "::1" } })
      )
      expect(wrong).toBeInstanceOf(ConnectError)
      expect(String(wrong)).toContain("no address of ::1 is of the same family")
      const none = await failure(() =>
        loop.createConnection(() => ({}), {
          host: "127.0.0.1",
          port,
          localAddr: { host: "nowhere" },
          lookup: resolver({ nowhere: [] })
        })
      )
      expect(none).toBeInstanceOf(ResolveError)
      expect(came).toBe(0)
    }))

  it("connects from the local address and port that it is given", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => void socket.end())
      const from = await freePort()
      const [transport] = await loop.createConnection(() => ({}), {
        host: "127.0.0.1",
        port,
        localAddr: { host: "127.0.0.1", port: from }
      })
      expect(transport.getExtraInfo("sockname")).toEqual({ host: "127.0.0.1", port: from, family: 4 })
      transport.abort()
    }))

  it.runIf(hasIpv6)("server-043 keeps the zone of an IPv6 address", () =>
    onLoop(async (loop) => {
      // A zone of a link-local address that this machine does not have: what matters is that it gets as far as the system.
      const error = await failure(async () =>
        loop.createConnection(() => ({}), { host: "fe80::1%lo", port: await freePort() })
      )
      expect(error).toBeInstanceOf(ConnectError)
      expect((error as ConnectError).address).toContain("[fe80::1%lo]:")
    })
  )

  it("server-114 takes over a socket that is connected already, with what has come", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => {
        socket.write("early")
        socket.pipe(socket)
      })
      const sock = connect({ port, host: "127.0.0.1" })
      await once(sock, "readable")
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), { sock })
      expect(transport.getExtraInfo("socket")).toBe(sock)
      await protocol.received("early")
      transport.write(" late")
      await protocol.received("early late")
      transport.close()
      await protocol.lost
    }))

  it("takes over a socket that is connecting still, and one that has ended says so", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => void socket.end("bye"))
      const [, protocol] = await loop.createConnection(() => new Recording(loop), {
        sock: connect({ port, host: "127.0.0.1" })
      })
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data bye", "eof", "lost null"])
      const dead = connect({ port, host: "127.0.0.1" })
      await once(dead, "connect")
      dead.destroy()
      expect(await failure(() => loop.createConnection(() => ({}), { sock: dead }))).toMatchObject({
        _tag: "ConnectError"
      })
    }))

  it("server-008 connectAcceptedSocket takes over what was accepted elsewhere", () =>
    onLoop(async (loop) => {
      const accepted = loop.createFuture<Socket>()
      const port = await listen((socket) => accepted.setResult(socket))
      const client = connect({ port, host: "127.0.0.1" })
      client.write("question")
      const [transport, protocol] = await loop.connectAcceptedSocket(
        () => new Recording(loop),
        await accepted
      )
      await protocol.received("question")
      transport.write("answer")
      const [answer] = (await once(client, "data")) as [Buffer]
      expect(answer.toString()).toBe("answer")
      client.end()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data question", "eof", "lost null"])
    }))

  it("server-118 sends small writes at once, on both sides", () =>
    onLoop(async (loop) => {
      const served = new Recording(loop)
      const server = await loop.createServer(() => served, { host: "127.0.0.1" })
      const [transport] = await loop.createConnection(() => ({}), {
        host: "127.0.0.1",
        port: server.sockets[0]?.port
      })
      await served.made
      expect([noDelay(transport), noDelay(served.transport)]).toEqual([true, true])
      transport.close()
      server.close()
      await server.waitClosed()
    }))

  it("L5 context-009 runs the factory and the protocol in the async-local state of the call", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => void socket.end("x"))
      const user = new AsyncLocalStorage<string>()
      const log: Array<string> = []
      const tell = (what: string) => log.push(`${what} ${user.getStore()}`)
      const lost = loop.createFuture<void>()
      const factory = (): Protocol => {
        tell("factory")
        return {
          connectionMade: () => void tell("made"),
          dataReceived: () => void tell("data"),
          eofReceived: () => void tell("eof"),
          connectionLost: () => {
            tell("lost")
            lost.setResult(undefined)
          }
        }
      }
      const all = ["factory", "made", "data", "eof", "lost"]
      await user.run("ann", () => loop.createConnection(factory, { port, host: "127.0.0.1" }))
      await lost
      expect(log).toEqual(all.map((what) => `${what} ann`))
      log.length = 0
      const served = loop.createFuture<void>()
      const serving = (): Protocol => ({
        ...factory(),
        connectionLost: () => served.setResult(void tell("lost"))
      })
      const server = await user.run("bob", () =>
        loop.createServer(serving, { host: "127.0.0.1", startServing: false })
      )
      await user.run("cid", async () => {
        await server.startServing()
        const client = connect({ port: server.sockets[0]?.port ?? 0, host: "127.0.0.1" }).resume()
        client.end("x")
        await served
      })
      expect(log).toEqual(all.map((what) => `${what} bob`))
      server.close()
    }))

  it("fails with what the factory throws, or gives that is none, and closes the connection", () =>
    onLoop(async (loop) => {
      let closed = 0
      const bothClosed = loop.createFuture<void>()
      const port = await listen((socket) =>
        socket.resume().once("close", () => {
          if (++closed === 2) bothClosed.setResult(undefined)
        })
      )
      const error = new Error("no protocol")
      const fails = (): Protocol => {
        throw error
      }
      expect(await failure(() => loop.createConnection(fails, { port, host: "127.0.0.1" }))).toBe(error)
      const none = (): Protocol => null as unknown as Protocol
      expect(await failure(() => loop.createConnection(none, { port, host: "127.0.0.1" }))).toBeInstanceOf(
        TypeError
      )
      await bothClosed
    }))

  it("T3 cancelling it while it connects closes what was opened, and the loop has nothing left", () =>
    onLoop(async (loop) => {
      const port = await listen(() => {})
      const fds = openFds()
      const never: LookupFunction = () => {}
      const resolving = loop.createConnection(() => ({}), { host: "x", port, lookup: never })
      expect(resolving.cancel()).toBe(true)
      expect(await failure(() => resolving)).toBeInstanceOf(CancelledError)
      const connecting = loop.createConnection(() => ({}), { host: "127.0.0.1", port })
      await loop.sleep(0)
      connecting.cancel()
      expect(await failure(() => connecting)).toBeInstanceOf(CancelledError)
      expect(loop.statistics().transports).toBe(0)
      await loop.sleep(5)
      expect(openFds()).toBeLessThanOrEqual(fds)
    }))

  it("a connection that is made for a task which was cancelled meanwhile is closed", () =>
    onLoop(async (loop) => {
      const port = await listen((socket) => void socket.resume())
      const made = new Recording(loop)
      const connecting = loop.createConnection(() => made, { host: "127.0.0.1", port })
      const task = loop.createTask(async () => void (await connecting))
      // In the pass in which the connection is made, and before its task is resumed.
      connecting.addDoneCallback(() => task.cancel())
      await failure(() => task)
      await made.lost
      expect(made.log).toEqual(["made", "lost null"])
    }))
})

describe("through the bridge", () => {
  it.live(
    "bridge-072 a client of an echo server, whose connectionLost stops the loop, which is waited for",
    () =>
      Loop.scoped(
        Effect.gen(function* () {
          const log: Array<string> = []
          const connectTo = fromAio(async () => {
            const loop = getRunningLoop()
            const server = await loop.createServer(
              (): Protocol => {
                let transport: SocketTransport
                return {
                  connectionMade: (made) => (transport = made),
                  dataReceived: (data) => {
                    transport.write(data)
                    transport.close()
                  }
                }
              },
              { host: "127.0.0.1" }
            )
            const client = (): Protocol => ({
              connectionMade: (made) => made.write("Hello World!"),
              dataReceived: (data) => void log.push(data.toString()),
              connectionLost: (error) => {
                log.push(`lost ${String(error)}`)
                loop.stop()
              }
            })
            await loop.createConnection(client, { host: "127.0.0.1", port: server.sockets[0]?.port })
          })
          yield* connectTo()
          yield* Loop.waitStopped
          expect(log).toEqual(["Hello World!", "lost null"])
        })
      )
  )
})

describe("createUnixConnection", () => {
  it("server-108 a path that does not exist is a ConnectError with ENOENT", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/none.sock`
      const error = await failure(() => loop.createUnixConnection(() => ({}), { path }))
      expect(error).toMatchObject({ _tag: "ConnectError", code: "ENOENT", address: path })
    }))

  it("connects to a path, and knows it as the name of the other end", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      await listen((socket) => void socket.pipe(socket), { path })
      const [transport, protocol] = await loop.createUnixConnection(() => new Recording(loop), { path })
      expect(transport.getExtraInfo("peername")).toBe(path)
      expect(transport.getExtraInfo("sockname")).toBe("")
      transport.write("hello")
      await protocol.received("hello")
      transport.writeEof()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data hello", "eof", "lost null"])
    }))

  it("a folder, an ordinary file and a path that is too long are told as what they are", () =>
    onLoop(async (loop) => {
      const long = `/tmp/${"x".repeat(200)}`
      const paths = [folder(), "/etc/hostname", long]
      const errors = await Promise.all(
        paths.map((path) => failure(() => loop.createUnixConnection(() => ({}), { path })))
      )
      expect(errors.map((error) => error instanceof ConnectError)).toEqual([true, true, true])
      expect(errors[2]).toMatchObject({ code: "ENAMETOOLONG", address: long })
      expect(String(errors[2])).toContain("205 bytes, and the system takes")
    }))
})

describe("bad arguments", () => {
  const bad: ReadonlyArray<readonly [unknown, string]> = [
    [undefined, "an object of options"],
    ["localhost:80", "an object of options"],
    [{}, "takes a host and a port, or sock"],
    [{ host: "127.0.0.1" }, "takes a host and a port, or sock"],
    [{ host: "127.0.0.1", port: "80" }, "port is a number"],
    [{ port: 65536 }, "from 0 to 65535"],
    [{ port: -1 }, "from 0 to 65535"],
    [{ port: 1.5 }, "from 0 to 65535"],
    [{ host: 7, port: 80 }, "host is a string"],
    [{ host: "", port: 80 }, "host is empty"],
    [{ host: "a\0b", port: 80 }, "NUL"],
    [{ port: 80, family: 5 }, "family is 4, 6 or 0"],
    [{ port: 80, ssl: 1 }, "ssl is true or an object"],
    [{ port: 80, serverHostname: "x" }, "there for ssl"],
    [{ port: 80, localAddr: "127.0.0.1" }, "localAddr is an object"],
    [{ port: 80, lookup: 1 }, "lookup is a function"],
    [{ port: 80, keepAlive: 1 }, "keepAlive is a boolean"],
    [{ port: 80, autoSelectFamilyAttemptTimeout: 1 }, "at least 10"],
    [{ port: 80, sslHandshakeTimeout: 0 }, "sslHandshakeTimeout"],
    [{ port: 80, timeout: 1 }, "use waitFor"],
    [{ port: 80, happyEyeballsDelay: 1 }, "autoSelectFamilyAttemptTimeout"],
    [{ port: 80, nonsense: 1 }, "has no option nonsense; it has ssl,"],
    [{ sock: "socket" }, "sock is"],
    [{ sock: -1 }, "is no file descriptor"]
  ]

  it.each(bad)("server-050 are refused before anything is opened: %j", (options, text) => {
    const loop = SyncLoop.make()
    const fds = openFds()
    expect(() => loop.createConnection(() => ({}), options as ConnectionOptions)).toThrow(text)
    expect(openFds()).toBe(fds)
    expect(loop.statistics()).toMatchObject({ transports: 0, ready: 0 })
    return loop.close()
  })

  it("server-050 host and port together with a socket, or neither, are refused", () => {
    const loop = SyncLoop.make()
    const sock = new Socket()
    for (const options of [{ sock, port: 80 }, { sock, host: "x" }, {}] as const)
      expect(() => loop.createConnection(() => ({}), options)).toThrow(TypeError)
    sock.destroy()
    return loop.close()
  })

  it("server-015 a path together with a socket, or neither, is refused", () => {
    const loop = SyncLoop.make()
    const sock = new Socket()
    const both: UnixConnectionOptions = { path: "/tmp/x", sock }
    expect(() => loop.createUnixConnection(() => ({}), both)).toThrow("not both")
    expect(() => loop.createUnixConnection(() => ({}), {})).toThrow(TypeError)
    expect(() => loop.createUnixServer(() => ({}), { path: "/tmp/x", sock: 3 })).toThrow("not both")
    expect(() => loop.createUnixServer(() => ({}), {})).toThrow(TypeError)
    sock.destroy()
    return loop.close()
  })

  it("a factory that is none is refused, and so is every method on a closed loop", async () => {
    const loop: EventLoop = SyncLoop.make()
    const none = "protocol" as never
    expect(() => loop.createConnection(none, { port: 80 })).toThrow("a function that makes a protocol")
    expect(() => loop.createServer(none)).toThrow("a function that makes a protocol")
    await (loop as SyncLoop).close()
    expect(() => loop.createConnection(() => ({}), { port: 80 })).toThrow(LoopClosedError)
    expect(() => loop.createUnixConnection(() => ({}), { path: "/tmp/x" })).toThrow(LoopClosedError)
    expect(() => loop.createServer(() => ({}))).toThrow(LoopClosedError)
    expect(() => loop.createUnixServer(() => ({}), { path: "/tmp/x" })).toThrow(LoopClosedError)
    expect(() => loop.connectAcceptedSocket(() => ({}), new Socket())).toThrow(LoopClosedError)
  })
})

describe("many at once", () => {
  it("1,000 connections are made, echo, and are closed, and nothing of them is left", () =>
    onLoop(async (loop) => {
      const fds = openFds()
      const server = await loop.createServer(echo, { host: "127.0.0.1", backlog: 2000 })
      const port = server.sockets[0]?.port
      const all = await Promise.all(
        Array.from({ length: 1000 }, () =>
          loop.createConnection(() => new Recording(loop), { host: "127.0.0.1", port })
        )
      )
      expect(loop.statistics().transports).toBeGreaterThanOrEqual(1000)
      for (const [i, [transport]] of all.entries()) transport.write(`n${i}`)
      await Promise.all(all.map(([, protocol], i) => protocol.received(`n${i}`)))
      for (const [transport] of all) transport.close()
      await Promise.all(all.map(([, protocol]) => protocol.lost))
      server.close()
      await server.waitClosed()
      await loop.sleep(10)
      expect(openFds()).toBeLessThanOrEqual(fds)
    }))
})
