// Debug mode: creation sites, slow callbacks, and what is no callback.
// Covers: sites
import { afterEach, describe, expect, it } from "vitest"
import { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import type { Report } from "../../../src/Loop/kernel/Report.js"
import { debugFromEnvironment, NodeHost } from "../../../src/Loop/host/NodeHost.js"
import { manualLoop } from "../../support/closedLoops.js"

const innermost = (traceback: string | undefined): string => traceback!.split("\n")[0]!

describe("debug mode", () => {
  it("debug-001 a Future remembers where it was created; without debug mode nothing is kept", () => {
    const { host, loop } = manualLoop({ debug: true })
    const createHere = () => loop.createFuture<number>()
    const future = createHere()
    expect(innermost(future.sourceTraceback)).toMatch(/createHere .*debug\.test\.ts:\d+:\d+/)
    expect(String(future)).toMatch(/^<Future pending created at \S*debug\.test\.ts:\d+>$/)
    expect(innermost(loop.sleep(-1).sourceTraceback)).toContain("debug.test.ts")
    const slept = loop.sleep(1)
    expect(innermost(slept.sourceTraceback)).toContain("debug.test.ts")
    slept.cancel()
    expect(innermost(loop.wrapFuture(Promise.resolve(1)).sourceTraceback)).toContain("debug.test.ts")
    loop.setDebug(false)
    const plain = loop.createFuture<number>()
    expect(plain.sourceTraceback).toBeUndefined()
    expect(String(plain)).toBe("<Future pending>")
    host.runUntilIdle()
  })

  it("debug-002 a task remembers the call of createTask", () => {
    const { host, loop } = manualLoop({ debug: true })
    const startHere = () => loop.createTask(function* () {})
    const task = startHere()
    expect(innermost(task.sourceTraceback)).toMatch(/startHere .*debug\.test\.ts:\d+:\d+/)
    host.runUntilIdle()
  })

  it("debug-004 the report of a throwing callback has the stack of the call that scheduled it", () => {
    for (const debug of [true, false]) {
      const { host, loop } = manualLoop({ debug })
      const fail = (): never => {
        throw new Error("boom")
      }
      const scheduleSoon = () => loop.callSoon(fail)
      const scheduleLater = () => loop.callLater(5, fail)
      const scheduleAt = () => loop.callAt(6, fail)
      const scheduleThreadsafe = () => loop.callSoonThreadsafe(fail)
      for (const schedule of [scheduleSoon, scheduleThreadsafe, scheduleLater, scheduleAt]) schedule()
      host.advance(10)
      expect(host.reports).toHaveLength(4)
      if (debug) {
        expect(host.reports.map((report) => /at (\w+)/.exec(innermost(report.sourceTraceback))![1])).toEqual([
          "scheduleSoon",
          "scheduleThreadsafe",
          "scheduleLater",
          "scheduleAt"
        ])
      } else for (const report of host.reports) expect("sourceTraceback" in report).toBe(false)
    }
  })

  describe("EFFECT_AIO_DEBUG", () => {
    const before = process.env["EFFECT_AIO_DEBUG"]
    afterEach(() => {
      if (before === undefined) delete process.env["EFFECT_AIO_DEBUG"]
      else process.env["EFFECT_AIO_DEBUG"] = before
    })

    it("debug-006 the environment turns debug mode on, and setDebug() has the last word", () => {
      const values: Array<[string | undefined, boolean]> = [
        [undefined, false],
        ["", false],
        ["0", false],
        ["1", true]
      ]
      for (const [value, expected] of values) {
        if (value === undefined) delete process.env["EFFECT_AIO_DEBUG"]
        else process.env["EFFECT_AIO_DEBUG"] = value
        const { loop } = manualLoop({ debug: debugFromEnvironment() })
        expect(loop.getDebug(), String(value)).toBe(expected)
        loop.setDebug(!expected)
        expect(loop.getDebug()).toBe(!expected)
      }
    })
  })

  it("debug-008 (L7) a task step that holds the thread gives one report that names the task and its creation", async () => {
    // Real turns under a clock that only the test moves: a busy machine is no slow callback.
    let time = 0
    const block = (ms: number): void => void (time += ms)
    const clock = {
      live: false,
      now: () => time,
      after: (ms: number, wake: () => void) => {
        const timer = setImmediate(() => {
          time += ms
          wake()
        })
        return () => clearImmediate(timer)
      }
    }
    const reports: Array<Report> = []
    const loop = new BaseEventLoop(new NodeHost(clock, true, (report) => void reports.push(report)), {
      debug: true,
      slowCallbackDuration: 20
    })
    loop._start()
    await loop.createTask(
      async () => {
        block(30)
      },
      { name: "first step" }
    )
    await loop.createTask(
      async () => {
        await loop.sleep(1)
        block(30)
      },
      { name: "after an await" }
    )
    await loop.createTask(
      async () => {
        await null
        await null
        block(30)
      },
      { name: "in microtasks" }
    )
    await loop.createTask(
      function* () {
        yield* loop.sleep(1)
        block(30)
      },
      { name: "generator" }
    )
    await loop.sleep(1)
    const slow = reports.filter((report) => report.kind === "slowCallback")
    expect(slow).toHaveLength(4)
    expect(slow[0]!.message).toMatch(
      /^Executing <Task .*name="first step".* created at \S*debug\.test\.ts:\d+> took 0\.030 seconds$/
    )
    expect(slow[0]!.task!.getName()).toBe("first step")
    expect(innermost(slow[0]!.sourceTraceback)).toContain("debug.test.ts")
    expect(slow[2]!.message).toContain(`name="in microtasks"`)
    expect(slow[3]!.message).toContain(`name="generator"`)
    expect(reports).toHaveLength(4)
    loop.close()
  })

  it("L7 a slow callback is reported with its name and where it was scheduled, in debug mode only", () => {
    const { host, loop } = manualLoop({ debug: true })
    const slow = (): void => void (host.time += 100)
    const fast = (): void => void (host.time += 99)
    loop.callSoon(fast)
    const handle = loop.callSoon(slow)
    loop.callLater(1, slow)
    host.advance(10)
    expect(host.reports.map((report) => report.message)).toEqual([
      expect.stringMatching(
        /^Executing <Handle slow\(\) created at \S*debug\.test\.ts:\d+> took 0\.100 seconds$/
      ),
      expect.stringMatching(/^Executing <TimerHandle when=1 slow\(\) created at .*> took 0\.100 seconds$/)
    ])
    expect(host.reports[0]!.handle).toBe(handle)
    expect(innermost(host.reports[0]!.sourceTraceback)).toContain("debug.test.ts")
    loop.setDebug(false)
    loop.callSoon(slow)
    host.runUntilIdle()
    expect(host.reports).toHaveLength(2)
  })

  it("L7 slowCallbackDuration may be changed at any time", () => {
    const { host, loop } = manualLoop({ debug: true })
    expect(loop.slowCallbackDuration).toBe(100)
    loop.slowCallbackDuration = 5
    loop.callSoon(() => (host.time += 6))
    host.runUntilIdle()
    expect(host.reports).toHaveLength(1)
  })

  it("L7 the time a loop stands still is nobody's", () => {
    const { host, loop } = manualLoop({ debug: true })
    loop.stop()
    loop.createTask(function* () {})
    host.runUntilIdle()
    host.time += 5000
    loop._start()
    host.runUntilIdle()
    loop.callSoon(() => {})
    host.time += 5000
    host.runUntilIdle()
    expect(host.reports).toEqual([])
  })

  it("debug-009 an async function or a promise is no callback", async () => {
    const { loop } = manualLoop({ debug: true })
    const coroutine = async (): Promise<void> => {}
    const calls = [
      () => loop.callSoon(coroutine),
      () => loop.callSoonThreadsafe(coroutine),
      () => loop.callLater(1, coroutine),
      () => loop.callAt(1, coroutine),
      () => loop.callSoon(coroutine() as never)
    ]
    for (const call of calls) expect(call).toThrow(TypeError)
    expect(calls[0]).toThrow("coroutines cannot be used with callSoon: give coroutine to createTask")
    const future = loop.createFuture<void>()
    expect(() => future.addDoneCallback(coroutine)).toThrow(
      "coroutines cannot be used with addDoneCallback: give coroutine to createTask"
    )
    expect(loop.statistics()).toMatchObject({ ready: 0, timers: 0 })
  })
})
