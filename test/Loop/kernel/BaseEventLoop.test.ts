// The loop as programs see it: order, passes, stop and what it is given.
// Covers: LoopOptions, Passes, TaskList, ports
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { QueueFullError } from "../../../src/Loop/kernel/errors.js"
import { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { Event } from "../../../src/Loop/kernel/Event.js"
import { Handle } from "../../../src/Loop/kernel/Handle.js"
import { ManualHost } from "../../support/loops.js"
import { manualLoop, nodeLoop } from "../../support/closedLoops.js"

describe("EventLoop, passes", () => {
  it("L1 runs callbacks first in, first out, with their arguments", () => {
    const { host, loop } = manualLoop()
    const log: Array<unknown> = []
    for (let i = 0; i < 100; i++) loop.callSoon((...args: Array<unknown>) => log.push(args), i, "x")
    host.runUntilIdle()
    expect(log).toEqual(Array.from({ length: 100 }, (_, i) => [i, "x"]))
  })

  it("callbacks-004 a callback that is scheduled inside a callback runs after it has returned", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callSoon(() => {
      loop.callSoon(() => log.push("B"))
      log.push("A")
    })
    host.runUntilIdle()
    expect(log).toEqual(["A", "B"])
  })

  it("L1 what a pass adds waits for the next pass, behind the timers that have fallen due", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    let passes = 0
    const again = (): void => {
      log.push(`again ${loop.statistics().passes}`)
      if (++passes < 4) loop.callSoon(again)
    }
    loop.callSoon(again)
    loop.callSoon(() => log.push(`other ${loop.statistics().passes}`))
    loop.callLater(0, () => log.push(`timer ${loop.statistics().passes}`))
    host.runUntilIdle()
    expect(log).toEqual(["again 1", "other 1", "timer 1", "again 2", "again 3", "again 4"])
  })

  it("L1 a callback that schedules itself for ever starves neither timers nor the turn of the host's I/O", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    let going = true
    const forever = (): void => {
      host.time += 0.01
      if (going) loop.callSoon(forever)
    }
    loop.callSoon(forever)
    loop.callLater(5, () => log.push(`timer at ${Math.round(host.time)}`))
    let sawYield = 0
    for (let i = 0; i < 1000; i++) {
      if (host.turns[0]!.how === "yield") sawYield++
      host.turn()
    }
    going = false
    host.runUntilIdle()
    expect(log).toEqual(["timer at 5"])
    expect(sawYield).toBeGreaterThanOrEqual(5)
  })

  it("L1 one long pass is put aside for I/O and taken up again where it was, before the next pass", () => {
    const { host, loop } = manualLoop()
    const log: Array<number | string> = []
    for (let i = 0; i < 2000; i++) {
      loop.callSoon(() => {
        host.time += 0.01
        if (i === 0) loop.callSoon(() => log.push("next pass"))
        log.push(i)
      })
    }
    const hows: Array<string> = []
    while (host.turns.length > 0) {
      hows.push(host.turns[0]!.how)
      host.turn()
    }
    expect(log).toEqual([...Array.from({ length: 2000 }, (_, i) => i), "next pass"])
    expect(hows).toContain("yield")
    expect(loop.statistics().passes).toBe(2)
  })

  it("L1 a million callbacks run in order, and the queue is empty after them", () => {
    const { host, loop } = manualLoop()
    let next = 0
    let inOrder = true
    const check = (i: number): void => {
      inOrder = next++ === i && inOrder
    }
    for (let i = 0; i < 1_000_000; i++) loop.callSoon(check, i)
    expect(loop.statistics().ready).toBe(1_000_000)
    host.runUntilIdle()
    expect([next, inOrder]).toEqual([1_000_000, true])
    expect(loop.statistics()).toMatchObject({ ready: 0, callbacks: 1_000_000 })
  })

  it("callbacks-012 a task that a callback resumes goes on before what that callback scheduled next", async () => {
    const { loop } = nodeLoop()
    const log: Array<string> = []
    const future = loop.createFuture<number>()
    const task = loop.createTask(async () => {
      log.push(`resumed with ${await future}`)
    })
    await loop.sleep(0)
    loop.callSoon(() => {
      future.setResult(1)
      loop.callSoon(() => log.push("B"))
      log.push("A")
    })
    await task
    await loop.sleep(0)
    expect(log).toEqual(["A", "resumed with 1", "B"])
  })

  it("callbacks-012 the same for a generator, and for a native promise chain behind the await", async () => {
    const { loop } = nodeLoop()
    const log: Array<string> = []
    const future = loop.createFuture<number>()
    const generator = loop.createTask(function* () {
      log.push(`generator ${yield* future}`)
    })
    const chained = loop.createTask(async () => {
      await future
      await null
      await null
      log.push("after two more awaits")
    })
    await loop.sleep(0)
    loop.callSoon(() => {
      future.setResult(1)
      loop.callSoon(() => log.push("B"))
    })
    await chained
    await generator
    await loop.sleep(0)
    expect(log).toEqual(["generator 1", "after two more awaits", "B"])
  })

  it("callbacks-012 the same where the task is the last of its pass and the callback the first of the next", async () => {
    const { loop } = nodeLoop()
    const log: Array<string> = []
    const future = loop.createFuture<number>()
    const task = loop.createTask(async () => {
      await future
      for (let i = 0; i < 5; i++) await null
      log.push("resumed")
    })
    await loop.sleep(0)
    loop.callSoon(() => {
      loop.callSoon(() => loop.callSoon(() => log.push("B")))
      future.setResult(1)
    })
    await task
    await loop.sleep(0)
    expect(log).toEqual(["resumed", "B"])
  })

  it("L8 settling, cancelling, scheduling and stopping work inside any callback", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const future = loop.createFuture<string>()
    future.addDoneCallback((done) => {
      log.push(`done ${done.result()}`)
      const other = loop.createFuture<string>()
      other.addDoneCallback(() => log.push(`other ${other.cancelled()}`))
      other.cancel()
      future.addDoneCallback(() => log.push("late registration"))
      loop.stop()
    })
    loop.callSoon(() => {
      future.setResult("x")
      const dropped = loop.callSoon(() => log.push("dropped"))
      loop.callSoon(() => log.push("kept"))
      dropped.cancel()
    })
    host.runUntilIdle()
    expect(log).toEqual(["done x", "kept", "other true", "late registration"])
    expect(loop.isRunning()).toBe(false)
  })

  it("debug mode may change inside a callback", () => {
    const { host, loop } = manualLoop({ debug: true, slowCallbackDuration: 10 })
    loop.callSoon(() => {
      loop.setDebug(false)
      host.time += 50
    })
    loop.callSoon(() => loop.setDebug(true))
    loop.callSoon(() => (host.time += 20))
    host.runUntilIdle()
    expect(host.reports.map((report) => report.kind)).toEqual(["slowCallback", "slowCallback"])
  })
})

