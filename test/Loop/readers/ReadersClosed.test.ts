/** Descriptors that are closed while they are watched, and whose numbers come back: nobody's process ends by that. */
import { once } from "node:events"
import * as net from "node:net"
import { describe, expect, it } from "vitest"
import type { EventLoop } from "../../../src/index.js"
import * as fds from "../../support/fds.js"
import { settled, turn, until, watched, withLoop } from "../../support/readerLoops.js"

/** Whether the descriptor was closed in the turn it was added in, or after the system had been asked. */
const turns = [
  ["in the same turn", async () => {}],
  ["some turns later", settled]
] as const

/** How often the system's set is looked at while nothing should be ready. */
const looksOf = async (during: () => Promise<void>): Promise<number> => {
  const before = process.resourceUsage()
  await during()
  const after = process.resourceUsage()
  return after.userCPUTime + after.systemCPUTime - before.userCPUTime - before.systemCPUTime
}

/** What is active, without the timers of the test runner. */
const resources = () =>
  process
    .getActiveResourcesInfo()
    .filter((name) => name !== "Timeout")
    .sort()

/** The loop still watches what it is given. */
const alive = async (loop: EventLoop): Promise<void> => {
  const [r, w] = fds.pipe()
  fds.write(w, "x")
  let calls = 0
  loop.addReader(r, () => calls++)
  await until(() => calls > 1)
  expect(loop.removeReader(r)).toBe(true)
}

