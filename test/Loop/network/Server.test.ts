// Servers: where they listen, when they serve, and what closing one means for its connections.
// Covers: Server, createServer, givenFd, listening, Network, NetworkMethods
import { spawn } from "node:child_process"
import { once } from "node:events"
import { connect, createServer, type LookupFunction, type Socket } from "node:net"
import { networkInterfaces } from "node:os"
import type { Readable } from "node:stream"
import { afterEach, describe, expect, it } from "vitest"
import {
  AioServer,
  BindError,
  CancelledError,
  type EventLoop,
  InvalidStateError,
  LoopClosedError,
  type Protocol,
  type ServerOptions,
  type SocketTransport,
  SyncLoop
} from "../../../src/index.js"
import { openFds, until } from "../../fixtures/subprocess/recording.js"
import { compiled } from "../../support/compiled.js"
import { isOpen, pipe, socketPair, withoutFds } from "../../support/fds.js"
import { echo, failure, folder, freePort, onLoop, Recording } from "../../support/network.js"

const sockets = new Set<Socket>()
afterEach(() => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

const client = (to: { readonly port?: number | undefined; readonly path?: string | undefined }): Socket => {
  const { path, port = 0 } = to
  const socket = path === undefined ? connect({ port, host: "127.0.0.1" }) : connect({ path })
  sockets.add(socket)
  return socket.on("error", () => {})
}

const portOf = (server: AioServer): number => server.sockets[0]?.port ?? 0

const refused = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: "127.0.0.1" })
  const [error] = (await Promise.race([once(socket, "error"), once(socket, "connect")])) as [
    NodeJS.ErrnoException?
  ]
  socket.destroy()
  return error?.code === "ECONNREFUSED"
}

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === "::1")
)
const node = process.versions.node.split(".").map(Number) as [number, number]
const hasReusePort = node[0] > 22 || (node[0] === 22 && node[1] >= 12)

/** A server with one connection: the client's socket, and what the server has of it. */
const withClient = async (loop: EventLoop) => {
  const served = new Recording(loop)
  const server = await loop.createServer(() => served, { host: "127.0.0.1" })
  const socket = client({ port: portOf(server) })
  await served.made
  return { served, server, socket }
}