describe("EventLoop, what it is given", () => {
  it("callbacks-003 what is not a function is a TypeError at once, and nothing is queued", () => {
    const { loop } = manualLoop()
    for (const callback of [1, undefined, null, "f", {}, [], Promise.resolve()]) {
      expect(() => loop.callSoon(callback as never)).toThrow(TypeError)
      expect(() => loop.callSoonThreadsafe(callback as never)).toThrow(TypeError)
    }
    expect(() => loop.callSoon(1 as never)).toThrow("callSoon takes a function, not 1")
    expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0 })
  })

  it("B2 a generator function is no callback, in debug mode or not, and nothing is scheduled", () => {
    for (const debug of [false, true]) {
      const { loop, host } = manualLoop({ debug })
      const future = loop.createFuture<void>()
      function* coroutine(): Generator<undefined, void> {
        yield
      }
      async function* items(): AsyncGenerator<undefined, void> {
        yield
      }
      for (const callback of [coroutine, items, coroutine.bind(null)]) {
        const calls: Record<string, () => unknown> = {
          callSoon: () => loop.callSoon(callback),
          callSoonThreadsafe: () => loop.callSoonThreadsafe(callback),
          callLater: () => loop.callLater(1, callback),
          callAt: () => loop.callAt(1, callback),
          addDoneCallback: () => future.addDoneCallback(callback)
        }
        for (const [what, call] of Object.entries(calls)) {
          expect(call).toThrow(TypeError)
          const name = callback === items ? "items" : "coroutine"
          expect(call).toThrow(`coroutines cannot be used with ${what}: give ${name} to createTask`)
        }
      }
      expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0 })
      expect(String(future)).toMatch(/^<Future pending(?! cb)/)
      future.setResult()
      host.runUntilIdle()
      expect(host.reports).toEqual([])
    }
  })

  it("B2 an async function is a callback outside of debug mode, and its call is all that the loop does", () => {
    const { loop, host } = manualLoop()
    const log: Array<string> = []
    const future = loop.createFuture<void>()
    future.addDoneCallback(async () => void log.push("done"))
    loop.callSoon(async () => void log.push("soon"))
    future.setResult()
    host.runUntilIdle()
    expect(log).toEqual(["soon", "done"])
  })

  it("B2 options out of range are a RangeError before anything is made", () => {
    const make = (options: object) => () => new BaseEventLoop(new ManualHost(), options)
    for (const queueLength of [0, -1, NaN, 1.5, -Infinity, "3", null]) {
      expect(make({ queueLength }), String(queueLength)).toThrow(RangeError)
    }
    for (const slowCallbackDuration of [-1, NaN, "3", null, {}]) {
      expect(make({ slowCallbackDuration }), String(slowCallbackDuration)).toThrow(RangeError)
    }
    expect(make({ exceptionHandler: 1 })).toThrow(TypeError)
    expect(make({ queueLength: Infinity, slowCallbackDuration: 0 })().getDebug()).toBe(false)
  })

  it("B2 setters and makers refuse what they cannot use", () => {
    const { loop } = manualLoop()
    expect(() => loop.setExceptionHandler(1 as never)).toThrow(TypeError)
    expect(() => loop.setExceptionHandler(undefined as never)).toThrow(TypeError)
    expect(() => loop.setTaskFactory("x" as never)).toThrow(TypeError)
    expect(() => loop.createTask(1 as never)).toThrow(TypeError)
    expect(() => loop.createTask(Promise.resolve(1) as never)).toThrow(/ensureFuture/)
    expect(() => loop.ensureFuture(1 as never)).toThrow(TypeError)
    expect(() => loop.wrapFuture({} as never)).toThrow(TypeError)
    expect(() => loop.wrapFuture(null as never)).toThrow(TypeError)
    expect(() => loop.stop(1 as never)).toThrow(TypeError)
    expect(loop.statistics()).toMatchObject({ ready: 0, tasks: 0 })
  })

  it("queueLength bounds what may wait: one more is a QueueFullError, and room comes back with the next pass", () => {
    const { host, loop } = manualLoop({ queueLength: 3 })
    const log: Array<number> = []
    for (let i = 0; i < 3; i++) loop.callSoon((n: number) => log.push(n), i)
    const refused = [
      () => loop.callSoon(() => {}),
      () => loop.callSoonThreadsafe(() => {}),
      () => loop.callLater(1, () => {}),
      () => loop.callAt(1, () => {}),
      () => loop.sleep(1),
      () => loop.createTask(async () => {})
    ]
    for (const call of refused) expect(call).toThrow(QueueFullError)
    let caught: unknown
    try {
      loop.callSoon(() => {})
    } catch (error) {
      caught = error
    }
    expect(caught).toMatchObject({ _tag: "QueueFullError", queueLength: 3 })
    expect(loop.statistics()).toMatchObject({ ready: 3, timers: 0, tasks: 0 })
    host.runUntilIdle()
    loop.callSoon((n: number) => log.push(n), 3)
    host.runUntilIdle()
    expect(log).toEqual([0, 1, 2, 3])
  })

  it("a full queue loses no continuation of accepted work", () => {
    const { host, loop } = manualLoop({ queueLength: 1 })
    const log: Array<string> = []
    const future = loop.createFuture<number>()
    future.addDoneCallback(() => log.push("one"))
    future.addDoneCallback(() => log.push("two"))
    loop.callSoon(() => log.push("ready"))
    future.setResult(1)
    expect(loop.statistics().ready).toBe(3)
    host.runUntilIdle()
    expect(log).toEqual(["ready", "one", "two"])
  })
})

