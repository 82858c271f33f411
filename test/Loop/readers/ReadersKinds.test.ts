/** Every kind of descriptor that can be watched, and those that cannot, on the real thing. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import type { EventLoop } from "../../../src/index.js"
import * as fds from "../../support/fds.js"
import { settled, until, watched, withLoop } from "../../support/readerLoops.js"

/** What reads and writes of a kind are. */
interface Ends {
  readonly reader: number
  /** Makes `reader` readable. */
  readonly send: () => void
  /** Takes everything up. */
  readonly receive?: () => string
  readonly writer?: number
}

const pair = ([reader, writer]: readonly [number, number]): Ends => ({
  reader,
  writer,
  send: () => fds.write(writer, "x\n")
})

const kinds: Record<string, () => Ends> = {
  pipe: () => pair(fds.pipe()),
  "pipe in blocking mode": () => pair(fds.pipe(true)),
  FIFO: () => pair(fds.fifo()),
  "socket pair, stream": () => pair(fds.socketPair("stream")),
  "socket pair, seqpacket": () => pair(fds.socketPair("seqpacket")),
  "socket pair, datagram": () => pair(fds.socketPair("datagram")),
  "pty, slave reads": () => {
    const [master, slave] = fds.pty()
    return pair([slave, master])
  },
  "pty, master reads": () => pair(fds.pty()),
  eventfd: () => {
    const fd = fds.eventFd()
    return { reader: fd, writer: fd, send: () => fds.count(fd) }
  }
}

/** Calls of a reader that does not read, for several turns. */
const callsOf = async (
  loop: EventLoop,
  add: (count: () => void) => void,
  atLeast: number
): Promise<number> => {
  let calls = 0
  add(() => calls++)
  await until(() => calls >= atLeast)
  return calls
}

describe.each(Object.entries(kinds))("%s", (_, make) => {
  it("readers-009 is quiet, then ready again and again while it is not read, then quiet", () =>
    withLoop(async (loop) => {
      const { reader, send } = make()
      let calls = 0
      let reads = false
      const got: Array<string> = []
      loop.addReader(reader, () => {
        calls++
        if (reads) got.push(fds.read(reader))
      })
      await settled()
      expect(calls).toBe(0)
      send()
      await until(() => calls === 3)
      reads = true
      await until(() => got.length > 0)
      await settled()
      const read = calls
      await settled()
      expect(calls).toBe(read)
      expect(got[0]).not.toBe("")
      reads = false
      send()
      await until(() => calls > read)
      expect(loop.removeReader(reader)).toBe(true)
      expect(fds.isOpen(reader)).toBe(true)
    }))

  it("readers-010 is writable, again and again", () =>
    withLoop(async (loop) => {
      const { writer } = make()
      await callsOf(loop, (count) => loop.addWriter(writer!, count), 3)
      expect(loop.removeWriter(writer!)).toBe(true)
    }))

  it("keeps its blocking mode, and is open when the loop is closed", async () => {
    const { reader, writer } = make()
    const before = [fds.isBlocking(reader), fds.isBlocking(writer!)]
    await withLoop(async (loop) => {
      loop.addReader(reader, () => {})
      loop.addWriter(writer!, () => {})
      await settled()
      expect([fds.isBlocking(reader), fds.isBlocking(writer!)]).toEqual(before)
    })
    expect([fds.isBlocking(reader), fds.isBlocking(writer!)]).toEqual(before)
  })
})

