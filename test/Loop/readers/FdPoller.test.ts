/** What readers of descriptors stand on, on systems that are not there: layouts, errors, reasons, and the poller's care. */
// Covers: fdBackend, kqueue, pipePoll
import { createRequire } from "node:module"
import { constants } from "node:os"
import { describe, expect, it } from "vitest"
import { FdPollUnavailableError } from "../../../src/index.js"
import { type EpollCalls, EpollSet } from "../../../src/Loop/readers/epoll.js"
import { type Koffi, makeBackend } from "../../../src/Loop/readers/fdBackend.js"
import { type FdBackend, FdPoller, type FdSet } from "../../../src/Loop/readers/FdPoller.js"
import { type KqueueCalls, KqueueSet, layoutOf } from "../../../src/Loop/readers/kqueue.js"
import { READ, WRITE } from "../../../src/Loop/readers/Readiness.js"
import * as fds from "../../support/fds.js"
import { settled, turn, until } from "../../support/readerLoops.js"

const { EBADF, EEXIST, EMFILE, ENOENT } = constants.errno

const ready = (set: FdSet) => {
  const found: Array<{ fd: number; events: number; generation: number }> = []
  set.wait((fd, events, generation) => found.push({ fd, events, generation }))
  return found
}

describe("struct epoll_event", () => {
  /** Keeps what it is given as bytes, and answers with what it is told to. */
  const calls = (answers: ReadonlyArray<number> = []) => {
    const log: Array<{ operation: number; fd: number; bytes: string }> = []
    let next = 0
    const fake: EpollCalls = {
      create: () => 90 + next++,
      control: (_, operation, fd, event) => {
        log.push({ operation, fd, bytes: Buffer.from(event.buffer).toString("hex") })
        return 0
      },
      wait: (_, events) => {
        events.set(answers)
        return 2
      },
      close: () => 0,
      errno: () => 0
    }
    return { fake, log }
  }

  it.each([
    ["x64", "05000000" + "07000000" + "02000000"],
    ["ia32", "05000000" + "07000000" + "02000000"],
    ["arm64", "05000000" + "00000000" + "07000000" + "02000000"],
    ["riscv64", "05000000" + "00000000" + "07000000" + "02000000"]
  ])("is written as %s has it", (arch, bytes) => {
    const { fake, log } = calls()
    expect(new EpollSet(fake, 7, arch).add(7, READ | WRITE, 2)).toBe(0)
    expect(log).toEqual([{ operation: 1, fd: 7, bytes }])
  })

  it.each([
    ["x64", [1, 7, 2, 0x10, 8, -1]],
    ["arm64", [1, 0, 7, 2, 0x10, 0, 8, -1]]
  ])("is read as %s has it; an end is for both sides", (arch, answers) => {
    expect(ready(new EpollSet(calls(answers).fake, 7, arch))).toEqual([
      { fd: 7, events: READ, generation: 2 },
      { fd: 8, events: READ | WRITE, generation: -1 }
    ])
  })

  it("what is known already, although it was removed, is changed instead of added", () => {
    const operations: Array<number> = []
    let errno = 0
    const set = new EpollSet(
      {
        ...calls().fake,
        control: (_, operation) => {
          operations.push(operation)
          errno = operation === 1 ? EEXIST : 0
          return errno === 0 ? 0 : -1
        },
        errno: () => errno
      },
      7
    )
    expect([set.add(7, READ, 1), operations]).toEqual([0, [1, 3]])
  })

  it("where there is no descriptor for it, or for its probe: an error, and nothing is left open", () => {
    for (const fails of [1, 2]) {
      const open = new Set<number>()
      let made = 0
      const fake: EpollCalls = {
        ...calls().fake,
        create: () => {
          if (++made === fails) return -1
          open.add(90 + made)
          return 90 + made
        },
        close: (fd) => (open.delete(fd) ? 0 : -1),
        errno: () => EMFILE
      }
      expect(() => new EpollSet(fake, 7)).toThrow(
        expect.objectContaining({ name: "FdError", code: "EMFILE", fd: 7, syscall: "epoll_create1" })
      )
      expect([...open]).toEqual([])
    }
  })
})

