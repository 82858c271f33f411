// What a transport does for its protocol: both directions, flow control, and each way to end.
// Covers: Source
import { createHash } from "node:crypto"
import { once } from "node:events"
import { connect, createServer, type Server as NetServer, type Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import {
  type BufferedProtocol,
  type EventLoop,
  InvalidStateError,
  type Protocol,
  type SocketTransport,
  SyncLoop
} from "../../../src/index.js"
import { until } from "../../fixtures/subprocess/recording.js"
import { onLoop, Recording } from "../../support/network.js"

const servers: Array<NetServer> = []
const sockets = new Set<Socket>()
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

/** A transport with this protocol, and the other end as a socket of Node's. Neither of its ends is closed by itself. */
const pair = async <P extends Protocol | BufferedProtocol>(
  loop: EventLoop,
  factory: () => P
): Promise<{ readonly transport: SocketTransport; readonly protocol: P; readonly peer: Socket }> => {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1")
  servers.push(server)
  await once(server, "listening")
  const { port } = server.address() as { readonly port: number }
  const accepted = once(server, "connection")
  const [transport, protocol] = await loop.createConnection(factory, { host: "127.0.0.1", port })
  const [peer] = (await accepted) as [Socket]
  sockets.add(peer)
  peer.on("error", () => {})
  return { transport, protocol, peer }
}

const recorded = (loop: EventLoop) => pair(loop, () => new Recording(loop))

/** Everything that the other end reads until its end. */
const all = async (peer: Socket): Promise<string> => {
  const chunks: Array<Buffer> = []
  peer.on("data", (chunk: Buffer) => chunks.push(chunk))
  await once(peer, "end")
  return Buffer.concat(chunks).toString()
}

/** The other end sees the end of the connection, whatever it was. */
const gone = (peer: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (peer.readableEnded || peer.destroyed) resolve()
    peer.once("end", resolve).once("close", () => resolve())
    peer.resume()
  })

const MiB = 1024 * 1024

/** Writes until the protocol is told to stop. */
const fill = (transport: SocketTransport, protocol: Recording): number => {
  const chunk = Buffer.alloc(MiB, "x")
  let written = 0
  while (!protocol.log.includes("pause")) {
    transport.write(chunk)
    written += chunk.length
  }
  return written
}

describe("information", () => {
  it("streams-047 getExtraInfo gives what is known, and else what it is given", () =>
    onLoop(async (loop) => {
      const { peer, transport } = await recorded(loop)
      expect(transport.getExtraInfo("peername")).toMatchObject({ port: peer.localPort })
      expect(transport.getExtraInfo("nonsense")).toBeUndefined()
      expect(transport.getExtraInfo("nonsense", 7)).toBe(7)
      expect(transport.getExtraInfo("cipher", "none")).toBe("none")
      expect(transport.getExtraInfo("sslObject")).toBeUndefined()
      transport.abort()
    }))

  it("streams-079 knows its ends when it is closed, and another protocol takes over", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      const names = ["sockname", "peername"].map((name) => transport.getExtraInfo(name))
      expect(transport.getProtocol()).toBe(protocol)
      const second = new Recording(loop)
      transport.setProtocol(second)
      expect(transport.getProtocol()).toBe(second)
      peer.write("for the second")
      await second.received("for the second")
      transport.abort()
      transport.pauseReading()
      transport.resumeReading()
      await second.lost
      expect(["sockname", "peername"].map((name) => transport.getExtraInfo(name))).toEqual(names)
      expect([protocol.log, second.log]).toEqual([["made"], ["data for the second", "lost null"]])
      await gone(peer)
      expect(() => transport.setProtocol("none" as never)).toThrow(TypeError)
    }))

  it("streams-053 its text can be made on a loop that is closed", async () => {
    const loop = SyncLoop.make()
    const { transport } = await loop.runUntilComplete(() => recorded(loop))
    expect(String(transport)).toMatch(/^<SocketTransport 127.0.0.1:\d+ - 127.0.0.1:\d+ open>$/)
    expect(loop.statistics().transports).toBe(1)
    await loop.close()
    expect(String(transport)).toMatch(/^<SocketTransport 127.0.0.1:\d+ - 127.0.0.1:\d+ closed>$/)
    expect(JSON.parse(JSON.stringify(transport))).toMatchObject({ _id: "SocketTransport", closing: true })
  })

  it("its descriptor is refused to readers of the loop while it is open", () =>
    onLoop(async (loop) => {
      const { transport } = await recorded(loop)
      const socket = transport.getExtraInfo("socket") as Socket & {
        readonly _handle: { readonly fd: number }
      }
      const { fd } = socket._handle
      expect(() => loop.addReader(fd, () => {})).toThrow(InvalidStateError)
      transport.abort()
    }))
})