describe("EventLoop, its life", () => {
  it("stop() lets run what is queued so far and what is in its pass, and keeps the rest for the next start", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callSoon(() => {
      log.push("first")
      loop.callSoon(() => log.push("next pass"))
    })
    const event = loop.stop()
    expect([event.isSet(), loop.isRunning()]).toEqual([false, true])
    expect(loop.stop()).toBe(event)
    host.runUntilIdle()
    expect(log).toEqual(["first"])
    expect([event.isSet(), loop.isRunning(), loop.statistics().state]).toEqual([true, false, "stopped"])
    loop.callSoon(() => log.push("queued while stopped"))
    expect(host.turns).toEqual([])
    host.runUntilIdle()
    expect(log).toEqual(["first"])
    loop._start()
    expect(event.isSet()).toBe(true)
    host.runUntilIdle()
    expect(log).toEqual(["first", "next pass", "queued while stopped"])
    expect(loop.isRunning()).toBe(true)
    const again = loop.stop()
    expect([again === event, again.isSet()]).toEqual([false, false])
    host.runUntilIdle()
    expect([again.isSet(), loop.isRunning()]).toEqual([true, false])
  })

  it("stop(event) clears the caller's event and sets it with the loop's own; a stopped loop sets it at once", async () => {
    const { host, loop } = manualLoop()
    const mine = new Event()
    mine.set()
    expect(loop.stop(mine)).toBe(mine)
    const own = loop.stop()
    expect([mine.isSet(), own.isSet()]).toEqual([false, false])
    expect(loop.stop(mine)).toBe(mine)
    host.runUntilIdle()
    expect([mine.isSet(), own.isSet()]).toEqual([true, true])
    const late = new Event()
    expect(loop.stop(late).isSet()).toBe(true)
    expect(loop.stop().isSet()).toBe(true)
    await late.wait()
  })

  it("a stopped loop has no wake-up armed, and arms again when it runs", () => {
    const { host, loop } = manualLoop()
    const timer = loop.callLater(1000, () => {})
    host.runUntilIdle()
    loop.stop()
    host.runUntilIdle()
    expect(host.armed).toBeUndefined()
    loop._start()
    host.runUntilIdle()
    expect(host.armed!.when).toBe(1000)
    timer.cancel()
    host.runUntilIdle()
  })

  it("a loop that was started while its last turn was still coming runs once, not twice", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.stop()
    host.runUntilIdle()
    loop.callSoon(() => log.push("a"))
    loop._start()
    loop._start()
    expect(host.turns).toHaveLength(1)
    host.runUntilIdle()
    expect(log).toEqual(["a"])
  })

  it("time() is the host's clock and nothing else", () => {
    const { host, loop } = manualLoop()
    host.time = 42
    expect(loop.time()).toBe(42)
  })

  it("statistics() is a snapshot of what waits", () => {
    const { host, loop } = manualLoop({ name: "mine" })
    const before = loop.statistics()
    loop.callSoon(() => {})
    const timer = loop.callLater(1, () => {})
    loop.createTask(function* () {})
    expect(before).toEqual({
      name: "mine",
      state: "running",
      ready: 0,
      timers: 0,
      tasks: 0,
      unretrieved: 0,
      passes: 0,
      callbacks: 0,
      late: 0
    })
    expect(loop.statistics()).toMatchObject({ ready: 2, timers: 1, tasks: 1 })
    expect(String(loop)).toBe("<EventLoop mine running ready=2 timers=1 tasks=1 debug=false>")
    expect(inspect(loop)).toBe(String(loop))
    expect(JSON.parse(JSON.stringify(loop))).toMatchObject({ _id: "EventLoop", name: "mine", ready: 2 })
    timer.cancel()
    host.runUntilIdle()
    expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0, tasks: 0, callbacks: 2 })
  })

  it("loops without a name are numbered", () => {
    const [a, b] = [manualLoop().loop, manualLoop().loop]
    expect(a.name).toMatch(/^loop-\d+$/)
    expect(a.name).not.toBe(b.name)
  })

  it("_afterQueued resumes behind what is queued, and callSoonThreadsafe gives a Handle as callSoon does", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    expect(loop.callSoonThreadsafe(() => log.push("a"))).toBeInstanceOf(Handle)
    loop._afterQueued(() => log.push("after"))
    loop.callSoon(() => log.push("b"))
    host.runUntilIdle()
    expect(log).toEqual(["a", "after", "b"])
  })

  it("_beginClosing runs a stopped loop again", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.stop()
    host.runUntilIdle()
    loop.callSoon(() => log.push("a"))
    loop._beginClosing(undefined)
    expect(loop.statistics().state).toBe("closing")
    host.runUntilIdle()
    expect(log).toEqual(["a"])
  })
})
