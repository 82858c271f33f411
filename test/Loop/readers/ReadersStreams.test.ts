/** Readers and writers of Node's own objects: streams are watched as streams, because Node reads their descriptors. */
// Covers: StreamFlow, StreamReadiness
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { Duplex, PassThrough, Readable, Writable } from "node:stream"
import { describe, expect, it } from "vitest"
import type { EventLoop } from "../../../src/index.js"
import { InvalidStateError } from "../../../src/index.js"
import * as fds from "../../support/fds.js"
import { settled, turn, until, watched, withLoop } from "../../support/readerLoops.js"

const listeners = (stream: Readable | Writable): Record<string, number> =>
  Object.fromEntries(
    stream
      .eventNames()
      .map((name) => [String(name), stream.listenerCount(name)] as const)
      .filter(([, count]) => count > 0)
  )

/** A connected pair of sockets of Node. */
const sockets = async (): Promise<readonly [net.Socket, net.Socket]> => {
  const server = net.createServer({ allowHalfOpen: true })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const accepted = once(server, "connection")
  const client = net.connect({
    port: (server.address() as net.AddressInfo).port,
    host: "127.0.0.1",
    allowHalfOpen: true
  })
  await once(client, "connect")
  const [socket] = (await accepted) as [net.Socket]
  server.close()
  return [client, socket]
}

const ended = async (...all: ReadonlyArray<net.Socket>): Promise<void> => {
  for (const socket of all) socket.destroy()
  await until(() => all.every((socket) => socket.closed))
}

/** Reads everything whenever it is called, and keeps it. */
const collectInto = (loop: EventLoop, stream: Readable, into: Array<string | null>) =>
  loop.addReader(stream, () => {
    const chunk = stream.read()
    into.push(chunk === null ? null : String(chunk))
  })

