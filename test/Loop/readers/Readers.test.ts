/** Readers and writers on real descriptors, as asyncio's and trio-asyncio's suites pin them. */
// Covers: epoll, fdOf, koffiPoll, Readiness
import * as fs from "node:fs"
import { AsyncLocalStorage } from "node:async_hooks"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { Effect } from "effect"
import {
  CancelledError,
  FdError,
  InvalidStateError,
  Loop,
  LoopClosedError,
  QueueFullError,
  runEffect,
  WatchHandle
} from "../../../src/index.js"
import * as fds from "../../support/fds.js"
import { settled, thrown, turn, until, watched, withLoop } from "../../support/readerLoops.js"

describe("readers and writers", () => {
  it("readers-001 a writer that removes itself and sends, a reader that receives and removes itself", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.socketPair()
      const log: Array<string> = []
      loop.addReader(r, () => {
        log.push(fds.read(r))
        loop.removeReader(r)
      })
      loop.addWriter(w, () => {
        log.push("writer")
        loop.removeWriter(w)
        loop.callSoon(() => fds.write(w, "abc"))
      })
      await until(() => log.length === 2)
      await settled()
      expect(log).toEqual(["writer", "abc"])
      expect(watched(loop)).toEqual([0, 0])
    }))

  it("readers-002 a second reader replaces the first, whose handle is cancelled; removed, then there is none", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const log: Array<string> = []
      const f = loop.addReader(r, () => log.push("f"))
      expect(f).toBeInstanceOf(WatchHandle)
      expect(f.cancelled()).toBe(false)
      const g = loop.addReader(r, (text: string) => log.push(text + fds.read(r)), "g ")
      expect([f.cancelled(), g.cancelled(), watched(loop)]).toEqual([true, false, [1, 0]])
      fds.write(w, "x")
      await until(() => log.length > 0)
      await settled()
      expect(log).toEqual(["g x"])
      // The cancel of a handle that was replaced is nobody's business any more.
      f.cancel()
      expect([g.cancelled(), watched(loop)]).toEqual([false, [1, 0]])
      expect([loop.removeReader(r), g.cancelled(), loop.removeReader(r)]).toEqual([true, true, false])
    }))

  it("readers-003 a second writer replaces the first", () =>
    withLoop(async (loop) => {
      const [, w] = fds.pipe()
      const log: Array<string> = []
      const f = loop.addWriter(w, () => log.push("f"))
      const g = loop.addWriter(w, () => {
        log.push("g")
        if (log.length === 3) expect([loop.removeWriter(w), loop.removeWriter(w)]).toEqual([true, false])
      })
      expect([f.cancelled(), g.cancelled()]).toEqual([true, false])
      await until(() => log.length === 3)
      await settled()
      expect(log).toEqual(["g", "g", "g"])
      expect(g.cancelled()).toBe(true)
    }))

  it("readers-004 a reader and a writer of one descriptor come and go without each other", () =>
    withLoop(async (loop) => {
      const [a, b] = fds.socketPair()
      const log: Array<string> = []
      const reader = () => loop.addReader(a, () => log.push(fds.read(a)))
      const writer = () => loop.addWriter(a, () => void log.push("w"))
      const first = writer()
      const second = reader()
      expect([first.cancelled(), second.cancelled(), watched(loop)]).toEqual([false, false, [1, 1]])
      expect(loop.removeReader(a)).toBe(true)
      expect([first.cancelled(), second.cancelled(), watched(loop)]).toEqual([false, true, [0, 1]])
      await until(() => log.includes("w"))
      const third = reader()
      expect([loop.removeWriter(a), first.cancelled(), third.cancelled()]).toEqual([true, true, false])
      log.length = 0
      fds.write(b, "still")
      await until(() => log.length > 0)
      expect([log, loop.removeReader(a), watched(loop)]).toEqual([["still"], true, [0, 0]])
    }))

  it("readers-006 what was never registered, and is not even open, is not removed", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      expect([loop.removeReader(r), loop.removeWriter(r), loop.removeReader(65_000)]).toEqual([
        false,
        false,
        false
      ])
    }))

  it("readers-007 L1 the callback is queued: it runs in a pass, after what was queued before it", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const log: Array<unknown> = []
      let before = 0
      loop.addReader(r, () => {
        log.push("reader", loop.statistics().passes > before, fds.read(r))
        loop.callSoon(() => log.push("next pass"))
      })
      loop.addWriter(w, () => {
        // The descriptor is ready already when this is queued, and nobody has been told.
        fds.write(w, "x")
        loop.removeWriter(w)
        before = loop.statistics().passes
        loop.callSoon(() => log.push("queued before"))
      })
      await until(() => log.length === 5)
      expect(log).toEqual(["queued before", "reader", true, "x", "next pass"])
    }))

  it("readers-008 a handle that was cancelled directly is not called, and is registered no more", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      fds.write(w, "x")
      const reader = loop.addReader(r, () => expect.unreachable())
      const writer = loop.addWriter(w, () => expect.unreachable())
      reader.cancel()
      writer.cancel()
      expect(watched(loop)).toEqual([0, 0])
      const before = loop.statistics().callbacks
      await settled()
      expect([loop.removeReader(r), loop.removeWriter(w)]).toEqual([false, false])
      expect(loop.statistics().callbacks).toBe(before)
    }))

  it("readers-009 it is called for every arrival, and at the end, where removing it is possible", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      let all = ""
      let removed: boolean | undefined
      loop.addReader(r, () => {
        const chunk = fds.read(r)
        all += chunk
        if (chunk === "") removed = loop.removeReader(r)
      })
      fds.write(w, "abc")
      await until(() => all === "abc")
      fds.write(w, "def")
      await until(() => all === "abcdef")
      fds.close(w)
      await until(() => removed !== undefined)
      expect([all, removed]).toEqual(["abcdef", true])
    }))

  it("readers-010 a writer is called with its arguments, and what it writes arrives", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const data = "x".repeat(1024)
      const removed = await new Promise((resolve) =>
        loop.addWriter(
          w,
          (text: string, more: number) => {
            fds.write(w, text + more)
            resolve([loop.removeWriter(w), loop.removeWriter(w)])
          },
          data,
          42
        )
      )
      expect([removed, fds.read(r)]).toEqual([[true, false], data + "42"])
    }))

  it("readers-011 what has no descriptor is refused with a TypeError, by the removers too", () =>
    withLoop(async (loop) => {
      const wrong: ReadonlyArray<unknown> = [
        "x",
        "0",
        null,
        undefined,
        1n,
        true,
        Symbol("fd"),
        {},
        [],
        () => {},
        new ReadableStream(),
        new WritableStream(),
        { fd: null },
        { fd: "0" },
        { _handle: null }
      ]
      for (const value of wrong as ReadonlyArray<number>) {
        for (const call of [
          () => loop.addReader(value, () => {}),
          () => loop.addWriter(value, () => {}),
          () => loop.removeReader(value),
          () => loop.removeWriter(value),
          () => loop.autoclose(value)
        ]) {
          expect(thrown(call)).toMatchObject({ name: "TypeError", code: "ERR_INVALID_FD_TYPE" })
        }
      }
      expect(thrown(() => loop.addReader(new ReadableStream() as never, () => {}))["message"]).toContain(
        "Readable.fromWeb"
      )
      expect(thrown(() => loop.addReader("x" as never, () => {}))["message"]).toBe(
        'addReader takes a file descriptor, a stream of Node, or an object with fileno() or fd, not "x"'
      )
      expect(watched(loop)).toEqual([0, 0])
    }))

  it("readers-011 B2 a number that is no descriptor is a RangeError, ERR_INVALID_FD", () =>
    withLoop(async (loop) => {
      for (const value of [-1, -(2 ** 31), NaN, Infinity, 1.5, 2 ** 31]) {
        for (const call of [
          () => loop.addReader(value, () => {}),
          () => loop.addWriter(value, () => {}),
          () => loop.removeReader(value),
          () => loop.removeWriter(value),
          () => loop.addReader({ fd: value }, () => {}),
          () => loop.addReader({ fileno: () => value }, () => {}),
          () => loop.removeReader({ fileno: () => value }),
          () => loop.autoclose(value)
        ]) {
          expect(thrown(call)).toMatchObject({ name: "RangeError", code: "ERR_INVALID_FD" })
        }
      }
      // Zero counts as zero, whatever its sign.
      expect(loop.removeReader(-0)).toBe(false)
      expect(thrown(() => loop.addReader(-1, () => {}))["message"]).toBe(
        "addReader takes a file descriptor from 0 to 2147483647, not -1"
      )
    }))

  it("B2 what is no function is a TypeError, and nothing is registered or replaced", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      const kept = loop.addReader(r, () => {})
      expect(() => loop.addReader(r, undefined as never)).toThrow(
        new TypeError("addReader takes a function, not undefined")
      )
      expect(() => loop.addWriter(r, 1 as never)).toThrow(new TypeError("addWriter takes a function, not 1"))
      expect(() => loop.addReader(r, function* read() {})).toThrow(
        new TypeError("coroutines cannot be used with addReader: give read to createTask")
      )
      expect([kept.cancelled(), watched(loop)]).toEqual([false, [1, 0]])
    }))

  it("readers-012 a descriptor of a transport is refused, by number and by object, while the transport has it", () =>
    withLoop(async (loop) => {
      const [a] = fds.socketPair()
      const [r] = fds.pipe()
      class PipeTransport {}
      loop._transportFds.set(a, new PipeTransport())
      const targets = [
        a,
        { fileno: () => a },
        { fd: a },
        { _handle: { fd: a } },
        streamOn(a)
      ] as Array<number>
      for (const target of targets) {
        for (const call of [
          () => loop.addReader(target, () => {}),
          () => loop.addWriter(target, () => {}),
          () => loop.removeReader(target),
          () => loop.removeWriter(target),
          () => loop.autoclose(target)
        ]) {
          expect(thrown(call)).toEqual({
            name: "InvalidStateError",
            message: `file descriptor ${a} is used by transport <PipeTransport>`
          })
        }
      }
      // Others are not concerned.
      loop.addReader(r, () => {})
      expect([loop.removeReader(r), watched(loop)]).toEqual([true, [0, 0]])
      loop._transportFds.delete(a)
      loop.addReader(a, () => {})
      expect(loop.removeReader(a)).toBe(true)
    }))

  it("readers-015 when removeReader returns it is watched no more: it may be closed and used again at once", () =>
    withLoop(async (loop, reports) => {
      const log: Array<string> = []
      for (let i = 0; i < 50; i++) {
        const [r, w] = fds.pipe()
        fds.write(w, "x")
        loop.addReader(r, () => log.push(`stale ${i}`))
        if (i % 2 === 0) await turn()
        log.length = 0
        expect(loop.removeReader(r)).toBe(true)
        fds.close(r)
        fds.close(w)
      }
      await settled()
      expect([log, reports]).toEqual([[], []])
    }))

  it("readers-018 an object with fileno() or fd stands for its number", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const log: Array<string> = []
      const object = { fileno: () => r, fd: "not asked" }
      const handle = loop.addReader(object as { fileno(): number }, () => log.push(fds.read(r)))
      fds.write(w, "x")
      await until(() => log.length > 0)
      expect(log).toEqual(["x"])
      expect([loop.removeReader({ fd: r }), handle.cancelled(), loop.removeReader(object as never)]).toEqual([
        true,
        true,
        false
      ])
      loop.addReader({ fd: r }, () => log.push("fd"))
      expect(loop.removeReader(r)).toBe(true)
    }))

  it("readers-018 an object that has lost its descriptor is removed by what it is", () =>
    withLoop(async (loop) => {
      const [r] = fds.pipe()
      for (const lost of [-1, null]) {
        const object: { fd: number | null } = { fd: r }
        const handle = loop.addReader(object as { fd: number }, () => {})
        object.fd = lost
        expect(loop.removeWriter.bind(loop, object as { fd: number })).toThrow(Error)
        expect([loop.removeReader(object as { fd: number }), handle.cancelled()]).toEqual([true, true])
        expect(() => loop.removeReader(object as { fd: number })).toThrow(Error)
      }
      expect(watched(loop)).toEqual([0, 0])
    }))

  it("readers-020 added, cancelled and closed in one turn: nothing is reported, and it never runs", () =>
    withLoop(async (loop, reports) => {
      for (const early of [true, false]) {
        const [r, w] = fds.pipe()
        if (early) fds.write(w, "x")
        const handle = loop.addReader(r, () => expect.unreachable())
        handle.cancel()
        fds.close(r)
        if (!early) fds.close(w)
      }
      await settled()
      expect([reports, watched(loop)]).toEqual([[], [0, 0]])
    }))

  it("readers-021 L6 a callback that throws is reported, stays registered, and does not overtake what is queued", () =>
    withLoop(async (loop, reports) => {
      const [r, w] = fds.pipe()
      const log: Array<string> = []
      const error = new Error("boom")
      const handle = loop.addReader(
        r,
        function onData(_: number) {
          log.push("called")
          for (let i = 0; i < 3; i++) loop.callSoon(() => log.push(`queued ${i}`))
          if (log.filter((entry) => entry === "called").length === 2) loop.removeReader(r)
          throw error
        },
        7
      )
      fds.write(w, "x")
      await until(() => log.length === 8)
      expect(log).toEqual([
        ...["called", "queued 0", "queued 1", "queued 2"],
        ...["called", "queued 0", "queued 1", "queued 2"]
      ])
      expect(reports).toHaveLength(2)
      expect(reports[0]).toMatchObject({
        kind: "callback",
        message: "Exception in callback onData(7)",
        exception: error
      })
      expect(reports[0]!.handle).toBe(handle)
    }))

  it("what is queued and has not run is not queued again, however long the queue takes", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const log: Array<string> = []
      loop.addReader(r, () => log.push(fds.read(r)))
      fds.write(w, "x")
      // Callbacks for many turns: I/O comes in between, and finds the descriptor ready each time.
      let left = 5_000
      const busy = (): void => {
        for (const end = performance.now() + 0.01; performance.now() < end;);
        left--
      }
      for (let i = 0; i < 5_000; i++) loop.callSoon(busy)
      await until(() => left === 0 && log.length > 0)
      await settled()
      expect(log).toEqual(["x"])
    }))

  it("context-008 (L5) a reader and a writer run with the value of the call, whatever the data comes under", () =>
    withLoop(async (loop) => {
      const storage = new AsyncLocalStorage<string>()
      const [r, w] = fds.pipe()
      const seen: Array<unknown> = []
      storage.run("reader", () =>
        loop.addReader(r, () => {
          seen.push(storage.getStore(), fds.read(r))
          loop.removeReader(r)
        })
      )
      storage.run("writer", () =>
        loop.addWriter(w, () => {
          seen.push(storage.getStore())
          loop.removeWriter(w)
          storage.run("data", () => fds.write(w, "x"))
        })
      )
      await until(() => seen.length === 3)
      expect(seen).toEqual(["writer", "reader", "x"])
    }))

  for (const how of ["a Future that a reader completes", "runEffect(Loop.readable(fd))"]) {
    it(`readers-023 J2 a task that waits for an idle descriptor ends when it is cancelled, by ${how}`, () =>
      withLoop(async (loop) => {
        const [r] = fds.socketPair()
        const task = loop.createTask(async () => {
          if (how.startsWith("run")) return runEffect(Loop.readable(r))
          const future = loop.createFuture<void>()
          loop.addReader(r, () => future.setResult())
          try {
            await future
          } finally {
            loop.removeReader(r)
          }
        })
        await until(() => watched(loop)[0] === 1)
        await settled()
        const before = performance.now()
        task.cancel()
        await expect(task).rejects.toBeInstanceOf(CancelledError)
        expect(performance.now() - before).toBeLessThan(1_000)
        expect(watched(loop)).toEqual([0, 0])
      }))
  }

  it("S4 shutdown-005 on a closed loop adding throws LoopClosedError, and registers nothing", async () => {
    const loop = await Effect.runPromise(Effect.scoped(Loop.open({ name: "gone" })))
    const [r] = fds.pipe()
    for (const call of [
      () => loop.addReader(r, () => {}),
      () => loop.addWriter(r, () => {}),
      () => loop.autoclose(r)
    ]) {
      expect(call).toThrow(LoopClosedError)
    }
    expect(() => loop.addReader(r, () => {})).toThrow(
      "addReader() on a closed loop: the event loop gone is closed"
    )
    // Bad arguments come first, as everywhere.
    expect(() => loop.addReader(-1, () => {})).toThrow(RangeError)
    expect(() => loop.removeReader("x" as never)).toThrow(TypeError)
    expect([loop.removeReader(r), loop.removeWriter(r), watched(loop)]).toEqual([false, false, [0, 0]])
    expect(() => loop.noAutoclose(r)).toThrow(InvalidStateError)
    expect(fds.isOpen(r)).toBe(true)
  })

  it("a full queue refuses a reader as it refuses every callback", () =>
    withLoop(
      async (loop) => {
        const [r] = fds.pipe()
        loop.callSoon(() => {})
        expect(() => loop.addReader(r, () => {})).toThrow(QueueFullError)
        expect(watched(loop)).toEqual([0, 0])
        await settled()
        // What is ready is queued all the same: it was accepted.
        const [, w] = fds.pipe()
        const log: Array<string> = []
        loop.addWriter(w, () => {
          log.push("writer")
          loop.removeWriter(w)
        })
        await turn()
        await until(() => log.length === 1)
      },
      { queueLength: 1 }
    ))

  it("what the system refuses is an FdError with its code, and nothing is registered", () =>
    withLoop(async (loop) => {
      const file = fds.adopt(fs.openSync(fileURLToPath(import.meta.url), "r"))
      const gone = fds.dup(file)
      fds.close(gone)
      for (const [fd, code] of [
        [file, "EPERM"],
        [gone, "EBADF"]
      ] as const) {
        for (const add of [loop.addReader, loop.addWriter]) {
          let error: unknown
          try {
            add.call(loop, fd, () => {})
          } catch (caught) {
            error = caught
          }
          expect(error).toBeInstanceOf(FdError)
          expect(error).toMatchObject({ _tag: "FdError", fd, code, syscall: "epoll_ctl" })
        }
        expect([loop.removeReader(fd), loop.removeWriter(fd), watched(loop)]).toEqual([false, false, [0, 0]])
      }
      expect(thrown(() => loop.addReader(file, () => {}))["message"]).toBe(
        `EPERM: what is behind it cannot be waited for: it is a regular file, a directory or the like, epoll_ctl fd ${file}`
      )
    }))

  it("L7 in debug mode a handle knows where it was added", () =>
    withLoop(
      async (loop) => {
        const [r] = fds.pipe()
        const handle = loop.addReader(r, function onData() {})
        expect(handle.sourceTraceback?.split("\n")[0]).toContain("Readers.test.ts")
        expect(String(handle)).toMatch(
          new RegExp(`^<WatchHandle reader of fd ${r} onData\\(\\) created at .*Readers\\.test\\.ts:\\d+>$`)
        )
        loop.removeReader(r)
      },
      { debug: true }
    ))
})

/** A stream of Node on a descriptor, as far as a lookup goes. */
const streamOn = (fd: number) => ({ read() {}, pipe() {}, write() {}, end() {}, on() {}, _handle: { fd } })
