/** Readers and writers as their loop stops, runs again, crashes and is closed. */
// Covers: Autoclose, Registrations
import * as fs from "node:fs"
import * as net from "node:net"
import { once } from "node:events"
import { PassThrough } from "node:stream"
import { describe, expect, it } from "vitest"
import { Effect, Exit, Fiber } from "effect"
import {
  type EventLoop,
  InvalidStateError,
  Loop,
  LoopClosedError,
  LoopCrash,
  type Report,
  SyncLoop
} from "../../../src/index.js"
import { leftoversOf } from "../../../src/Loop/closing/Leftovers.js"
import { tableOf } from "../../../src/Loop/closing/table.js"
import { releaseCapabilities } from "../../../src/Loop/closing/phases.js"
import * as fds from "../../support/fds.js"
import { capturing, scoped } from "../../support/scopedLoops.js"
import { settled, until, watched, withLoop } from "../../support/readerLoops.js"

describe("a loop that is stopped", () => {
  it("callbacks-010 an event that was queued when the loop was stopped runs once in total", async () => {
    const loop = SyncLoop.make()
    const [r, w] = fds.pipe()
    const [other, sends] = fds.pipe()
    fds.write(w, "x")
    fds.write(sends, "x")
    const log: Array<string> = []
    // Both are ready in the same turn; the first one stops the loop, with the second one queued behind the stop.
    const stopper = (fd: number) => () => {
      log.push(fd === r ? "first" : "second")
      fds.read(fd)
      loop.stop()
    }
    loop.addReader(r, stopper(r))
    loop.addReader(other, stopper(other))
    await loop.runForever()
    const stopped = log.length
    await settled()
    expect(log.length).toBe(stopped)
    if (stopped === 1) await loop.runForever()
    loop.stop()
    await loop.runForever()
    await settled()
    expect(log.sort()).toEqual(["first", "second"])
    await loop.close()
  })

  it("at rest a ready descriptor is not called, and found in the next run", async () => {
    const loop = SyncLoop.make()
    const [r, w] = fds.pipe()
    fds.write(w, "x")
    const log: Array<string> = []
    loop.addReader(r, () => {
      log.push(fds.read(r))
      loop.stop()
    })
    await settled()
    expect([log, loop.statistics().ready, watched(loop)]).toEqual([[], 0, [1, 0]])
    await loop.runForever()
    expect(log).toEqual(["x"])
    fds.write(w, "y")
    await settled()
    expect(log).toEqual(["x"])
    await loop.runForever()
    expect(log).toEqual(["x", "y"])
    expect(loop.removeReader(r)).toBe(true)
    await loop.close()
  })

  it("at rest nothing of it is looked at in every turn, and nothing of it is active", async () => {
    const immediates = () => process.getActiveResourcesInfo().filter((name) => name === "Immediate")
    const before = immediates()
    const loop = SyncLoop.make()
    const [, w] = fds.pipe()
    const stream = new PassThrough()
    let calls = 0
    loop.addWriter(w, () => calls++)
    loop.addWriter(stream, () => calls++)
    await loop.runUntilComplete(() => until(() => calls > 4))
    expect(immediates()).toEqual(before)
    await settled()
    expect([loop.statistics().ready <= 2, watched(loop)]).toEqual([true, [0, 2]])
    await loop.close()
    expect([loop.removeWriter(w), stream.listenerCount("drain")]).toEqual([false, 0])
  })

  it("loop.stop() of an open loop pauses it; a new wait goes on", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const log: Array<string> = []
      loop.addReader(r, () => log.push(fds.read(r)))
      await loop.stop().wait()
      fds.write(w, "x")
      await settled()
      expect(log).toEqual([])
      const [, writable] = fds.pipe()
      await Effect.runPromise(Effect.provideService(Loop.writable(writable), Loop, loop))
      await until(() => log.length > 0)
      expect(log).toEqual(["x"])
    }))

  it("removed and added while it stands still, also for the first time", async () => {
    const loop = SyncLoop.make()
    const [r, w] = fds.pipe()
    fds.write(w, "x")
    const first = loop.addReader(r, () => expect.unreachable())
    const log: Array<string> = []
    loop.addReader(r, () => {
      log.push(fds.read(r))
      loop.stop()
    })
    expect(first.cancelled()).toBe(true)
    loop.addWriter(w, () => expect.unreachable())
    expect(loop.removeWriter(w)).toBe(true)
    await loop.runForever()
    expect(log).toEqual(["x"])
    await loop.close()
  })
})