describe("protocols", () => {
  it("streams-081 a protocol without any method is told nothing, and the connection works", () =>
    onLoop(async (loop) => {
      const { peer, transport } = await pair(loop, () => ({}))
      transport.setWriteBufferLimits({ high: 0 })
      transport.write(Buffer.alloc(8 * MiB))
      peer.resume()
      peer.end("nobody hears")
      await once(peer, "close")
      await until(() => loop.statistics().transports === 0)
    }))

  it("server-097 connectionMade that throws is reported, and the connection is there and ends as any other", () =>
    onLoop(
      async (loop, reports) => {
        const error = new Error("made")
        const log: Array<unknown> = []
        const lost = loop.createFuture<void>()
        const { protocol, transport } = await pair(loop, () => ({
          connectionMade: () => {
            throw error
          },
          connectionLost: (why: Error | null) => {
            log.push(why)
            lost.setResult(undefined)
          }
        }))
        expect(reports).toHaveLength(1)
        expect(reports[0]).toMatchObject({ kind: "connection", exception: error, transport, protocol })
        transport.close()
        await lost
        expect(log).toEqual([null])
      },
      { mayReport: true }
    ))

  it.each(["dataReceived", "eofReceived", "getBuffer", "bufferUpdated"] as const)(
    "streams-059 a failure of %s is reported and ends the connection with it, and the loop goes on",
    (method) =>
      onLoop(
        async (loop, reports) => {
          const error = new Error(method)
          const fails = (): never => {
            throw error
          }
          const lost = loop.createFuture<Error | null>()
          const protocol: Protocol & BufferedProtocol = {
            ...(method === "bufferUpdated" ? { getBuffer: () => new Uint8Array(10) } : {}),
            [method]: fails,
            connectionLost: (why) => lost.setResult(why)
          }
          const { peer, transport } = await pair(loop, () => protocol)
          if (method === "eofReceived") peer.end()
          else peer.write("x")
          expect(await lost).toBe(error)
          expect(reports).toHaveLength(1)
          expect(reports[0]).toMatchObject({ kind: "connection", exception: error, transport, protocol })
          expect(reports[0]?.message).toContain(`Fatal error: ${method}() of the protocol failed`)
          await gone(peer)
        },
        { mayReport: true }
      )
  )

  it("L6 an async method that fails later is a failure of it", () =>
    onLoop(
      async (loop, reports) => {
        const error = new Error("later")
        const lost = loop.createFuture<Error | null>()
        const { peer } = await pair(loop, () => ({
          dataReceived: async () => {
            await loop.sleep(1)
            throw error
          },
          connectionLost: (why: Error | null) => lost.setResult(why)
        }))
        peer.write("x")
        expect(await lost).toBe(error)
        expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["connection", error]])
      },
      { mayReport: true }
    ))

  it("connectionLost, pauseWriting and resumeWriting that throw are reported, and nothing else happens", () =>
    onLoop(
      async (loop, reports) => {
        const fails = (what: string) => () => {
          throw new Error(what)
        }
        const { peer, transport } = await pair(loop, () => ({
          pauseWriting: fails("pause"),
          resumeWriting: fails("resume"),
          connectionLost: fails("lost")
        }))
        transport.write(Buffer.alloc(32 * MiB))
        expect(reports.map(({ exception }) => String(exception))).toEqual(["Error: pause"])
        peer.resume()
        await until(() => reports.length === 2)
        transport.close()
        await until(() => reports.length === 3)
        expect(reports.map(({ exception }) => String(exception))).toEqual([
          "Error: pause",
          "Error: resume",
          "Error: lost"
        ])
        expect(reports.every(({ kind }) => kind === "connection")).toBe(true)
      },
      { mayReport: true }
    ))

  it("server-099 resumeWriting may write to another transport", () =>
    onLoop(async (loop) => {
      const other = await recorded(loop)
      const first = new Recording(loop)
      first.resumeWriting = () => other.transport.write("from the first")
      const { peer, transport } = await pair(loop, () => first)
      fill(transport, first)
      other.peer.resume()
      const read = once(other.peer, "data")
      peer.resume()
      expect(String((await read)[0])).toBe("from the first")
      transport.abort()
      other.transport.abort()
    }))
})