/** kqueue as its manual has it, over bytes: filters by descriptor, receipts, events. */
class Kqueue implements KqueueCalls {
  /** fd:filter, and the generation it was added with. */
  readonly filters = new Map<string, number>()
  /** fd:filter of what is ready. */
  readonly ready = new Set<string>()
  readonly changes: Array<{ bytes: number; flags: number; key: string }> = []
  readonly closed = new Set<number>()
  constructor(readonly size: number) {}
  create(): number {
    return 90
  }
  close(): number {
    return 0
  }
  errno(): number {
    return EMFILE
  }
  /** The descriptor was closed: the system forgets its filters. */
  forget(fd: number): void {
    for (const key of [...this.filters.keys()]) if (key.startsWith(`${fd}:`)) this.filters.delete(key)
  }
  kevent(_: number, changes: Uint8Array, count: number, events: Uint8Array, most: number): number {
    if (count > 0) {
      const change = Buffer.from(changes.buffer, changes.byteOffset, changes.byteLength)
      const [fd, filter, flags] = [
        Number(change.readBigUInt64LE(0)),
        change.readInt16LE(8),
        change.readUInt16LE(10)
      ]
      const key = `${fd}:${filter}`
      this.changes.push({ bytes: change.length, flags, key })
      let errno = 0
      if (this.closed.has(fd)) errno = EBADF
      else if ((flags & 2) !== 0) errno = this.filters.delete(key) ? 0 : ENOENT
      else this.filters.set(key, change.readInt32LE(24))
      const receipt = Buffer.from(events.buffer, events.byteOffset, events.byteLength)
      change.copy(receipt)
      receipt.writeUInt16LE(0x4000, 10)
      receipt.writeBigInt64LE(BigInt(errno), 16)
      return 1
    }
    let at = 0
    const found = Buffer.from(events.buffer, events.byteOffset, events.byteLength)
    for (const [key, generation] of this.filters) {
      if (!this.ready.has(key) || at === most) continue
      const [fd, filter] = key.split(":").map(Number) as [number, number]
      found.writeBigUInt64LE(BigInt(fd), at * this.size)
      found.writeInt16LE(filter, at * this.size + 8)
      found.writeInt32LE(generation, at * this.size + 24)
      at++
    }
    return at
  }
}

describe.each([
  ["darwin", 32],
  ["freebsd", 64]
])("struct kevent of %s", (platform, size) => {
  const make = () => {
    const system = new Kqueue(size)
    return { system, set: new KqueueSet(system, 7, layoutOf(platform)) }
  }

  it("has its size; each side is a filter of its own, level-triggered, and asks for a receipt", () => {
    const { set, system } = make()
    expect([set.fd, set.add(7, READ | WRITE, 5), set.nestable()]).toEqual([90, 0, 0])
    expect(system.changes).toEqual([
      { bytes: size, flags: 0x41, key: "7:-1" },
      { bytes: size, flags: 0x41, key: "7:-2" }
    ])
    set.remove(7, READ | WRITE)
    expect(system.changes.slice(2)).toEqual([
      { bytes: size, flags: 0x42, key: "7:-1" },
      { bytes: size, flags: 0x42, key: "7:-2" }
    ])
    expect(system.filters.size).toBe(0)
  })

  it("tells of both sides of a descriptor at once, with the generation they were added with", () => {
    const { set, system } = make()
    set.add(7, READ | WRITE, 5)
    set.add(8, WRITE, -6)
    set.add(9, READ, 7)
    for (const key of ["7:-1", "7:-2", "8:-2"]) system.ready.add(key)
    expect(ready(set)).toEqual([
      { fd: 7, events: READ | WRITE, generation: 5 },
      { fd: 8, events: WRITE, generation: -6 }
    ])
  })

  it("changes the sides; what was closed since is not there any more, and not added by that", () => {
    const { set, system } = make()
    set.add(7, READ, 5)
    expect([set.change(7, READ, READ | WRITE, 5), [...system.filters.keys()]]).toEqual([0, ["7:-1", "7:-2"]])
    expect([set.change(7, READ | WRITE, WRITE, 5), [...system.filters.keys()]]).toEqual([0, ["7:-2"]])
    system.forget(7)
    expect([set.change(7, WRITE, READ, 5), system.filters.size]).toEqual([ENOENT, 0])
    system.closed.add(7)
    expect([set.change(7, WRITE, READ, 5), set.add(7, READ, 6), system.filters.size]).toEqual([
      EBADF,
      EBADF,
      0
    ])
  })

  it("where there is no descriptor for it: an error", () => {
    const system = new Kqueue(size)
    system.create = () => -1
    expect(() => new KqueueSet(system, 7, layoutOf(platform))).toThrow(
      expect.objectContaining({ name: "FdError", code: "EMFILE", syscall: "kqueue" })
    )
  })

  it("a poller on it adds again what was closed and came back, and is told of that only", async () => {
    const { set, system } = make()
    let wake = (): void => {}
    const told: Array<readonly [number, number]> = []
    const poller = new FdPoller(
      { open: () => set, poll: (_, callback) => ((wake = callback), handle([])) },
      (fd, events) => told.push([fd, events])
    )
    poller.resume()
    poller.watch(7, READ)
    system.forget(7)
    poller.watch(7, READ | WRITE)
    system.ready.add("7:-2")
    wake()
    await turn()
    expect(told).toEqual([[7, WRITE]])
    poller.keep(7, 0)
    expect(system.filters.size).toBe(0)
    poller.close()
  })
})

