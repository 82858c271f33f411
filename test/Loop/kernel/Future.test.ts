// A value that a callback will supply: its states, done callbacks and texts. `then` is in FutureThen.test.ts.
// Covers: wrapFuture
import { Worker, threadId } from "node:worker_threads"
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import {
  CancelledError,
  InvalidStateError,
  LoopClosedError,
  NoRunningLoopError
} from "../../../src/Loop/kernel/errors.js"
import { BaseEventLoop, runningLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { Future, FutureTypeId, isFuture } from "../../../src/Loop/kernel/Future.js"
import { manualLoop, nodeLoop } from "../../support/closedLoops.js"
import { thrown } from "../../support/trackingHost.js"

describe("Future: making one", () => {
  it("futures-002 cannot be made without a loop outside of every loop", () => {
    const { loop } = manualLoop()
    const error = thrown(() => new Future())
    expect(error).toBeInstanceOf(NoRunningLoopError)
    expect(String(error)).toContain("there is no current event loop")
    expect(loop.statistics()).toMatchObject({ ready: 0, unretrieved: 0 })
  })

  it("takes the running loop where none is named", () => {
    const { loop, host } = manualLoop()
    let made: Future<number> | undefined
    loop.callSoon(() => void (made = new Future<number>()))
    host.runUntilIdle()
    expect(made?.getLoop()).toBe(loop)
  })

  it("refuses what is not a loop with a TypeError", () => {
    expect(() => new Future({})).toThrow(TypeError)
  })

  it("futures-062 comes from createFuture as an instance of Future of that loop, and can be cancelled at once", () => {
    const { loop } = manualLoop()
    const future = loop.createFuture()
    expect(future).toBeInstanceOf(Future)
    expect(isFuture(future)).toBe(true)
    expect(future.getLoop()).toBe(loop)
    expect(future.cancel()).toBe(true)
    expect(future.cancelled()).toBe(true)
    expect(loop.statistics().passes).toBe(0)
  })
})

describe("Future: pending, then done once", () => {
  it("futures-007 is done and cancelled as soon as cancel() returns", () => {
    const future = manualLoop().loop.createFuture()
    expect(future.cancel()).toBe(true)
    expect([future.done(), future.cancelled()]).toEqual([true, true])
    expect(() => future.result()).toThrow(CancelledError)
    expect(() => future.exception()).toThrow(CancelledError)
  })

  it("futures-008 stays cancelled, whatever is set later", () => {
    const future = manualLoop().loop.createFuture()
    future.cancel()
    expect(() => future.setResult(1)).toThrow(InvalidStateError)
    expect(() => future.setException(new Error("no"))).toThrow(InvalidStateError)
    expect(future.cancel()).toBe(false)
    expect(future.cancelled()).toBe(true)
  })

  it("futures-010 keeps its first result", () => {
    const future = manualLoop().loop.createFuture<number>()
    future.setResult(42)
    expect(() => future.setResult(43)).toThrow(InvalidStateError)
    expect(() => future.setException(new Error("no"))).toThrow(InvalidStateError)
    expect(future.cancel()).toBe(false)
    expect(future.result()).toBe(42)
    expect(future.exception()).toBe(undefined)
  })

  it("futures-011 gives back the very error that was set", () => {
    const future = manualLoop().loop.createFuture()
    expect(() => future.exception()).toThrow(InvalidStateError)
    expect(() => future.result()).toThrow(InvalidStateError)
    const error = new Error("mine")
    future.setException(error)
    expect([future.done(), future.cancelled()]).toEqual([true, false])
    expect(future.exception()).toBe(error)
    expect(thrown(() => future.result())).toBe(error)
  })

  it("keeps its outcome when whoever settles it for the library does so twice", () => {
    const future = manualLoop().loop.createFuture<number>()
    future._settleValue(1)
    future._settleError(new Error("late"))
    future._settleCancelled("late")
    future._closed(new Error("late"))
    expect(future.result()).toBe(1)
  })

  it("futures-014 refuses an error class in place of an error", () => {
    const future = manualLoop().loop.createFuture()
    for (const wrong of [Error, RangeError, class Mine extends Error {}]) {
      expect(() => future.setException(wrong)).toThrow(TypeError)
    }
    expect(future.done()).toBe(false)
  })

  it("throws exactly what was set, also what is no Error", () => {
    const { loop } = manualLoop()
    const strange = [
      undefined,
      null,
      "text",
      5,
      Symbol("s"),
      Object.freeze({ frozen: true }),
      () => 1,
      Object.create(null)
    ]
    for (const error of strange) {
      const future = loop.createFuture()
      future.setException(error)
      expect(thrown(() => future.result())).toBe(error)
      expect(future.exception()).toBe(error)
      expect(String(future)).toContain("finished exception=")
      expect(inspect(future)).toBe(String(future))
      expect(JSON.stringify(future)).toContain("finished")
    }
  })

  it("takes a frozen Error and leaves it as it is", () => {
    const error = Object.freeze(new Error("frozen"))
    const future = manualLoop().loop.createFuture()
    future.setException(error)
    expect(future.exception()).toBe(error)
  })

  it("futures-032 carries the message of cancel() on its CancelledError, which is always the same one", () => {
    const { loop } = manualLoop()
    const withMessage = loop.createFuture()
    withMessage.cancel("my message")
    const error = thrown(() => withMessage.result())
    expect(error).toMatchObject({ message: "my message", reason: "my message" })
    expect(thrown(() => withMessage.result())).toBe(error)
    expect(thrown(() => withMessage.exception())).toBe(error)
    const without = loop.createFuture()
    without.cancel()
    // The text says who has cancelled; it is no message of anybody's.
    expect(thrown(() => without.result())).toMatchObject({
      message: "cancelled by code that is on no loop",
      reason: undefined
    })
  })

  it("throws the CancelledError that was given to cancel() as it is", () => {
    const future = manualLoop().loop.createFuture()
    const error = new CancelledError("why")
    future.cancel(error)
    expect(thrown(() => future.result())).toBe(error)
  })

  it("can be cancelled with a message that has no text form", () => {
    const future = manualLoop().loop.createFuture()
    const message = Object.create(null) as object
    future.cancel(message)
    expect(thrown(() => future.result())).toMatchObject({ message: "<unprintable>", reason: message })
  })

  it("futures-060 does not follow a Future or promise that is its result", () => {
    const { loop } = manualLoop()
    const inner = loop.createFuture<number>()
    const promise = Promise.resolve(1)
    const one = loop.createFuture<unknown>()
    const two = loop.createFuture<unknown>()
    one.setResult(inner)
    two.setResult(promise)
    expect([one.done(), two.done(), inner.done()]).toEqual([true, true, false])
    expect(one.result()).toBe(inner)
    expect(two.result()).toBe(promise)
  })
})

describe("Future: whose value comes from elsewhere", () => {
  it("stays pending after cancel() where its owner says so, and takes what the owner settles it with", () => {
    const { loop } = manualLoop()
    const asked: Array<unknown> = []
    const future = new Future<number>(loop, (message) => {
      asked.push(message)
      return true
    })
    expect(future.cancel("a")).toBe(true)
    expect(future.done()).toBe(false)
    future._settleValue(1)
    expect(future.result()).toBe(1)
    expect(future.cancel("b")).toBe(false)
    expect(asked).toEqual(["a"])
  })

  it("survives an owner that cancels it again, or settles it, while it is told", () => {
    const { loop } = manualLoop()
    const again: Future<number> = new Future<number>(loop, () => !again.cancel())
    expect(again.cancel("a")).toBe(true)
    expect(thrown(() => again.result())).toMatchObject({ reason: "a" })
    const settles = new Future<number>(loop, () => {
      settles._settleValue(7)
      return false
    })
    expect(settles.cancel()).toBe(true)
    expect(settles.result()).toBe(7)
  })
})

describe("Future: done callbacks", () => {
  it("futures-037 calls them after setResult() has returned, in the order of registration", () => {
    const { loop, host } = manualLoop()
    const log: Array<unknown> = []
    const future = loop.createFuture<number>()
    future.addDoneCallback((f) => log.push(["one", f.result()]))
    future.addDoneCallback((f) => log.push(["two", f.result()]))
    future.setResult(5)
    expect(log).toEqual([])
    host.turn()
    expect(log).toEqual([
      ["one", 5],
      ["two", 5]
    ])
  })

  it("futures-038 calls them once after setException(), and they see the error", () => {
    const { loop, host } = manualLoop()
    const log: Array<unknown> = []
    const future = loop.createFuture()
    future.addDoneCallback((f) => log.push(f.exception()))
    const error = new Error("mine")
    future.setException(error)
    expect(log).toEqual([])
    host.runUntilIdle()
    expect(log).toEqual([error])
  })

  it("futures-042 still calls what was registered when it settled, though a callback takes it back", () => {
    const { loop, host } = manualLoop()
    const log: Array<string> = []
    const future = loop.createFuture<number>()
    const b = () => void log.push("b")
    future.addDoneCallback((f) => log.push(`a removes ${f.removeDoneCallback(b)}`))
    future.addDoneCallback(b)
    future.addDoneCallback(b)
    future.setResult(1)
    host.runUntilIdle()
    expect(log).toEqual(["a removes 0", "b", "b"])
  })

  it("futures-043 schedules a callback that is added when it is done already", () => {
    const { loop, host } = manualLoop()
    const log: Array<unknown> = []
    const future = loop.createFuture<number>()
    future.setResult(1)
    future.addDoneCallback((f) => log.push(f))
    expect(log).toEqual([])
    host.turn()
    expect(log).toEqual([future])
  })

  it("removeDoneCallback takes every registration of a callback back while it is pending", () => {
    const { loop, host } = manualLoop()
    const log: Array<string> = []
    const future = loop.createFuture<number>()
    const a = () => void log.push("a")
    const b = () => void log.push("b")
    for (const f of [a, b, a]) future.addDoneCallback(f)
    expect([future.removeDoneCallback(a), future.removeDoneCallback(a)]).toEqual([2, 0])
    future.setResult(1)
    host.runUntilIdle()
    expect(log).toEqual(["b"])
    expect(future.removeDoneCallback(b)).toBe(0)
  })

  it("refuses a callback that is not a function, before anything is scheduled", () => {
    const { loop } = manualLoop()
    const future = loop.createFuture<number>()
    future.setResult(1)
    expect(() => future.addDoneCallback(5 as never)).toThrow(TypeError)
    expect(loop.statistics().ready).toBe(0)
  })

  it("lets a callback settle, cancel, add and remove on other Futures", () => {
    const { loop, host } = manualLoop()
    const log: Array<string> = []
    const [a, b, c] = [loop.createFuture<number>(), loop.createFuture<number>(), loop.createFuture<number>()]
    const gone = () => void log.push("gone")
    a.addDoneCallback(() => {
      b.setResult(2)
      c.removeDoneCallback(gone)
      c.cancel()
      a.addDoneCallback(() => log.push("a again"))
    })
    b.addDoneCallback((f) => log.push(`b ${f.result()}`))
    c.addDoneCallback(gone)
    c.addDoneCallback((f) => log.push(`c ${f.cancelled()}`))
    a.setResult(1)
    host.runUntilIdle()
    expect(log).toEqual(["b 2", "c true", "a again"])
  })

  it("wakes 100000 waiters of one Future, in order", () => {
    const { loop, host } = manualLoop()
    const future = loop.createFuture<number>()
    let next = 0
    for (let i = 0; i < 100_000; i++) {
      future.addDoneCallback(() => {
        if (next === i) next++
      })
    }
    future.setResult(1)
    host.runUntilIdle()
    expect(next).toBe(100_000)
  })

  it("takes back thousands of waits on one Future without rescanning it each time", () => {
    const { loop } = manualLoop()
    const future = loop.createFuture<number>()
    const waits = Array.from({ length: 10_000 }, () => ({ resumes: false, run: () => {} }))
    for (const wait of waits) future._add(wait)
    for (const wait of waits) future._remove(wait)
    future._remove(waits[0]!)
    future.setResult(1)
    expect(loop.statistics().ready).toBe(0)
  })
})

describe("Future: text forms", () => {
  const named = (name: string) => ({ [name]: () => {} })[name] as () => void

  it("futures-017 lists its callbacks by name while it is pending", () => {
    const { loop, host } = manualLoop()
    const future = loop.createFuture()
    expect(String(future)).toBe("<Future pending>")
    future.addDoneCallback(named("first"))
    expect(String(future)).toBe("<Future pending cb=[first()]>")
    future.addDoneCallback(named("second"))
    expect(inspect(future)).toBe("<Future pending cb=[first(), second()]>")
    future.cancel()
    expect(String(future)).toBe("<Future cancelled>")
    const anonymous = loop.createFuture()
    anonymous.addDoneCallback(() => 0)
    expect(String(anonymous)).toContain("<anonymous () => 0>")
    host.runUntilIdle()
  })

  it("futures-018 names the first and the last of many callbacks and counts the others", () => {
    const future = manualLoop().loop.createFuture()
    for (let i = 0; i < 10; i++) future.addDoneCallback(named(`f${i}`))
    expect(String(future)).toBe("<Future pending cb=[f0(), <8 more>, f9()]>")
  })

  it("shows errors with circular causes, and errors that throw when they are read", () => {
    const { loop } = manualLoop()
    const circular = new Error("one")
    circular.cause = new Error("two", { cause: circular })
    const hostile = new Error("x")
    Object.defineProperty(hostile, "message", {
      get: () => {
        throw new Error("no")
      }
    })
    for (const error of [circular, hostile]) {
      const future = loop.createFuture()
      future.setException(error)
      expect(String(future)).toMatch(/^<Future finished exception=.+>$/)
      expect(thrown(() => future.result())).toBe(error)
    }
  })

  it("names a subclass, and where it was made in debug mode", () => {
    const { loop } = manualLoop({ debug: true })
    class Mine extends Future<number> {}
    expect(String(new Mine(loop))).toMatch(/^<Mine pending created at .*Future\.test\.ts:\d+>$/)
    expect(loop.createFuture().sourceTraceback).toContain("Future.test.ts")
  })

  it("is plain data as JSON", () => {
    const future = manualLoop().loop.createFuture()
    expect(JSON.parse(JSON.stringify(future))).toEqual({ _id: "Future", state: "pending" })
    expect(Object.prototype.toString.call(future)).toBe("[object Future]")
  })
})

describe("Future: wrapping and copying", () => {
  it("futures-019 passes a value, an error and a cancellation on to a Future made from it", async () => {
    const { loop, host } = manualLoop()
    const error = new Error("mine")
    const sources = [
      loop.createFuture<number>(),
      loop.createFuture<number>(),
      loop.createFuture<number>()
    ] as const
    const copies = sources.map((source) => source.then())
    sources[0].setResult(1)
    sources[1].setException(error)
    sources[2].cancel("why")
    host.runUntilIdle()
    expect(copies[0]?.result()).toBe(1)
    expect(copies[1]?.exception()).toBe(error)
    expect(copies[2]?.cancelled()).toBe(true)
    expect(thrown(() => copies[2]?.result())).toMatchObject({ reason: "why" })
    const elsewhere = sources.map((source) => manualLoop().loop.wrapFuture(source))
    await host.settle()
    expect(elsewhere[0]?.result()).toBe(1)
    expect(elsewhere[1]?.exception()).toBe(error)
    expect(thrown(() => elsewhere[2]?.result())).toBe(thrown(() => sources[2].result()))
    expect(elsewhere[2]?.cancelled()).toBe(true)
  })

  it("futures-023 takes over what another thread has computed", async () => {
    const { loop } = nodeLoop()
    const job = new Promise<number>((resolve, reject) => {
      const worker = new Worker(
        `const t = require("node:worker_threads"); t.parentPort.postMessage(t.threadId)`,
        {
          eval: true
        }
      )
      worker.once("message", resolve)
      worker.once("error", reject)
    })
    const wrapper = loop.wrapFuture(job)
    expect(isFuture(wrapper)).toBe(true)
    const value = await wrapper
    expect(value).toBeGreaterThan(0)
    expect(value).not.toBe(threadId)
  })

  it("futures-024 gives a Future of the loop back as it is", () => {
    const { loop } = manualLoop()
    const future = loop.createFuture()
    expect(loop.wrapFuture(future)).toBe(future)
    expect(loop.ensureFuture(future)).toBe(future)
  })

  it("futures-028 passes a cancel on to foreign work that can be cancelled", async () => {
    const { loop, host } = manualLoop()
    const other = manualLoop()
    const foreign = other.loop.createFuture<number>()
    const wrapper = loop.wrapFuture(foreign)
    wrapper.cancel("why")
    await host.settle()
    expect([wrapper.cancelled(), foreign.cancelled()]).toEqual([true, true])
    const controller = new AbortController()
    const fetched = new Promise<never>((_, reject) =>
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason as Error))
    )
    const second = loop.wrapFuture(fetched, { cancel: (message) => controller.abort(message) })
    second.cancel("why")
    await host.settle()
    await other.host.settle()
    expect([second.cancelled(), controller.signal.reason]).toEqual([true, "why"])
  })

  it("futures-061 returns an object that carries the brand as it is", () => {
    const { loop } = manualLoop()
    const duck = { [FutureTypeId]: FutureTypeId, then: () => {} } as unknown as PromiseLike<number>
    expect(loop.wrapFuture(duck)).toBe(duck)
    expect(loop.ensureFuture(duck)).toBe(duck)
  })
})