describe("reading", () => {
  it("streams-054 pauses and goes on, each as often as one likes", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      expect(transport.isReading()).toBe(true)
      transport.pauseReading()
      transport.pauseReading()
      expect(transport.isReading()).toBe(false)
      peer.write("held")
      await loop.sleep(20)
      expect(protocol.log).toEqual(["made"])
      transport.resumeReading()
      transport.resumeReading()
      expect(transport.isReading()).toBe(true)
      await protocol.received("held")
      transport.close()
      expect(transport.isReading()).toBe(false)
      transport.pauseReading()
      transport.resumeReading()
      expect(transport.isReading()).toBe(false)
      await protocol.lost
    }))

  it("streams-055 paused in connectionMade, reading does not begin before it is resumed", () =>
    onLoop(async (loop) => {
      class Paused extends Recording {
        override connectionMade(transport: SocketTransport): void {
          super.connectionMade(transport)
          transport.pauseReading()
        }
      }
      const { peer, protocol, transport } = await pair(loop, () => new Paused(loop))
      peer.end("early")
      await loop.sleep(20)
      expect(protocol.log).toEqual(["made"])
      transport.resumeReading()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data early", "eof", "lost null"])
    }))

  it("streams-089 what was read before it was paused is told when it goes on, in order and before the end", () =>
    onLoop(async (loop) => {
      class Pausing extends Recording {
        override dataReceived(data: Buffer): void {
          super.dataReceived(data)
          this.transport.pauseReading()
        }
      }
      const { peer, protocol, transport } = await pair(loop, () => new Pausing(loop))
      for (const text of ["one", "two", "three"]) {
        peer.write(text)
        await loop.sleep(2)
      }
      peer.end()
      await until(() => protocol.log.length > 1)
      await loop.sleep(5)
      expect(protocol.log).toEqual(["made", expect.stringMatching(/^data one/)])
      while (!protocol.lost.done()) {
        transport.resumeReading()
        await loop.sleep(2)
      }
      expect(protocol.text).toBe("onetwothree")
      expect(protocol.log.slice(-2)).toEqual(["eof", "lost null"])
    }))

  it("holds the sender up while it is paused: what waits here is bounded", () =>
    onLoop(async (loop) => {
      const { peer, transport } = await recorded(loop)
      transport.pauseReading()
      peer.write(Buffer.alloc(64 * MiB))
      await loop.sleep(50)
      expect(peer.writableLength).toBeGreaterThan(32 * MiB)
      expect((transport.getExtraInfo("socket") as Socket).bytesRead).toBeLessThan(MiB)
      transport.abort()
    }))

  it("holds the sender up while the loop does not run, and tells the rest in the next run", async () => {
    const loop = SyncLoop.make()
    const { peer, protocol, transport } = await loop.runUntilComplete(() => recorded(loop))
    peer.write(Buffer.alloc(64 * MiB, "y"))
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((transport.getExtraInfo("socket") as Socket).bytesRead).toBeLessThan(MiB)
    expect(protocol.log).toEqual(["made"])
    peer.end()
    await loop.runUntilComplete(() => protocol.lost)
    expect(protocol.text.length).toBe(64 * MiB)
    await loop.close()
  })

  it("server-110 all that came before the end is told before it, however slowly it is read", () =>
    onLoop(async (loop) => {
      class Slow extends Recording {
        override dataReceived(data: Buffer): void {
          super.dataReceived(data)
          this.transport.pauseReading()
          this.loop.callLater(1, () => this.transport.resumeReading())
        }
      }
      const { peer, protocol } = await pair(loop, () => new Slow(loop))
      peer.end(Buffer.alloc(300_000, "z"))
      await protocol.lost
      expect(protocol.text.length).toBe(300_000)
      expect(protocol.log.slice(-2)).toEqual(["eof", "lost null"])
      expect(protocol.log.length).toBeGreaterThan(5)
    }))

  it("data are the protocol's own: what comes later does not change them", () =>
    onLoop(async (loop) => {
      const kept: Array<Buffer> = []
      const { peer } = await pair(loop, () => ({ dataReceived: (data: Buffer) => void kept.push(data) }))
      for (const letter of "abc") {
        peer.write(letter.repeat(1000))
        await until(() => Buffer.concat(kept).toString().endsWith(letter))
      }
      expect(Buffer.concat(kept).toString()).toBe(
        ["a", "b", "c"].map((letter) => letter.repeat(1000)).join("")
      )
    }))
})