describe("where a server listens", () => {
  it("server-011 server-089 on any free port of an address, which it tells, and it tells its connections all", () =>
    onLoop(async (loop) => {
      const served = new Recording(loop)
      const server = await loop.createServer(() => served, { host: "0.0.0.0", port: 0 })
      expect(server).toBeInstanceOf(AioServer)
      expect(server.sockets).toEqual([
        { host: "0.0.0.0", port: expect.any(Number) as number, path: undefined, family: 4 }
      ])
      expect(portOf(server)).toBeGreaterThan(0)
      client({ port: portOf(server) }).write("xxx")
      await served.received("xxx")
      expect(served.transport.getExtraInfo("sockname")).toMatchObject({ port: portOf(server), family: 4 })
      expect(served.transport.getExtraInfo("peername")).toMatchObject({ host: "127.0.0.1" })
      served.transport.close()
      await served.lost
      expect(served.log).toEqual(["made", "data xxx", "lost null"])
      server.close()
    }))

  it("server-052 server-089 no host, an empty one and null mean all of this machine", () =>
    onLoop(async (loop) => {
      for (const options of [undefined, {}, { host: "" }, { host: null, port: null }]) {
        const server = await loop.createServer(echo, options)
        expect(["::", "0.0.0.0"]).toContain(server.sockets[0]?.host)
        const socket = client({ port: portOf(server) })
        socket.write("x")
        await once(socket, "data")
        socket.destroy()
        server.close()
        await server.waitClosed()
      }
    }))

  it("server-010 on each of several hosts, once", () =>
    onLoop(async (loop) => {
      const lookup = ((host: string, _options: unknown, answer: (error: null, all: unknown) => void) => {
        setImmediate(answer, null, [{ address: host === "one" ? "127.0.0.1" : "127.0.0.2", family: 4 }])
      }) as LookupFunction
      const server = await loop.createServer(echo, { host: ["one", "two", "127.0.0.1", "one"], lookup })
      expect(server.sockets.map(({ host }) => host)).toEqual(["127.0.0.1", "127.0.0.2"])
      expect(String(server)).toMatch(/^<Server 127.0.0.1:\d+, 127.0.0.2:\d+ serving connections=0>$/)
      server.close()
      expect(server.sockets).toEqual([])
    }))

  it.runIf(hasIpv6)("server-053 on ::1", () =>
    onLoop(async (loop) => {
      const server = await loop.createServer(echo, { host: "::1" })
      expect(server.sockets).toMatchObject([{ host: "::1", family: 6 }])
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), {
        host: "::1",
        port: portOf(server)
      })
      transport.write("six")
      await protocol.received("six")
      expect(transport.getExtraInfo("peername")).toMatchObject({ host: "::1", family: 6 })
      transport.close()
      server.close()
      await server.waitClosed()
    })
  )

  it("server-013 two servers do not share a port, unless reusePort is asked for, where Node has it", () =>
    onLoop(async (loop) => {
      const port = await freePort()
      const first = await loop.createServer(echo, { host: "127.0.0.1", port })
      expect(await failure(() => loop.createServer(echo, { host: "127.0.0.1", port }))).toMatchObject({
        _tag: "BindError",
        code: "EADDRINUSE"
      })
      first.close()
      const shared = { host: "127.0.0.1", port, reusePort: true }
      if (!hasReusePort) return expect(() => loop.createServer(echo, shared)).toThrow("22.12")
      const servers = [await loop.createServer(echo, shared), await loop.createServer(echo, shared)]
      for (const server of servers) server.close()
    }))

  it("server-055 a port in use, and an address of another machine, are BindErrors that name them; nothing is open", () =>
    onLoop(async (loop) => {
      const fds = openFds()
      const other = createServer().listen(0, "127.0.0.1")
      await once(other, "listening")
      const { port } = other.address() as { readonly port: number }
      const error = await failure(() => loop.createServer(echo, { host: ["127.0.0.2", "127.0.0.1"], port }))
      expect(error).toBeInstanceOf(BindError)
      expect(error).toMatchObject({ _tag: "BindError", code: "EADDRINUSE", address: `127.0.0.1:${port}` })
      expect(String(error)).toContain("it is in use; choose another port")
      other.close()
      const foreign = await failure(() => loop.createServer(echo, { host: "192.0.2.1" }))
      expect(foreign).toMatchObject({ code: "EADDRNOTAVAIL", address: "192.0.2.1:0" })
      expect(loop.statistics().servers).toBe(0)
      await until(() => openFds() <= fds)
    }))

  it("a socket that is bound already, by its descriptor, is another process's to give", async () => {
    const other = createServer().listen(0, "127.0.0.1")
    await once(other, "listening")
    const { fd } = (other as unknown as { readonly _handle: { readonly fd: number } })._handle
    const { port } = other.address() as { readonly port: number }
    const child = spawn(process.execPath, [compiled("test/fixtures/network/inherited.ts"), "tcp"], {
      stdio: ["pipe", "pipe", "inherit", fd]
    })
    const ended = once(child, "exit")
    const [told] = (await once(child.stdout as Readable, "data")) as [Buffer]
    // From here on only the child accepts.
    await new Promise((resolve) => other.close(resolve))
    expect(JSON.parse(told.toString())).toMatchObject([{ host: "127.0.0.1", port }])
    const socket = client({ port })
    socket.write("inherited")
    expect(String((await once(socket, "data"))[0])).toBe("inherited")
    socket.destroy()
    child.stdin?.end()
    expect(await ended).toEqual([0, null])
    expect(await refused(port)).toBe(true)
  })

  it("server-051 server-038 a descriptor of another kind is a typed error, and is left as it is", () =>
    onLoop(async (loop) => {
      const tcp = createServer().listen(0, "127.0.0.1")
      await once(tcp, "listening")
      const { fd } = (tcp as unknown as { readonly _handle: { readonly fd: number } })._handle
      const [unix] = socketPair("stream")
      const [datagram] = socketPair("datagram")
      const [pipeEnd] = pipe()
      const codeOf = async (f: () => PromiseLike<unknown>) => {
        const { _tag, code } = (await failure(f)) as { readonly _tag: string; readonly code: string }
        return `${_tag} ${code}`
      }
      expect(await codeOf(() => loop.createUnixServer(echo, { sock: fd }))).toBe("BindError EINVAL")
      expect(await codeOf(() => loop.createServer(echo, { sock: unix }))).toBe("BindError EINVAL")
      expect(await codeOf(() => loop.createServer(echo, { sock: datagram }))).toBe("BindError EINVAL")
      expect(await codeOf(() => loop.createUnixServer(echo, { sock: datagram }))).toBe("BindError EINVAL")
      expect(await codeOf(() => loop.createServer(echo, { sock: pipeEnd }))).toBe("BindError ENOTSOCK")
      expect(await codeOf(() => loop.createServer(echo, { sock: 9999 }))).toBe("BindError EBADF")
      expect(await codeOf(() => loop.createConnection(echo, { sock: datagram }))).toBe("ConnectError EINVAL")
      expect(await codeOf(() => loop.createConnection(echo, { sock: 9999 }))).toBe("ConnectError EBADF")
      expect(await codeOf(() => loop.createUnixConnection(echo, { sock: fd }))).toBe("ConnectError EINVAL")
      for (const left of [fd, unix, datagram, pipeEnd]) expect(isOpen(left)).toBe(true)
      await new Promise((resolve) => tcp.close(resolve))
    }))

  it("server-038 a TCP socket is refused as a unix one", () =>
    onLoop(async (loop) => {
      const server = await loop.createServer(echo, { host: "127.0.0.1" })
      const sock = client({ port: portOf(server) })
      await once(sock, "connect")
      expect(() => loop.createUnixConnection(echo, { sock })).toThrow(TypeError)
      server.close()
    }))
})

