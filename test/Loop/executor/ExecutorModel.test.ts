// Whatever the order in which jobs are given, cancelled, finish, die and are shut down: every Future is done once, no
// permit is taken, and no thread is left.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  CancelledError,
  Executor,
  ExecutorClosedError,
  type Future,
  type JobContext,
  Limiter,
  WorkerDiedError
} from "../../../src/index.js"
import { noThreadNamed, onLoop, settled } from "../../fixtures/executor/pool.js"

/** Everything that a job can do. */
const act = async function (this: JobContext, kind: string, n: number): Promise<number> {
  const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  switch (kind) {
    case "throw":
      throw new RangeError(`job ${n}`)
    case "die":
      return process.exit(n)
    case "spin":
      for (;;);
    case "leave":
      void sleep(n).then(() => Promise.reject(new Error("left behind")))
      return n
    case "heed":
      await new Promise((resolve) => this.signal.addEventListener("abort", resolve))
      throw this.signal.reason
    case "late":
      await new Promise((resolve) => this.signal.addEventListener("abort", resolve))
      return n
    default:
      await sleep(n)
      return n
  }
}

const kinds = ["value", "value", "value", "throw", "die", "spin", "heed", "late", "leave"] as const

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("give" as const),
      kind: fc.constantFrom(...kinds),
      to: fc.nat(1),
      n: fc.nat(3)
    })
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("cancel" as const), which: fc.nat(20) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.nat(15) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("shutdown" as const), to: fc.nat(1), deadline: fc.nat(20) })
  }
)

describe("executors", () => {
  it("end every job once, whatever comes in between", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 25 }),
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        async (steps, permits, close) => {
          const limiter = Limiter.make(permits)
          const executors = [1, 2].map((maxWorkers) =>
            Executor.make({ maxWorkers, limiter, grace: 3, idleTimeout: 30, name: "aio-model" })
          )
          const futures: Array<Future<unknown>> = []
          const calls: Array<number> = []
          const cancelled = new Set<Future<unknown>>()
          await onLoop(
            async (loop) => {
              for (const next of steps) {
                switch (next.do) {
                  case "give":
                    try {
                      const index = futures.length
                      const future = loop.runInExecutor(executors[next.to]!, act, next.kind, next.n)
                      futures.push(future)
                      calls.push(0)
                      future.addDoneCallback(() => void calls[index]!++)
                    } catch (error) {
                      expect(error).toBeInstanceOf(ExecutorClosedError)
                    }
                    break
                  case "cancel": {
                    const future = futures[next.which]
                    if (future?.cancel() === true) cancelled.add(future)
                    break
                  }
                  case "wait":
                    await loop.sleep(next.ms)
                    break
                  case "shutdown":
                    void executors[next.to]!.shutdown({ deadline: next.deadline })
                }
              }
              if (!close) {
                for (const executor of executors) void executor.shutdown({ deadline: 30 })
                await Promise.all(futures.map(settled))
                await loop.sleep(0)
              }
            },
            { exceptionHandler: () => {} }
          )
          await Promise.all(executors.map((executor) => executor.shutdown()))
          expect(calls.every((count) => count === 1)).toBe(true)
          for (const future of futures) {
            expect(future.done()).toBe(true)
            if (future.cancelled()) continue
            const error = future.exception()
            if (error === undefined) expect(future.result()).toBeTypeOf("number")
            else if (!(error instanceof RangeError)) expect(error).toBeInstanceOf(WorkerDiedError)
            expect(error).not.toBeInstanceOf(CancelledError)
          }
          expect(limiter.statistics()).toEqual({ total: permits, taken: 0, waiting: 0 })
          for (const executor of executors) {
            expect(executor.statistics()).toMatchObject({
              state: "closed",
              workers: 0,
              running: 0,
              queued: 0
            })
          }
          await noThreadNamed("aio-model")
        }
      ),
      { numRuns: Number(process.env["RUNS"] ?? 30) }
    )
  })
})