describe("a BufferedProtocol", () => {
  it("has what comes put into its own buffer, and is asked again where that is too short", () =>
    onLoop(async (loop) => {
      const log: Array<string> = []
      const buffer = new Uint8Array(4)
      const lost = loop.createFuture<void>()
      const protocol: BufferedProtocol = {
        getBuffer: (hint) => {
          log.push(`get ${hint}`)
          return buffer
        },
        bufferUpdated: (length) => void log.push(Buffer.from(buffer.subarray(0, length)).toString()),
        eofReceived: () => void log.push("eof"),
        connectionLost: () => lost.setResult(undefined)
      }
      const { peer } = await pair(loop, () => protocol)
      peer.end("0123456789")
      await lost
      expect(log).toEqual(["get 10", "0123", "get 6", "4567", "get 2", "89", "eof"])
    }))

  it("may pause in the middle, and become a Protocol there", () =>
    onLoop(async (loop) => {
      const buffer = new Uint8Array(4)
      const second = new Recording(loop)
      const paused = loop.createFuture<void>()
      let transport!: SocketTransport
      const first: BufferedProtocol = {
        connectionMade: (made) => (transport = made),
        getBuffer: () => buffer,
        bufferUpdated: () => {
          transport.pauseReading()
          transport.setProtocol(second)
          paused.setResult(undefined)
        }
      }
      const { peer } = await pair(loop, () => first)
      peer.end("0123456789")
      await paused
      expect(second.log).toEqual([])
      transport.resumeReading()
      await second.lost
      expect(second.text).toBe("456789")
    }))

  it.each([0, 7])("a buffer that is none (%j) ends the connection", (length) =>
    onLoop(
      async (loop, reports) => {
        const lost = loop.createFuture<Error | null>()
        const none = (length === 0 ? new Uint8Array(0) : length) as Uint8Array
        const { peer } = await pair(loop, () => ({
          getBuffer: () => none,
          connectionLost: (error: Error | null) => lost.setResult(error)
        }))
        peer.write("x")
        expect(await lost).toBeInstanceOf(RangeError)
        expect(String(reports[0]?.exception)).toContain("getBuffer gives a Uint8Array that is not empty")
      },
      { mayReport: true }
    )
  )
})