const handle = (log: Array<string> = []) => ({
  start: () => void log.push("start"),
  stop: () => void log.push("stop"),
  ref: () => void log.push("ref"),
  unref: () => void log.push("unref"),
  close: () => void log.push("close")
})

/** A backend that keeps a log, and can be ready, full, or haunted. */
const recording = () => {
  const log: Array<string> = []
  const state = {
    full: false,
    deaf: false,
    ready: [] as Array<readonly [number, number, number]>,
    wake: () => {},
    sets: 0
  }
  const backend: FdBackend = {
    open: (fd) => {
      if (state.full) throw new Error(`no set for ${fd}`)
      const number = 100 + state.sets++
      log.push(`open ${number}`)
      return {
        fd: number,
        syscall: "test",
        add: (fd) => (log.push(`add ${fd} to ${number}`), 0),
        change: () => 0,
        remove: (fd) => void log.push(`remove ${fd}`),
        owns: (fd) => fd === number,
        nestable: () => 0,
        wait: (f) => state.ready.forEach((found) => f(...found)),
        close: () => void log.push(`close ${number}`)
      }
    },
    poll: (fd, callback, target) => {
      if (state.deaf) throw new Error(`no poll for ${target}`)
      state.wake = callback
      log.push(`poll ${fd}`)
      return handle(log)
    }
  }
  return { log, state, backend }
}

