// Datagram endpoints over real sockets.
// Covers: DatagramTransport, createDatagramEndpoint
import dgram from "node:dgram"
import net from "node:net"
import { describe, expect, it } from "vitest"
import {
  BindError,
  ConnectError,
  type DatagramOptions,
  type DatagramProtocol,
  type DatagramTransport,
  type EventLoop,
  LoopClosedError,
  ResolveError,
  type SocketAddress,
  SyncLoop
} from "../../../../src/index.js"
import { settled, until, withLoop } from "../../../support/readerLoops.js"

const bytes = (text: string): Buffer => Buffer.from(text)

/** A protocol that writes down what it is told. */
class Recording implements DatagramProtocol {
  readonly log: Array<string> = []
  readonly from: Array<SocketAddress> = []
  transport: DatagramTransport | undefined
  connectionMade(transport: DatagramTransport): void {
    this.transport = transport
    this.log.push("made")
  }
  datagramReceived(data: Buffer, addr: SocketAddress): void {
    this.log.push(data.toString())
    this.from.push(addr)
  }
  errorReceived(error: NodeJS.ErrnoException): void {
    this.log.push(`error ${error.code ?? error.message}`)
  }
  connectionLost(error: Error | null): void {
    this.log.push(`lost ${error === null ? "null" : error.message}`)
  }
  pauseWriting(): void {
    this.log.push("pause")
  }
  resumeWriting(): void {
    this.log.push("resume")
  }
  /** What was told beside the beginning. */
  get told(): ReadonlyArray<string> {
    return this.log.slice(1)
  }
}

/** Answers each datagram with its bytes in capitals. */
class Echo extends Recording {
  override datagramReceived(data: Buffer, addr: SocketAddress): void {
    super.datagramReceived(data, addr)
    this.transport?.sendto(bytes(data.toString().toUpperCase()), addr)
  }
}

const nameOf = (transport: DatagramTransport): SocketAddress =>
  transport.getExtraInfo("sockname") as SocketAddress

const open = (loop: EventLoop, options: DatagramOptions, protocol = new Recording()) =>
  loop.createDatagramEndpoint(() => protocol, options)

const local: DatagramOptions = { localAddr: { host: "127.0.0.1", port: 0 } }

const failure = async (future: PromiseLike<unknown>): Promise<NodeJS.ErrnoException> => {
  try {
    await future
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
  throw new Error("it did not fail")
}

/** A resolver that knows these addresses of every host. */
const answering =
  (all: ReadonlyArray<string>): net.LookupFunction =>
  (_host, _options, then) =>
    void setImmediate(() =>
      then(
        null,
        all.map((address) => ({ address, family: net.isIP(address) }))
      )
    )

/** A port of UDP at which nobody receives. */
const deadPort = async (): Promise<number> => {
  const socket = dgram.createSocket("udp4")
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return port
}

const bound = async (): Promise<dgram.Socket> => {
  const socket = dgram.createSocket("udp4")
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))
  return socket
}