describe("Future: when its loop is closed", () => {
  it("fails what is awaited outside of every task with LoopClosedError, and what is awaited later", async () => {
    const { loop } = nodeLoop()
    const before = loop.createFuture<number>()
    const waiting = (async () => before)().catch((error: unknown) => error)
    await null
    const chained = before.then(() => 1).catch((error: unknown) => error)
    await new Promise(setImmediate)
    const after = loop.createFuture<number>()
    loop.close()
    expect(await waiting).toBeInstanceOf(LoopClosedError)
    expect(await chained).toBeInstanceOf(LoopClosedError)
    await expect((async () => await after)()).rejects.toBeInstanceOf(LoopClosedError)
    await expect(after.then(() => 1)).rejects.toBeInstanceOf(LoopClosedError)
  })

  it("still settles, and reports done callbacks that cannot run any more", () => {
    const { loop, host } = manualLoop()
    const future = loop.createFuture<number>()
    future.addDoneCallback(() => {
      throw new Error("it ran")
    })
    loop.close()
    future.setResult(1)
    host.runUntilIdle()
    expect(future.result()).toBe(1)
    expect(host.reports.map((report) => report.kind)).toEqual(["late"])
  })
})

describe("Future: the running loop", () => {
  it("is the one of the callback that makes it, on two loops side by side", () => {
    const one = manualLoop()
    const two = manualLoop()
    const made: Array<Future<unknown>> = []
    for (const { loop } of [one, two]) loop.callSoon(() => made.push(runningLoop("test").createFuture()))
    two.host.runUntilIdle()
    one.host.runUntilIdle()
    expect(made.map((future) => future.getLoop())).toEqual([two.loop, one.loop])
    expect(one.loop).toBeInstanceOf(BaseEventLoop)
  })
})