describe("the poller", () => {
  it("opens its set with the first descriptor, polls while it is not paused, and lets go when nothing is watched", async () => {
    const { backend, log, state } = recording()
    const poller = new FdPoller(backend, () => {})
    expect(log).toEqual([])
    poller.watch(7, READ)
    expect(log.splice(0)).toEqual(["open 100", "poll 100", "stop", "add 7 to 100"])
    // Closed before the set was opened, which got its number.
    expect(() => poller.watch(100, READ)).toThrow(expect.objectContaining({ code: "EBADF" }))
    poller.resume()
    poller.resume()
    expect(log.splice(0)).toEqual(["start"])
    poller.hold(false)
    poller.hold(false)
    poller.pause()
    poller.pause()
    poller.resume()
    expect(log.splice(0)).toEqual(["unref", "stop", "start"])
    poller.keep(7, 0)
    poller.watch(8, READ)
    expect(log.splice(0)).toEqual(["remove 7", "add 8 to 100"])
    await turn()
    await turn()
    expect(log.splice(0)).toEqual([])
    poller.hold(true)
    poller.keep(8, 0)
    poller.keep(8, 0)
    await turn()
    await turn()
    expect(log.splice(0)).toEqual(["ref", "remove 8", "stop"])
    state.wake()
    poller.close()
    poller.close()
    // Never again a call of the handle after its close.
    expect(log.splice(0)).toEqual(["close", "close 100"])
    poller.hold(false)
    poller.pause()
    expect(log).toEqual([])
  })

  it("what libuv wakes it for is told in a turn of its own, once; not when it was paused or closed meanwhile", async () => {
    for (const meanwhile of ["nothing", "pause", "close", "keep"] as const) {
      const { backend, state } = recording()
      const told: Array<number> = []
      const poller = new FdPoller(backend, (fd) => told.push(fd))
      poller.watch(7, READ)
      poller.watch(8, READ)
      poller.resume()
      state.ready = [
        [7, READ, 1],
        [8, READ, 2]
      ]
      state.wake()
      state.wake()
      expect(told).toEqual([])
      if (meanwhile === "pause") poller.pause()
      if (meanwhile === "close") poller.close()
      if (meanwhile === "keep") {
        poller.keep(8, 0)
        state.ready.pop()
      }
      await turn()
      expect([meanwhile, told]).toEqual([
        meanwhile,
        meanwhile === "nothing" ? [7, 8] : meanwhile === "keep" ? [7] : []
      ])
      poller.close()
    }
  })

  it("looks by itself while something is ready, and has libuv look again when nothing is", async () => {
    const { backend, log, state } = recording()
    const told: Array<number> = []
    const poller = new FdPoller(backend, (fd) => told.push(fd))
    poller.watch(7, READ)
    poller.resume()
    log.length = 0
    state.ready = [[7, READ, 1]]
    state.wake()
    expect(log.splice(0)).toEqual(["stop"])
    for (let i = 1; i < 4; i++) {
      await turn()
      expect([log, told]).toEqual([[], Array.from({ length: i }, () => 7)])
    }
    state.ready = []
    await turn()
    await turn()
    expect([log, told]).toEqual([["start"], [7, 7, 7]])
    poller.close()
  })

  it("does not go round for what holds no process: libuv looks, also when that changes in between", async () => {
    const { backend, log, state } = recording()
    const told: Array<number> = []
    const poller = new FdPoller(backend, (fd) => told.push(fd))
    poller.watch(7, READ)
    poller.resume()
    poller.hold(false)
    log.length = 0
    state.ready = [[7, READ, 1]]
    state.wake()
    await turn()
    expect([log.splice(0), told]).toEqual([["stop", "start"], [7]])
    await turn()
    expect([log.splice(0), told]).toEqual([[], [7]])
    poller.hold(true)
    state.wake()
    await turn()
    expect([log.splice(0), told]).toEqual([
      ["ref", "stop"],
      [7, 7]
    ])
    poller.hold(false)
    expect(log.splice(0)).toEqual(["unref", "start"])
    poller.close()
  })

  it("a registration of which it knows nothing moves it to a new set; without a descriptor for one, later", async () => {
    const { backend, log, state } = recording()
    const told: Array<number> = []
    const poller = new FdPoller(backend, (fd) => told.push(fd))
    poller.watch(7, READ)
    poller.resume()
    log.length = 0
    state.ready = [
      [99, READ, 0],
      [7, READ, 1]
    ]
    state.full = true
    state.wake()
    await turn()
    expect([log, told]).toEqual([["stop"], [7]])
    state.full = false
    await turn()
    expect(log.splice(0)).toEqual([
      "stop",
      "open 101",
      "poll 101",
      "stop",
      "add 7 to 101",
      "close",
      "close 100"
    ])
    expect(told).toEqual([7, 7])
    state.ready = []
    await turn()
    expect([log, told]).toEqual([["start"], [7, 7]])
    poller.close()
  })

  it("where the set cannot be polled: refused before anything is added, and tried again the next time", () => {
    const { backend, log, state } = recording()
    const poller = new FdPoller(backend, () => {})
    poller.resume()
    state.deaf = true
    expect(() => poller.watch(7, READ)).toThrow("no poll for 7")
    expect(log.splice(0)).toEqual(["open 100"])
    state.deaf = false
    poller.watch(7, READ)
    expect(log.splice(0)).toEqual(["poll 100", "stop", "add 7 to 100", "start"])
    poller.close()
  })

  it("without a poll handle for the new set it stays with the old one, and leaves nothing open", async () => {
    const { backend, log, state } = recording()
    const poller = new FdPoller(backend, () => {})
    poller.watch(7, READ)
    poller.resume()
    log.length = 0
    state.ready = [[99, READ, 0]]
    state.deaf = true
    state.wake()
    await turn()
    expect(log.splice(0)).toEqual(["stop", "open 101", "close 101", "start"])
    poller.close()
    expect(log).toEqual(["stop", "close", "close 100"])
  })
})