describe("opening an endpoint", () => {
  it("gives the transport and its protocol, which was told, with an address of its own (server-089)", () =>
    withLoop(async (loop) => {
      for (const port of [0, null]) {
        const [transport, protocol] = await open(loop, { localAddr: { host: "127.0.0.1", port } })
        expect(protocol.log).toEqual(["made"])
        expect(protocol.transport).toBe(transport)
        expect(transport.getProtocol()).toBe(protocol)
        const { host, port: bound } = nameOf(transport)
        expect(host).toBe("127.0.0.1")
        expect(bound).toBeGreaterThan(0)
        expect(transport.getExtraInfo("peername")).toBeUndefined()
        expect(transport.getExtraInfo("peername", "nobody")).toBe("nobody")
        expect(transport.getExtraInfo("socket")).toBeInstanceOf(dgram.Socket)
      }
      expect(loop.statistics().transports).toBe(2)
    }))

  it("J9 calls the protocol's factory in the loop, and what it throws fails the opening", () =>
    withLoop(async (loop, reports) => {
      const wrong = new Error("no protocol")
      const failing = loop.createDatagramEndpoint(() => {
        throw wrong
      }, local)
      expect(await failure(failing)).toBe(wrong)
      const none = loop.createDatagramEndpoint(() => null as never, local)
      expect(await failure(none)).toBeInstanceOf(TypeError)
      const promised = loop.createDatagramEndpoint(() => Promise.resolve({}) as never, local)
      expect(await failure(promised)).toBeInstanceOf(TypeError)
      expect(loop.statistics().transports).toBe(0)
      expect(reports).toEqual([])
    }))

  it("with both addresses, and with a family alone (server-071, server-068)", () =>
    withLoop(async (loop) => {
      const [server] = await open(loop, local, new Echo())
      const [both, protocol] = await open(loop, { ...local, remoteAddr: nameOf(server) })
      expect(both.getExtraInfo("peername")).toEqual(nameOf(server))
      both.sendto(bytes("both"))
      await until(() => protocol.log.length > 1)
      both.close()
      await settled()
      expect(protocol.log).toEqual(["made", "BOTH", "lost null"])
      for (const family of [4, 6] as const) {
        const [transport, alone] = await open(loop, { family })
        expect(nameOf(transport).host).toBe(family === 4 ? "0.0.0.0" : "::")
        transport.close()
        await settled()
        expect(alone.log).toEqual(["made", "lost null"])
      }
    }))

  it("on ::1, with datagrams both ways (server-068)", () =>
    withLoop(async (loop) => {
      const [server, echo] = await open(loop, { localAddr: { host: "::1", port: 0 } }, new Echo())
      const [client, protocol] = await open(loop, { remoteAddr: nameOf(server) })
      client.sendto(bytes("six"))
      await until(() => protocol.log.length > 1)
      expect(protocol.told).toEqual(["SIX"])
      expect(echo.from).toEqual([nameOf(client)])
      expect(String(client)).toBe(
        `<DatagramTransport [::1]:${nameOf(client).port} to [::1]:${nameOf(server).port} open>`
      )
    }))

  it("needs to know what to open (server-062)", () =>
    withLoop(async (loop) => {
      expect(() => open(loop, {})).toThrow(RangeError)
      expect(() => open(loop, { family: 0 })).toThrow(RangeError)
    }))

  it("refuses an address that is none (server-058)", () =>
    withLoop(async (loop) => {
      for (const wrong of ["127.0.0.1", ["127.0.0.1", 1], { host: "h", port: 1, flow: 2 }, 7, null]) {
        expect(() => open(loop, { localAddr: wrong as never })).toThrow(TypeError)
        expect(() => open(loop, { remoteAddr: wrong as never })).toThrow(TypeError)
      }
      expect(() => open(loop, { localAddr: { host: 7 as never, port: 1 } })).toThrow(TypeError)
      expect(() => open(loop, { localAddr: { host: "h", port: "1" as never } })).toThrow(TypeError)
      for (const port of [-1, 65536, 1.5, NaN]) {
        expect(() => open(loop, { localAddr: { host: "127.0.0.1", port } })).toThrow(RangeError)
      }
      expect(() => open(loop, { remoteAddr: { host: "127.0.0.1", port: 0 } })).toThrow(RangeError)
      expect(() => open(loop, { localAddr: { host: "a\0b", port: 1 } })).toThrow(TypeError)
    }))

  it("refuses other wrong arguments before anything is opened", () =>
    withLoop(async (loop) => {
      expect(() => loop.createDatagramEndpoint("f" as never, local)).toThrow(TypeError)
      expect(() => loop.createDatagramEndpoint(() => ({}), undefined as never)).toThrow(TypeError)
      expect(() => loop.createDatagramEndpoint(() => ({}), "f" as never)).toThrow(TypeError)
      expect(() => open(loop, { family: 5 as never })).toThrow(RangeError)
      expect(() => open(loop, { family: "4" as never })).toThrow(RangeError)
      expect(() => open(loop, { ...local, reusePort: 1 as never })).toThrow(TypeError)
      expect(() => open(loop, { ...local, allowBroadcast: "yes" as never })).toThrow(TypeError)
      expect(loop.statistics().transports).toBe(0)
    }))

  it("fails where the address cannot be bound to, and leaves nothing open (server-055)", () =>
    withLoop(async (loop) => {
      const [taken] = await open(loop, local)
      const inUse = (await failure(open(loop, { localAddr: nameOf(taken) }))) as BindError
      expect(inUse).toBeInstanceOf(BindError)
      expect([inUse.code, inUse.address]).toEqual(["EADDRINUSE", `127.0.0.1:${nameOf(taken).port}`])
      expect(await failure(open(loop, { localAddr: { host: "203.0.113.1", port: 0 } }))).toMatchObject({
        _tag: "BindError",
        code: "EADDRNOTAVAIL"
      })
      expect(loop.statistics().transports).toBe(1)
    }))

  it("fails where the system knows no way to the other end", () =>
    withLoop(async (loop) => {
      const error = (await failure(
        open(loop, { remoteAddr: { host: "255.255.255.255", port: 9 } })
      )) as ConnectError
      expect(error).toBeInstanceOf(ConnectError)
      expect([error.code, error.address]).toEqual(["EACCES", "255.255.255.255:9"])
    }))

  it("fails where a name has no address, or the two have no family in common (server-049)", () =>
    withLoop(async (loop) => {
      const lookup = answering([])
      for (const options of [
        { localAddr: { host: "a.test" }, lookup },
        { remoteAddr: { host: "a.test", port: 9 }, lookup }
      ]) {
        const error = (await failure(open(loop, options))) as ResolveError
        expect(error).toBeInstanceOf(ResolveError)
        expect(error.host).toBe("a.test")
      }
      const mixed = open(loop, {
        localAddr: { host: "127.0.0.1", port: 0 },
        remoteAddr: { host: "::1", port: 9 }
      })
      expect(await failure(mixed)).toBeInstanceOf(RangeError)
      const other = open(loop, { localAddr: { host: "127.0.0.1", port: 0 }, family: 6 })
      expect(await failure(other)).toMatchObject({ _tag: "ResolveError", code: "ENOTFOUND" })
    }))

  it("tries all addresses of a name, until one can be had", () =>
    withLoop(async (loop) => {
      const all = ["203.0.113.1", "203.0.113.2", "127.0.0.1"]
      const options = { localAddr: { host: "a.test" }, lookup: answering(all) }
      const [transport] = await open(loop, options)
      expect(nameOf(transport).host).toBe("127.0.0.1")
      all.pop()
      const error = (await failure(open(loop, options))) as BindError
      expect(error.address).toBe("203.0.113.1:0")
    }))

  it("takes no host for all interfaces, and for this machine where it sends", () =>
    withLoop(async (loop) => {
      const [server] = await open(loop, { localAddr: { host: null, port: 0 } }, new Echo())
      expect(nameOf(server).host).toBe("0.0.0.0")
      const [empty] = await open(loop, { localAddr: { host: "", port: 0 }, family: 6 })
      expect(nameOf(empty).host).toBe("::")
      const [client, protocol] = await open(loop, { remoteAddr: { host: null, port: nameOf(server).port } })
      client.sendto(bytes("here"), { host: "127.0.0.1", port: nameOf(server).port })
      await until(() => protocol.log.length > 1)
      expect(protocol.told).toEqual(["HERE"])
    }))

  it("J1 closes what a cancel meets, at every step, and tells nobody", () =>
    withLoop(async (loop, reports) => {
      const outcomes = new Set<string>()
      for (let ticks = 0; ticks < 8; ticks++) {
        const protocol = new Recording()
        const task = loop.createTask(async () => {
          await open(loop, { ...local, remoteAddr: { host: "127.0.0.1", port: 9 } }, protocol)
        })
        await loop.sleep(0)
        for (let i = 0; i < ticks; i++) await new Promise<void>((resolve) => process.nextTick(resolve))
        task.cancel()
        await settled()
        outcomes.add(`${task.cancelled()} ${protocol.log.join()}`)
        if (task.cancelled()) expect(loop.statistics().transports).toBe(0)
        else protocol.transport?.close()
      }
      expect([...outcomes][0]).toBe("true ")
      expect(reports).toEqual([])
    }))

  it("a value that a cancel keeps from its task is closed", () =>
    withLoop(async (loop) => {
      const protocol = new Recording()
      const task = loop.createTask(async () => await open(loop, local, protocol))
      protocol.connectionMade = () => void task.cancel()
      await failure(task)
      await settled()
      expect(loop.statistics().transports).toBe(0)
    }))

  it("S1 the closing of the loop closes it, and tells it", async () => {
    const protocol = new Recording()
    let transport: DatagramTransport | undefined
    let closed: EventLoop | undefined
    await withLoop(async (loop) => {
      closed = loop
      ;[transport] = await open(loop, local, protocol)
      void open(loop, local)
      expect(transport?.describe()).toMatchObject({ what: "endpoint", blamed: false })
    })
    expect(protocol.log).toEqual(["made", "lost null"])
    expect(transport?.isClosing()).toBe(true)
    expect(String(transport)).toContain("closed")
    transport?.sendto(bytes("late"), { host: "127.0.0.1", port: 9 })
    expect(() => closed?.createDatagramEndpoint(() => ({}), local)).toThrow(LoopClosedError)
  })
})

