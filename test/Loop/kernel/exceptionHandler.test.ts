// What the exception handler is given, and by whom.
// Covers: Report
import { describe, expect, it } from "vitest"
import type { Report } from "../../../src/Loop/kernel/Report.js"
import { collect, manualLoop, nodeLoop } from "../../support/closedLoops.js"

const fail =
  (message = "boom") =>
  (): never => {
    throw new Error(message)
  }

describe("the exception handler", () => {
  it("errors-022 of three done callbacks the second throws: the others run, and it is reported once", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    const boom = new Error("boom")
    const future = loop.createFuture<number>()
    future.addDoneCallback(() => log.push("first"))
    future.addDoneCallback(() => {
      throw boom
    })
    future.addDoneCallback(() => log.push("third"))
    future.setResult(1)
    host.runUntilIdle()
    expect(log).toEqual(["first", "third"])
    expect(host.reports.map((report) => [report.kind, report.exception])).toEqual([["callback", boom]])
  })

  it("the program's handler gets every report, with the loop; null goes back to the loop's own", () => {
    const seen: Array<string> = []
    const { host, loop } = manualLoop({
      exceptionHandler: (on, report) => seen.push(`${on.name} ${report.kind}`),
      name: "mine"
    })
    loop.callSoon(fail())
    host.runUntilIdle()
    expect(seen).toEqual(["mine callback"])
    expect(loop.getExceptionHandler()).toBeTypeOf("function")
    loop.setExceptionHandler(null)
    expect(loop.getExceptionHandler()).toBeNull()
    loop.callSoon(fail())
    host.runUntilIdle()
    expect([seen.length, host.reports.length]).toEqual([1, 1])
  })

  it("a handler may pass a report on to the default one", () => {
    const { host, loop } = manualLoop()
    loop.setExceptionHandler((on, report) => on.defaultExceptionHandler(report))
    loop.callSoon(fail("passed on"))
    host.runUntilIdle()
    expect(host.reports.map((report) => (report.exception as Error).message)).toEqual(["passed on"])
  })

  it("a handler that throws is reported itself, with what it was given, and not recursed into", () => {
    const { host, loop } = manualLoop()
    const inHandler = new Error("in the handler")
    let calls = 0
    loop.setExceptionHandler(() => {
      calls++
      throw inHandler
    })
    loop.callSoon(fail("first"))
    loop.callSoon(fail("second"))
    host.runUntilIdle()
    expect(calls).toBe(2)
    expect(host.reports).toHaveLength(2)
    expect(host.reports[0]!.message).toBe("Unhandled error in exception handler")
    expect(host.reports[0]!.exception).toBe(inHandler)
    expect(host.reports[0]!.kind).toBeUndefined()
    expect((host.reports[0]!.context!.exception as Error).message).toBe("first")
    expect((host.reports[1]!.context!.exception as Error).message).toBe("second")
  })

  it("an async handler that fails is reported itself, and not asked about that", async () => {
    const { host, loop } = manualLoop()
    const inHandler = new Error("in the handler")
    let calls = 0
    // Its type takes any function: what is returned is nobody's.
    loop.setExceptionHandler(async () => {
      calls++
      await Promise.resolve()
      throw inHandler
    })
    loop.callSoon(fail("first"))
    host.runUntilIdle()
    await new Promise(setImmediate)
    expect(calls).toBe(1)
    expect(
      host.reports.map(({ context, exception, message }) => [message, exception, context?.kind])
    ).toEqual([["Unhandled error in exception handler", inHandler, "callback"]])
  })

  it("a report that the handler makes itself goes to the default handler", () => {
    const { host, loop } = manualLoop()
    loop.setExceptionHandler((on) => on.callExceptionHandler({ message: "from inside" }))
    loop.callExceptionHandler({ message: "from outside" })
    expect(host.reports.map((report) => report.message)).toEqual(["from inside"])
  })

  it("L8 a handler may schedule, cancel and stop", () => {
    const { host, loop } = manualLoop()
    const log: Array<string> = []
    loop.setExceptionHandler((on) => {
      pending.cancel()
      on.callSoon(() => log.push("scheduled by the handler"))
      on.stop()
    })
    loop.callSoon(fail())
    const pending = loop.callSoon(() => log.push("pending"))
    host.runUntilIdle()
    expect(log).toEqual(["scheduled by the handler"])
    expect(loop.isRunning()).toBe(false)
  })

  it("neither a default handler that throws nor a host that does gets out of callExceptionHandler", () => {
    const { host, loop } = manualLoop()
    host.report = () => {
      throw new Error("the log is full")
    }
    const log: Array<string> = []
    loop.callSoon(fail())
    loop.callSoon(() => log.push("still running"))
    host.runUntilIdle()
    loop.callExceptionHandler({ message: "x" })
    expect(log).toEqual(["still running"])
  })

  it("counts late outcomes", () => {
    const { loop } = manualLoop()
    loop.callExceptionHandler({ kind: "late", message: "too late" })
    expect(loop.statistics().late).toBe(1)
  })
})