describe("when a server serves", () => {
  it("server-020 server-024 from the start, until its serveForever is cancelled", () =>
    onLoop(async (loop) => {
      const server = await loop.createServer(echo, { host: "127.0.0.1" })
      expect(server.getLoop()).toBe(loop)
      expect(server.isServing()).toBe(true)
      const task = loop.createTask(async () => void (await server.serveForever()))
      await loop.sleep(0)
      expect(server.isServing()).toBe(true)
      task.cancel()
      expect(await failure(() => task)).toBeInstanceOf(CancelledError)
      expect(server.isServing()).toBe(false)
    }))

  it("server-022 with startServing: false, not before it is told to, and never again once it is closed", () =>
    onLoop(async (loop) => {
      const path = `${folder()}/s.sock`
      const server = await loop.createUnixServer(echo, { path, startServing: false })
      expect([server.isServing(), server.sockets]).toEqual([false, []])
      await Promise.all([server.startServing(), server.startServing()])
      await server.startServing()
      expect(server.isServing()).toBe(true)
      expect(server.sockets).toEqual([{ host: undefined, port: undefined, path, family: "unix" }])
      const task = loop.createTask(async () => void (await server.serveForever()))
      await loop.sleep(0)
      expect(await failure(() => server.serveForever())).toBeInstanceOf(InvalidStateError)
      task.cancel()
      await failure(() => task)
      expect([server.isServing(), server.sockets]).toEqual([false, []])
      expect(await failure(() => server.serveForever())).toBeInstanceOf(InvalidStateError)
      expect(await failure(() => server.startServing())).toBeInstanceOf(InvalidStateError)
    }))

  it("serveForever starts it, fails with what that fails with, and is cancelled when the server is closed", () =>
    onLoop(async (loop) => {
      const port = await freePort()
      const server = await loop.createServer(echo, { host: "127.0.0.1", port, startServing: false })
      const other = await loop.createServer(echo, { host: "127.0.0.1", port })
      expect(await failure(() => server.serveForever())).toBeInstanceOf(BindError)
      other.close()
      const serving = server.serveForever()
      await server.startServing()
      server.close()
      expect(await failure(() => serving)).toBeInstanceOf(CancelledError)
    }))

  it("a start that is cancelled, or whose server is closed meanwhile, leaves nothing open", () =>
    onLoop(async (loop) => {
      const fds = openFds()
      const port = await freePort()
      const create = loop.createServer(echo, { host: "127.0.0.1", port })
      create.cancel()
      expect(await failure(() => create)).toBeInstanceOf(CancelledError)
      const server = await loop.createServer(echo, { host: "127.0.0.1", port, startServing: false })
      const start = server.startServing()
      server.close()
      expect(await failure(() => start)).toBeInstanceOf(InvalidStateError)
      await loop.sleep(5)
      expect(await refused(port)).toBe(true)
      await until(() => openFds() <= fds)
    }))

  it("server-090 a server that the program has dropped goes on serving, and once it is closed it can be collected", () =>
    onLoop(async (loop) => {
      const dropped: Array<WeakRef<object>> = []
      const make = async (): Promise<number> => {
        const made = await loop.createServer(
          () => {
            const protocol = echo()
            dropped.push(new WeakRef(protocol))
            return protocol
          },
          { host: "127.0.0.1" }
        )
        server = new WeakRef(made)
        return portOf(made)
      }
      let server: WeakRef<AioServer> | undefined
      const port = await make()
      globalThis.gc?.()
      const socket = client({ port })
      socket.write("still?")
      expect(String((await once(socket, "data"))[0])).toBe("still?")
      expect(loop.statistics()).toMatchObject({ servers: 1, transports: 1 })
      socket.destroy()
      server?.deref()?.close()
      await until(() => loop.statistics().servers === 0 && loop.statistics().transports === 0)
      if (server !== undefined) dropped.push(server)
      for (let i = 0; i < 50 && dropped.some((ref) => ref.deref() !== undefined); i++) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        globalThis.gc?.()
      }
      expect(dropped.map((ref) => ref.deref())).toEqual([undefined, undefined])
    }))
})

