// Executors that are closed: by their Scope, by their loop, within a deadline and past it.
// Covers: Timer
import { describe, expect, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Scope } from "effect"
import { afterEach } from "vitest"
import {
  CancelledError,
  Executor,
  ExecutorClosedError,
  Loop,
  LoopClosedError,
  SyncLoop
} from "../../../src/index.js"
import {
  Gate,
  heeds,
  hold,
  onLoop,
  settled,
  spin,
  noThreadNamed,
  until
} from "../../fixtures/executor/pool.js"
import { collecting, open, scoped } from "../../support/scopedLoops.js"

const never = "1 hour"

afterEach(() => noThreadNamed("aio-test", "effect-aio"))

describe("executor.shutdown", () => {
  it("refuses new jobs, and waits for those that are queued and running", async () => {
    await onLoop(async (loop) => {
      const executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
      const gate = new Gate()
      const futures = [1, 2, 3].map(() => loop.runInExecutor(executor, hold, gate.cells))
      const closed = executor.shutdown()
      expect(executor.statistics().state).toBe("closing")
      expect(() => loop.runInExecutor(executor, () => 1)).toThrow(ExecutorClosedError)
      gate.open()
      await Promise.all([closed, executor.shutdown({ deadline: never })])
      expect(futures.map((future) => future.result())).toEqual(["let go", "let go", "let go"])
      expect(executor.statistics()).toMatchObject({ state: "closed", workers: 0 })
      await executor.shutdown()
      expect(() => executor.shutdown({ deadline: -1 })).toThrow(RangeError)
    })
  })

  it("past its deadline reports the jobs that are left, by name, and terminates their threads", async () => {
    const { exceptionHandler, reports } = collecting()
    await onLoop(
      async (loop) => {
        const executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
        const gate = new Gate()
        const running = loop.runInExecutor(executor, spin, gate.cells)
        const queued = loop.runInExecutor(executor, hold, gate.cells)
        await gate.entered()
        await executor.shutdown({ deadline: 10 })
        for (const future of [running, queued]) {
          const error = (await settled(future)) as CancelledError
          expect(error).toBeInstanceOf(CancelledError)
          expect(error.reason).toBeInstanceOf(ExecutorClosedError)
        }
        expect(executor.statistics()).toMatchObject({ state: "closed", workers: 0, running: 0, queued: 0 })
      },
      { exceptionHandler }
    )
    expect(reports).toMatchObject([{ kind: "leftover" }])
    const lines = reports[0]!.message.split("\n")
    expect(lines[0]).toBe("2 left over in aio-test at the deadline of 10ms for its shutdown:")
    expect(lines[2]).toMatch(/^job\s+spin\s+\d+ms\s+running\s+worker \d+\s/)
    expect(lines[3]).toMatch(/^job\s+hold\s+\d+ms\s+queued\s+a thread of aio-test\s/)
  })

  it("of one that had no job starts and waits for nothing", async () => {
    const executor = Executor.make({ name: "aio-test" })
    await executor[Symbol.asyncDispose]()
    expect(executor.statistics().state).toBe("closed")
  })
})

describe("Executor.scoped", () => {
  it.live("cancels what is left, joins it, and ends the threads", () =>
    Effect.gen(function* () {
      const gates = [new Gate(), new Gate(), new Gate()] as const
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const scope = yield* Scope.make()
          const executor = yield* Scope.extend(
            Executor.scoped({ maxWorkers: 2, name: "aio-test", grace: 100 }),
            scope
          )
          const polite = loop.runInExecutor(executor, heeds, gates[0].cells)
          const stubborn = loop.runInExecutor(executor, spin, gates[1].cells)
          const queued = loop.runInExecutor(executor, spin, gates[2].cells)
          gates[0].open()
          yield* Effect.promise(() => Promise.all([gates[0].entered(), gates[1].entered()]))
          yield* Scope.close(scope, Exit.void)
          expect([polite, stubborn, queued].map((future) => future.cancelled())).toEqual([true, true, true])
          expect(gates[2].hasEntered).toBe(false)
          expect(executor.statistics()).toMatchObject({ state: "closed", workers: 0 })
        })
      )
    })
  )
})