describe("writing", () => {
  it("streams-048 writelines sends bytes of each type, in order", () =>
    onLoop(async (loop) => {
      const { peer, transport } = await recorded(loop)
      const view = new DataView(new Uint8Array([0x78, 0x79, 0x7a]).buffer, 1, 2)
      transport.writelines([
        Buffer.from("ab"),
        new Uint8Array([0x63, 0x64]),
        "é",
        view as unknown as Uint8Array,
        "",
        "!"
      ])
      transport.close()
      expect(await all(peer)).toBe("abcdéyz!")
    }))

  it("refuses what is no bytes, before anything of it is sent", () =>
    onLoop(async (loop) => {
      const { peer, transport } = await recorded(loop)
      for (const wrong of [1, null, {}, [1]]) {
        expect(() => transport.write(wrong as never)).toThrow(TypeError)
        expect(() => transport.writelines(["sent?", wrong as never])).toThrow(TypeError)
      }
      transport.write("ok")
      transport.close()
      expect(await all(peer)).toBe("ok")
    }))

  it("streams-064 nothing is nothing, also where something waits", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      transport.write("")
      transport.write(new Uint8Array(0))
      transport.writelines([])
      expect(transport.getWriteBufferSize()).toBe(0)
      const written = fill(transport, protocol)
      const waiting = transport.getWriteBufferSize()
      transport.write("")
      expect(transport.getWriteBufferSize()).toBe(waiting)
      transport.close()
      expect((await all(peer)).length).toBe(written)
    }))

  it("streams-050 limits are checked, given back, and heeded at once", () =>
    onLoop(async (loop) => {
      const { protocol, transport } = await recorded(loop)
      expect(transport.getWriteBufferLimits()).toEqual({ low: 16 * 1024, high: 64 * 1024 })
      expect(() => transport.setWriteBufferLimits({ high: 0, low: 1 })).toThrow(RangeError)
      expect(() => transport.setWriteBufferLimits({ high: -1 })).toThrow(RangeError)
      transport.setWriteBufferLimits({ high: 64 * MiB, low: 1024 })
      expect(transport.getWriteBufferLimits()).toEqual({ low: 1024, high: 64 * MiB })
      transport.write(Buffer.alloc(32 * MiB))
      expect(protocol.log).toEqual(["made"])
      expect(transport.getWriteBufferSize()).toBeGreaterThan(MiB)
      transport.setWriteBufferLimits({ high: MiB })
      expect(protocol.log).toEqual(["made", "pause"])
      transport.abort()
    }))

  it("streams-051 writelines above the limit pauses once, before it returns", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      transport.writelines(Array.from({ length: 32 }, () => Buffer.alloc(MiB)))
      expect(protocol.log).toEqual(["made", "pause"])
      transport.writelines([Buffer.alloc(MiB)])
      expect(protocol.log).toEqual(["made", "pause"])
      peer.resume()
      await until(() => protocol.log.includes("resume"))
      expect(transport.getWriteBufferSize()).toBeLessThanOrEqual(16 * 1024)
      transport.abort()
    }))

  it("what the system takes at once does not count as waiting", () =>
    onLoop(async (loop) => {
      const { protocol, transport } = await recorded(loop)
      transport.setWriteBufferLimits({ high: 0 })
      transport.write("small")
      transport.writelines(["small", "too"])
      expect(transport.getWriteBufferSize()).toBe(0)
      expect(protocol.log).toEqual(["made"])
      transport.abort()
    }))

  it("every byte arrives, in order, however it was written and however slowly it is read", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      const sent = createHash("sha256")
      const received = createHash("sha256")
      peer.on("data", (data: Buffer) => {
        received.update(data)
        peer.pause()
        setImmediate(() => peer.resume())
      })
      let seed = 1
      const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below
      const chunk = (): Buffer => {
        const bytes = Buffer.alloc(random(3) === 0 ? random(400_000) : random(2000), random(256))
        sent.update(bytes)
        return bytes
      }
      for (let i = 0; i < 300; i++) {
        if (random(3) === 0) transport.writelines([chunk(), chunk(), chunk()])
        else transport.write(chunk())
        const paused = protocol.log.lastIndexOf("pause") > protocol.log.lastIndexOf("resume")
        if (paused && random(4) > 0) await until(() => protocol.log.at(-1) === "resume")
      }
      transport.close()
      await once(peer, "end")
      expect(received.digest("hex")).toBe(sent.digest("hex"))
      expect(protocol.log.includes("pause")).toBe(true)
      expect(
        protocol.log.filter((line) => line === "pause").length -
          protocol.log.filter((line) => line === "resume").length
      ).toBeLessThanOrEqual(1)
    }))

  it("a client that never reads costs no more than was written, and an abort gives that back", () =>
    onLoop(async (loop) => {
      const { protocol, transport } = await recorded(loop)
      const written = fill(transport, protocol)
      expect(written).toBeLessThan(32 * MiB)
      // More than the system takes, however it grows its buffers.
      transport.write(Buffer.alloc(32 * MiB))
      transport.close()
      await loop.sleep(5)
      expect(protocol.lost.done()).toBe(false)
      expect(String(transport)).toContain("closing")
      transport.abort()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "pause", "lost null"])
      expect(transport.getWriteBufferSize()).toBe(0)
    }))
})