describe("closing a server", () => {
  it("server-019 refuses whoever connects from then on", () =>
    onLoop(async (loop) => {
      const server = await loop.createServer(echo, { host: "127.0.0.1" })
      const port = portOf(server)
      expect(await refused(port)).toBe(false)
      server.close()
      server.close()
      expect(await refused(port)).toBe(true)
      expect(server.isServing()).toBe(false)
    }))

  it("server-025 waitClosed waits for the close and for the last connection, whenever it was called", () =>
    onLoop(async (loop) => {
      const { served, server, socket } = await withClient(loop)
      const log: Array<string> = []
      const wait = (name: string) =>
        loop.createTask(async () => {
          await server.waitClosed()
          log.push(name)
        })
      wait("before")
      await loop.sleep(1)
      server.close()
      wait("after")
      await loop.sleep(1)
      expect(log).toEqual([])
      const cancelled = server.waitClosed()
      cancelled.cancel()
      socket.write("still there")
      await served.received("still there")
      socket.end()
      await served.lost
      await loop.sleep(0)
      expect(log).toEqual(["before", "after"])
      await server.waitClosed()
    }))

  it("server-026 server-029 the close of the server and of its only connection in one turn wakes waitClosed", () =>
    onLoop(async (loop) => {
      for (const early of [true, false]) {
        const server = await loop.createServer(() => ({}), { host: "127.0.0.1" })
        const [transport] = await loop.createConnection(() => ({}), {
          host: "127.0.0.1",
          port: portOf(server)
        })
        // At once, the server has accepted it and not told its protocol; later, it has.
        if (!early) await until(() => loop.statistics().transports === 2)
        loop.callSoon(() => server.close())
        loop.callSoon(() => transport.close())
        await server.waitClosed()
      }
    }))

  it("server-027 closeClients closes each connection, once what waits is sent", () =>
    onLoop(async (loop) => {
      const { served, server, socket } = await withClient(loop)
      served.transport.write("last words")
      server.close()
      server.closeClients()
      await server.waitClosed()
      expect(served.log).toEqual(["made", "lost null"])
      expect(String((await once(socket, "data"))[0])).toBe("last words")
    }))

  it("server-028 abortClients drops what waits, and is over at once", () =>
    onLoop(async (loop) => {
      const { served, server } = await withClient(loop)
      served.transport.write(Buffer.alloc(32 * 1024 * 1024))
      expect(served.log).toEqual(["made", "pause"])
      server.close()
      server.closeClients()
      await loop.sleep(5)
      expect(served.lost.done()).toBe(false)
      server.abortClients()
      await server.waitClosed()
      expect(served.log).toEqual(["made", "pause", "lost null"])
    }))

  it("on a closed loop nothing is started", async () => {
    const loop = SyncLoop.make()
    const server = await loop.runUntilComplete(() => loop.createServer(echo, { startServing: false }))
    await loop.close()
    expect(() => server.startServing()).toThrow(LoopClosedError)
    expect(() => server.serveForever()).toThrow(LoopClosedError)
    server.close()
    expect(server.isServing()).toBe(false)
  })

  it("await using closes it, and waits for its connections", () =>
    onLoop(async (loop) => {
      const { served, server, socket } = await withClient(loop)
      const disposing = server[Symbol.asyncDispose]()
      expect(await refused(portOf(server))).toBe(true)
      socket.end()
      await disposing
      expect(served.lost.done()).toBe(true)
    }))

  it("S1 closing the loop stops the servers before tasks are cancelled, and aborts connections after", async () => {
    const loop = SyncLoop.make()
    const log: Array<string> = []
    let port = 0
    const ready = loop.createFuture<SocketTransport>()
    const task = loop.createTask(async () => {
      try {
        await loop.createFuture<void>()
      } finally {
        log.push(
          `task: ${(await refused(port)) ? "refused" : "accepted"}, transports ${loop.statistics().transports}`
        )
        const transport = await ready
        transport.write("from the cleanup")
      }
    })
    const socket = await loop.runUntilComplete(async () => {
      const server = await loop.createServer(
        (): Protocol => ({
          connectionMade: (transport) => ready.setResult(transport),
          connectionLost: (error) => void log.push(`lost ${String(error)}`)
        }),
        { host: "127.0.0.1" }
      )
      port = portOf(server)
      const made = client({ port })
      await ready
      return made
    })
    const read: Array<Buffer> = []
    socket.on("data", (data: Buffer) => read.push(data))
    await loop.close()
    expect(log).toEqual(["task: refused, transports 1", "lost null"])
    expect(task.cancelled()).toBe(true)
    await until(() => socket.destroyed || socket.readableEnded)
    expect(Buffer.concat(read).toString()).toBe("from the cleanup")
    const handles = () =>
      process.getActiveResourcesInfo().filter((name) => /TCP(Server|Socket)|PipeServer/.test(name))
    await until(() => handles().length === 0)
  })

  it("S2 what is left at the deadline is named in the table, and blamed for nothing", async () => {
    const reports: Array<string> = []
    const loop = SyncLoop.make({
      closeDeadline: 30,
      exceptionHandler: (_loop, { message }) => void reports.push(message)
    })
    loop.createTask(() => new Promise(() => {}), { name: "stuck" })
    const port = await loop.runUntilComplete(async () => {
      const { server } = await withClient(loop)
      return portOf(server)
    })
    await loop.close()
    expect(reports.join("\n")).toMatch(new RegExp(`connection +127.0.0.1:${port} - 127.0.0.1:\\d+ .*open`))
    expect(reports.join("\n")).toMatch(/^1 left over/)
  })

  it("a loop that stands still is kept by no server, and serves again in the next run", async () => {
    const loop = SyncLoop.make()
    const server = await loop.runUntilComplete(() => loop.createServer(echo, { host: "127.0.0.1" }))
    const listening = () => process.getActiveResourcesInfo().filter((name) => /TCPServer/.test(name)).length
    await until(() => listening() === 0)
    const socket = client({ port: portOf(server) })
    socket.write("between runs")
    await loop.runUntilComplete(async () => {
      expect(listening()).toBe(1)
      expect(String((await once(socket, "data"))[0])).toBe("between runs")
    })
    await loop.close()
  })
})

