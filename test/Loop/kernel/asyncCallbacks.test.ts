// Callbacks that go on after their call: when they fail, that is an exception in a callback as any other.
import { describe, expect, it } from "vitest"
import { CancelledError, LoopClosedError } from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { WatchHandle } from "../../../src/Loop/kernel/WatchHandle.js"
import { reportingLoop } from "../../support/trackingHost.js"

const boom = new Error("boom")
async function fails(): Promise<void> {
  await null
  throw boom
}

/** What schedules a callback that is given no arguments. */
const ways: ReadonlyArray<readonly [string, (loop: BaseEventLoop, callback: () => unknown) => unknown]> = [
  ["callSoon", (loop, callback) => loop.callSoon(callback)],
  ["callSoonThreadsafe", (loop, callback) => loop.callSoonThreadsafe(callback)],
  ["callLater", (loop, callback) => loop.callLater(5, callback)],
  ["callAt", (loop, callback) => loop.callAt(5, callback)],
  [
    "addDoneCallback",
    (loop, callback) => {
      const future = loop.createFuture<number>()
      future.addDoneCallback(() => callback())
      future.setResult(1)
    }
  ],
  [
    "a WatchHandle",
    (loop, callback) => new WatchHandle(loop, "what", callback, [], undefined, () => {})._fire()
  ]
]

const thenable = (settle: (reject: (error: unknown) => void) => void) => ({
  then: (_: unknown, reject: (error: unknown) => void) => settle(reject)
})

describe.each(ways)("an async callback of %s", (_, schedule) => {
  it.each([
    ["an async function", fails],
    ["a promise", () => Promise.reject(boom)],
    ["a thenable", () => thenable((reject) => reject(boom))],
    [
      "a thenable whose then throws",
      () =>
        thenable(() => {
          throw boom
        })
    ]
  ] as ReadonlyArray<readonly [string, () => unknown]>)(
    "L6 that fails (%s) is reported as callback, once",
    async (_, callback) => {
      const { loop, host, reports } = reportingLoop()
      schedule(loop, callback)
      await host.pass(10)
      expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["callback", boom]])
      expect(reports[0]?.message).toMatch(/^Exception in callback /)
      expect(reports[0]?.handle).toBeDefined()
    }
  )
})

describe("an async callback", () => {
  it("L6 is no accident where it is cancelled, or its loop was closed under it", async () => {
    const { loop, host, reports } = reportingLoop()
    loop.callSoon(() => Promise.reject(new CancelledError("why")))
    loop.callSoon(() => Promise.reject(new LoopClosedError("closed")))
    loop.callSoon(() => Promise.resolve(1))
    loop.callSoon(() => ({ then: 1 }))
    await host.settle()
    expect(reports).toEqual([])
  })

  it("L6 that fails when its loop is closed is late, and crashes nothing", async () => {
    const { loop, host, reports } = reportingLoop()
    let fail = (_: Error): void => {}
    loop.callSoon(() => new Promise((_, reject) => void (fail = reject)))
    await host.settle()
    loop.close()
    fail(boom)
    await host.settle()
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
  })

  it("T5 leaves a Future that it returns to whoever has that", async () => {
    const { loop, host, reports } = reportingLoop()
    const task = loop.createTask(fails)
    loop.callSoon(() => task)
    await host.settle()
    expect(reports).toEqual([])
    expect(task.exception()).toBe(boom)
  })
})