describe.each(turns)("a descriptor that is closed while it is watched, %s", (_, wait) => {
  it("is silent; removing it gives true, then false", () =>
    withLoop(async (loop, reports) => {
      const [r, w] = fds.pipe()
      loop.addReader(r, () => expect.unreachable())
      loop.addWriter(w, () => {})
      await wait()
      fds.close(r)
      fds.close(w)
      await settled()
      expect(watched(loop)).toEqual([1, 1])
      expect([loop.removeReader(r), loop.removeWriter(w)]).toEqual([true, true])
      expect([loop.removeReader(r), loop.removeWriter(w), watched(loop), reports]).toEqual([
        false,
        false,
        [0, 0],
        []
      ])
      await alive(loop)
    }))

  it("is silent when the loop is closed with it", async () => {
    await withLoop(async (loop) => {
      const [r] = fds.pipe()
      loop.addReader(r, () => expect.unreachable())
      await wait()
      fds.close(r)
    })
  })

  it("its number is used again: no stale call, and removing does not disturb the new file", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      loop.addReader(r, () => expect.unreachable())
      await wait()
      fds.close(r)
      const [other, sends] = fds.pipe()
      const reused = other === r ? other : fds.dup2(other, r)
      fds.write(sends, "x")
      await settled()
      expect([loop.removeReader(r), loop.removeReader(r)]).toEqual([true, false])
      expect(fds.read(reused)).toBe("x")
      fds.close(w)
      await alive(loop)
    }))

  it("its number is used again, and added again without removing: it is called", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      const stale = loop.addReader(r, () => expect.unreachable())
      await wait()
      fds.close(r)
      const [other, sends] = fds.pipe()
      if (other !== r) fds.dup2(other, r)
      const got: Array<string> = []
      loop.addReader(r, () => got.push(fds.read(r)))
      expect(stale.cancelled()).toBe(true)
      fds.write(sends, "new")
      await until(() => got.length > 0)
      await settled()
      expect([got, watched(loop), loop.removeReader(r), loop.removeReader(r)]).toEqual([
        ["new"],
        [1, 0],
        true,
        false
      ])
    }))

  it("its number is used again, and a writer is added beside the lost reader: both are of the new file", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      const log: Array<string> = []
      loop.addReader(r, () => log.push(`read ${fds.read(r)}`))
      await wait()
      fds.close(r)
      const [a, b] = fds.socketPair()
      if (a !== r) fds.dup2(a, r)
      loop.addWriter(r, () => {
        log.push("write")
        loop.removeWriter(r)
      })
      fds.write(b, "x")
      await until(() => log.length === 2)
      expect(log.sort()).toEqual(["read x", "write"])
      expect(loop.removeReader(r)).toBe(true)
    }))

  it("added again while it is not open: EBADF, and the registration stays as it is", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      const handle = loop.addReader(r, () => expect.unreachable())
      await wait()
      fds.close(r)
      expect(() => loop.addReader(r, () => {})).toThrow(expect.objectContaining({ code: "EBADF" }))
      expect(() => loop.addWriter(r, () => {})).toThrow(expect.objectContaining({ code: "EBADF" }))
      expect([handle.cancelled(), watched(loop), loop.removeReader(r)]).toEqual([false, [1, 0], true])
    }))

  it("a dup of it is alive, and ready; it is removed: no call, and no turn after turn for it", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const handle = loop.addReader(r, () => expect.unreachable())
      await wait()
      fds.dup(r)
      fds.close(r)
      loop.removeReader(r)
      fds.write(w, "x")
      // With something else to watch, so that the set is looked at.
      const [idle] = fds.pipe()
      loop.addReader(idle, () => expect.unreachable())
      await settled()
      const busy = await looksOf(() => new Promise((resolve) => setTimeout(resolve, 300)))
      expect(busy).toBeLessThan(150_000)
      expect(handle.cancelled()).toBe(true)
      await alive(loop)
      expect(loop.removeReader(idle)).toBe(true)
    }))

  it("a dup of it is alive; the others move to a new set: none is lost, none that was lost comes back", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const [kept, sends] = fds.pipe()
      const [lost] = fds.pipe()
      const got: Array<string> = []
      loop.addReader(r, () => expect.unreachable())
      loop.addReader(kept, () => got.push(fds.read(kept)))
      loop.addReader(lost, () => expect.unreachable())
      await wait()
      fds.dup(r)
      fds.close(r)
      loop.removeReader(r)
      // Somebody else's by now, and ready.
      fds.close(lost)
      const [other, more] = fds.pipe()
      fds.dup2(other, lost)
      fds.write(more, "not for us")
      fds.write(w, "phantom")
      await settled()
      fds.write(sends, "kept")
      await until(() => got.length > 0)
      expect([got, watched(loop)]).toEqual([["kept"], [2, 0]])
      expect([loop.removeReader(kept), loop.removeReader(lost)]).toEqual([true, true])
    }))

  it("it comes back as a dup of the same file: it is called, for as long as it is watched", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      loop.addReader(r, () => expect.unreachable())
      await wait()
      const copy = fds.dup(r)
      fds.close(r)
      loop.removeReader(r)
      fds.dup2(copy, r)
      const got: Array<string> = []
      loop.addReader(r, () => got.push(fds.read(r)))
      fds.write(w, "x")
      await until(() => got.length > 0)
      expect([got, loop.removeReader(r)]).toEqual([["x"], true])
      await settled()
      await alive(loop)
    }))

  it("a socket of Node gets its number: it works, before and after the stale one is removed", () =>
    withLoop(async (loop) => {
      const server = net.createServer((socket) => socket.pipe(socket))
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as net.AddressInfo
      const [r, w] = fds.pipe()
      loop.addReader(r, () => expect.unreachable())
      await wait()
      fds.close(r)
      const client = net.connect(port, "127.0.0.1")
      await once(client, "connect")
      const echoed = async (text: string): Promise<string> => {
        client.write(text)
        return String((await once(client, "data"))[0])
      }
      expect(await echoed("one")).toBe("one")
      await settled()
      expect(await echoed("two")).toBe("two")
      expect(loop.removeReader(r)).toBe(true)
      expect(await echoed("three")).toBe("three")
      fds.close(w)
      client.destroy()
      server.close()
      await once(server, "close")
    }))
})