describe("a server that fails for one connection serves the others", () => {
  it("where the factory throws: that is reported, and the connection closed", () =>
    onLoop(
      async (loop, reports) => {
        let count = 0
        const error = new Error("no protocol")
        const server = await loop.createServer(
          () => {
            if (++count === 1) throw error
            return echo()
          },
          { host: "127.0.0.1" }
        )
        const first = client({ port: portOf(server) })
        await once(first.resume(), "close")
        expect(reports).toHaveLength(1)
        expect(reports[0]).toMatchObject({ kind: "connection", exception: error })
        expect(reports[0]?.message).toContain(`A connection to 127.0.0.1:${portOf(server)} was closed`)
        const second = client({ port: portOf(server) })
        second.write("x")
        await once(second, "data")
        second.destroy()
        server.close()
        await server.waitClosed()
      },
      { mayReport: true }
    ))

  it("server-057 where the process has no descriptor left: it serves again as soon as there is one", () =>
    onLoop(
      async (loop) => {
        const server = await loop.createServer(echo, { host: "127.0.0.1" })
        const ready = client({ port: portOf(server) })
        ready.write("1")
        await once(ready, "data")
        await withoutFds(async () => {
          expect(await failure(() => loop.createServer(echo, { host: "127.0.0.1" }))).toMatchObject({
            _tag: "BindError",
            code: "EMFILE"
          })
          expect(
            await failure(() =>
              loop.createConnection(() => ({}), { host: "127.0.0.1", port: portOf(server) })
            )
          ).toMatchObject({ _tag: "ConnectError", code: "EMFILE" })
          ready.write("2")
          await once(ready, "data")
        })
        const later = client({ port: portOf(server) })
        later.write("3")
        expect(String((await once(later, "data"))[0])).toBe("3")
        ready.destroy()
        later.destroy()
        server.close()
        await server.waitClosed()
      },
      { mayReport: true }
    ))
})

