import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import { Handle } from "../../../src/Loop/kernel/Handle.js"
import { TimerHandle } from "../../../src/Loop/kernel/Timers.js"
import { collect, manualLoop, nodeLoop } from "../../support/closedLoops.js"

function named(..._args: Array<unknown>): void {}

describe("Handle", () => {
  it("handles-001 cancelled() tells whether cancel() came before the run; cancel() may be called again and later", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const cancelled = loop.callSoon(() => log.push("cancelled"))
    const ran = loop.callSoon(() => log.push("ran"))
    expect([cancelled.cancelled(), ran.cancelled()]).toEqual([false, false])
    cancelled.cancel()
    cancelled.cancel()
    host.runUntilIdle()
    ran.cancel()
    expect([cancelled.cancelled(), ran.cancelled()]).toEqual([true, false])
    expect(log).toEqual(["ran"])
  })

  it("handles-002 the same for a TimerHandle", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const cancelled = loop.callLater(10, () => log.push("cancelled"))
    const ran = loop.callLater(10, () => log.push("ran"))
    expect([cancelled.cancelled(), ran.cancelled()]).toEqual([false, false])
    cancelled.cancel()
    cancelled.cancel()
    host.advance(10)
    ran.cancel()
    expect([cancelled.cancelled(), ran.cancelled()]).toEqual([true, false])
    expect(log).toEqual(["ran"])
  })

  it("L3 never runs a cancelled handle, also when 100,000 are cancelled at once", () => {
    const { host, loop } = manualLoop()
    let ran = 0
    const handles = Array.from({ length: 100_000 }, () => loop.callSoon(() => void ran++))
    for (const handle of handles) handle.cancel()
    loop.callSoon(() => (ran += 1_000_000))
    host.runUntilIdle()
    expect(ran).toBe(1_000_000)
    expect(loop.statistics().ready).toBe(0)
  })

  it("L3 a handle that an earlier callback of its pass cancels does not run", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.callSoon(() => {
      log.push("first")
      second.cancel()
    })
    const second = loop.callSoon(() => log.push("second"))
    loop.callSoon(() => log.push("third"))
    host.runUntilIdle()
    expect(log).toEqual(["first", "third"])
  })

  it("handles-004 an exception in the callback goes to the exception handler, and the others still run", () => {
    const { host, loop } = manualLoop()
    const boom = new Error("boom")
    const log: Array<string> = []
    loop.callSoon(() => log.push("before"))
    const handle = loop.callSoon(() => {
      throw boom
    })
    loop.callSoon(() => log.push("after"))
    host.runUntilIdle()
    expect(log).toEqual(["before", "after"])
    expect(host.reports).toHaveLength(1)
    const [report] = host.reports
    expect(report!.kind).toBe("callback")
    expect(report!.message).toMatch(/^Exception in callback /)
    expect(report!.exception).toBe(boom)
    expect(report!.handle).toBe(handle)
    expect(handle.cancelled()).toBe(false)
  })

  it("the report of a throwing callback shows its name and arguments, whatever they are", () => {
    const { host, loop } = manualLoop()
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error("no")
        },
        getPrototypeOf() {
          throw new Error("no")
        }
      }
    )
    function failing(..._args: Array<unknown>): void {
      throw new Error("boom")
    }
    loop.callSoon(failing, "text", 7, hostile, Symbol("s"), [1, 2])
    class Odd {
      static override = 1
      static get [Symbol.toStringTag](): string {
        return "odd"
      }
    }
    Object.defineProperty(Odd, "name", { value: 5 })
    loop.callSoon(Odd as never)
    const unnamed = new Proxy(named, {
      get() {
        throw new Error("no name")
      },
      apply() {
        throw new Error("called")
      }
    })
    loop.callSoon(unnamed)
    loop.callSoon(() => {})
    host.runUntilIdle()
    expect(host.reports.map((report) => report.kind)).toEqual(["callback", "callback", "callback"])
    expect(host.reports[0]!.message).toBe(
      `Exception in callback failing("text", 7, <unprintable>, Symbol(s), [2 items])`
    )
  })

  it("handles-005 when() is time() at the call plus the delay, unchanged by cancel()", () => {
    const { loop } = nodeLoop()
    const before = loop.time()
    const timer = loop.callLater(1000, named)
    expect(timer.when()).toBeGreaterThanOrEqual(before + 1000)
    expect(timer.when()).toBeLessThanOrEqual(loop.time() + 1000)
    const when = timer.when()
    timer.cancel()
    expect(timer.when()).toBe(when)
    const at = loop.callAt(12.5, named)
    expect(at.when()).toBe(12.5)
    at.cancel()
  })

  it("handles-007 TimerHandles compare by due time, and with nothing else", () => {
    const { host, loop } = manualLoop()
    const a = loop.callAt(123, named)
    const b = loop.callAt(123, named)
    const later = loop.callAt(133, named)
    expect([a.compare(b), b.compare(a)]).toEqual([0, 0])
    expect([Math.sign(a.compare(later)), Math.sign(later.compare(a))]).toEqual([-1, 1])
    for (const other of [undefined, null, 123, {}, loop.callSoon(named)]) {
      expect(() => a.compare(other as never)).toThrow(TypeError)
    }
    for (const timer of [a, b, later]) timer.cancel()
    host.runUntilIdle()
  })

  it("handles-010 the text form shows name and arguments; once cancelled it shows neither", () => {
    const { host, loop } = manualLoop()
    const handle = loop.callSoon(named, 1, "two")
    const bound = loop.callSoon(named.bind(null, 1))
    expect(String(handle)).toBe(`<Handle named(1, "two")>`)
    expect(inspect(handle)).toBe(String(handle))
    expect(String(bound)).toBe("<Handle named()>")
    expect(String(loop.callSoon(() => 1))).toBe("<Handle <anonymous () => 1>()>")
    handle.cancel()
    expect(String(handle)).toBe("<Handle cancelled>")
    expect(handle.toJSON()).toMatchObject({ _id: "Handle", state: "cancelled" })
    host.runUntilIdle()
    expect(bound.toJSON()).toEqual({ _id: "Handle", state: "ran", callback: "named" })
  })

  it("handles-011 in debug mode it also shows where it was created, and keeps all of it when cancelled", () => {
    const { host, loop } = manualLoop({ debug: true })
    const handle = loop.callSoon(named, 1)
    const text = String(handle)
    expect(text).toMatch(/^<Handle named\(1\) created at \S*Handle\.test\.ts:\d+>$/)
    handle.cancel()
    const cancelled = text.replace("<Handle ", "<Handle cancelled ")
    expect(String(handle)).toBe(cancelled)
    handle.cancel()
    expect(String(handle)).toBe(cancelled)
    expect(String(loop.callSoonThreadsafe(named))).toMatch(/Handle\.test\.ts:\d+>$/)
    host.runUntilIdle()
  })

  it("handles-012 the text form of a TimerHandle shows its due time, also when cancelled", () => {
    const { host, loop } = manualLoop()
    const timer = loop.callAt(123, named)
    expect(String(timer)).toBe("<TimerHandle when=123 named()>")
    timer.cancel()
    expect(String(timer)).toBe("<TimerHandle cancelled when=123>")
    loop.setDebug(true)
    const watched = loop.callLater(5, named)
    watched.cancel()
    expect(String(watched)).toMatch(
      /^<TimerHandle cancelled when=5 named\(\) created at \S*Handle\.test\.ts:\d+>$/
    )
    host.runUntilIdle()
  })

  it("handles-017 the loop keeps no reference to what a callback was given or had captured, once it has run", async () => {
    const { loop } = nodeLoop()
    const refs: Array<WeakRef<object>> = []
    const schedule = (): void => {
      for (const kind of ["soon", "later"] as const) {
        const argument = loop.createFuture<void>()
        const captured = loop.createFuture<void>()
        refs.push(new WeakRef(argument), new WeakRef(captured))
        const callback = (_: unknown): void => captured.setResult()
        if (kind === "soon") loop.callSoon(callback, argument)
        else loop.callLater(1, callback, argument)
      }
    }
    schedule()
    await loop.sleep(10)
    expect(await collect(() => refs.every((ref) => ref.deref() === undefined))).toBe(true)
  })

  it("a Handle that its caller keeps lets its arguments go when it has run or was cancelled", async () => {
    const { host, loop } = manualLoop()
    const handles: Array<Handle> = []
    const refs = (() => {
      const [a, b, c] = [{ a: 1 }, { b: 1 }, { c: 1 }]
      handles.push(loop.callSoon(named, a), loop.callSoon(named, b), loop.callLater(1, named, c))
      return [new WeakRef(a), new WeakRef(b), new WeakRef(c)]
    })()
    handles[1]!.cancel()
    host.advance(1)
    expect(await collect(() => refs.every((ref) => ref.deref() === undefined))).toBe(true)
    expect(handles[2]).toBeInstanceOf(TimerHandle)
  })

  it("onCancel runs for a cancel before the run, once, and for each cancel after it", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const make = (name: string): Handle => {
      const handle = new Handle(loop, named, undefined, undefined, () => log.push(name))
      loop._push(handle)
      return handle
    }
    const before = make("before")
    before.cancel()
    before.cancel()
    const after = make("after")
    host.runUntilIdle()
    expect(log).toEqual(["before"])
    after.cancel()
    expect([log, after.cancelled()]).toEqual([["before", "after"], false])
  })
})