describe("a loop that stands still", () => {
  it("is kept by no endpoint, and by its own while it runs", async () => {
    const held = (): number =>
      process.getActiveResourcesInfo().filter((name) => name.startsWith("UDP")).length
    // What the tests before this one have closed is closed in a turn of Node's.
    await until(() => held() === 0)
    const loop = SyncLoop.make()
    await loop.runUntilComplete(() => open(loop, local))
    expect(held()).toBe(0)
    await loop.runUntilComplete(async () => expect(held()).toBe(1))
    expect(held()).toBe(0)
    await loop.close()
  })
})

describe("a socket that is given", () => {
  it("is taken over, bound or not, and closed with the endpoint (server-063)", () =>
    withLoop(async (loop) => {
      const unbound = dgram.createSocket("udp4")
      const binding = dgram.createSocket("udp4")
      binding.bind(0)
      for (const sock of [await bound(), unbound, binding]) {
        const [transport, protocol] = await open(loop, { sock })
        const { port } = nameOf(transport)
        const [client] = await open(loop, { family: 4 })
        client.sendto(bytes("hello"), { host: "127.0.0.1", port })
        await until(() => protocol.log.length > 1)
        transport.close()
        await settled()
        expect(protocol.log).toEqual(["made", "hello", "lost null"])
        expect(() => sock.address()).toThrow()
      }
    }))

  it("that is connected sends to the other end", () =>
    withLoop(async (loop) => {
      const [server, echo] = await open(loop, local, new Echo())
      const sock = await bound()
      await new Promise<void>((resolve) => sock.connect(nameOf(server).port, "127.0.0.1", resolve))
      const [transport, protocol] = await open(loop, { sock })
      expect(transport.getExtraInfo("peername")).toEqual(nameOf(server))
      transport.sendto(bytes("x"))
      await until(() => protocol.log.length > 1)
      expect([echo.told, protocol.told]).toEqual([["x"], ["X"]])
    }))

  it("stands in place of all other options (server-065)", () =>
    withLoop(async (loop) => {
      const sock = await bound()
      for (const other of [
        local,
        { remoteAddr: { host: "127.0.0.1", port: 9 } as const },
        { family: 4 as const },
        { reusePort: true },
        { allowBroadcast: true }
      ]) {
        expect(() => open(loop, { sock, ...other })).toThrow(RangeError)
      }
      await new Promise<void>((resolve) => sock.close(resolve))
      expect(() => open(loop, { sock })).toThrow(RangeError)
    }))

  it("is one of datagrams (server-051)", () =>
    withLoop(async (loop) => {
      for (const sock of [new net.Socket(), {}, 7, null]) {
        expect(() => open(loop, { sock: sock as never })).toThrow(TypeError)
      }
    }))

  it("tells of its end, where the program closes it", () =>
    withLoop(async (loop) => {
      const sock = await bound()
      const [transport, protocol] = await open(loop, { sock })
      sock.close()
      transport.sendto(bytes("x"), { host: "127.0.0.1", port: 9 })
      await until(() => protocol.log.includes("lost null"))
      expect(transport.isClosing()).toBe(true)
      expect(loop.statistics().transports).toBe(0)
    }))
})

