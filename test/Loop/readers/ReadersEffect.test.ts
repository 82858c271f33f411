/** Loop.readable and Loop.writable: waiting once, in Effect. */
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"
import { PassThrough } from "node:stream"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, TestClock } from "effect"
import {
  FdError,
  InvalidStateError,
  Loop,
  LoopClosedError,
  QueueFullError,
  runEffect,
  SyncLoop
} from "../../../src/index.js"
import { interruptedAtOnce } from "../../support/border.js"
import * as fds from "../../support/fds.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"
import { watched } from "../../support/readerLoops.js"

const loopNow = Effect.map(Loop, (loop) => loop)

describe("Loop.readable and Loop.writable", () => {
  it.live("complete when the descriptor is ready, at once or later, and leave nothing registered", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* loopNow
        const [r, w] = fds.pipe()
        yield* Loop.writable(w)
        const waiting = yield* Effect.fork(Loop.readable(r))
        yield* settle
        expect(watched(loop)).toEqual([1, 0])
        fds.write(w, "x")
        yield* Fiber.join(waiting)
        expect(watched(loop)).toEqual([0, 0])
        // Still unread: level-triggered.
        yield* Loop.readable({ fd: r })
        expect(fds.read(r)).toBe("x")
      })
    )
  )

  it.live("the fiber goes on in the loop's pass, and what is not read is there for the next wait", () =>
    scoped(
      Effect.gen(function* () {
        const [r, w] = fds.pipe()
        let all = ""
        const reading = yield* Effect.fork(
          Effect.gen(function* () {
            while (!all.endsWith("end")) {
              yield* Loop.readable(r)
              all += fds.read(r, 2)
            }
          })
        )
        for (const part of ["abcde", "", "f", "end"]) {
          fds.write(w, part)
          yield* settle
        }
        yield* Fiber.join(reading)
        expect(all).toBe("abcdefend")
      })
    )
  )

  it.live(
    "several fibers wait for one descriptor, beside a reader: all are resumed, none disturbs the others",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* loopNow
          const [a, b] = fds.socketPair()
          let called = 0
          const handle = loop.addReader(a, () => {
            if (++called === 2) loop.removeReader(a)
          })
          const waiting = yield* Effect.forkAll(Array.from({ length: 20 }, () => Loop.readable(a)))
          const interrupted = yield* Effect.fork(Loop.readable(a))
          yield* settle
          yield* Fiber.interrupt(interrupted)
          expect([watched(loop), handle.cancelled()]).toEqual([[1, 0], false])
          fds.write(b, "x")
          yield* Fiber.join(waiting)
          while (called < 2) yield* settle
          expect(watched(loop)).toEqual([0, 0])
          // The other way round: the reader goes, the wait stays.
          fds.read(a)
          const other = loop.addReader(a, () => {})
          const last = yield* Effect.fork(Loop.readable(a))
          yield* settle
          other.cancel()
          expect(watched(loop)).toEqual([1, 0])
          fds.write(b, "y")
          yield* Fiber.join(last)
          expect(watched(loop)).toEqual([0, 0])
        })
      )
  )

  it.live("both sides of one descriptor at once", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* loopNow
        const [a, b] = fds.socketPair()
        fds.fill(a)
        const both = yield* Effect.fork(Effect.all([Loop.readable(a), Loop.writable(a)], { concurrency: 2 }))
        yield* settle
        expect(watched(loop)).toEqual([1, 1])
        fds.write(b, "x")
        yield* settle
        expect(watched(loop)).toEqual([0, 1])
        fds.close(b)
        yield* Fiber.join(both)
        expect(watched(loop)).toEqual([0, 0])
      })
    )
  )

  describe("interrupted", () => {
    it.live("before it waits, while it waits, when it is ready, and after: nothing is left registered", () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* loopNow
          const [r, w] = fds.pipe()
          expect(Exit.isInterrupted(yield* interruptedAtOnce(loop, Loop.readable(r)))).toBe(true)
          expect(watched(loop)).toEqual([0, 0])

          const idle = yield* Effect.fork(Loop.readable(r))
          yield* settle
          expect(watched(loop)).toEqual([1, 0])
          expect(Exit.isInterrupted(yield* Fiber.interrupt(idle))).toBe(true)
          expect(watched(loop)).toEqual([0, 0])

          const ready = yield* Effect.fork(Loop.readable(r))
          yield* settle
          fds.write(w, "x")
          expect(Exit.isInterrupted(yield* Fiber.interrupt(ready))).toBe(true)
          expect(watched(loop)).toEqual([0, 0])

          const done = yield* Effect.fork(Loop.readable(r))
          yield* Fiber.join(done)
          expect(Exit.isSuccess(yield* Fiber.interrupt(done))).toBe(true)
          expect(watched(loop)).toEqual([0, 0])
        })
      )
    )

    it.live("by timeout, by race, a thousand times", () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* loopNow
          const [r] = fds.pipe()
          yield* Effect.forEach(
            Array.from({ length: 1000 }),
            () => Effect.race(Loop.readable(r), Effect.yieldNow()),
            { concurrency: 50 }
          )
          expect(yield* Effect.timeoutOption(Loop.readable(r), "1 millis")).toMatchObject({ _tag: "None" })
          expect(watched(loop)).toEqual([0, 0])
        })
      )
    )
  })

  describe("fail", () => {
    it.live("with FdError for what the system refuses", () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* loopNow
          const file = fds.adopt(fs.openSync(fileURLToPath(import.meta.url), "r"))
          const error = yield* Effect.flip(Loop.readable(file))
          expect(error).toBeInstanceOf(FdError)
          expect(error).toMatchObject({ code: "EPERM", fd: file })
          const gone = fds.dup(file)
          fds.close(gone)
          const caught = yield* Effect.catchTag(Loop.writable(gone), "FdError", ({ code }) =>
            Effect.succeed(code)
          )
          expect([caught, watched(loop), loop.statistics().unretrieved]).toEqual(["EBADF", [0, 0], 0])
        })
      )
    )

    it.live("J3 with LoopClosedError when the loop is closed under them, and on a closed loop", () =>
      Effect.gen(function* () {
        const [r] = fds.pipe()
        const { reports, exceptionHandler } = collecting()
        for (const how of ["at once", "in order"]) {
          const opened = yield* Deferred.make<Loop["Type"]>()
          const scope = yield* Effect.fork(
            Effect.scoped(
              Effect.flatMap(Loop.open({ exceptionHandler }), (loop) =>
                Effect.zipRight(Deferred.succeed(opened, loop), Effect.never)
              )
            )
          )
          const loop = yield* Deferred.await(opened)
          const waiting = yield* Effect.fork(Effect.provideService(Loop.readable(r), Loop, loop))
          yield* settle
          if (how === "at once") loop.close()
          else yield* Fiber.interrupt(scope)
          const exit = yield* Fiber.await(waiting)
          expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopClosedError)
          const late = yield* Effect.flip(Effect.provideService(Loop.readable(r), Loop, loop))
          expect(late).toBeInstanceOf(LoopClosedError)
          expect(watched(loop)).toEqual([0, 0])
          yield* Fiber.interrupt(scope)
        }
        expect(reports).toEqual([])
      })
    )

    it.live("C1 with LoopClosedError, whose cause is the crash, on a loop that crashed", () =>
      Effect.gen(function* () {
        const [r] = fds.pipe()
        const error = yield* Effect.scoped(
          Effect.gen(function* () {
            const loop = yield* Loop.open({ exceptionHandler: () => {} })
            const waiting = yield* Effect.fork(Effect.provideService(Loop.readable(r), Loop, loop))
            yield* settle
            loop._crashWith(new Error("boom"), "test")
            return yield* Effect.flip(Fiber.join(waiting))
          })
        )
        expect(error).toBeInstanceOf(LoopClosedError)
        expect(String((error as LoopClosedError).cause)).toContain("boom")
      })
    )

    it.live("with QueueFullError where the queue is full", () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* loopNow
          const [r] = fds.pipe()
          loop.callSoon(() => {})
          expect(yield* Effect.flip(Loop.readable(r))).toBeInstanceOf(QueueFullError)
        }),
        { queueLength: 1 }
      )
    )

    it.live("as defects for what is a mistake of the program, thrown at once where that can be seen", () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* loopNow
          expect(() => Loop.readable(-1)).toThrow(RangeError)
          expect(() => Loop.writable("x" as never)).toThrow(TypeError)
          const none = yield* Effect.exit(Loop.readable({} as never))
          expect(Exit.isFailure(none) && Cause.isDie(none.cause)).toBe(true)
          const [r] = fds.pipe()
          loop._transportFds.set(r, {})
          const used = yield* Effect.exit(Loop.writable(r))
          expect(Exit.isFailure(used) && Cause.squash(used.cause)).toBeInstanceOf(InvalidStateError)
          loop._transportFds.delete(r)
          expect(watched(loop)).toEqual([0, 0])
        })
      )
    )
  })

  it.live("streams of Node: data, the end, a write that has to wait", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* loopNow
        const stream = new PassThrough({ highWaterMark: 1 })
        yield* Loop.writable(stream)
        stream.write("ab")
        const written = yield* Effect.fork(Loop.writable(stream))
        yield* Loop.readable(stream)
        expect(watched(loop)).toEqual([0, 1])
        expect(String(stream.read())).toBe("ab")
        yield* Fiber.join(written)
        stream.end()
        yield* Loop.readable(stream)
        expect(stream.read()).toBe(null)
        yield* Loop.readable(stream)
        yield* settle
        yield* Loop.readable(stream)
        expect([watched(loop), stream.listenerCount("readable"), stream.destroyed]).toEqual([[0, 0], 0, true])
      })
    )
  )

  it.live("T6 in aio code, by runEffect; and on a SyncLoop, which watches while it runs", () =>
    Effect.promise(async () => {
      const loop = SyncLoop.make()
      const [r, w] = fds.pipe()
      fds.write(w, "x")
      await loop.runUntilComplete(async () => {
        await runEffect(Loop.readable(r))
        expect(fds.read(r)).toBe("x")
      })
      await loop.runUntilComplete(Loop.writable(w))
      expect(watched(loop)).toEqual([0, 0])
      await loop.close()
    })
  )

  it.scoped("L4 under a TestClock descriptors are as real as ever", () =>
    scoped(
      Effect.gen(function* () {
        const [r, w] = fds.pipe()
        fds.write(w, "x")
        yield* Loop.readable(r)
        yield* TestClock.adjust("1 hour")
        expect(fds.read(r)).toBe("x")
      })
    )
  )
})
