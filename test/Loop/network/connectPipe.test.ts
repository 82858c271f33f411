// Ends of pipes: descriptors of the system's pipes, sockets, and streams of Node.
// Covers: connectPipe
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { PassThrough, Readable, Writable } from "node:stream"
import { describe, expect, it } from "vitest"
import {
  type EventLoop,
  FdError,
  LoopClosedError,
  type PipeProtocol,
  type PipeTransport,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  SyncLoop
} from "../../../src/index.js"
import { settled, until, withLoop } from "../../support/readerLoops.js"

class Recording implements PipeProtocol {
  readonly log: Array<string> = []
  transport: PipeTransport | undefined
  connectionMade(transport: PipeTransport): void {
    this.transport = transport
    this.log.push("made")
  }
  dataReceived(data: Buffer): void {
    this.log.push(data.toString())
  }
  eofReceived(): void {
    this.log.push("eof")
  }
  connectionLost(error: Error | null): void {
    this.log.push(`lost ${error === null ? "null" : error.name}`)
  }
  pauseWriting(): void {
    this.log.push("pause")
  }
  resumeWriting(): void {
    this.log.push("resume")
  }
}

/** A pipe of the system: the descriptors of both ends, which do not block. */
const pipe = (): { readonly reads: number; readonly writes: number } => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "effect-aio-pipe-"))
  const name = path.join(folder, "pipe")
  execFileSync("mkfifo", [name])
  const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants
  const reads = fs.openSync(name, O_RDONLY | O_NONBLOCK)
  const writes = fs.openSync(name, O_WRONLY | O_NONBLOCK)
  fs.rmSync(folder, { recursive: true })
  return { reads, writes }
}

const reading = (loop: EventLoop, end: Parameters<EventLoop["connectReadPipe"]>[1]) =>
  loop.connectReadPipe(() => new Recording(), end)
const writing = (loop: EventLoop, end: Parameters<EventLoop["connectWritePipe"]>[1]) =>
  loop.connectWritePipe(() => new Recording(), end)

const failure = async (future: PromiseLike<unknown>): Promise<Error> => {
  try {
    await future
  } catch (error) {
    return error as Error
  }
  throw new Error("it did not fail")
}

