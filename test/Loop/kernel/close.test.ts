import { describe, expect, it } from "vitest"
import { InvalidStateError, LoopClosedError } from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { openManualLoop } from "../../support/loops.js"
import { empty, manualLoop, nodeLoop } from "../../support/closedLoops.js"

const schedulingCalls = (loop: BaseEventLoop): ReadonlyArray<() => unknown> => [
  () => loop.callSoon(() => {}),
  () => loop.callSoonThreadsafe(() => {}),
  () => loop.callLater(1, () => {}),
  () => loop.callAt(1, () => {}),
  () => loop.sleep(1),
  () => loop.sleep(0),
  () => loop.createTask(async () => {}),
  () => loop.ensureFuture(async () => {}),
  () => loop.wrapFuture(Promise.resolve(1))
]

describe("close()", () => {
  it("S4 scheduling on a closed loop throws LoopClosedError, and nothing is called or kept", () => {
    const { loop } = manualLoop()
    loop.close()
    for (const call of schedulingCalls(loop)) expect(call).toThrow(LoopClosedError)
    expect(() => loop.callSoon(() => {})).toThrow(
      `callSoon() on a closed loop: the event loop ${loop.name} is closed; schedule from inside its Scope`
    )
    expect(loop.statistics()).toMatchObject({ ...empty, state: "closed" })
  })

  it("S4 bad arguments are TypeErrors on a closed loop too", () => {
    const { loop } = manualLoop()
    loop.close()
    expect(() => loop.callSoon(1 as never)).toThrow(TypeError)
    expect(() => loop.createTask(1 as never)).toThrow(TypeError)
  })

  it("S4 closing again does nothing, and the loop stays closed whatever is called", () => {
    const { host, loop } = manualLoop()
    host.runUntilIdle()
    loop.close()
    loop.close()
    loop.close()
    loop._start()
    loop._beginClosing(new Error("too late"))
    expect([loop.isClosed(), loop.isRunning(), host.turns.length]).toEqual([true, false, 0])
    expect(loop.stop().isSet()).toBe(true)
    expect(() => loop.callSoon(() => {})).toThrow(LoopClosedError)
  })

  it("S4 (L8) closing from inside a callback, a timer or a task is refused with an error that says so", async () => {
    for (const { loop } of [manualLoop(), nodeLoop()]) {
      const caught: Array<unknown> = []
      const attempt = (): void => {
        try {
          loop.close()
        } catch (error) {
          caught.push(error)
        }
      }
      loop.callSoon(attempt)
      loop.callLater(0, attempt)
      loop.createTask(function* () {
        attempt()
      })
      loop.createTask(async () => attempt())
      loop.createFuture<void>().addDoneCallback(attempt)
      const future = loop.createFuture<void>()
      future.addDoneCallback(attempt)
      future.setResult()
      if ("settle" in loop.host) await (loop.host as unknown as { settle: () => Promise<void> }).settle()
      else await loop.sleep(1)
      expect(caught).toHaveLength(5)
      for (const error of caught) expect(error).toBeInstanceOf(InvalidStateError)
      expect(String(caught[0])).toContain(`close() was called from inside ${loop.name}`)
      expect(loop.isClosed()).toBe(false)
    }
  })

  it("S4 an async function of the loop is inside also after an await", async () => {
    const { loop } = nodeLoop()
    const task = loop.createTask(async () => {
      await loop.sleep(1)
      await new Promise((resolve) => setTimeout(resolve, 1))
      loop.close()
    })
    await expect(task).rejects.toThrow(InvalidStateError)
    expect(loop.isClosed()).toBe(false)
  })

  it("a loop may be closed from inside a callback of another", () => {
    const outer = manualLoop()
    const inner = manualLoop()
    outer.loop.callSoon(() => inner.loop.close())
    outer.host.runUntilIdle()
    expect([inner.loop.isClosed(), outer.loop.isClosed(), outer.host.reports]).toEqual([true, false, []])
  })

  it("shutdown-014 pending callbacks and timers never run, are not reported, and the host is given up", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const handles = [
      loop.callSoon(() => log.push("soon")),
      loop.callLater(0, () => log.push("zero")),
      loop.callLater(5, () => log.push("later"))
    ]
    host.time = 1
    loop.close()
    expect([host.closed, host.armed]).toEqual([true, undefined])
    host.advance(100)
    expect(log).toEqual([])
    expect(host.reports).toEqual([])
    expect(handles.map((handle) => handle.cancelled())).toEqual([true, true, true])
    expect(loop.statistics()).toMatchObject(empty)
  })

  it("closes from every state: never started, idle, awake, stopping, stopped, closing, armed", () => {
    const states: Record<string, (opened: ReturnType<typeof openManualLoop>) => void> = {
      idle: ({ host }) => host.runUntilIdle(),
      awake: ({ loop }) => void loop.callSoon(() => {}),
      "half way through its passes": ({ host, loop }) => {
        loop.callSoon(() => loop.callSoon(() => {}))
        host.turn()
      },
      "between two steps of one pass": ({ host, loop }) => {
        loop.createTask(function* () {})
        loop.createTask(function* () {})
        host.turn()
      },
      stopping: ({ loop }) => void loop.stop(),
      stopped: ({ host, loop }) => {
        loop.stop()
        host.runUntilIdle()
      },
      closing: ({ loop }) => loop._beginClosing(undefined),
      armed: ({ host, loop }) => {
        loop.callLater(1000, () => {})
        host.runUntilIdle()
      }
    }
    for (const [state, bring] of Object.entries(states)) {
      const opened = openManualLoop()
      const { host, loop } = opened
      bring(opened)
      const stopped = loop.stop()
      loop.close()
      expect(loop.statistics(), state).toMatchObject({ ...empty, state: "closed" })
      expect([host.closed, host.armed, stopped.isSet()], state).toEqual([true, undefined, true])
      host.runUntilIdle()
      expect(host.reports, state).toEqual([])
    }
  })

  it("C3 every wait that is pending ends with LoopClosedError: tasks, awaits from outside, and later ones", async () => {
    const { host, loop } = manualLoop()
    const future = loop.createFuture<number>()
    const task = loop.createTask(function* () {
      yield* loop.createFuture<number>()
    })
    host.runUntilIdle()
    const outcomes = Promise.allSettled([future, task, loop.sleep(1000)])
    await null
    loop.close()
    await host.settle()
    const late = Promise.allSettled([loop.createFuture<number>(), future])
    await host.settle()
    for (const outcome of [...(await outcomes), ...(await late)]) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { _tag: "LoopClosedError" } })
    }
    expect(task.done()).toBe(true)
  })

  it("C3 what the library itself has queued is resumed by the close, and after it, though callbacks are dropped", async () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop._afterQueued(() => log.push("queued before"))
    loop.callSoon(() => log.push("callback"))
    const zero = loop.sleep(0, "slept")
    loop.close()
    loop._afterQueued(() => log.push("queued after"))
    expect(log).toEqual([])
    await host.settle()
    expect(log).toEqual(["queued before", "queued after"])
    expect(zero.result()).toBe("slept")
  })

  it("C3 the cause of the closing is that of each LoopClosedError", () => {
    const { loop } = manualLoop()
    const crash = new Error("crash")
    loop._close(crash)
    let caught: unknown
    try {
      loop.callSoon(() => {})
    } catch (error) {
      caught = error
    }
    expect(caught).toBeInstanceOf(LoopClosedError)
    expect((caught as LoopClosedError).cause).toBe(crash)
  })

  it("C3 the loop may be closed under a running callback: it ends there, and nothing follows", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callSoon(() => {
      loop._close(undefined)
      log.push("after the close")
    })
    loop.callSoon(() => log.push("never"))
    loop.callLater(0, () => log.push("never"))
    host.runUntilIdle()
    expect(log).toEqual(["after the close"])
    expect(loop.statistics()).toMatchObject({ ...empty, state: "closed" })
    expect(host.armed).toBeUndefined()
  })

  it("S4 what foreign code does late is reported or ignored, never thrown inside it", async () => {
    const { host, loop } = manualLoop()
    const future = loop.createFuture<number>()
    const ran: Array<string> = []
    future.addDoneCallback(() => ran.push("done callback"))
    loop.close()
    future.setResult(1)
    future.addDoneCallback(() => ran.push("registered late"))
    const value = future.then((n) => n + 1)
    await host.settle()
    expect(value.result()).toBe(2)
    expect(ran).toEqual([])
    expect(host.reports.map((report) => report.kind)).toEqual(["late", "late"])
    expect(host.reports[0]!.message).toMatch(/was scheduled on the closed loop .* and will not run$/)
    loop.callExceptionHandler({ message: "late report" })
    expect(host.reports.at(-1)!.message).toBe("late report")
    expect(loop.statistics().late).toBe(2)
  })

  it("S4 a cancel after close is no error, for handles, timers and Futures", () => {
    const { loop } = manualLoop()
    const handle = loop.callSoon(() => {})
    const timer = loop.callLater(10, () => {})
    const future = loop.createFuture<number>()
    const slept = loop.sleep(10)
    loop.close()
    handle.cancel()
    timer.cancel()
    expect([future.cancel(), slept.cancel()]).toEqual([true, true])
    expect(loop.statistics()).toMatchObject(empty)
  })

  it("S4 while it closes, outsiders are refused and the loop's own code may still schedule", async () => {
    const { loop } = nodeLoop()
    const log: Array<string> = []
    const task = loop.createTask(async () => {
      await loop.sleep(1)
      loop.callSoon(() => log.push("by a task"))
      await loop.sleep(1)
      loop.callSoon(() => loop.callSoon(() => log.push("by a callback")))
      await loop.sleep(5)
    })
    loop._beginClosing(undefined)
    for (const call of schedulingCalls(loop)) expect(call).toThrow(LoopClosedError)
    expect(() => loop.callSoon(() => {})).toThrow(/on a loop that is closing/)
    await task
    expect(log).toEqual(["by a task", "by a callback"])
  })

  it("a handler that throws, schedules or closes at the last report does not keep the loop open", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.setExceptionHandler((on, report) => {
      log.push(String(report.kind))
      on.close()
      on.callSoon(() => {})
    })
    loop.createFuture<number>().setException(new Error("boom"))
    loop.close()
    expect(log).toEqual(["unretrieved"])
    expect(loop.isClosed()).toBe(true)
    expect(host.closed).toBe(true)
    expect(host.reports[0]).toMatchObject({ message: "Unhandled error in exception handler" })
    expect(host.reports[0]!.exception).toBeInstanceOf(LoopClosedError)
  })

  it("L8 (C3) a thousand waits that are settled by the close may settle others, and none is lost", async () => {
    const { host, loop } = manualLoop()
    let settled = 0
    for (let i = 0; i < 1000; i++) {
      const other = loop.createFuture<number>()
      const future = loop.createFuture<number>()
      future.then(
        () => {},
        () => {
          settled++
          if (!other.done()) other.setResult(i)
        }
      )
      other.then(
        () => settled++,
        () => settled++
      )
    }
    loop.close()
    await host.settle()
    expect(settled).toBe(2000)
  })
})