describe("the backend", () => {
  const koffi = (change: Partial<Koffi> = {}): Koffi => ({
    version: "3.3.4",
    load: () => ({ func: () => () => 3 }),
    errno: () => 0,
    node: { poll: () => handle() },
    ...change
  })
  const failing = (code: string) => () => {
    throw Object.assign(new Error("cannot"), { code })
  }
  const reasonOf = (platform: string, load: () => unknown): FdPollUnavailableError => {
    try {
      makeBackend(platform, load)
    } catch (error) {
      expect(error).toBeInstanceOf(FdPollUnavailableError)
      expect(error).toMatchObject({ code: "ERR_FD_POLL_UNAVAILABLE", _tag: "FdPollUnavailableError" })
      return error as FdPollUnavailableError
    }
    throw new Error("it was available")
  }

  it("is there on Linux, macOS and FreeBSD", () => {
    for (const platform of ["linux", "android", "darwin", "freebsd"]) {
      const backend = makeBackend(platform, () => koffi())
      expect(backend.open(0).fd).toBe(3)
      const listeners = process.listenerCount("exit")
      const poll = backend.poll(3, () => {}, 3)
      expect(process.listenerCount("exit")).toBe(listeners + 1)
      poll.close()
      expect(process.listenerCount("exit")).toBe(listeners)
    }
  })

  // Before the next one: what was found is kept.
  it("is not there in worker threads without a descriptor to find the handle with", () => {
    const none = makeBackend(
      "linux",
      () => koffi({ load: () => ({ func: (prototype) => () => (prototype.includes("pipe") ? -1 : 3) }) }),
      false
    )
    expect(() => none.poll(3, () => {}, 3)).toThrow(FdPollUnavailableError)
  })

  it("polls in worker threads by a handle of Node's own, which it finds there", async () => {
    const before = fds.countFds()
    const backend = makeBackend(process.platform, () => createRequire(import.meta.url)("koffi"), false)
    const told: Array<number> = []
    const poller = new FdPoller(backend, (fd) => {
      told.push(fd)
      fds.read(fd)
    })
    const [r, w] = fds.pipe()
    poller.watch(r, READ)
    poller.resume()
    await settled()
    expect(told).toEqual([])
    for (let i = 1; i < 4; i++) {
      poller.hold(i === 2)
      fds.write(w, "x")
      await until(() => told.length === i)
      await settled()
    }
    poller.pause()
    fds.write(w, "x")
    await settled()
    expect(told).toEqual([r, r, r])
    poller.resume()
    await until(() => told.length === 4)
    poller.close()
    await until(() => fds.countFds() === before + 2)
    expect(process.listenerCount("exit")).toBe(0)
  })

  it("is an error in worker threads when no descriptor is left for the handle", () => {
    const full = makeBackend(
      "linux",
      () =>
        koffi({
          load: () => ({ func: (prototype) => () => (prototype.includes("fcntl") ? -1 : 3) }),
          errno: () => constants.errno.EMFILE
        }),
      false
    )
    expect(() => full.poll(3, () => {}, 7)).toThrow(
      expect.objectContaining({ name: "FdError", code: "EMFILE", syscall: "fcntl", fd: 7 })
    )
  })

  it("is not there on other platforms, for which koffi is not even loaded", () => {
    for (const platform of ["win32", "aix", "sunos", "openbsd"]) {
      const { cause, message, reason } = reasonOf(platform, () => expect.unreachable())
      expect(reason).toBe(`there is none for the platform ${platform}; pass streams and sockets themselves`)
      expect([message, cause]).toEqual([
        `readers and writers of file descriptors need a poll backend: ${reason}`,
        undefined
      ])
    }
  })

  it("is not there without koffi, where it may not be loaded, is too old, or fails: with the reason and the cause", () => {
    const cases = [
      [failing("MODULE_NOT_FOUND"), "the optional peer koffi is not installed: npm install koffi@3"],
      [
        failing("ERR_DLOPEN_DISABLED"),
        "native addons are disabled (--no-addons, or --permission without --allow-addons)"
      ],
      [failing("ERR_DLOPEN_FAILED"), "the optional peer koffi could not be loaded"],
      [() => koffi({ load: () => failing("")() as never }), "the C library lacks the calls for it"]
    ] as const
    for (const [load, reason] of cases) {
      const error = reasonOf("linux", load)
      expect([error.reason, (error.cause as Error).message]).toEqual([reason, "cannot"])
    }
    for (const node of [{}, { poll: "no" }]) {
      const old = koffi({ node: node as NonNullable<Koffi["node"]> })
      expect(reasonOf("linux", () => old).reason).toBe(
        "koffi 3.3.4 has no node.poll; install koffi 3.3.4 or later"
      )
    }
    const { node: _, version: __, ...ancient } = koffi()
    expect(reasonOf("linux", () => ancient).reason).toContain("koffi ? has no node.poll")
  })
})