describe("the default executor", () => {
  it("shutdownDefaultExecutor waits for its jobs; null stands for none from then on", async () => {
    await onLoop(async (loop) => {
      const gate = new Gate()
      const future = loop.runInExecutor(null, hold, gate.cells)
      const shut = loop.shutdownDefaultExecutor()
      expect(() => loop.runInExecutor(null, () => 1)).toThrow(ExecutorClosedError)
      await gate.entered()
      expect(shut.done()).toBe(false)
      gate.open()
      await shut
      expect(future.result()).toBe("let go")
      await loop.shutdownDefaultExecutor()
      loop.setDefaultExecutor(Executor.make({ name: "aio-test" }))
      expect(() => loop.runInExecutor(null, () => 1)).toThrow("the default executor of loop")
      expect(() => loop.shutdownDefaultExecutor(-1)).toThrow(RangeError)
    })
  })

  it("shutdownDefaultExecutor is done at once where there was no job, and says so of bad deadlines", async () => {
    await onLoop(async (loop) => {
      await loop.shutdownDefaultExecutor(10)
      expect(() => loop.runInExecutor(null, () => 1)).toThrow(ExecutorClosedError)
    })
  })

  it("executor-005 shutdownDefaultExecutor with a deadline ends after it, with a report", async () => {
    const { exceptionHandler, reports } = collecting()
    await onLoop(
      async (loop) => {
        const gate = new Gate()
        const future = loop.runInExecutor(null, spin, gate.cells)
        await gate.entered()
        await loop.shutdownDefaultExecutor(10)
        expect(future.cancelled()).toBe(true)
      },
      { exceptionHandler }
    )
    expect(reports).toMatchObject([{ kind: "leftover" }])
    expect(reports[0]!.message).toMatch(
      /1 left over in effect-aio at the deadline of 10ms[^]*job +spin .*running/
    )
  })

  it("cancelling the Future of shutdownDefaultExecutor only stops waiting", async () => {
    await onLoop(async (loop) => {
      const gate = new Gate()
      const future = loop.runInExecutor(null, hold, gate.cells)
      const shut = loop.shutdownDefaultExecutor()
      shut.cancel()
      expect(shut.cancelled()).toBe(true)
      gate.open()
      expect(await future).toBe("let go")
    })
  })

  it("one that was made is shut down when another is set; one that was set goes back to its owner", async () => {
    const first = Executor.make({ maxWorkers: 1, name: "aio-test-1" })
    const second = Executor.make({ maxWorkers: 1, name: "aio-test-2" })
    await onLoop(async (loop) => {
      const gate = new Gate()
      const made = loop.runInExecutor(null, hold, gate.cells)
      await gate.entered()
      loop.setDefaultExecutor(first)
      loop.setDefaultExecutor(first)
      expect(await loop.runInExecutor(null, () => 1)).toBe(1)
      loop.setDefaultExecutor(second)
      gate.open()
      expect(await made).toBe("let go")
      await noThreadNamed("effect-aio")
    })
    expect(first.statistics().state).toBe("open")
    expect(second.statistics().state).toBe("closed")
    await first.shutdown()
  })
})