describe("failures nobody looked at", () => {
  it("are reported once when the Future is collected, never as an unhandled rejection of the process", async () => {
    const { loop, reports } = nodeLoop()
    const unhandled: Array<unknown> = []
    const listener = (reason: unknown): void => void unhandled.push(reason)
    process.on("unhandledRejection", listener)
    const boom = new Error("boom")
    ;(() => loop.createFuture<number>().setException(boom))()
    expect(loop.statistics().unretrieved).toBe(1)
    expect(await collect(() => reports.length > 0)).toBe(true)
    loop.close()
    process.off("unhandledRejection", listener)
    expect(reports.map((report) => [report.kind, report.exception])).toEqual([["unretrieved", boom]])
    expect(reports[0]!.message).toMatch(/^Future exception was never retrieved: <Future finished exception=/)
    expect(unhandled).toEqual([])
  })

  it("are found also where the error, or its cause, was made on the stack of the task itself", async () => {
    const { loop, reports } = nodeLoop()
    ;(() => {
      loop.createTask(function* () {
        yield* loop.sleep(0)
        throw new Error("step")
      })
      loop.createTask(function* () {
        yield* loop.sleep(0)
        throw Object.assign(new Error("outer"), { stack: "none", cause: new Error("inner") })
      })
    })()
    await loop.sleep(5)
    expect(await collect(() => reports.length === 2)).toBe(true)
    expect(reports.map((report) => (report.exception as Error).message).sort()).toEqual(["outer", "step"])
  })

  it("are reported at close where the Future is still held, and not again when it is collected", async () => {
    const { loop, reports } = nodeLoop()
    const held = new Set([loop.createFuture<number>()])
    const [ref] = [...held].map((future) => {
      future.setException("plain")
      return new WeakRef(future)
    }) as [WeakRef<object>]
    loop.close()
    expect(reports.map((report) => report.kind)).toEqual(["unretrieved"])
    held.clear()
    expect(await collect(() => ref.deref() === undefined)).toBe(true)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(reports).toHaveLength(1)
  })

  it("are not reported once anybody looked, whichever way", () => {
    const { host, loop } = manualLoop()
    const failed = () => {
      const future = loop.createFuture<number>()
      future.setException(new Error("boom"))
      return future
    }
    failed().exception()
    expect(() => failed().result()).toThrow("boom")
    failed().addDoneCallback(() => {})
    failed().cancel()
    failed().catch(() => {})
    expect(loop.statistics().unretrieved).toBe(0)
    host.runUntilIdle()
    loop.close()
    expect(host.reports).toEqual([])
  })

  it("name where the Future was created in debug mode", () => {
    const { host, loop } = manualLoop({ debug: true })
    loop.createFuture<number>().setException(new Error("boom"))
    loop.close()
    const [report] = host.reports as [Report]
    expect(report.sourceTraceback!.split("\n")[0]).toContain("exceptionHandler.test.ts")
  })
})