describe("a loop that is closed", () => {
  it("shutdown-004 S4 removeReader and removeWriter give false, and do not throw", async () => {
    const [r, w] = fds.pipe()
    let loop: EventLoop | undefined
    await withLoop(async (opened) => {
      loop = opened
      opened.addReader(r, () => {})
      opened.addWriter(w, () => {})
    })
    expect([loop!.removeReader(r), loop!.removeWriter(w)]).toEqual([false, false])
    const sync = SyncLoop.make()
    sync.addReader(r, () => {})
    sync.addWriter(w, () => {})
    await sync.close()
    expect([sync.removeReader(r), sync.removeWriter(w)]).toEqual([false, false])
  })

  /** The states that a registration may be in. */
  const states: Record<string, (loop: EventLoop, r: number, w: number, called: () => void) => Promise<void>> =
    {
      idle: async (loop, r, _, called) => {
        loop.addReader(r, called)
        await settled()
      },
      "ready, not told of": async (loop, r, w, called) => {
        loop.addReader(r, called)
        fds.write(w, "x")
      },
      "added in this turn, and ready": async (loop, r, w, called) => {
        fds.write(w, "x")
        loop.addReader(r, called)
      },
      "closed while registered": async (loop, r, _, called) => {
        loop.addReader(r, called)
        await settled()
        fds.close(r)
      },
      cancelled: async (loop, r, w, called) => {
        loop.addReader(r, called).cancel()
        fds.write(w, "x")
      }
    }
  const ends: Record<string, (loop: EventLoop) => void> = {
    "loop.close()": (loop) => loop.close(),
    "a crash": (loop) => void loop._crashWith(new Error("crash"), "test")
  }
  for (const [state, reach] of Object.entries(states)) {
    for (const [end, bringAbout] of Object.entries(ends)) {
      it(`S1 S5 ${end} with a reader that is ${state}: it is not called any more, and nothing is left`, async () => {
        const before = fds.countFds()
        const [r, w] = fds.pipe()
        let calls = 0
        let loop: EventLoop | undefined
        const exit = await Effect.runPromiseExit(
          Effect.scoped(
            Effect.flatMap(Loop.open(), (opened) =>
              Effect.promise(async () => {
                loop = opened
                await reach(opened, r, w, () => void calls++)
                bringAbout(opened)
                if (end === "loop.close()") expect(watched(opened)).toEqual([0, 0])
                await settled()
              })
            )
          )
        )
        expect(Exit.isSuccess(exit)).toBe(true)
        const seen = calls
        await settled()
        expect([calls, loop!.isClosed(), watched(loop!)]).toEqual([seen, true, [0, 0]])
        if (end === "loop.close()") expect(calls).toBe(0)
        fds.close(r)
        fds.close(w)
        expect(fds.countFds()).toBe(before)
      })
    }
  }

  it("C1 a callback that throws crashes the loop: the body is interrupted, and the reader dropped", async () => {
    const [r, w] = fds.pipe()
    fds.write(w, "x")
    const log: Array<string> = []
    let loop: EventLoop | undefined
    const exit = await Effect.runPromiseExit(
      scoped(
        Effect.flatMap(Loop, (opened) => {
          loop = opened
          opened.addReader(r, () => {
            log.push("called")
            throw new Error("boom")
          })
          return Effect.ensuring(
            Effect.never,
            Effect.sync(() => log.push("finalizer"))
          )
        })
      ).pipe(Effect.provide(capturing().layer))
    )
    expect(Exit.isFailure(exit) && String(exit.cause)).toContain("boom")
    expect(log.at(-1)).toBe("finalizer")
    expect(watched(loop!)).toEqual([0, 0])
    expect(loop!._crash).toBeInstanceOf(LoopCrash)
  })

  it("S1 cleanup may still read: readers are dropped after tasks and fibers have ended", async () => {
    const [r, w] = fds.pipe()
    const log: Array<string> = []
    await withLoop(async (loop) => {
      void loop.createTask(async () => {
        try {
          await loop.sleep(3_600_000)
        } finally {
          const future = loop.createFuture<void>()
          loop.addReader(r, () => {
            log.push(`read ${fds.read(r)}`)
            loop.removeReader(r)
            future.setResult()
          })
          fds.write(w, "x")
          await future
          log.push("cleaned up")
        }
      })
      await settled()
    })
    expect(log).toEqual(["read x", "cleaned up"])
  })

  it("S1 what is added after the readers were dropped, and before the loop is closed, is refused", async () => {
    const [r] = fds.pipe()
    const sync = SyncLoop.make()
    sync.addReader(r, () => {})
    // What step 8 does. Callbacks that are queued then still run.
    releaseCapabilities(sync)
    expect(() => sync.addReader(r, () => {})).toThrow(LoopClosedError)
    expect(() => sync.autoclose(r)).toThrow(LoopClosedError)
    expect([sync.removeReader(r), watched(sync)]).toEqual([false, [0, 0]])
    await sync.close()
  })
})

