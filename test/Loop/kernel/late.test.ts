// What comes when nobody waits for it any more: failures are told of once, values are counted.
import { describe, expect, it } from "vitest"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { CancelledError } from "../../../src/Loop/kernel/errors.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import { shield } from "../../../src/Loop/kernel/shield.js"
import { TaskGroup } from "../../../src/Loop/kernel/TaskGroup.js"
import { timeout, waitFor } from "../../../src/Loop/kernel/timeouts.js"
import { inside, kinds, reportingLoop } from "../../support/trackingHost.js"

const boom = new Error("payment failed")

/** A promise that is settled by hand. */
const foreign = () => {
  let resolve = (_: unknown): void => {}
  let reject = (_: unknown): void => {}
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Who stops waiting for a promise: after 5 ms by itself, or because it is cancelled then. */
const waits: ReadonlyArray<readonly [string, (loop: BaseEventLoop, p: Promise<unknown>) => Future<unknown>]> =
  [
    ["wrapFuture", (loop, p) => loop.wrapFuture(p)],
    ["ensureFuture", (loop, p) => loop.ensureFuture(p)],
    ["waitFor", (loop, p) => inside(loop, () => waitFor(p, 5))],
    ["timeout", (loop, p) => inside(loop, () => timeout(5, () => loop.wrapFuture(p)))],
    [
      "TaskGroup",
      (loop, p) =>
        inside(loop, () =>
          TaskGroup.run((group) => void group.createTask(async () => await loop.wrapFuture(p)))
        )
    ],
    ["shield", (loop, p) => inside(loop, () => shield(p))],
    [
      "a generator",
      (loop, p) =>
        loop.createTask(function* () {
          return yield* loop.wrapFuture(p)
        }) as Future<unknown>
    ]
  ]

/** Lets `wait` give up. */
const giveUp = async (wait: (loop: BaseEventLoop, p: Promise<unknown>) => Future<unknown>) => {
  const made = reportingLoop()
  const source = foreign()
  const future = wait(made.loop, source.promise)
  future.addDoneCallback(() => {})
  await made.host.pass(6)
  if (!future.done()) future.cancel()
  await made.host.settle()
  expect(future.done()).toBe(true)
  return { ...made, source }
}

describe.each(waits)("J4 what %s has stopped waiting for", (_, wait) => {
  it("is reported once as late when it fails", async () => {
    const { host, reports, source } = await giveUp(wait)
    source.reject(boom)
    await host.settle()
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
  })

  it("is counted when it gives a value", async () => {
    const { host, loop, reports, source } = await giveUp(wait)
    source.resolve(1)
    await host.settle()
    expect([reports, loop.statistics().late]).toEqual([[], 1])
  })

  it("is no news when it answers the cancel", async () => {
    for (const echo of [new CancelledError("why"), new DOMException("aborted", "AbortError")]) {
      const { host, reports, source } = await giveUp(wait)
      source.reject(echo)
      await host.settle()
      // A shield leaves the work alone, so that its abort is somebody else's, and is told of.
      if (_ === "shield" && !(echo instanceof CancelledError)) expect(reports).toHaveLength(1)
      else expect(reports).toEqual([])
    }
  })
})

describe.each(kinds)("J4 a Future that several tasks await (%s)", (_, as) => {
  const awaiting = (loop: BaseEventLoop, future: Future<unknown>) =>
    loop.createTask(
      as(function* () {
        return yield* future
      })
    )

  it("is told of once where all of them are cancelled as it fails, and not where one of them hears it", async () => {
    const { loop, host, reports } = reportingLoop()
    const [lost, heard] = [loop.createFuture<unknown>(), loop.createFuture<unknown>()]
    const tasks = [lost, lost, heard, heard].map((future) => awaiting(loop, future))
    await host.settle()
    lost.setException(boom)
    heard.setException(new Error("heard"))
    for (const task of tasks.slice(0, 3)) task.cancel()
    await host.settle()
    expect(tasks.map((task) => task.cancelled())).toEqual([true, true, true, false])
    expect(tasks[3]?.exception()).toMatchObject({ message: "heard" })
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
  })

  it("is told of once where all of them were given up when the loop was closed, and its value is counted", async () => {
    const { loop, host, reports } = reportingLoop()
    const [fails, works] = [foreign(), foreign()]
    const failing = loop.wrapFuture(fails.promise)
    for (const future of [failing, failing, loop.wrapFuture(works.promise)]) awaiting(loop, future)
    await host.settle()
    loop.close()
    fails.reject(boom)
    works.resolve(1)
    await host.settle()
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
    expect(loop.statistics().late).toBe(2)
  })
})

describe("J4 a promise that is waited for more than once", () => {
  it("is told of once, and not at all where one of them still waits", async () => {
    const { loop, host, reports } = reportingLoop()
    const [twice, taken] = [foreign(), foreign()]
    loop.wrapFuture(twice.promise).cancel()
    loop.wrapFuture(twice.promise).cancel()
    loop.wrapFuture(taken.promise).cancel()
    const waits = loop.wrapFuture(taken.promise)
    const later = loop.wrapFuture(taken.promise)
    later.cancel()
    twice.reject(boom)
    taken.reject(boom)
    await host.settle()
    expect(waits.exception()).toBe(boom)
    expect(reports.map(({ kind }) => kind)).toEqual(["late"])
  })

  it("is asked once, however often it is waited for, and answers everybody in turn", async () => {
    const { loop, host, reports, log } = reportingLoop()
    const { promise, resolve } = foreign()
    let asked = 0
    const lasting = Object.assign(promise, {
      then: (...handlers: Parameters<typeof promise.then>) => {
        asked++
        return Promise.prototype.then.apply(promise, handlers)
      }
    })
    for (let i = 0; i < 100; i++) {
      loop.wrapFuture(lasting).cancel()
      inside(loop, () => shield(lasting)).cancel()
      inside(loop, () => waitFor(lasting, 0)).addDoneCallback(() => {})
    }
    for (const name of ["first", "second"]) loop.wrapFuture(lasting).addDoneCallback(() => log.push(name))
    await host.settle()
    resolve("a value")
    await host.settle()
    const after = loop.wrapFuture(lasting)
    await host.settle()
    expect([asked, log, after.result(), reports]).toEqual([2, ["first", "second"], "a value", []])
    // It was not late: somebody has it.
    expect(loop.statistics()).toMatchObject({ late: 0, unretrieved: 0 })
  })

  it("is told of after the close of its loop, too", async () => {
    const { loop, host, reports } = reportingLoop()
    const source = foreign()
    const future = loop.wrapFuture(source.promise)
    future.then(
      () => {},
      () => {}
    )
    loop.close()
    source.reject(boom)
    await host.settle()
    expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([["late", boom]])
  })
})