describe("bad arguments", () => {
  const bad: ReadonlyArray<readonly [unknown, string]> = [
    ["127.0.0.1", "an object of options"],
    [{ host: 1 }, "host is a string"],
    [{ host: [] }, "empty list"],
    [{ host: ["a", 1] }, "host is a string"],
    [{ port: "80" }, "port is a number"],
    [{ port: 70000 }, "from 0 to 65535"],
    [{ backlog: "1" }, "backlog is a whole number"],
    [{ backlog: 1.1 }, "backlog is a whole number"],
    [{ backlog: -1 }, "backlog is not negative"],
    [{ family: "IPv4" }, "family is 4, 6 or 0"],
    [{ ssl: true }, "certificate and key"],
    [{ ssl: { key: "nonsense" } }, "ssl is refused: "],
    [{ sock: 3, port: 1 }, "not both"],
    [{ sock: 3, host: "127.0.0.1" }, "not both"],
    [{ sock: "3" }, "sock is a file descriptor"],
    [{ startServing: 1 }, "startServing is a boolean"],
    [{ ipv6Only: 1 }, "ipv6Only is a boolean"],
    [{ reuseAddress: true }, "it is so on all systems"],
    [{ path: "/tmp/x" }, "use createUnixServer"],
    [{ nonsense: 1 }, "has no option nonsense"]
  ]

  it.each(bad)("server-050 server-100 are refused before anything is opened: %j", (options, text) => {
    const loop = SyncLoop.make()
    const fds = openFds()
    expect(() => loop.createServer(echo, options as ServerOptions)).toThrow(text)
    expect(openFds()).toBe(fds)
    expect(loop.statistics()).toMatchObject({ servers: 0, ready: 0 })
    return loop.close()
  })
})
