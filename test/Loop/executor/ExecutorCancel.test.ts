// Jobs that are cancelled, and threads that end under them.
// Covers: JobLine, Start, Thread, Workers
import { execFileSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs"
import { dirname } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock, TestContext } from "effect"
import { afterEach } from "vitest"
import {
  CancelledError,
  Executor,
  fromAio,
  type Future,
  Limiter,
  Loop,
  type JobContext,
  runAioFuture,
  transfer,
  WorkerDiedError
} from "../../../src/index.js"
import {
  Gate,
  heeds,
  hold,
  onLoop,
  polite,
  settled,
  spin,
  noThreadNamed,
  threadsNamed,
  until
} from "../../fixtures/executor/pool.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

/** Longer than a test: the thread may not be terminated. */
const never = "1 hour"

afterEach(() => noThreadNamed("aio-test"))

function worker(this: JobContext) {
  return this.worker
}

describe("cancelling a job", () => {
  it("that is queued takes it out of the line at once; the others go on", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
      const gate = new Gate()
      const untouched = new Gate()
      const first = loop.runInExecutor(executor, hold, gate.cells)
      const second = loop.runInExecutor(executor, hold, untouched.cells)
      const third = loop.runInExecutor(executor, (n: number) => n, 3)
      expect(second.cancel("not needed")).toBe(true)
      expect(second.cancelled()).toBe(true)
      expect(second.cancel()).toBe(false)
      expect(executor.statistics()).toMatchObject({ running: 1, queued: 1 })
      expect(loop.statistics().jobs).toBe(2)
      gate.open()
      expect(await first).toBe("let go")
      expect(await third).toBe(3)
      expect(untouched.hasEntered).toBe(false)
      expect(await settled(second)).toMatchObject({ name: "AbortError", reason: "not needed" })
    })
  })

  it("that waits for a permit withdraws its request", async () => {
    await onLoop(async (loop) => {
      const limiter = Limiter.make(1)
      await using executor = Executor.make({ maxWorkers: 2, limiter, name: "aio-test" })
      const gate = new Gate()
      const first = loop.runInExecutor(executor, hold, gate.cells)
      const second = loop.runInExecutor(executor, hold, new Gate().cells)
      const third = loop.runInExecutor(executor, (n: number) => n, 3)
      expect(limiter.statistics()).toEqual({ total: 1, taken: 1, waiting: 1 })
      second.cancel()
      expect(second.cancelled()).toBe(true)
      // The third has taken its place.
      expect(limiter.statistics()).toEqual({ total: 1, taken: 1, waiting: 1 })
      gate.open()
      expect([await first, await third]).toEqual(["let go", 3])
      expect(limiter.statistics()).toEqual({ total: 1, taken: 0, waiting: 0 })
    })
  })

  it("whose thread is starting keeps it from running", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
      const gate = new Gate()
      const future = loop.runInExecutor(executor, spin, gate.cells)
      future.cancel("early")
      expect(future.done()).toBe(false)
      expect(await settled(future)).toMatchObject({ name: "AbortError", reason: "early" })
      expect(gate.hasEntered).toBe(false)
      expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-1")
    })
  })

  it("that a thread has begun with, before the loop could hear of the job before, is told to stop", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
      await loop.runInExecutor(executor, worker)
      const before = loop.runInExecutor(executor, (n: number) => n, 1)
      const future = loop.runInExecutor(executor, function (this: JobContext) {
        return new Promise((_, reject) => {
          this.signal.addEventListener("abort", () => reject(this.signal.reason as Error))
        })
      })
      // The thread goes on by itself, while nothing is heard of it here.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
      expect(executor.statistics()).toMatchObject({ running: 1, queued: 1 })
      future.cancel("enough")
      expect(future.done()).toBe(false)
      expect(await before).toBe(1)
      expect(await settled(future)).toMatchObject({ _tag: "CancelledError", reason: "enough" })
      expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-1")
    })
  })

  it("that awaits aborts its signal; the Future is pending until the job has ended, and the thread lives", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
      const gate = new Gate()
      const future = loop.runInExecutor(executor, heeds, gate.cells)
      await gate.entered()
      future.cancel("enough")
      expect(future.cancel("again")).toBe(true)
      await loop.sleep(5)
      expect(future.done()).toBe(false)
      gate.open()
      const error = await settled(future)
      expect(error).toBeInstanceOf(CancelledError)
      expect(error).toMatchObject({ reason: "enough" })
      expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-1")
    })
  })

  it("that computes is seen by this.cancelled(); a value that it still gives is delivered", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
      const gate = new Gate()
      const future = loop.runInExecutor(executor, polite, gate.cells, "half of it")
      await gate.entered()
      future.cancel()
      expect(await future).toBe("half of it")
      expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-1")
    })
  })

  it("an error that it throws instead is delivered, and an AbortError counts as cancelled", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
      function throws(this: JobContext, cells: Int32Array, abort: boolean) {
        Atomics.add(cells, 0, 1)
        while (!this.cancelled());
        throw abort
          ? Object.assign(new Error("mine"), { code: "ABORT_ERR" })
          : new RangeError("cleanup failed")
      }
      for (const abort of [false, true]) {
        const gate = new Gate()
        const future = loop.runInExecutor(executor, throws, gate.cells, abort)
        await gate.entered()
        future.cancel()
        const error = await settled(future)
        expect(error).toMatchObject(abort ? { _tag: "CancelledError" } : { message: "cleanup failed" })
      }
      // `signal` says so as well where it is first read after the cancel.
      const gate = new Gate()
      const late = loop.runInExecutor(
        executor,
        function (this: JobContext, cells: Int32Array) {
          Atomics.add(cells, 0, 1)
          while (!this.cancelled());
          this.signal.throwIfAborted()
        },
        gate.cells
      )
      await gate.entered()
      late.cancel()
      expect(await settled(late)).toBeInstanceOf(CancelledError)
    })
  })

  it("that heeds nothing terminates its thread after the grace, and another takes its place", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: 5 })
      const gate = new Gate()
      const future = loop.runInExecutor(executor, spin, gate.cells)
      const next = loop.runInExecutor(executor, worker)
      await gate.entered()
      future.cancel("stop it")
      expect(await settled(future)).toMatchObject({ _tag: "CancelledError", reason: "stop it" })
      await until(() => !threadsNamed("aio-test").includes("aio-test-1"))
      expect(await next).toBe("aio-test-2")
      expect(executor.statistics()).toMatchObject({ running: 0, queued: 0 })
    })
  })

  it("a job that ends its thread itself while it is told to stop fails with WorkerDiedError", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
      const gate = new Gate()
      const future = loop.runInExecutor(
        executor,
        function (this: JobContext, cells: Int32Array) {
          Atomics.add(cells, 0, 1)
          while (!this.cancelled());
          process.exit(9)
        },
        gate.cells
      )
      await gate.entered()
      future.cancel()
      expect(await settled(future)).toBeInstanceOf(WorkerDiedError)
      expect(await loop.runInExecutor(executor, worker)).toBe("aio-test-2")
    })
  })

  it("a Future that the program settled itself does not keep its thread: closing cancels the job", async () => {
    const limiter = Limiter.make(1)
    const executor = Executor.make({ maxWorkers: 1, limiter, name: "aio-test", grace: 0 })
    await onLoop(async (loop) => {
      const gate = new Gate()
      const future = loop.runInExecutor(executor, spin, gate.cells) as Future<unknown>
      await gate.entered()
      future.setResult("mine")
      expect(loop.statistics().jobs).toBe(1)
    })
    expect(limiter.statistics().taken).toBe(0)
    await executor.shutdown()
  })

  it("goes by the loop's clock, and by real time where that stands still", async () => {
    await Effect.runPromise(
      Effect.gen(function* () {
        const executor = yield* Executor.scoped({ maxWorkers: 1, name: "aio-test", grace: "1 minute" })
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            loop.setExceptionHandler(() => {})
            const gate = new Gate()
            const fiber = yield* Effect.fork(runAioFuture(loop.runInExecutor(executor, spin, gate.cells)))
            yield* Effect.promise(() => gate.entered())
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* Effect.yieldNow()
            yield* TestClock.adjust("59 seconds")
            expect(executor.statistics().running).toBe(1)
            yield* TestClock.adjust("1 seconds")
            yield* Fiber.join(interrupting)
            expect(executor.statistics().running).toBe(0)
          })
        )
      }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext))
    )
    await Effect.runPromise(
      Effect.gen(function* () {
        const executor = yield* Executor.scoped({ maxWorkers: 1, name: "aio-test", grace: 20 })
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const gate = new Gate()
            const fiber = yield* Effect.fork(runAioFuture(loop.runInExecutor(executor, spin, gate.cells)))
            yield* Effect.promise(() => gate.entered())
            yield* Fiber.interrupt(fiber)
          })
        )
      }).pipe(Effect.scoped, Effect.provide(TestContext.TestContext))
    )
  })

  it("100 cancels that race with the end of their jobs leave every Future done, and no permit taken", async () => {
    await onLoop(async (loop) => {
      const limiter = Limiter.make(2)
      await using executor = Executor.make({ maxWorkers: 2, limiter, name: "aio-test", grace: 0 })
      const busy = (rounds: number) => {
        let n = 0
        for (let i = 0; i < rounds; i++) n += i % 7
        return n
      }
      const futures = Array.from({ length: 100 }, (_, i) => loop.runInExecutor(executor, busy, i * 3_000))
      const ends = Promise.all(futures.map(settled))
      for (const future of futures) {
        await new Promise((resolve) => setImmediate(resolve))
        future.cancel()
      }
      for (const end of await ends) {
        if (typeof end !== "number") expect(end).toBeInstanceOf(CancelledError)
      }
      expect(futures.every((future) => future.done())).toBe(true)
      expect(limiter.statistics()).toEqual({ total: 2, taken: 0, waiting: 0 })
      expect(await loop.runInExecutor(executor, () => 1)).toBe(1)
    })
  })

  it("of which the reply is on its way leaves the next job to another thread, with what was moved to it", async () => {
    await onLoop(async (loop) => {
      await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: 0 })
      for (let round = 0; round < 10; round++) {
        const gate = new Gate()
        const replies = (cells: Int32Array) => void Atomics.add(cells, 0, 1)
        const first = loop.runInExecutor(executor, replies, gate.cells)
        const bytes = new Uint8Array([round, 2, 3])
        const next = loop.runInExecutor(
          executor,
          (moved: Uint8Array) => moved[0],
          transfer(bytes, [bytes.buffer])
        )
        // The grace ends before Node looks at what has come from the thread, and by then the reply has.
        await new Promise((resolve) => setImmediate(resolve))
        while (!gate.hasEntered) await new Promise((resolve) => setImmediate(resolve))
        first.cancel()
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
        expect(await next).toBe(round)
        await settled(first)
      }
    })
  })

  it.live(
    "J6 a fiber that waits for a job which has its grace yet does not report what the executor tells of",
    () => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const executor = yield* Executor.scoped({ maxWorkers: 1, name: "aio-test", grace: 200 })
          const gate = new Gate()
          const fiber = yield* Effect.fork(fromAio(() => loop.runInExecutor(executor, spin, gate.cells))())
          yield* Effect.promise(() => gate.entered())
          yield* Fiber.interrupt(fiber)
          const told = reports.filter(({ kind }) => kind === "slowJoin").map(({ message }) => message)
          expect(told).toEqual([expect.stringMatching(/its thread is terminated after a grace of 200ms/)])
        }).pipe(Effect.scoped),
        { exceptionHandler, slowJoin: 50 }
      )
    }
  )

  it("J6 a job that takes its time under a long grace is reported, once", async () => {
    for (const [grace, why] of [
      [never, "its thread is terminated after a grace of 3600000ms"],
      [Infinity, "its grace has no end"]
    ] as const) {
      const { exceptionHandler, reports } = collecting()
      // Before the executor is closed, which may be slow as well.
      let told: typeof reports = []
      await onLoop(
        async (loop) => {
          await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace })
          const gate = new Gate()
          const future = loop.runInExecutor(executor, hold, gate.cells)
          await gate.entered()
          future.cancel()
          future.cancel()
          await until(() => reports.length > 0)
          expect(future.done()).toBe(false)
          gate.open()
          await settled(future)
          told = [...reports]
        },
        { exceptionHandler, slowJoin: 10 }
      )
      expect(told).toMatchObject([{ kind: "slowJoin" }])
      expect(told[0]?.message).toMatch(
        /^the job hold\d* \(worker \d+\) was cancelled 10ms ago and has not ended; /
      )
      expect(told[0]?.message).toContain(why)
    }
  })

  it("J6 a thread that cannot be ended because of what a job left behind is reported, and joined", async () => {
    const { exceptionHandler, reports } = collecting()
    await onLoop(
      async (loop) => {
        const executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
        const gate = new Gate()
        const fifo = `${mkdtempSync("/tmp/aio-executor-")}/fifo`
        execFileSync("mkfifo", [fifo])
        const leaves = async (cells: Int32Array, path: string) => {
          const { openSync } = await import("node:fs")
          setTimeout(() => {
            Atomics.add(cells, 0, 1)
            openSync(path, "r")
          })
        }
        await loop.runInExecutor(executor, leaves, gate.cells, fifo)
        await gate.entered()
        const closed = executor.shutdown({ deadline: 0 })
        await until(() => reports.length > 0)
        expect(executor.statistics()).toMatchObject({ state: "closing", workers: 1 })
        closeSync(openSync(fifo, "w"))
        await closed
        rmSync(dirname(fifo), { recursive: true })
      },
      { exceptionHandler, slowJoin: 10 }
    )
    expect(reports).toMatchObject([{ kind: "slowJoin" }])
    expect(reports[0]?.message).toMatch(
      /^worker \d+ of aio-test was terminated 10ms ago and has not ended: is what the job leaves left behind/
    )
  })

  it("J6 a thread that cannot be terminated is reported, and still joined", async () => {
    const { exceptionHandler, reports } = collecting()
    // Before the executor is closed, which may be slow as well.
    let told: typeof reports = []
    await onLoop(
      async (loop) => {
        await using executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: 0 })
        const gate = new Gate()
        // The system waits for somebody who writes into it.
        const fifo = `${mkdtempSync("/tmp/aio-executor-")}/fifo`
        execFileSync("mkfifo", [fifo])
        const future = loop.runInExecutor(
          executor,
          async function held(cells: Int32Array, path: string) {
            const { openSync } = await import("node:fs")
            Atomics.add(cells, 0, 1)
            openSync(path, "r")
          },
          gate.cells,
          fifo
        )
        await gate.entered()
        future.cancel()
        await until(() => reports.length > 0)
        expect(future.done()).toBe(false)
        expect(executor.statistics().running).toBe(1)
        closeSync(openSync(fifo, "w"))
        await settled(future)
        expect(future.cancelled()).toBe(true)
        told = [...reports]
        rmSync(dirname(fifo), { recursive: true })
      },
      { exceptionHandler, slowJoin: 10 }
    )
    expect(told).toMatchObject([{ kind: "slowJoin" }])
    expect(told[0]?.message).toMatch(/^the thread of the job held\d* \(worker \d+\) was terminated 10ms ago/)
  })
})