describe("a reader of a stream", () => {
  it("readers-001 readers-009 of a net.Socket: called for every arrival, and at the end", () =>
    withLoop(async (loop) => {
      const [a, b] = await sockets()
      const got: Array<string | null> = []
      collectInto(loop, a, got)
      loop.addWriter(b, () => {
        b.write("abc")
        expect(loop.removeWriter(b)).toBe(true)
      })
      await until(() => got.length === 1)
      b.write("def")
      await until(() => got.length === 2)
      b.end()
      await until(() => got.length > 3)
      expect(got.slice(0, 4)).toEqual(["abc", "def", null, null])
      expect([loop.removeReader(a), loop.removeReader(a), watched(loop)]).toEqual([true, false, [0, 0]])
      await ended(a, b)
    }))

  it("is called again in later turns while it is not read, once in a turn, and then no more", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough()
      let calls = 0
      let turns = 0
      let reading = false
      loop.addReader(stream, () => {
        calls++
        if (reading) stream.read()
      })
      await settled()
      expect(calls).toBe(0)
      stream.write("x")
      await until(() => calls > 0)
      const before = calls
      for (; turns < 20; turns++) await turn()
      expect(calls - before).toBeGreaterThanOrEqual(10)
      expect(calls - before).toBeLessThanOrEqual(turns + 1)
      reading = true
      await settled()
      const read = calls
      await settled()
      expect(calls).toBe(read)
    }))

  it("of what holds something, has ended, has failed or is destroyed already: called", () =>
    withLoop(async (loop) => {
      const held = new PassThrough()
      held.write("x")
      const over = Readable.from([])
      over.resume()
      await once(over, "end")
      const destroyed = new PassThrough()
      destroyed.destroy()
      const failed = new Readable({ read() {}, autoDestroy: false })
      failed.once("error", () => {})
      failed.destroy(new Error("failed"))
      await settled()
      for (const stream of [held, over, destroyed, failed]) {
        let calls = 0
        loop.addReader(stream, () => {
          calls++
          loop.removeReader(stream)
        })
        await until(() => calls > 0)
        await settled()
        expect(calls).toBe(1)
      }
      held.destroy()
    }))

  it("readers-019 its callback destroys it, removed or not: nothing is reported, and it falls silent", () =>
    withLoop(async (loop, reports) => {
      for (const removes of ["before", "after", "not"]) {
        const [a, b] = await sockets()
        let calls = 0
        loop.addReader(a, () => {
          calls++
          if (removes === "before") expect(loop.removeReader(a)).toBe(true)
          a.destroy()
          if (removes === "after") expect(loop.removeReader(a)).toBe(true)
        })
        b.write("x")
        await until(() => calls > 0 && a.closed)
        await settled()
        const silent = calls
        // Once more, if it is still registered, so that it learns of the end.
        expect(silent).toBe(removes === "not" ? 2 : 1)
        await settled()
        expect([calls, loop.removeReader(a), reports]).toEqual([silent, removes === "not", []])
        await ended(a, b)
      }
      expect(watched(loop)).toEqual([0, 0])
    }))

  it("readers-019 of a raw socket that its callback closes: nothing is reported", () =>
    withLoop(async (loop, reports) => {
      for (const removes of [true, false]) {
        const [a, b] = fds.socketPair()
        let calls = 0
        loop.addReader(a, () => {
          calls++
          if (removes) loop.removeReader(a)
          fds.close(a)
        })
        fds.write(b, "x")
        await until(() => calls > 0)
        await settled()
        expect([calls, loop.removeReader(a)]).toEqual([1, !removes])
        fds.close(b)
      }
      expect(reports).toEqual([])
    }))

  it("an error of the stream is as uncaught as without the reader, and wakes it", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough()
      let calls = 0
      loop.addReader(stream, () => calls++)
      expect(stream.listenerCount("error")).toBe(0)
      const caught = new Promise((resolve) => stream.once("error", resolve))
      stream.destroy(new Error("broken"))
      expect(await caught).toMatchObject({ message: "broken" })
      await until(() => calls > 0)
      await settled()
      expect(calls).toBe(1)
    }))

  it("removing it restores the flow, and leaves no listener", () =>
    withLoop(async (loop) => {
      const states: Record<string, (stream: PassThrough, got: Array<string>) => void> = {
        untouched: () => {},
        flowing: (stream, got) => stream.on("data", (chunk) => got.push(String(chunk))),
        "flowing without a listener": (stream) => stream.resume(),
        paused: (stream, got) => stream.on("data", (chunk) => got.push(String(chunk))).pause(),
        "paused without a listener": (stream) => stream.pause(),
        piped: (stream) => stream.pipe(new PassThrough())
      }
      for (const [name, set] of Object.entries(states)) {
        const stream = new PassThrough()
        const got: Array<string> = []
        set(stream, got)
        await settled()
        const before = { flowing: stream.readableFlowing, listeners: listeners(stream) }
        loop.addReader(stream, () => {})
        await settled()
        expect([name, loop.removeReader(stream)]).toEqual([name, true])
        await settled()
        expect([name, { flowing: stream.readableFlowing, listeners: listeners(stream) }]).toEqual([
          name,
          before
        ])
        stream.write("after")
        await settled()
        expect([name, got]).toEqual([name, name === "flowing" ? ["after"] : []])
        stream.destroy()
      }
    }))

  it("what is asked of the flow with the removal is done: resume, pipe, and a new reader", () =>
    withLoop(async (loop) => {
      type Ask = (stream: PassThrough, got: Array<string>) => void
      const keep = (stream: PassThrough, got: Array<string>) =>
        stream.on("data", (chunk) => got.push(String(chunk)))
      const asks: Record<string, Ask> = {
        resume: (stream, got) => keep(stream, got).resume(),
        pipe: (stream, got) => stream.pipe(keep(new PassThrough(), got)),
        "resume in the next tick": (stream, got) => process.nextTick(() => keep(stream, got).resume()),
        "resume in a microtask": (stream, got) => queueMicrotask(() => keep(stream, got).resume())
      }
      for (const [name, ask] of Object.entries(asks)) {
        const stream = new PassThrough()
        const got: Array<string> = []
        stream.pause().write("kept")
        const handle = loop.addReader(stream, () => {
          handle.cancel()
          ask(stream, got)
        })
        await until(() => handle.cancelled())
        await settled()
        expect([name, got]).toEqual([name, ["kept"]])
        stream.destroy()
      }
    }))

  it("removed and added in one turn, it still stops the flow, which the last removal restores", () =>
    withLoop(async (loop) => {
      for (const found of ["listener", "resumed", "paused since"]) {
        const stream = new PassThrough()
        const log: Array<string> = []
        if (found === "listener") stream.on("data", (chunk) => log.push(`data ${chunk}`))
        else stream.resume()
        await settled()
        loop.addReader(stream, () => {})
        await settled()
        loop.removeReader(stream)
        const handle = loop.addReader(stream, () => log.push(`read ${stream.read()}`))
        await settled()
        log.length = 0
        stream.write("x")
        await until(() => log.includes("read x"))
        handle.cancel()
        if (found === "paused since") stream.pause()
        await settled()
        expect([found, stream.readableFlowing === true]).toEqual([found, found !== "paused since"])
        stream.destroy()
      }
    }))

  it("what others read with stays theirs: a `readable` listener beside it is not disturbed", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough()
      const got: Array<string> = []
      stream.on("readable", () => {
        const chunk = stream.read()
        if (chunk !== null) got.push(String(chunk))
      })
      loop.addReader(stream, () => {})
      stream.write("one")
      await settled()
      loop.removeReader(stream)
      stream.write("two")
      await settled()
      expect(got).toEqual(["one", "two"])
      expect(listeners(stream)["readable"]).toBe(1)
      stream.destroy()
    }))

  it("of an fs.ReadStream, which has a descriptor that cannot be waited for", () =>
    withLoop(async (loop) => {
      const file = path.join(fds.folder(), "file")
      fs.writeFileSync(file, "content")
      const stream = fs.createReadStream(file)
      const got: Array<string | null> = []
      collectInto(loop, stream, got)
      await until(() => stream.closed)
      expect(got[0]).toBe("content")
      expect(loop.removeReader(stream)).toBe(true)
    }))

  it("of a stream that says little of itself: once for each event", () =>
    withLoop(async (loop) => {
      const calls: Array<string> = []
      const handlers = new Map<string, () => void>()
      const stream = {
        read: () => null,
        pipe: () => stream,
        on: (event: string, f: () => void) => handlers.set(event, f),
        removeListener: (event: string) => handlers.delete(event)
      }
      loop.addReader(stream as never, () => calls.push("called"))
      await settled()
      expect(calls).toEqual([])
      handlers.get("readable")!()
      await settled()
      expect(calls).toEqual(["called"])
      expect(loop.removeReader(stream as never)).toBe(true)
      await settled()
      expect([...handlers.keys()]).toEqual([])
    }))

  it("readers-002 is replaced, and readers-008 cancelled directly, as that of a descriptor", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough()
      const first = loop.addReader(stream, () => expect.unreachable())
      const second = loop.addReader(stream, () => expect.unreachable())
      expect([first.cancelled(), second.cancelled(), watched(loop)]).toEqual([true, false, [1, 0]])
      second.cancel()
      stream.write("x")
      await settled()
      expect([loop.removeReader(stream), watched(loop)]).toEqual([false, [0, 0]])
      stream.destroy()
    }))

  it("closing the loop leaves no listener, and the stream open", async () => {
    const [a, b] = await sockets()
    const before = listeners(a)
    await withLoop(async (loop) => {
      loop.addReader(a, () => {})
      loop.addWriter(a, () => {})
      await settled()
    })
    await settled()
    expect([listeners(a), a.destroyed]).toEqual([before, false])
    b.write("still")
    a.setEncoding("utf8")
    expect(await once(a, "data")).toEqual(["still"])
    await ended(a, b)
  })

  it("two loops watch one stream", () =>
    withLoop(async (outer) => {
      const stream = new PassThrough()
      const log: Array<string> = []
      outer.addReader(stream, () => log.push("outer"))
      await withLoop(async (inner) => {
        inner.addReader(stream, () => log.push("inner"))
        stream.write("x")
        await until(() => log.includes("outer") && log.includes("inner"))
      })
      log.length = 0
      await until(() => log.length > 1)
      expect(new Set(log)).toEqual(new Set(["outer"]))
      stream.destroy()
    }))

  it("of two loops, the one that lets go last restores the flow", () =>
    withLoop((first) =>
      withLoop(async (second) => {
        const stream = new PassThrough()
        const got: Array<string> = []
        stream.on("data", (chunk) => got.push(String(chunk)))
        await settled()
        for (const loop of [first, second]) loop.addReader(stream, () => {})
        await settled()
        for (const loop of [first, second]) {
          expect(got).toEqual([])
          loop.removeReader(stream)
          await settled()
        }
        stream.write("x")
        await until(() => got.length > 0)
        stream.destroy()
      })
    ))

  it("readers-012 of a transport of the loop: refused while it is one", () =>
    withLoop(async (loop) => {
      const [a, b] = await sockets()
      const { fd } = (a as unknown as { _handle: { fd: number } })._handle
      loop._transportFds.set(fd, {})
      for (const call of [
        () => loop.addReader(a, () => {}),
        () => loop.addWriter(a, () => {}),
        () => loop.removeReader(a),
        () => loop.removeWriter(a),
        () => loop.autoclose(a)
      ]) {
        expect(call).toThrow(InvalidStateError)
      }
      loop._transportFds.delete(fd)
      loop.addReader(a, () => {})
      expect(loop.removeReader(a)).toBe(true)
      await ended(a, b)
    }))
})