describe("sending", () => {
  it("tells the receiver the bytes and the sender's address (server-076)", () =>
    withLoop(async (loop) => {
      const [server, protocol] = await open(loop, local)
      const [client] = await open(loop, local)
      client.sendto(bytes("data"), nameOf(server))
      await until(() => protocol.log.length > 1)
      expect(protocol.told).toEqual(["data"])
      expect(protocol.from).toEqual([nameOf(client)])
    }))

  it("takes every kind of bytes, and none at all (server-078)", () =>
    withLoop(async (loop) => {
      const [server, protocol] = await open(loop, local)
      const [client] = await open(loop, { remoteAddr: nameOf(server) })
      const whole = new Uint8Array([0x2d, 0x61, 0x62, 0x63, 0x2d])
      const kinds = [
        bytes("abc"),
        whole.subarray(1, 4),
        new DataView(whole.buffer, 1, 3),
        whole.buffer.slice(1, 4),
        new Uint8Array(0)
      ]
      for (const kind of kinds) client.sendto(kind)
      await until(() => protocol.log.length > kinds.length)
      expect(protocol.told).toEqual(["abc", "abc", "abc", "abc", ""])
    }))

  it("keeps the order, and copies the bytes at the call (server-080)", () =>
    withLoop(async (loop) => {
      const [server, protocol] = await open(loop, local)
      const [client] = await open(loop, local)
      const reused = Buffer.alloc(1)
      for (let i = 0; i < 50; i++) {
        reused[0] = 0x30 + i
        client.sendto(reused, nameOf(server))
      }
      await until(() => protocol.log.length > 50)
      expect(protocol.told.join("")).toBe(
        Array.from({ length: 50 }, (_, i) => String.fromCharCode(0x30 + i)).join("")
      )
    }))

  it("refuses what is no bytes (server-081)", () =>
    withLoop(async (loop) => {
      const [transport] = await open(loop, local)
      for (const wrong of ["text", 7, null, undefined, [1, 2], { length: 1 }]) {
        expect(() => transport.sendto(wrong as never, { host: "127.0.0.1", port: 9 })).toThrow(TypeError)
      }
      expect(transport.getWriteBufferSize()).toBe(0)
    }))

  it("goes to the remote address alone, where there is one (server-069)", () =>
    withLoop(async (loop) => {
      const [server, protocol] = await open(loop, local)
      const remoteAddr = { host: "localhost", port: nameOf(server).port } as const
      const [client] = await open(loop, { remoteAddr, family: 4 })
      client.sendto(bytes("none"))
      client.sendto(bytes("given"), remoteAddr)
      client.sendto(bytes("resolved"), nameOf(server))
      expect(() => client.sendto(bytes("x"), { host: "127.0.0.1", port: 9 })).toThrow(
        new RegExp(`127.0.0.1:${remoteAddr.port} or none, not 127.0.0.1:9`)
      )
      await until(() => protocol.log.length > 3)
      expect(protocol.told).toEqual(["none", "given", "resolved"])
    }))

  it("needs a number for a host, of the endpoint's family, and asks no resolver (server-073)", () =>
    withLoop(async (loop) => {
      const [four] = await open(loop, local)
      const [six] = await open(loop, { family: 6 })
      expect(() => four.sendto(bytes("x"), { host: "localhost", port: 9 })).toThrow(RangeError)
      expect(() => four.sendto(bytes("x"), { host: "::1", port: 9 })).toThrow(RangeError)
      expect(() => six.sendto(bytes("x"), { host: "127.0.0.1", port: 9 })).toThrow(RangeError)
      expect(() => four.sendto(bytes("x"), { host: "127.0.0.1", port: 0 })).toThrow(RangeError)
      expect(() => four.sendto(bytes("x"), { host: 7 as never, port: 9 })).toThrow(TypeError)
      expect(() => four.sendto(bytes("x"), "127.0.0.1" as never)).toThrow(TypeError)
      expect(() => four.sendto(bytes("x"))).toThrow(TypeError)
    }))

  it("to a broadcast address without permission is told to errorReceived (server-074)", () =>
    withLoop(async (loop) => {
      const [transport, protocol] = await open(loop, { family: 4 })
      transport.sendto(bytes("x"), { host: "255.255.255.255", port: 9 })
      expect(protocol.told).toEqual([])
      await until(() => protocol.log.length > 1)
      expect(protocol.told).toEqual(["error EACCES"])
      expect(transport.isClosing()).toBe(false)
    }))

  it("with permission it may broadcast, and several may have a port (server-066)", () =>
    withLoop(async (loop) => {
      // The whole network of the loopback interface: nothing leaves the machine.
      const everybody = "127.255.255.255"
      const [server, echo] = await open(loop, { family: 4 }, new Echo())
      const port = nameOf(server).port
      const [shy, refused] = await open(loop, { family: 4 })
      shy.sendto(bytes("x"), { host: everybody, port })
      await until(() => refused.log.length > 1)
      expect(refused.told).toEqual(["error EACCES"])
      const [loud] = await open(loop, { family: 4, allowBroadcast: true })
      loud.sendto(bytes("x"), { host: everybody, port })
      await until(() => echo.log.length > 1)
      expect(echo.told).toEqual(["x"])

      const [first] = await open(loop, local)
      expect(await failure(open(loop, { localAddr: nameOf(first) }))).toBeInstanceOf(BindError)
      const shared = open(loop, { ...local, reusePort: true })
      const [major = 0, minor = 0] = process.versions.node.split(".").map(Number)
      if (major > 23 || (major === 23 && minor > 0) || (major === 22 && minor >= 12)) {
        const [one] = await shared
        const [two] = await open(loop, { localAddr: nameOf(one), reusePort: true })
        expect(nameOf(two)).toEqual(nameOf(one))
      } else expect(await failure(shared)).toMatchObject({ _tag: "BindError", code: "ENOTSUP" })
    }))

  it("with permission to broadcast, the remote address is where it sends, and others are heard (server-060)", () =>
    withLoop(async (loop) => {
      const [server, echo] = await open(loop, local, new Echo())
      const [client, protocol] = await open(loop, {
        remoteAddr: nameOf(server),
        allowBroadcast: true
      })
      expect(client.getExtraInfo("peername")).toBeUndefined()
      client.sendto(bytes("x"))
      await until(() => echo.log.length > 1)
      const [stranger] = await open(loop, local)
      stranger.sendto(bytes("stranger"), { host: "127.0.0.1", port: nameOf(client).port })
      await until(() => protocol.log.length > 2)
      expect([...protocol.told].sort()).toEqual(["X", "stranger"])
      client.close()
      await settled()
      expect(protocol.log.at(-1)).toBe("lost null")
    }))

  it("to a port where nobody receives does not end the endpoint (server-070)", () =>
    withLoop(async (loop) => {
      const dead = await deadPort()
      const [server] = await open(loop, local, new Echo())
      const [client, protocol] = await open(loop, local)
      client.sendto(bytes("lost"), { host: "127.0.0.1", port: dead })
      await settled()
      client.sendto(bytes("hello"), nameOf(server))
      await until(() => protocol.log.length > 1)
      expect(protocol.told).toEqual(["HELLO"])
    }))

  it("that the system refuses is told where there is a remote address, and ends nothing (server-083)", () =>
    withLoop(async (loop, reports) => {
      const dead = await deadPort()
      const [connected, told] = await open(loop, { remoteAddr: { host: "127.0.0.1", port: dead } })
      connected.sendto(bytes("lost"))
      await until(() => told.log.length > 1)
      expect(told.told).toEqual(["error ECONNREFUSED"])
      const [free, untold] = await open(loop, local)
      const socket = free.getExtraInfo("socket") as dgram.Socket
      const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "send" })
      socket.emit("error", refused)
      await settled()
      expect(untold.told).toEqual([])
      expect([connected.isClosing(), free.isClosing()]).toEqual([false, false])
      expect(reports).toEqual([])
    }))

  it("a datagram that is too long is told, and the next one goes", () =>
    withLoop(async (loop) => {
      const [server, protocol] = await open(loop, local)
      const [client, sender] = await open(loop, { remoteAddr: nameOf(server) })
      client.sendto(Buffer.alloc(70_000))
      client.sendto(bytes("short"))
      await until(() => protocol.log.length > 1 && sender.log.length > 1)
      expect(protocol.told).toEqual(["short"])
      expect(sender.log.filter((line) => line.startsWith("error"))).toEqual(["error EMSGSIZE"])
      expect(client.getWriteBufferSize()).toBe(0)
    }))

  it("tells the sender to stop and to go on, at its limits", () =>
    withLoop(async (loop) => {
      const [server] = await open(loop, local)
      const [client, protocol] = await open(loop, local)
      client.setWriteBufferLimits({ high: 100, low: 50 })
      expect(client.getWriteBufferLimits()).toEqual({ low: 50, high: 100 })
      client.sendto(Buffer.alloc(92), nameOf(server))
      expect([client.getWriteBufferSize(), protocol.told]).toEqual([100, []])
      client.sendto(Buffer.alloc(0), nameOf(server))
      expect(protocol.told).toEqual(["pause"])
      await until(() => protocol.log.length > 2)
      expect(protocol.told).toEqual(["pause", "resume"])
      expect(client.getWriteBufferSize()).toBe(0)
      expect(() => client.setWriteBufferLimits({ high: 1, low: 2 })).toThrow(RangeError)
    }))
})