describe("descriptors that are only read", () => {
  it("timerfd: ready when it has expired; a writer is accepted, and never called", () =>
    withLoop(async (loop) => {
      const fd = fds.timerFd(5)
      loop.addWriter(fd, () => expect.unreachable())
      const calls = await callsOf(loop, (count) => loop.addReader(fd, count), 3)
      expect(calls).toBe(3)
      expect(fds.read(fd).length).toBe(8)
      loop.addReader(fd, () => expect.unreachable())
      await settled()
      expect([loop.removeReader(fd), loop.removeWriter(fd)]).toEqual([true, true])
    }))

  it("inotify: ready when a file was made; a writer is accepted, and never called", () =>
    withLoop(async (loop) => {
      const folder = fds.folder()
      const fd = fds.inotifyFd(folder)
      let read = ""
      loop.addWriter(fd, () => expect.unreachable())
      loop.addReader(fd, () => void (read += fds.read(fd)))
      await settled()
      expect(read).toBe("")
      fs.writeFileSync(path.join(folder, "made"), "")
      await until(() => read !== "")
      expect(read).toContain("made")
      expect([loop.removeReader(fd), loop.removeWriter(fd)]).toEqual([true, true])
    }))

  it("pidfd: ready when the process has ended", () =>
    withLoop(async (loop) => {
      const child = spawn("cat", { stdio: ["pipe", "ignore", "ignore"] })
      const exit = once(child, "exit")
      const fd = fds.pidFd(child.pid!)
      let calls = 0
      loop.addReader(fd, () => calls++)
      await settled()
      expect(calls).toBe(0)
      child.stdin!.end()
      await until(() => calls > 2)
      expect(loop.removeReader(fd)).toBe(true)
      await exit
    }))

  it("a set of epoll: accepted", () =>
    withLoop(async (loop) => {
      const fd = fds.epollFd()
      loop.addReader(fd, () => expect.unreachable())
      await settled()
      expect(loop.removeReader(fd)).toBe(true)
    }))

  it("a listening socket of the system's: ready when somebody connects", () =>
    withLoop(async (loop) => {
      // Node's own server, watched beside Node.
      const server = net.createServer((socket) => socket.destroy())
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const target = server as unknown as { readonly fd: number }
      loop.addReader(target, () => {})
      expect(watched(loop)).toEqual([1, 0])
      const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1")
      await once(client, "close")
      server.close()
      await once(server, "close")
      expect([loop.removeReader(target), watched(loop)]).toEqual([true, [0, 0]])
      expect(() => loop.removeReader(target)).toThrow(TypeError)
    }))
})

describe("what cannot be waited for", () => {
  const closed = () => {
    const fd = fds.dup(0)
    fds.close(fd)
    return fd
  }
  const cases: Record<string, { readonly open: () => number; readonly code: string }> = {
    "a regular file": {
      open: () => fds.adopt(fs.openSync(path.join(fds.folder(), "file"), "w+")),
      code: "EPERM"
    },
    "a directory": { open: () => fds.adopt(fs.openSync(fds.folder(), "r")), code: "EPERM" },
    "/dev/null": { open: () => fds.adopt(fs.openSync("/dev/null", "r+")), code: "EPERM" },
    "a closed descriptor": { open: closed, code: "EBADF" }
  }
  it.each(Object.entries(cases))("%s", (_, { code, open }) =>
    withLoop(async (loop) => {
      const fd = open()
      expect(() => loop.addReader(fd, () => {})).toThrow(
        expect.objectContaining({ name: "FdError", code, fd })
      )
      expect(() => loop.addWriter(fd, () => {})).toThrow(
        expect.objectContaining({ name: "FdError", code, fd })
      )
      expect([loop.removeReader(fd), loop.removeWriter(fd), watched(loop)]).toEqual([false, false, [0, 0]])
      // And the loop goes on.
      const [r, w] = fds.pipe()
      await callsOf(loop, (count) => loop.addWriter(w, count), 1)
      expect([loop.removeWriter(w), loop.removeReader(r)]).toEqual([true, false])
    })
  )

  it("a FileHandle of a regular file, and one that is closed", () =>
    withLoop(async (loop) => {
      const file = await fs.promises.open(path.join(fds.folder(), "file"), "w+")
      expect(() => loop.addReader(file, () => {})).toThrow(expect.objectContaining({ code: "EPERM" }))
      expect(loop.removeReader(file)).toBe(false)
      await file.close()
      expect(() => loop.addReader(file, () => {})).toThrow(RangeError)
    }))
})