describe("the end of one direction", () => {
  it("streams-057 where eofReceived gives nothing, the transport closes itself", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      peer.end()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "eof", "lost null"])
      expect(transport.isClosing()).toBe(true)
      await gone(peer)
    }))

  it("streams-058 where it gives true, one can still write", () =>
    onLoop(async (loop) => {
      class Keeping extends Recording {
        override eofReceived(): boolean {
          super.eofReceived()
          return true
        }
      }
      const { peer, protocol, transport } = await pair(loop, () => new Keeping(loop))
      peer.end("question")
      await until(() => protocol.log.includes("eof"))
      await loop.sleep(5)
      expect(transport.isClosing()).toBe(false)
      transport.write("answer")
      transport.close()
      expect(await all(peer)).toBe("answer")
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data question", "eof", "lost null"])
    }))

  it("streams-074 writeEof twice is one end; the other direction works; 100 clients close cleanly", () =>
    onLoop(async (loop) => {
      const clients = await Promise.all(Array.from({ length: 100 }, () => recorded(loop)))
      await Promise.all(
        clients.map(async ({ peer, protocol, transport }, i) => {
          let ends = 0
          peer.on("end", () => ends++)
          expect(transport.canWriteEof()).toBe(true)
          transport.write(`n${i}`)
          transport.writeEof()
          transport.writeEof()
          expect(await all(peer)).toBe(`n${i}`)
          expect(() => transport.write("more")).toThrow(InvalidStateError)
          peer.write("back")
          await protocol.received("back")
          transport.close()
          await protocol.lost
          expect([ends, protocol.log.at(-1)]).toEqual([1, "lost null"])
        })
      )
    }))

  it("writeEof sends what waits before", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      const written = fill(transport, protocol)
      transport.writeEof()
      expect((await all(peer)).length).toBe(written)
      peer.end()
      await protocol.lost
      expect(protocol.log.at(-1)).toBe("lost null")
    }))

  it("Node closes what has ended on both sides: what was not told yet still is, and the end after it", async () => {
    const loop = SyncLoop.make()
    const { peer, protocol, transport } = await loop.runUntilComplete(async () => {
      const made = await recorded(loop)
      made.transport.writeEof()
      await gone(made.peer)
      return made
    })
    // Nobody is told while the loop stands still.
    peer.end("rest")
    await until(() => (transport.getExtraInfo("socket") as Socket).destroyed)
    await loop.runUntilComplete(() => protocol.lost)
    expect(protocol.log).toEqual(["made", "data rest", "eof", "lost null"])
    await loop.close()
  })

  it("and so it is where reading is paused", () =>
    onLoop(async (loop) => {
      class Pausing extends Recording {
        override dataReceived(data: Buffer): void {
          super.dataReceived(data)
          this.transport.pauseReading()
        }
      }
      const { peer, protocol, transport } = await pair(loop, () => new Pausing(loop))
      transport.writeEof()
      await gone(peer)
      peer.write("one")
      await protocol.received("one")
      peer.end("two")
      await loop.sleep(20)
      expect(protocol.log).toEqual(["made", "data one"])
      transport.resumeReading()
      await until(() => protocol.text === "onetwo")
      transport.resumeReading()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "data one", "data two", "eof", "lost null"])
    }))

  it("streams-076 writeEof after close does not throw", () =>
    onLoop(async (loop) => {
      const { protocol, transport } = await recorded(loop)
      transport.close()
      transport.writeEof()
      await protocol.lost
      transport.writeEof()
    }))
})