describe("errors of an endpoint", () => {
  it("of the system are told, and it stays usable; others end it (server-077)", () =>
    withLoop(async (loop, reports) => {
      const [transport, protocol] = await open(loop, local, new Echo())
      const socket = transport.getExtraInfo("socket") as dgram.Socket
      socket.emit("error", Object.assign(new Error("recv"), { code: "EHOSTUNREACH", syscall: "recvmsg" }))
      const [client, answers] = await open(loop, { remoteAddr: nameOf(transport) })
      client.sendto(bytes("x"))
      await until(() => answers.log.length > 1)
      expect(protocol.told).toEqual(["error EHOSTUNREACH", "x"])
      const fatal = new Error("fatal")
      socket.emit("error", fatal)
      await settled()
      expect(protocol.log.at(-1)).toBe("lost fatal")
      expect(transport.isClosing()).toBe(true)
      expect(reports.map(({ exception, message }) => [message.split(" ")[0], exception])).toEqual([
        ["Fatal", fatal]
      ])
    }))

  it("that its protocol throws are reported, and the next datagram is told", () =>
    withLoop(async (loop, reports) => {
      const wrong = new Error("in the protocol")
      const got: Array<string> = []
      const [server] = await loop.createDatagramEndpoint(
        (): DatagramProtocol => ({
          connectionMade: () => {
            throw wrong
          },
          datagramReceived: (data) => {
            got.push(data.toString())
            throw wrong
          }
        }),
        local
      )
      const [client] = await open(loop, local)
      for (const text of ["a", "b"]) client.sendto(bytes(text), nameOf(server))
      await until(() => got.length === 2)
      expect(got).toEqual(["a", "b"])
      expect(reports.map(({ exception }) => exception)).toEqual([wrong, wrong, wrong])
    }))

  it("a protocol without any method is told nothing, and is fine", () =>
    withLoop(async (loop, reports) => {
      const [server] = await loop.createDatagramEndpoint(() => ({}), local)
      server.setWriteBufferLimits({ high: 0 })
      server.sendto(bytes("x"), nameOf(server))
      await settled()
      server.close()
      await settled()
      expect(reports).toEqual([])
      expect(() => server.setProtocol(7 as never)).toThrow(TypeError)
    }))
})