describe("a writer of a stream", () => {
  it("readers-003 readers-010 is called while a write need not wait, again after drain, and not in between", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough({ highWaterMark: 4 })
      let calls = 0
      loop.addWriter(stream, () => calls++)
      await until(() => calls === 3)
      stream.write("12345")
      await settled()
      const full = calls
      await settled()
      expect(calls).toBe(full)
      expect(String(stream.read())).toBe("12345")
      await until(() => calls > full + 2)
      expect([loop.removeWriter(stream), loop.removeWriter(stream)]).toEqual([true, false])
      const removed = calls
      await settled()
      expect([calls, listeners(stream)["drain"]]).toEqual([removed, undefined])
      stream.destroy()
    }))

  it("of a socket whose peer does not read: waits, and is called when the peer is gone", () =>
    withLoop(async (loop) => {
      const [a, b] = await sockets()
      b.pause()
      a.on("error", () => {})
      while (a.write(Buffer.alloc(65_536)));
      let calls = 0
      loop.addWriter(a, () => calls++)
      await settled()
      expect(calls).toBe(0)
      b.resetAndDestroy()
      await until(() => calls > 0)
      expect(loop.removeWriter(a)).toBe(true)
      await ended(a, b)
    }))

  it("of what has ended: called, because a write says so; of what is destroyed: once", () =>
    withLoop(async (loop) => {
      const over = new Writable({ write: (_, __, done) => done(), autoDestroy: false })
      over.end()
      await once(over, "finish")
      let calls = 0
      loop.addWriter(over, () => calls++)
      await until(() => calls > 2)
      loop.removeWriter(over)
      const destroyed = new Writable({ write: (_, __, done) => done() })
      destroyed.destroy()
      await settled()
      calls = 0
      loop.addWriter(destroyed, () => calls++)
      await until(() => calls > 0)
      await settled()
      expect([calls, loop.removeWriter(destroyed)]).toEqual([1, true])
    }))

  it("beside a reader of the same stream: each comes and goes without the other", () =>
    withLoop(async (loop) => {
      const stream = new Duplex({ read() {}, write: (_, __, done) => done() })
      const log: Array<string> = []
      loop.addReader(stream, () => log.push(String(stream.read())))
      loop.addWriter(stream, () => {
        log.push("writer")
        loop.removeWriter(stream)
      })
      await until(() => log.length > 0)
      stream.push("x")
      await until(() => log.length > 1)
      await settled()
      expect([log, watched(loop)]).toEqual([
        ["writer", "x"],
        [1, 0]
      ])
      loop.removeReader(stream)
      stream.destroy()
    }))
})