describe("autoclose", () => {
  it("readers-022 a marked descriptor is closed with the loop, after its reader was dropped; an unmarked one is not", async () => {
    const [r, w] = fds.pipe()
    const [other] = fds.pipe()
    let closed: EventLoop | undefined
    await withLoop(async (loop, reports) => {
      closed = loop
      loop.addReader(r, () => expect.unreachable())
      loop.addReader(w, () => {})
      loop.addReader(other, () => {})
      loop.autoclose(r)
      loop.autoclose(r)
      loop.autoclose(other)
      loop.noAutoclose(other)
      expect(() => loop.noAutoclose(other)).toThrow(
        new InvalidStateError(`noAutoclose: fd ${other} is not marked with autoclose() on ${loop.name}`)
      )
      expect(() => loop.noAutoclose(w)).toThrow(InvalidStateError)
      expect(() => loop.noAutoclose("x" as never)).toThrow(TypeError)
      expect(() => loop.noAutoclose(-1)).toThrow(RangeError)
      expect(reports).toEqual([])
    })
    expect([fds.isOpen(r), fds.isOpen(w), fds.isOpen(other)]).toEqual([false, true, true])
    expect(() => closed!.noAutoclose(r)).toThrow(InvalidStateError)
    fds.disown(r)
  })

  it("readers-022 an object is closed in its own way, and a mark is known by object and by number", async () => {
    const [r] = fds.pipe()
    const [kept] = fds.pipe()
    const stream = new PassThrough()
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const closed = once(server, "close")
    const file = await fs.promises.open(new URL(import.meta.url), "r")
    const keptFile = await fs.promises.open(new URL(import.meta.url), "r")
    const { fd } = file
    const log: Array<string> = []
    await withLoop(async (loop, reports) => {
      loop.autoclose({ fileno: () => r })
      loop.autoclose({ fileno: () => kept })
      loop.noAutoclose(kept)
      loop.autoclose(stream)
      loop.autoclose(server as never)
      loop.autoclose(file)
      loop.autoclose(keptFile)
      loop.noAutoclose(keptFile.fd)
      loop.autoclose({ fd: 99_999, close: () => log.push("close()") } as never)
      loop.autoclose({
        fd: 99_998,
        destroy: () => log.push("destroy()"),
        close: () => log.push("no")
      } as never)
      expect(() => loop.autoclose({ close() {} } as never)).toThrow(TypeError)
      expect(reports).toEqual([])
    })
    await closed
    await until(() => !fds.isOpen(fd))
    expect([fds.isOpen(r), fds.isOpen(kept), stream.destroyed, file.fd]).toEqual([false, true, true, -1])
    expect(log).toEqual(["close()", "destroy()"])
    expect(fds.isOpen(keptFile.fd)).toBe(true)
    await keptFile.close()
    fds.disown(r)
  })

  it("readers-022 a mark is taken back also where an object, of this mark or another, has lost its descriptor", () =>
    withLoop(async (loop) => {
      const [r, w] = fds.pipe()
      const file = {
        open: true,
        fileno: () => {
          if (!file.open) throw new Error("closed file")
          return r
        },
        close: () => expect.unreachable()
      }
      const other = { fd: w, close: () => expect.unreachable() }
      loop.autoclose(file)
      loop.autoclose(other)
      file.open = false
      loop.noAutoclose(w)
      loop.noAutoclose(file)
      expect(() => loop.noAutoclose(file)).toThrow(InvalidStateError)
    }))

  it("J4 what goes wrong is reported as late, also that the number is closed already, and the others are closed", async () => {
    const [r, w] = fds.pipe()
    const gone = fds.dup(r)
    fds.close(gone)
    const all: Array<Report> = []
    const failing = { fd: 99_999, close: () => Promise.reject(new Error("rejects")) }
    const throwing = {
      fd: 99_998,
      close: () => {
        throw new Error("throws")
      }
    }
    await withLoop(
      async (loop) => {
        loop.autoclose(gone)
        loop.autoclose(failing as never)
        loop.autoclose(throwing as never)
        loop.autoclose(w)
      },
      { exceptionHandler: (_, report) => void all.push(report) }
    )
    await settled()
    expect(all.map(({ exception, kind, message }) => [kind, message, (exception as Error).message])).toEqual([
      [
        "late",
        `closing fd ${gone}, which was marked with autoclose(), failed`,
        "EBADF: bad file descriptor, close"
      ],
      ["late", "closing <Object>, which was marked with autoclose(), failed", "throws"],
      ["late", "closing <Object>, which was marked with autoclose(), failed", "rejects"]
    ])
    expect(fds.isOpen(w)).toBe(false)
    fds.disown(w)
  })

  it("readers-022 a loop that is closed at once, and one that crashed, close them too", async () => {
    for (const end of ["close", "crash"]) {
      const [r] = fds.pipe()
      await Effect.runPromise(
        Effect.scoped(
          Effect.flatMap(Loop.open(), (loop) =>
            Effect.sync(() => {
              loop.autoclose(r)
              if (end === "close") loop.close()
              else loop._crashWith(new Error("crash"), "test")
            })
          )
        )
      )
      expect(fds.isOpen(r)).toBe(false)
      fds.disown(r)
    }
  })
})