describe("descriptors that Node uses", () => {
  it("a socket of Node by its number: Node reads it first, and both go on", () =>
    withLoop(async (loop, reports) => {
      const server = net.createServer((socket) => socket.pipe(socket))
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const client = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1")
      await once(client, "connect")
      const { fd } = (client as unknown as { _handle: { fd: number } })._handle
      loop.addReader(fd, () => {})
      let writable = 0
      loop.addWriter(fd, () => writable++)
      client.write("hello")
      expect(String((await once(client, "data"))[0])).toBe("hello")
      await until(() => writable > 0)
      expect([loop.removeReader(fd), loop.removeWriter(fd)]).toEqual([true, true])
      client.write("again")
      expect(String((await once(client, "data"))[0])).toBe("again")
      client.destroy()
      server.close()
      await once(server, "close")
      expect(reports).toEqual([])
    }))
})

describe("the library's own descriptors", () => {
  it("100,000 pairs of add and remove leave none, and no memory", { timeout: 60_000 }, () =>
    withLoop(async (loop) => {
      const [r, w] = fds.socketPair()
      const pairs = (count: number): void => {
        for (let i = 0; i < count; i++) {
          loop.addReader(r, () => {})
          if (i % 3 === 0) loop.addWriter(r, () => {})
          loop.removeReader(r)
          if (i % 3 === 0) loop.removeWriter(r)
        }
      }
      // The first ones compile code, and give the heap its size.
      for (let i = 0; i < 20; i++) {
        pairs(1_000)
        await turn()
      }
      globalThis.gc?.()
      const before = { fds: fds.countFds(), ...process.memoryUsage() }
      for (let i = 0; i < 100; i++) {
        pairs(1_000)
        await turn()
        // The heap does not shrink as fast as it grows.
        if (i % 5 === 0) globalThis.gc?.()
      }
      await settled()
      globalThis.gc?.()
      const after = process.memoryUsage()
      expect(fds.countFds()).toBe(before.fds)
      expect(after.heapUsed - before.heapUsed).toBeLessThan(5 * 2 ** 20)
      expect(after.rss - before.rss).toBeLessThan(30 * 2 ** 20)
      expect(watched(loop)).toEqual([0, 0])
      fds.close(w)
    })
  )

  it("shutdown-002 a closed loop gives back its set and its poll handle; a loop that watched nothing has none", async () => {
    const before = { fds: fds.countFds(), resources: resources() }
    await withLoop(async () => {
      expect(fds.countFds()).toBe(before.fds)
    })
    let loop: EventLoop | undefined
    const [r, w] = fds.pipe()
    await withLoop(async (opened) => {
      loop = opened
      opened.addReader(r, () => {})
      opened.addWriter(w, () => {})
      await settled()
    })
    expect(watched(loop!)).toEqual([0, 0])
    expect(fds.countFds()).toBe(before.fds + 2)
    expect(resources()).toEqual(before.resources)
    expect(() => loop!.addReader(r, () => {})).toThrow("closed")
    expect(() => loop!.addWriter(w, () => {})).toThrow("closed")
    loop!.close()
    loop!.close()
    expect(fds.countFds()).toBe(before.fds + 2)
  })

  it("one set and one handle for each loop, and none is left of a hundred", async () => {
    const [r, w] = fds.pipe()
    fds.write(w, "x")
    const before = fds.countFds()
    await Promise.all(
      Array.from({ length: 100 }, () =>
        withLoop(async (loop) => {
          let calls = 0
          loop.addReader(r, () => calls++)
          await until(() => calls > 2)
        })
      )
    )
    expect(fds.countFds()).toBe(before)
  })

  it("no descriptor is left for the set: EMFILE, and nothing is registered", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      await fds.withoutFds(async () => {
        expect(() => loop.addReader(r, () => {})).toThrow(
          expect.objectContaining({ name: "FdError", code: "EMFILE", syscall: "epoll_create1" })
        )
      })
      expect(watched(loop)).toEqual([0, 0])
      loop.addReader(r, () => {})
      expect(loop.removeReader(r)).toBe(true)
    }))
})