describe("connectReadPipe", () => {
  it("tells what comes, the end, and then that the pipe is lost (streams-082)", () =>
    withLoop(async (loop) => {
      const { reads, writes } = pipe()
      const [transport, protocol] = await reading(loop, reads)
      expect([protocol.log, protocol.transport]).toEqual([["made"], transport])
      fs.writeSync(writes, "1")
      await until(() => protocol.log.length > 1)
      fs.writeSync(writes, "2345")
      await until(() => protocol.log.length > 2)
      expect(protocol.log.slice(1)).toEqual(["1", "2345"])
      fs.closeSync(writes)
      await until(() => protocol.log.length > 4)
      expect(protocol.log.slice(3)).toEqual(["eof", "lost null"])
      expect(loop.statistics().transports).toBe(0)
      expect(() => fs.fstatSync(reads)).toThrow("EBADF")
    }))

  it("pauses and resumes, again and again, and after its end (streams-089)", () =>
    withLoop(async (loop) => {
      const { reads, writes } = pipe()
      const [transport, protocol] = await reading(loop, reads)
      expect(transport.isReading()).toBe(true)
      transport.pauseReading()
      transport.pauseReading()
      expect(transport.isReading()).toBe(false)
      fs.writeSync(writes, "held")
      await settled()
      expect(protocol.log).toEqual(["made"])
      transport.resumeReading()
      transport.resumeReading()
      expect(transport.isReading()).toBe(true)
      await until(() => protocol.log.length > 1)
      transport.close()
      transport.pauseReading()
      transport.resumeReading()
      expect(transport.isReading()).toBe(false)
      await settled()
      expect(protocol.log).toEqual(["made", "held", "lost null"])
      fs.closeSync(writes)
    }))

  it("holds the sender up for a reader that is full, and loses nothing (streams-033)", () =>
    withLoop(async (loop) => {
      const { reads, writes } = pipe()
      const child = spawn("printf", ["data"], { stdio: ["ignore", writes, "ignore"] })
      fs.closeSync(writes)
      const reader = new StreamReader({ limit: 1, loop })
      await loop.connectReadPipe(() => new StreamReaderProtocol(reader, undefined, { loop }), reads)
      await new Promise((resolve) => child.once("close", resolve))
      await until(() => reader.toString().includes("paused"))
      expect((await reader.read(-1)).toString()).toBe("data")
    }))

  it("reads streams of Node, with one half or with two", () =>
    withLoop(async (loop) => {
      for (const stream of [Readable.from([Buffer.from("ab"), Buffer.from("cd")], { objectMode: false })]) {
        const [, protocol] = await reading(loop, stream)
        await until(() => protocol.log.includes("lost null"))
        expect(protocol.log.join(" ").replace("ab cd", "abcd")).toBe("made abcd eof lost null")
      }
      const both = new PassThrough()
      const [, protocol] = await reading(loop, both)
      both.end("x")
      await until(() => protocol.log.length > 3)
      expect(protocol.log).toEqual(["made", "x", "eof", "lost null"])
    }))

  it("tells of a stream that has failed", () =>
    withLoop(async (loop, reports) => {
      const stream = new PassThrough()
      const [transport, protocol] = await reading(loop, stream)
      stream.destroy(new RangeError("broken"))
      expect(transport.isClosing()).toBe(true)
      await until(() => protocol.log.length > 1)
      expect(protocol.log).toEqual(["made", "lost RangeError"])
      expect(reports).toEqual([])
    }))

  it("refuses what is no end of a pipe", () =>
    withLoop(async (loop) => {
      const file = fs.openSync(process.execPath, "r")
      expect(() => reading(loop, file)).toThrow(RangeError)
      const null_ = fs.openSync("/dev/null", "r")
      expect(() => reading(loop, null_)).toThrow(RangeError)
      fs.closeSync(file)
      fs.closeSync(null_)
      expect(() => reading(loop, 12345)).toThrow(FdError)
      expect(() => reading(loop, -1)).toThrow(RangeError)
      for (const wrong of ["stdin", null, undefined, {}, new EventTarget()]) {
        expect(() => reading(loop, wrong as never)).toThrow(TypeError)
      }
      expect(() => reading(loop, new Writable())).toThrow(TypeError)
      expect(() => writing(loop, new Readable())).toThrow(TypeError)
      expect(() => reading(loop, Readable.from(["items"]))).toThrow(TypeError)
      expect(() => reading(loop, new PassThrough({ encoding: "utf8" }))).toThrow(TypeError)
      expect(() => loop.connectReadPipe("f" as never, 0)).toThrow(TypeError)
      expect(loop.statistics().transports).toBe(0)
    }))

  it("fails with what the protocol's factory throws, and closes the end", () =>
    withLoop(async (loop) => {
      const wrong = new Error("no protocol")
      const stream = new PassThrough()
      const connecting = loop.connectReadPipe(() => {
        throw wrong
      }, stream)
      expect(await failure(connecting)).toBe(wrong)
      expect(stream.destroyed).toBe(true)
      const none = loop.connectReadPipe(() => 7 as never, new PassThrough())
      expect(await failure(none)).toBeInstanceOf(TypeError)
      await settled()
      expect(loop.statistics().transports).toBe(0)
    }))

  it("J1 cancelled closes the end, and tells nobody", () =>
    withLoop(async (loop, reports) => {
      const stream = new PassThrough()
      const protocol = new Recording()
      const connecting = loop.connectReadPipe(() => protocol, stream)
      connecting.cancel()
      expect([stream.destroyed, connecting.cancelled()]).toEqual([true, true])
      await settled()
      expect(protocol.log).toEqual([])
      expect([reports, loop.statistics().transports]).toEqual([[], 0])
    }))

  it("S1 the closing of the loop closes it, and tells it", async () => {
    const stream = new PassThrough()
    let protocol: Recording | undefined
    let closed: EventLoop | undefined
    await withLoop(async (loop) => {
      closed = loop
      protocol = (await reading(loop, stream))[1]
    })
    expect([stream.destroyed, protocol?.log]).toEqual([true, ["made", "lost null"]])
    expect(() => closed?.connectReadPipe(() => ({}), new PassThrough())).toThrow(LoopClosedError)
  })

  it("keeps no process while its loop stands still", async () => {
    const held = (): number =>
      process.getActiveResourcesInfo().filter((name) => name.startsWith("Pipe")).length
    const before = held()
    const { reads, writes } = pipe()
    const loop = SyncLoop.make()
    await loop.runUntilComplete(() => reading(loop, reads))
    expect(held()).toBe(before)
    await loop.runUntilComplete(async () => expect(held()).toBe(before + 1))
    await loop.close()
    fs.closeSync(writes)
  })

  it("tells a protocol without methods nothing", () =>
    withLoop(async (loop, reports) => {
      const stream = new PassThrough()
      await loop.connectReadPipe(() => ({}), stream)
      stream.end("x")
      await until(() => loop.statistics().transports === 0)
      expect(reports).toEqual([])
    }))
})