describe("reports", () => {
  it("S2 what is watched is in the numbers and in the table, by descriptor and callback, and never to blame", () =>
    withLoop(
      async (loop, reports) => {
        const [r, w] = fds.pipe()
        const stream = new PassThrough()
        loop.addReader(r, function onData() {})
        loop.addWriter(w, () => {})
        loop.addReader(stream, function onStream() {})
        const waiting = Effect.runFork(Effect.provideService(Loop.readable(r), Loop, loop))
        await settled()
        expect(watched(loop)).toEqual([2, 1])
        const rows = leftoversOf(loop).filter(({ what }) => what === "reader" || what === "writer")
        expect(rows.map(({ name, state, waitingOn, what }) => [what, name, state, waitingOn])).toEqual([
          ["reader", `fd ${r}: onData`, "watching", "readability"],
          ["reader", `fd ${r}: Loop.readable`, "watching", "readability"],
          ["writer", `fd ${w}: <anonymous () => { }>`, "watching", "writability"],
          ["reader", "<PassThrough>: onStream", "watching", "readability"]
        ])
        expect(rows[0]!.createdAt).toContain("ReadersLoop.test.ts")
        for (const { age } of rows) expect(age).toBeGreaterThanOrEqual(0)
        expect(tableOf(rows)).toContain(`fd ${r}: onData`)
        await Effect.runPromise(Fiber.interrupt(waiting))
        expect(reports).toEqual([])
      },
      { debug: true }
    ))
})