describe("closing a loop", () => {
  it("S1 cancels and joins its jobs, after its tasks, and shuts the default executor down", async () => {
    const log: Array<string> = []
    const gate = new Gate()
    const executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: 20 })
    await Effect.runPromise(
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const own = loop.runInExecutor(executor, spin, gate.cells)
          const other = new Gate()
          other.open()
          const heeding = loop.runInExecutor(null, heeds, other.cells)
          for (const [name, future] of [
            ["own", own],
            ["default", heeding]
          ] as const) {
            future.addDoneCallback(() => log.push(`${name} ${future.cancelled() ? "cancelled" : "?"}`))
          }
          loop.createTask(async () => {
            try {
              await loop.sleep(60_000)
            } finally {
              await loop.runInExecutor(null, () => 1)
              log.push("task ended, with a job")
            }
          })
          yield* Effect.promise(() => Promise.all([gate.entered(), other.entered()]))
          expect(loop.statistics().jobs).toBe(2)
        })
      )
    )
    expect(log.sort()).toEqual(["default cancelled", "own cancelled", "task ended, with a job"])
    expect(executor.statistics()).toMatchObject({ state: "open", running: 0 })
    await executor.shutdown()
  })

  it("S2 past closeDeadline lists the jobs that are left, and leaves their threads terminated", async () => {
    const { exceptionHandler, reports } = collecting()
    const executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
    const gate = new Gate()
    const futures = await onLoop(
      async (loop) => {
        const running = loop.runInExecutor(executor, spin, gate.cells)
        const queued = loop.runInExecutor(executor, spin, gate.cells)
        await gate.entered()
        return [running, queued] as const
      },
      { exceptionHandler, closeDeadline: 50, slowJoin: 10 }
    )
    // A busy machine may take longer than slowJoin to end the thread, which is told, too.
    const told = reports.filter(
      ({ message }) => !/^(the thread of the job spin \(worker 1\)|worker 1 of aio-test) was/.test(message)
    )
    expect(told.map(({ kind }) => kind)).toEqual(["slowJoin", "leftover"])
    expect(told[1]!.message).toMatch(
      /^1 left over on loop-\d+ at the deadline[^]*job +spin .* cancelling +worker \d+/
    )
    expect(futures[0].exception()).toBeInstanceOf(LoopClosedError)
    expect(futures[1].cancelled()).toBe(true)
    await until(() => executor.statistics().workers === 0)
    expect(executor.statistics()).toMatchObject({ state: "open", running: 0, queued: 0 })
    await executor.shutdown()
  })

  it("loop.close() settles the Futures at once, and terminates the threads without waiting", async () => {
    const { exceptionHandler, reports } = collecting()
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({ exceptionHandler })
          const gate = new Gate()
          const shared = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
          const running = loop.runInExecutor(null, spin, gate.cells)
          const cancelling = loop.runInExecutor(shared, spin, gate.cells)
          const queued = loop.runInExecutor(shared, spin, gate.cells)
          const shut = loop.shutdownDefaultExecutor()
          yield* Effect.promise(() => until(() => Atomics.load(gate.cells, 0) === 2))
          cancelling.cancel()
          loop.close()
          for (const future of [running, cancelling, queued, shut]) {
            expect(future.exception()).toBeInstanceOf(LoopClosedError)
          }
          expect(loop.statistics().jobs).toBe(0)
          yield* Effect.promise(() => until(() => shared.statistics().workers === 0))
          yield* Effect.promise(() => noThreadNamed("effect-aio"))
          expect(shared.statistics()).toMatchObject({ state: "open", running: 0, queued: 0 })
          yield* Effect.promise(() => shared.shutdown())
        })
      )
    )
    expect(reports).toEqual([])
  })

  it("a set default executor with jobs of another loop is waited for, and its jobs are named", async () => {
    const { exceptionHandler, reports } = collecting()
    const executor = Executor.make({ maxWorkers: 1, name: "aio-test" })
    const gate = new Gate()
    await onLoop(async (other) => {
      const future = other.runInExecutor(executor, hold, gate.cells)
      const closed = onLoop(async (loop) => loop.setDefaultExecutor(executor), {
        exceptionHandler,
        slowJoin: 10
      })
      await until(() => reports.length > 0)
      expect(reports).toMatchObject([
        { kind: "slowJoin", message: expect.stringMatching(/job +hold .*running/) }
      ])
      gate.open()
      await closed
      expect(await future).toBe("let go")
    })
  })

  it("SyncLoop: a job outlasts the run it was given in, and close() joins it", async () => {
    const loop = SyncLoop.make()
    const gate = new Gate()
    const future = await loop.runUntilComplete(async () => {
      const future = loop.runInExecutor(null, hold, gate.cells)
      await gate.entered()
      return { future }
    })
    gate.open()
    await until(() => future.future.done())
    expect(await loop.runUntilComplete(async () => future.future.result())).toBe("let go")
    const stays = new Gate()
    stays.open()
    const left = loop.runInExecutor(null, heeds, stays.cells)
    await stays.entered()
    await loop.close()
    expect(left.cancelled()).toBe(true)
  })

  it("S5 interrupted while it joins a job, a fiber still waits for the end of the job", async () => {
    const executor = Executor.make({ maxWorkers: 1, name: "aio-test", grace: never })
    const gate = new Gate()
    await Effect.runPromise(
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(
          scoped(
            Effect.gen(function* () {
              const loop = yield* Loop
              loop.runInExecutor(executor, heeds, gate.cells)
              yield* Effect.promise(() => gate.entered())
              yield* Deferred.succeed(begun, undefined)
            })
          )
        )
        yield* Deferred.await(begun)
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* Effect.sleep(5)
        expect(executor.statistics().running).toBe(1)
        gate.open()
        yield* Fiber.join(interrupting)
        expect(executor.statistics().running).toBe(0)
      })
    )
    await executor.shutdown()
  })
})