describe("a reader that holds no process", () => {
  it("is called turn after turn all the same, while something else keeps the process", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough()
      const [r, w] = fds.pipe()
      fds.write(w, "x")
      const calls = { stream: 0, fd: 0 }
      // Nothing but timers far away: what waits for others to go round would wait for them.
      const both = new Promise<void>((resolve) => {
        const count = (which: keyof typeof calls) => () => {
          calls[which]++
          if (calls.stream >= 5 && calls.fd >= 5) resolve()
        }
        loop.addReader(r, count("fd")).unref()
        loop.addReader(stream, count("stream")).unref()
      })
      stream.write("x")
      await both
      expect([loop.removeReader(r), loop.removeReader(stream)]).toEqual([true, true])
      stream.destroy()
    }))

  it("holds it again, and no more, as it is asked to, in every state", () =>
    withLoop(async (loop) => {
      const stream = new PassThrough()
      const [r, w] = fds.pipe()
      let calls = 0
      const handles = [loop.addReader(r, () => calls++), loop.addReader(stream, () => calls++)]
      const turnsOf = async (): Promise<void> => {
        for (let i = 0; i < 4; i++) {
          for (const handle of handles) handle.unref()
          if (i % 2 === 0) await turn()
          for (const handle of handles) handle.ref()
          if (i % 2 === 1) await turn()
        }
      }
      await turnsOf()
      expect(calls).toBe(0)
      fds.write(w, "x")
      stream.write("x")
      await until(() => calls > 4)
      await turnsOf()
      const before = calls
      await until(() => calls > before + 4)
      for (const handle of handles)
        expect([handle.hasRef(), handle.cancel(), handle.hasRef()]).toEqual([true, undefined, false])
      for (const handle of handles) handle.ref()
      expect(watched(loop)).toEqual([0, 0])
      stream.destroy()
    }))
})

describe("what is no stream for this side", () => {
  it("a Readable has no writer, and a Writable no reader: TypeError", () =>
    withLoop(async (loop) => {
      const readable = new Readable({ read() {} })
      const writable = new Writable()
      for (const call of [
        () => loop.addWriter(readable, () => {}),
        () => loop.removeWriter(readable),
        () => loop.addReader(writable, () => {}),
        () => loop.removeReader(writable)
      ]) {
        expect(call).toThrow(TypeError)
      }
      readable.destroy()
      writable.destroy()
    }))
})