describe("many at once", () => {
  it("R+W one fd, 4 ready: the first callback removes all, and exactly one is called", () =>
    withLoop(async (loop) => {
      const pairs = [1, 2, 3, 4].map(() => fds.socketPair())
      let calls = 0
      for (const [, b] of pairs) fds.write(b, "x")
      for (const [a] of pairs) {
        loop.addReader(a, () => {
          calls++
          for (const [other] of pairs) expect(loop.removeReader(other)).toBe(true)
        })
      }
      await until(() => calls > 0)
      await settled()
      expect([calls, watched(loop)]).toEqual([1, [0, 0]])
    }))

  it("a reader that removes the writer of its batch keeps it from being called", () =>
    withLoop(async (loop) => {
      const [a, b] = fds.socketPair()
      fds.write(b, "x")
      const log: Array<string> = []
      loop.addReader(a, () => {
        log.push("reader")
        loop.removeReader(a)
        loop.removeWriter(a)
      })
      loop.addWriter(a, () => log.push("writer"))
      await until(() => log.length > 0)
      await settled()
      expect(log).toEqual(["reader"])
    }))

  it("removed and added again in its callback: the old one is called once, the new one once", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      fds.write(w, "x")
      const log: Array<string> = []
      loop.addReader(r, () => {
        log.push("old")
        loop.removeReader(r)
        loop.addReader(r, () => {
          log.push("new")
          loop.removeReader(r)
        })
      })
      await until(() => log.length === 2)
      await settled()
      expect(log).toEqual(["old", "new"])
    }))

  it("all of a thousand that are ready are told of, and the idle ones are not", () =>
    withLoop(async (loop) => {
      const ready = Array.from({ length: 600 }, () => fds.eventFd(1))
      const idle = Array.from({ length: 400 }, () => fds.eventFd())
      const seen = new Set<number>()
      for (const fd of ready) {
        loop.addReader(fd, () => {
          seen.add(fd)
        })
      }
      for (const fd of idle) loop.addReader(fd, () => expect.unreachable())
      expect(watched(loop)).toEqual([1000, 0])
      await until(() => seen.size === 600)
      for (const fd of [...ready, ...idle]) loop.removeReader(fd)
      expect(watched(loop)).toEqual([0, 0])
    }))

  it("the system's limits of sets in sets are an error, and do not end the process", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      // Sets may be five deep: libuv's, ours, three more.
      const sets = Array.from({ length: 4 }, () => fds.epollFd())
      sets.reduce((inner, outer) => fds.nest(inner, outer), r)
      expect(() => loop.addReader(sets[3]!, () => {})).toThrow(expect.objectContaining({ code: "ELOOP" }))
      // The same file may be watched 500 times, here in one turn, before libuv has looked.
      const dups = Array.from({ length: 501 }, () => fds.dup(w))
      const added = dups.filter((fd) => {
        try {
          loop.addReader(fd, () => {})
          return true
        } catch (error) {
          expect(error).toMatchObject({ name: "FdError", code: "EINVAL", fd })
          return false
        }
      })
      expect([added.length, watched(loop)]).toEqual([500, [500, 0]])
      await settled()
      for (const fd of added) expect(loop.removeReader(fd)).toBe(true)
    }))

  it("two loops watch the same descriptor; the end of one does not disturb the other", () =>
    withLoop(async (outer) => {
      const [r, w] = fds.pipe()
      const log: Array<string> = []
      outer.addReader(r, () => log.push("outer"))
      await withLoop(async (inner) => {
        inner.addReader(r, () => log.push("inner"))
        fds.write(w, "x")
        await until(() => log.includes("inner") && log.includes("outer"))
        expect([watched(inner), watched(outer)]).toEqual([
          [1, 0],
          [1, 0]
        ])
      })
      log.length = 0
      await until(() => log.length === 3)
      expect(log).toEqual(["outer", "outer", "outer"])
      expect(outer.removeReader(r)).toBe(true)
    }))
})

describe("ends", () => {
  it("the writer is gone: the reader of a pipe is called, and reads nothing", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      fds.close(w)
      const got: Array<string> = []
      loop.addReader(r, () => got.push(fds.read(r)))
      await until(() => got.length === 3)
      expect(got).toEqual(["", "", ""])
    }))

  it("the reader is gone: the writer of a full pipe is called, again and again, and so is a reader of that end", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      fds.fill(w)
      const calls = { read: 0, write: 0 }
      loop.addReader(w, () => calls.read++)
      loop.addWriter(w, () => calls.write++)
      await settled()
      expect(calls).toEqual({ read: 0, write: 0 })
      fds.close(r)
      await until(() => calls.read > 2 && calls.write > 2)
      expect(fds.write(w, "x")).toBe("EPIPE")
      expect([loop.removeReader(w), loop.removeWriter(w)]).toEqual([true, true])
    }))

  it("the peer is gone: both sides of a full socket are called, again and again", () =>
    withLoop(async (loop) => {
      const [a, b] = fds.socketPair()
      fds.fill(a)
      const calls = { read: 0, write: 0 }
      loop.addReader(a, () => calls.read++)
      loop.addWriter(a, () => calls.write++)
      await settled()
      expect(calls).toEqual({ read: 0, write: 0 })
      fds.close(b)
      await until(() => calls.read > 2 && calls.write > 2)
    }))

  it("the peer has only stopped sending: that is readable, and nothing more is writable", () =>
    withLoop(async (loop) => {
      const [a, b] = fds.socketPair()
      fds.fill(a)
      const got: Array<string> = []
      loop.addWriter(a, () => expect.unreachable())
      loop.addReader(a, () => got.push(fds.read(a)))
      fds.shutdownWrite(b)
      await until(() => got.length === 2)
      expect(got).toEqual(["", ""])
    }))
})
