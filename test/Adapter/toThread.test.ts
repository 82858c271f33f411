import { threadId } from "node:worker_threads"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import {
  AioError,
  fromAio,
  JobRefusedError,
  type JobContext,
  Loop,
  NoRunningLoopError,
  toThread
} from "../../src/index.js"
import { Gate, heeds, jobs, onLoop, settled } from "../fixtures/executor/pool.js"
import { scoped } from "../support/scopedLoops.js"

describe("toThread", () => {
  it("runs a job in the default executor of the running loop", async () => {
    await onLoop(async (loop) => {
      function where(this: JobContext, greeting: string) {
        return [greeting, this.worker, this.threadId]
      }
      const [greeting, worker, id] = await toThread(where, "hello")
      expect([greeting, worker]).toEqual(["hello", "effect-aio-1"])
      expect(id).not.toBe(threadId)
      expect(await toThread({ module: jobs, export: "parse" }, "1,2")).toEqual([1, 2])
      const future = toThread(() => 1)
      expect(future.getLoop()).toBe(loop)
      expect(await future).toBe(1)
    })
  })

  it("says what it is called for where no loop runs, and in Effect code", async () => {
    expect(() => toThread(() => 1)).toThrow(NoRunningLoopError)
    expect(() => toThread(() => 1)).toThrow("toThread() needs a running loop")
    await Effect.runPromise(
      scoped(
        Effect.sync(() => {
          expect(() => toThread(() => 1)).toThrow("toThread() was called in Effect code")
        })
      )
    )
  })

  it("refuses what runInExecutor refuses", async () => {
    await onLoop(async () => {
      expect(() => toThread(Math.max)).toThrow(JobRefusedError)
      expect(await settled(toThread(() => settled))).toBeInstanceOf(JobRefusedError)
    })
  })

  it.live("J1 in fromAio it is interrupted when the job has ended, and not before", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const gate = new Gate()
        const fiber = yield* Effect.fork(
          fromAio(() => toThread(heeds, gate.cells))().pipe(
            Effect.onExit((exit) =>
              Effect.sync(() => {
                log.push(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause) ? "interrupted" : "?")
              })
            )
          )
        )
        yield* Effect.promise(() => gate.entered())
        const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
        yield* Effect.sleep(5)
        expect(log).toEqual([])
        expect(loop.statistics().jobs).toBe(1)
        log.push("gate opens")
        gate.open()
        yield* Fiber.join(interrupting)
        expect(log).toEqual(["gate opens", "interrupted"])
        expect(loop.statistics().jobs).toBe(0)
      })
    )
  )

  it.live("J3 in fromAio what the job throws is the cause of an AioError", () =>
    scoped(
      Effect.gen(function* () {
        const error = yield* Effect.flip(
          fromAio(() =>
            toThread(() => {
              throw new RangeError("there")
            })
          )()
        )
        expect(error).toBeInstanceOf(AioError)
        expect((error as AioError).cause).toMatchObject({ name: "RangeError", message: "there" })
      })
    )
  )
})