describe("closing an endpoint", () => {
  it("sends what waits first, and drops what comes after (server-084, server-075)", () =>
    withLoop(async (loop, reports) => {
      const [server, protocol] = await open(loop, local)
      const [client, sender] = await open(loop, local)
      for (const text of ["1", "2", "3"]) client.sendto(bytes(text), nameOf(server))
      client.close()
      expect(client.isClosing()).toBe(true)
      client.close()
      client.sendto(bytes("after"), nameOf(server))
      await until(() => protocol.log.length > 3 && sender.log.length > 1)
      await settled()
      client.sendto(bytes("later"), nameOf(server))
      expect(protocol.told).toEqual(["1", "2", "3"])
      expect(sender.told).toEqual(["lost null"])
      expect(client.getExtraInfo("sockname")).toEqual(nameOf(client))
      expect(() => client.sendto("text" as never)).toThrow(TypeError)
      expect(reports).toEqual([])
    }))

  it("at once waits for nothing, and is told once", () =>
    withLoop(async (loop, reports) => {
      const [server] = await open(loop, local)
      const [client, sender] = await open(loop, local)
      client.sendto(bytes("x"), nameOf(server))
      client.abort()
      client.abort()
      expect(client.getWriteBufferSize()).toBe(0)
      await settled()
      expect(sender.told).toEqual(["lost null"])
      expect(reports).toEqual([])
    }))

  it("drops what has come and was not told of", () =>
    withLoop(async (loop) => {
      const [server, protocol] = await open(loop, local)
      const [client] = await open(loop, local)
      protocol.datagramReceived = () => {
        protocol.log.push("first")
        server.close()
      }
      for (let i = 0; i < 10; i++) client.sendto(bytes("x"), nameOf(server))
      await settled()
      expect(protocol.told).toEqual(["first", "lost null"])
    }))
})
