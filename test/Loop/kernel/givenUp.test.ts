// Coroutines that closing has given up: what they await or call is never answered, and said once.
import { afterEach, describe, expect, it } from "vitest"
import { LoopClosedError } from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import { sleep } from "../../../src/Loop/kernel/sleep.js"
import { TaskGroup } from "../../../src/Loop/kernel/TaskGroup.js"
import { timeout, waitFor } from "../../../src/Loop/kernel/timeouts.js"
import { runningLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { openManualLoop } from "../../support/loops.js"
import { reportingLoop, thrown } from "../../support/trackingHost.js"

const turns = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await null
}

let letGo: Array<() => void> = []
afterEach(async () => {
  for (const f of letGo.splice(0)) f()
  letGo = []
  await turns()
})

/** A native promise that ends when the test has ended: until then a coroutine stays where it awaits that. */
const foreign = (): Promise<void> => new Promise((resolve) => void letGo.push(resolve))

const calls: ReadonlyArray<readonly [string, (loop: BaseEventLoop) => unknown]> = [
  ["sleep", () => sleep(2)],
  ["loop.sleep", (loop) => loop.sleep(0)],
  ["createTask", (loop) => loop.createTask(() => 1)],
  ["ensureFuture of a coroutine", (loop) => loop.ensureFuture(async () => 1)],
  ["ensureFuture of a promise", (loop) => loop.ensureFuture(Promise.resolve(1))],
  ["wrapFuture of a promise that fails", (loop) => loop.wrapFuture(Promise.reject(new Error("late")))],
  ["waitFor", () => waitFor(() => sleep(5), 100)],
  ["timeout", () => timeout(5, () => sleep(5))],
  ["TaskGroup.run", () => TaskGroup.run(() => sleep(5))],
  [
    "a Future that is done",
    (loop) => {
      const future = loop.createFuture<number>()
      future.setResult(1)
      return future
    }
  ],
  ["a Future that is pending", (loop) => loop.createFuture()]
]

describe("J12 a coroutine that closing has given up", () => {
  it("is not told of where all that it fails with is that its loop was closed; any other failure is", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    let goOn = (): void => {}
    const goes = new Promise<void>((resolve) => void (goOn = resolve))
    for (const error of [new LoopClosedError("the loop was closed"), boom]) {
      // What it has waited for was no Future of the loop, and has heard of the closing in its own way.
      loop.createTask(() =>
        goes.then(() => {
          throw error
        })
      )
    }
    await host.settle()
    loop.close()
    goOn()
    await turns()
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
  })

  it.each(calls)(
    "is never answered when it awaits %s: it does not spin, and is named once",
    async (_, call) => {
      const { loop, host, reports } = reportingLoop()
      let rounds = 0
      let goOn = (): void => {}
      loop.createTask(
        async () => {
          await new Promise<void>((resolve) => void (goOn = resolve))
          for (; rounds < 1000; rounds++) {
            try {
              await call(runningLoop("poll"))
            } catch {
              // It ignores whatever comes.
            }
          }
        },
        { name: "poll" }
      )
      await host.settle()
      loop.close()
      goOn()
      await turns()
      await turns()
      expect(rounds).toBe(0)
      expect(reports.map(({ kind, task }) => [kind, task?.getName()])).toEqual([["late", "poll"]])
      expect(reports[0]?.message).toMatch(
        /^poll was given up when loop-\d+ closed, and has gone on to .*never answered$/
      )
      expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0, tasks: 0 })
    }
  )

  it("stays where it awaits a Future that is settled after the close", async () => {
    const { loop, host, reports, log } = reportingLoop()
    const future = loop.createFuture<number>()
    loop.createTask(async () => {
      try {
        await future
      } finally {
        log.push("went on")
      }
    })
    await host.settle()
    loop.close()
    if (!future.done()) future.setResult(1)
    await host.settle()
    expect([log, reports]).toEqual([[], []])
  })

  it("has handles that never run, and schedules nothing", async () => {
    const { loop, host, reports, log } = reportingLoop()
    let goOn = (): void => {}
    loop.createTask(async () => {
      await new Promise<void>((resolve) => void (goOn = resolve))
      log.push(loop.callSoon(() => log.push("soon")).cancelled())
      log.push(loop.callLater(1, () => log.push("later")).cancelled())
      const derived = (loop.createFuture() as Future<unknown>).then(() => log.push("then"))
      log.push(derived.done())
      await foreign()
    })
    await host.settle()
    loop.close()
    goOn()
    await turns()
    expect(log).toEqual([true, true, false])
    expect(reports).toHaveLength(1)
  })

  it("S4 other code still gets LoopClosedError, also what a finished task has left running", async () => {
    const { loop, host, log, reports } = reportingLoop()
    let goOn = (): void => {}
    const detached = async (): Promise<void> => {
      await new Promise<void>((resolve) => void (goOn = resolve))
      try {
        await loop.sleep(1)
      } catch (error) {
        log.push(error)
      }
    }
    loop.createTask(() => void detached())
    await host.settle()
    loop.close()
    expect(thrown(() => loop.sleep(1))).toBeInstanceOf(LoopClosedError)
    expect(thrown(() => loop.createTask(() => 1))).toBeInstanceOf(LoopClosedError)
    goOn()
    await turns()
    expect(log).toEqual([expect.any(LoopClosedError)])
    expect(reports).toEqual([])
  })

  it("S5 keeps the loop's async-local state until it has ended after all, and is told of if it failed", async () => {
    const { loop, host, reports } = reportingLoop()
    let fail = (_: Error): void => {}
    const boom = new Error("boom")
    loop.createTask(() => new Promise<void>((_, reject) => void (fail = reject)), { name: "slow" })
    await host.settle()
    loop.close()
    expect(host.closed).toBe(false)
    fail(boom)
    await turns()
    expect(host.closed).toBe(true)
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
  })

  it.each(["a promise that nobody settles", "an aio call, which is never answered"])(
    "S5 lets go of the loop's async-local state where it waits for ever: for %s",
    async (what) => {
      // A report that is kept would keep the task.
      const { loop, host } = openManualLoop({ exceptionHandler: () => {} })
      let goOn = (): void => {}
      // In a function of its own: the frame of the test would keep the task.
      const begin = (): void =>
        void loop.createTask(async () => {
          await new Promise<void>((resolve) => void (goOn = resolve))
          await (what.startsWith("an aio") ? loop.sleep(1) : new Promise(() => {}))
        })
      begin()
      await host.settle()
      loop.close()
      goOn()
      for (let round = 0; round < 50 && !host.closed; round++) {
        globalThis.gc?.()
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(host.closed).toBe(true)
    }
  )
})