describe("connectWritePipe", () => {
  it("writes, and tells that the pipe is lost when it is closed (streams-083)", () =>
    withLoop(async (loop) => {
      const { reads, writes } = pipe()
      const [transport, protocol] = await writing(loop, writes)
      expect([protocol.transport, transport.isReading()]).toEqual([transport, false])
      transport.write("1")
      transport.writelines([Buffer.from("23"), "45"])
      const got = Buffer.alloc(10)
      await until(() => transport.getWriteBufferSize() === 0)
      expect(got.subarray(0, fs.readSync(reads, got)).toString()).toBe("12345")
      transport.close()
      await until(() => protocol.log.length > 1)
      expect(protocol.log).toEqual(["made", "lost null"])
      expect(fs.readSync(reads, got)).toBe(0)
      fs.closeSync(reads)
    }))

  it("hears that the other end has gone, though something waits to be written (streams-087)", () =>
    withLoop(async (loop) => {
      const { reads, writes } = pipe()
      const [transport, protocol] = await writing(loop, writes)
      while (!protocol.log.includes("pause")) transport.write(Buffer.alloc(65536))
      transport.write("more")
      await settled()
      const waits = transport.getWriteBufferSize()
      expect(waits).toBeGreaterThan(0)
      fs.closeSync(reads)
      await until(() => protocol.log.length > 2)
      expect(protocol.log).toEqual(["made", "pause", "lost BrokenPipeError"])
      expect(transport.getWriteBufferSize()).toBe(0)
    }))

  it("has an end of its own, after which nothing is written", () =>
    withLoop(async (loop) => {
      const { reads, writes } = pipe()
      const [transport, protocol] = await writing(loop, writes)
      expect(transport.canWriteEof()).toBe(true)
      transport.write("x")
      transport.writeEof()
      expect(() => transport.write("y")).toThrow("after writeEof()")
      await until(() => protocol.log.length > 1)
      expect(protocol.log).toEqual(["made", "lost null"])
      fs.closeSync(reads)
    }))

  it("makes a StreamWriter of a stream of Node, which drains and closes", () =>
    withLoop(async (loop) => {
      const taken: Array<string> = []
      const slow = new Writable({
        highWaterMark: 10,
        write(chunk: Buffer, _encoding, done) {
          setImmediate(() => {
            taken.push(chunk.toString())
            done()
          })
        }
      })
      const protocol = new StreamReaderProtocol(new StreamReader({ loop }), undefined, { loop })
      const [transport] = await loop.connectWritePipe(() => protocol, slow)
      transport.setWriteBufferLimits({ high: 0 })
      const writer = new StreamWriter(transport, protocol)
      writer.write("one")
      await writer.drain()
      expect(taken).toEqual(["one"])
      writer.write("two")
      writer.close()
      await writer.waitClosed()
      expect([taken, slow.destroyed]).toEqual([["one", "two"], true])
    }))

  it("writes to sockets, and takes descriptors of terminals and objects that have one", () =>
    withLoop(async (loop) => {
      const server = net.createServer((socket) => socket.end("hello")).listen(0, "127.0.0.1")
      await new Promise((resolve) => server.once("listening", resolve))
      const { port } = server.address() as net.AddressInfo
      const socket = net.connect(port, "127.0.0.1")
      await new Promise((resolve) => socket.once("connect", resolve))
      const [, protocol] = await reading(loop, socket)
      await until(() => protocol.log.length > 3)
      expect(protocol.log).toEqual(["made", "hello", "eof", "lost null"])
      await new Promise((resolve) => server.close(resolve))
      const { reads, writes } = pipe()
      const [written] = await writing(loop, { fd: writes })
      expect(String(written)).toContain(`fd ${writes}`)
      written.close()
      fs.closeSync(reads)
      await settled()
    }))
})