describe("the end", () => {
  it("streams-069 close twice says so once, later; what waits is sent", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      const written = fill(transport, protocol)
      transport.close()
      transport.close()
      expect(transport.isClosing()).toBe(true)
      expect(protocol.log).toEqual(["made", "pause"])
      expect((await all(peer)).length).toBe(written)
      await protocol.lost
      await loop.sleep(5)
      expect(protocol.log.filter((line) => line.startsWith("lost"))).toEqual(["lost null"])
    }))

  it("streams-071 abort drops what waits, and a second one does nothing", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      const written = fill(transport, protocol)
      peer.write("too late")
      transport.abort()
      transport.abort()
      expect([transport.isClosing(), transport.isReading()]).toEqual([true, false])
      await protocol.lost
      expect(protocol.log).toEqual(["made", "pause", "lost null"])
      let read = 0
      peer.on("data", (data: Buffer) => (read += data.length))
      await gone(peer)
      expect(read).toBeLessThan(written)
    }))

  it("streams-068 what is written after close is dropped in silence", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await recorded(loop)
      transport.write("before")
      transport.close()
      for (let i = 0; i < 10; i++) transport.write("after")
      transport.writelines(["after"])
      expect(await all(peer)).toBe("before")
      await protocol.lost
    }))

  it("streams-061 a reset of the other end is the error of connectionLost, and no report", () =>
    onLoop(async (loop) => {
      const { peer, protocol } = await recorded(loop)
      peer.resetAndDestroy()
      await protocol.lost
      expect(protocol.log).toEqual(["made", "lost ECONNRESET"])
    }))

  it("streams-066 writes to a lost connection are dropped, and after five of them that is said once", () =>
    onLoop(
      async (loop, reports) => {
        const { peer, protocol, transport } = await recorded(loop)
        peer.resetAndDestroy()
        await once(peer, "close")
        for (let i = 0; i < 1000 && !protocol.lost.done(); i++) {
          transport.write("x")
          await loop.sleep(0)
        }
        await protocol.lost
        expect(protocol.log.at(-1)).toMatch(/^lost (EPIPE|ECONNRESET)$/)
        reports.length = 0
        for (let i = 0; i < 20; i++) transport.write("x")
        expect(reports.length).toBeLessThanOrEqual(1)
        for (const { message } of reports) expect(message).toContain("5 writes to")
      },
      { mayReport: true }
    ))

  it("server-109 a peer that closes under a writer is one connectionLost with an error, within 100 ms", () =>
    onLoop(async (loop) => {
      const { peer, protocol, transport } = await pair(loop, () => {
        const protocol = new Recording(loop)
        protocol.eofReceived = () => true
        return protocol
      })
      transport.write("first")
      await once(peer.resume(), "data")
      peer.destroy()
      const since = loop.time()
      while (!protocol.lost.done() && loop.time() - since < 1000) {
        transport.write("more")
        await loop.sleep(1)
      }
      expect(loop.time() - since).toBeLessThan(500)
      await loop.sleep(5)
      expect(protocol.log.filter((line) => line.startsWith("lost"))).toEqual([
        expect.stringMatching(/^lost (EPIPE|ECONNRESET)$/)
      ])
    }))

  it("a peer that is reset at every step ends each connection once, and the loop has nothing left", () =>
    onLoop(async (loop) => {
      const steps: ReadonlyArray<
        (at: { readonly transport: SocketTransport; readonly peer: Socket }) => void
      > = [
        () => {},
        ({ transport }) => transport.write("x"),
        ({ transport }) => transport.write(Buffer.alloc(16 * MiB)),
        ({ transport }) => transport.pauseReading(),
        ({ peer }) => void peer.write("y"),
        ({ peer }) => void peer.end(),
        ({ transport }) => transport.writeEof(),
        ({ transport }) => transport.close(),
        ({ transport }) => {
          transport.write(Buffer.alloc(16 * MiB))
          transport.close()
        }
      ]
      for (const step of steps) {
        const at = await recorded(loop)
        step(at)
        // Node forgets to close a socket that is reset while its end is on its way.
        if (at.peer.writableEnded) at.peer.destroy()
        else at.peer.resetAndDestroy()
        // One that is paused does not look.
        at.transport.resumeReading()
        await at.protocol.lost
        expect(at.protocol.log.filter((line) => line.startsWith("lost"))).toHaveLength(1)
      }
      expect(loop.statistics().transports).toBe(0)
    }))

  it("a loop that stands still is kept by no connection", async () => {
    const loop = SyncLoop.make()
    const { peer, transport } = await loop.runUntilComplete(() => recorded(loop))
    peer.unref()
    for (const server of servers) server.unref()
    const held = () => process.getActiveResourcesInfo().filter((name) => /^TCPSocket/.test(name)).length
    // What tests before this one have closed may take a turn to be gone.
    await until(() => held() === 0)
    await loop.runUntilComplete(async () => expect(held()).toBe(1))
    expect(held()).toBe(0)
    transport.abort()
    await loop.close()
  })

  it("the closing of a loop aborts what is open, and tells of it", async () => {
    const loop = SyncLoop.make()
    const { peer, protocol, transport } = await loop.runUntilComplete(async () => {
      const made = await recorded(loop)
      fill(made.transport, made.protocol)
      return made
    })
    await loop.close()
    expect(protocol.log).toEqual(["made", "pause", "lost null"])
    expect(transport.isClosing()).toBe(true)
    await gone(peer)
    expect(loop.statistics()).toMatchObject({ transports: 0, servers: 0 })
  })
})

describe("a socket that is read as a stream", () => {
  it("does the same for its protocol", () =>
    onLoop(async (loop) => {
      const server = createServer({ allowHalfOpen: true }, (socket) => void socket.pipe(socket)).listen(
        0,
        "127.0.0.1"
      )
      servers.push(server)
      await once(server, "listening")
      const { port } = server.address() as { readonly port: number }
      const sock = connect({ port, host: "127.0.0.1" })
      const [transport, protocol] = await loop.createConnection(() => new Recording(loop), { sock })
      transport.write("a")
      await protocol.received("a")
      transport.pauseReading()
      transport.write("b")
      await loop.sleep(10)
      expect(protocol.text).toBe("a")
      transport.resumeReading()
      await protocol.received("ab")
      transport.writeEof()
      await protocol.lost
      expect(protocol.log.slice(-2)).toEqual(["eof", "lost null"])
    }))
})
