// The sending half: a StreamWriter over a real pipe, whose other end is in the test's hands.
// Covers: FlowControl, NodeTransport, PipeTransport, Transport
import { mkdtempSync, rmSync } from "node:fs"
import { connect, createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { it } from "@effect/vitest"
import { describe, expect } from "vitest"
import {
  BrokenPipeError,
  type EventLoop,
  InvalidStateError,
  PipeTransport,
  StreamReader,
  StreamWriter
} from "../../../src/index.js"
import { FlowControl } from "../../../src/Loop/stream/FlowControl.js"
import { onLoop, until } from "../../fixtures/subprocess/recording.js"
import { collecting } from "../../support/scopedLoops.js"

/** Two connected sockets. */
const pair = (): Promise<readonly [Socket, Socket]> =>
  new Promise((resolve) => {
    const folder = mkdtempSync(join(tmpdir(), "B-writer-"))
    const server = createServer((theirs) => {
      server.close()
      rmSync(folder, { recursive: true })
      resolve([ours, theirs])
    })
    let ours: Socket
    server.listen(join(folder, "s"), () => (ours = connect(join(folder, "s"))))
  })

const open = async (loop: EventLoop, reads = false) => {
  const [ours, theirs] = await pair()
  const log: Array<string> = []
  const reader = reads ? new StreamReader({ loop }) : null
  const flow = new FlowControl(
    loop,
    () => transport._broken(),
    () => new BrokenPipeError("gone", { cause: transport._cause })
  )
  const transport: PipeTransport = new PipeTransport(
    loop,
    ours,
    { reads, writes: true },
    {
      dataReceived: (data) => reader?.feedData(data),
      connectionLost: (error) => {
        log.push(`lost ${error?.name}`)
        flow.connectionLost(error)
      },
      pauseWriting: () => {
        log.push("pause")
        flow.pauseWriting()
      },
      resumeWriting: () => {
        log.push("resume")
        flow.resumeWriting()
      },
      brokenPipe: (cause) => new BrokenPipeError("gone", { cause }),
      toString: () => "the test's pipe"
    },
    loop.host.contexts.capture()
  )
  transport._begin()
  let received = 0
  theirs.on("error", () => {})
  const take = (): void => void theirs.on("data", (data) => (received += data.length))
  return {
    flow,
    log,
    received: () => received,
    reader,
    take,
    theirs,
    transport,
    writer: new StreamWriter(transport, flow, reader)
  }
}

const failure = (future: PromiseLike<unknown>): Promise<unknown> =>
  Promise.resolve(future).then(
    (value) => Promise.reject(new Error(`it gave ${String(value)}`)),
    (error: unknown) => error
  )

describe("a StreamWriter", () => {
  it.live("writes strings and bytes in order, and closes when they are written", () =>
    onLoop(async (loop) => {
      const { log, theirs, transport, writer } = await open(loop)
      let text = ""
      theirs.setEncoding("utf8").on("data", (data: string) => (text += data))
      writer.write("é")
      writer.writelines([Buffer.from(" and "), "more", ""])
      await writer.drain()
      writer.close()
      writer.close()
      expect([writer.isClosing(), writer.canWriteEof()]).toEqual([true, true])
      await writer.waitClosed()
      await writer.waitClosed()
      while (!theirs.readableEnded) await loop.sleep(1)
      expect(text).toBe("é and more")
      expect(log).toEqual(["lost undefined"])
      expect(writer.transport).toBe(transport)
      expect(writer.getExtraInfo("pipe")).toBe(transport.getExtraInfo("pipe"))
      expect(writer.getExtraInfo("none", 1)).toBe(1)
      expect(String(writer)).toBe("<StreamWriter transport=<PipeTransport the test's pipe closed>>")
    })
  )

  it.live("drain waits above the limit until the other end has taken enough; several wait together", () =>
    onLoop(async (loop) => {
      const { log, received, take, writer } = await open(loop)
      const small = writer.drain()
      expect(small.done()).toBe(true)
      writer.write(Buffer.alloc(5_000_000))
      const drains = [writer.drain(), writer.drain(), writer.drain()]
      await loop.sleep(5)
      expect(drains.map((drain) => drain.done())).toEqual([false, false, false])
      drains[1]?.cancel()
      take()
      await drains[0]
      await drains[2]
      expect(drains[1]?.cancelled()).toBe(true)
      expect(log).toEqual(["pause", "resume"])
      writer.close()
      await writer.waitClosed()
      while (received() < 5_000_000) await loop.sleep(1)
    })
  )

  it.live("close() writes what is left; abort() drops it, and tells who waits", () =>
    onLoop(async (loop) => {
      const one = await open(loop)
      one.writer.write(Buffer.alloc(3_000_000))
      one.writer.close()
      one.writer.write("dropped")
      one.take()
      await one.writer.waitClosed()
      while (!one.theirs.readableEnded) await loop.sleep(1)
      expect(one.received()).toBe(3_000_000)
      expect(await failure(one.writer.drain())).toBeInstanceOf(BrokenPipeError)

      const two = await open(loop)
      two.writer.write(Buffer.alloc(3_000_000))
      const drain = two.writer.drain()
      two.transport.abort()
      expect(await failure(drain)).toBeInstanceOf(BrokenPipeError)
      await two.writer.waitClosed()
      expect(two.log).toEqual(["pause", "lost undefined"])
    })
  )

  it.live("when the other end goes: drains and waitClosed fail, and a loop of writes hears of it", () =>
    onLoop(async (loop) => {
      const { log, theirs, writer } = await open(loop)
      writer.write(Buffer.alloc(3_000_000))
      const waits = [writer.drain(), writer.waitClosed()]
      theirs.destroy()
      for (const wait of waits) expect(await failure(wait)).toBeInstanceOf(BrokenPipeError)
      expect(log).toEqual(["pause", "lost BrokenPipeError"])
      writer.write("x")
      expect(await failure(writer.drain())).toMatchObject({ _tag: "BrokenPipeError", code: "EPIPE" })
      writer.close()
    })
  )

  it.live("after close() a drain fails, also while what was written before is on its way", () =>
    onLoop(async (loop) => {
      const { received, take, writer } = await open(loop)
      writer.write(Buffer.alloc(1_000_000))
      writer.close()
      expect(await failure(writer.drain())).toBeInstanceOf(BrokenPipeError)
      take()
      await writer.waitClosed()
      await until(() => received() === 1_000_000)
    })
  )

  it.live("writeEof ends the stream, and the answer can still be read", () =>
    onLoop(async (loop) => {
      const { reader, theirs, writer } = await open(loop, true)
      let question = ""
      theirs.on("data", (data) => (question += String(data)))
      theirs.on("end", () => theirs.end(`re: ${question}`))
      theirs.allowHalfOpen = true
      writer.write("question")
      writer.writeEof()
      writer.writeEof()
      expect(() => writer.write("more")).toThrow(InvalidStateError)
      expect(String(await reader?.readexactly(12))).toBe("re: question")
      await writer.waitClosed()
    })
  )

  it.live("a drain fails with what its reader has failed with", () =>
    onLoop(async (loop) => {
      const { reader, writer } = await open(loop, true)
      const wrong = new Error("reset")
      reader?.setException(wrong)
      expect(await failure(writer.drain())).toBe(wrong)
      writer.close()
      await writer.waitClosed()
    })
  )

  it.live("what is neither string nor bytes is refused, and writes nothing", () =>
    onLoop(async (loop) => {
      const { transport, writer } = await open(loop)
      for (const data of [7, null, undefined, {}, new ArrayBuffer(1), ["x"]]) {
        expect(() => writer.write(data as never)).toThrow(TypeError)
      }
      expect(transport.getWriteBufferSize()).toBe(0)
      transport.abort()
      await writer.waitClosed()
    })
  )

  it.live("a paused transport reads nothing, and goes on where it was", () =>
    onLoop(async (loop) => {
      const { reader, theirs, transport, writer } = await open(loop, true)
      transport.pauseReading()
      transport.pauseReading()
      expect(transport.isReading()).toBe(false)
      theirs.write("text")
      const read = reader?.read(10)
      await loop.sleep(10)
      expect(read?.done()).toBe(false)
      transport.resumeReading()
      expect(transport.isReading()).toBe(true)
      expect(String(await read)).toBe("text")
      writer.close()
      transport.resumeReading()
      theirs.write("unheard")
      await writer.waitClosed()
      expect(reader?.atEof()).toBe(false)
    })
  )

  it.live("what the owner throws goes to the exception handler, also inside write", () => {
    const { exceptionHandler, reports } = collecting()
    return onLoop(
      async (loop) => {
        const { flow, transport, writer } = await open(loop)
        flow.pauseWriting = () => {
          throw new Error("pause")
        }
        writer.write(Buffer.alloc(1_000_000))
        expect(reports.map(({ exception, kind }) => [kind, String(exception)])).toEqual([
          ["callback", "Error: pause"]
        ])
        transport.abort()
        await writer.waitClosed()
      },
      { exceptionHandler }
    )
  })
})
