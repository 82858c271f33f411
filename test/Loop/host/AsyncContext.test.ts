import { AsyncLocalStorage } from "node:async_hooks"
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest"
import { copyContext, runDetached } from "../../../src/Loop/host/AsyncContext.js"
import { local } from "../../../src/Loop/kernel/current.js"
import { runningLoop, runningTask } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { NoRunningLoopError } from "../../../src/Loop/kernel/errors.js"
import { collect, nodeLoop } from "../../support/closedLoops.js"

const storage = new AsyncLocalStorage<unknown>()
afterAll(() => storage.disable())
beforeEach(() => storage.disable())

describe("async-local state, captured when scheduled and restored when run", () => {
  it("context-008 (L5) callSoon, callLater and addDoneCallback run with the value of the call, whoever triggers them", async () => {
    const { loop } = nodeLoop()
    const log: Array<string> = []
    const note = (what: string) => (): void => void log.push(`${what} ${String(storage.getStore())}`)
    const future = loop.createFuture<number>()
    storage.run("v", () => {
      loop.callSoon(note("soon"))
      loop.callSoonThreadsafe(note("threadsafe"))
      loop.callLater(1, note("later"))
      loop.callAt(loop.time() + 2, note("at"))
      future.addDoneCallback(note("done"))
      future.then(note("then"))
    })
    storage.run("w", () => future.setResult(1))
    loop.callSoon(note("outside"))
    await loop.sleep(5)
    expect(log).toEqual([
      "soon v",
      "threadsafe v",
      "done v",
      "then v",
      "outside undefined",
      "later v",
      "at v"
    ])
  })

  it("L5 addDoneCallback and createTask take a context of the caller's choice", async () => {
    const { loop } = nodeLoop()
    const context = storage.run("chosen", () => copyContext())
    const log: Array<unknown> = []
    const future = loop.createFuture<number>()
    storage.run("v", () => future.addDoneCallback(() => log.push(storage.getStore()), { context }))
    const own = { run: <A>(f: () => A): A => storage.run("own", f) }
    future.addDoneCallback(() => log.push(storage.getStore()), { context: own })
    future.setResult(1)
    await loop.createTask(async () => log.push(storage.getStore()), { context })
    expect(log).toEqual(["chosen", "own", "chosen"])
    expect(context.run(() => storage.getStore())).toBe("chosen")
    expect(storage.getStore()).toBeUndefined()
  })

  it("context-004 a task finds its own last value after each await, and nothing leaks out of it or into it", async () => {
    const { loop } = nodeLoop()
    storage.enterWith("outer")
    const log: Array<unknown> = []
    const future = loop.createFuture<void>()
    future.addDoneCallback(() => storage.enterWith("by a done callback"))
    const task = loop.createTask(async () => {
      log.push(storage.getStore())
      for (const value of ["a", "b", "c"]) {
        storage.enterWith(value)
        if (value === "b") await future
        else await loop.sleep(1)
        log.push(storage.getStore())
      }
    })
    const generator = loop.createTask(function* () {
      for (const value of ["x", "y"]) {
        storage.enterWith(value)
        yield* loop.sleep(1)
        log.push(storage.getStore())
      }
    })
    storage.enterWith("changed later")
    loop.callLater(2, () => future.setResult())
    await task
    await generator
    expect(log.filter((value) => !["x", "y"].includes(value as string))).toEqual(["outer", "a", "b", "c"])
    expect(log.filter((value) => ["x", "y"].includes(value as string))).toEqual(["x", "y"])
    expect(storage.getStore()).toBe("changed later")
  })

  it("context-005 100 tasks with values of their own, sleeping at random, each read back what they set", async () => {
    const { loop } = nodeLoop()
    storage.enterWith("outer")
    const wrong: Array<unknown> = []
    const tasks = Array.from({ length: 100 }, (_, i) =>
      loop.createTask(async () => {
        storage.enterWith(i)
        for (let k = 0; k < 10; k++) {
          await loop.sleep(Math.random() * 2)
          if (storage.getStore() !== i || runningTask() !== tasks[i]) wrong.push([i, storage.getStore()])
        }
      })
    )
    for (const task of tasks) await task
    expect(wrong).toEqual([])
    expect(storage.getStore()).toBe("outer")
  })

  it("context-007 when a task and a callback have ended, the loop keeps nothing of their context", async () => {
    const { loop } = nodeLoop()
    const refs: Array<WeakRef<object>> = []
    await (async () => {
      await loop.createTask(async () => {
        const big = { bytes: new Uint8Array(10) }
        refs.push(new WeakRef(big))
        await storage.run(big, async () => {
          loop.callSoon(() => storage.getStore())
          loop.callLater(1, () => storage.getStore())
          loop.callLater(10_000, () => storage.getStore()).cancel()
          await loop.sleep(3)
        })
      })
    })()
    await loop.sleep(1)
    expect(await collect(() => refs.every((ref) => ref.deref() === undefined))).toBe(true)
  })

  it("context-007 (L5) nor of the context of whoever woke the loop last, while a timer of somebody else waits", async () => {
    for (const asyncContext of [true, false]) {
      const { loop } = nodeLoop({ asyncContext })
      await loop.sleep(1)
      const woken = (() => {
        const big = { bytes: new Uint8Array(10) }
        storage.run(big, () => loop.callSoon(() => {}))
        return new WeakRef(big)
      })()
      const waiting = loop.callLater(60_000, () => {})
      await loop.sleep(1)
      expect(await collect(() => woken.deref() === undefined)).toBe(true)
      waiting.cancel()
      await loop.sleep(0)
    }
  })

  it("context-007 (L5) tasks that start tasks keep no chain of those before them", async () => {
    const { loop } = nodeLoop()
    const end = loop.createFuture<void>()
    const first: Array<WeakRef<object>> = []
    const next = async (left: number): Promise<void> => {
      await null
      if (left > 0) void loop.createTask(async (task) => (first.push(new WeakRef(task)), next(left - 1)))
      else await end
    }
    void loop.createTask(async () => next(20))
    await loop.sleep(50)
    expect(first).toHaveLength(20)
    expect(await collect(() => first.slice(0, 10).every((ref) => ref.deref() === undefined))).toBe(true)
    expect(first.at(-1)?.deref()).toBeDefined()
    end.setResult()
    await loop.sleep(1)
  })

  it("errors-020 the exception handler sees the value under which the callback or task failed", async () => {
    const { loop } = nodeLoop()
    const log: Array<string> = []
    loop.setExceptionHandler((_, report) => log.push(`${report.kind} ${String(storage.getStore())}`))
    storage.run("bar", () => {
      loop.callSoon(() => {
        throw new Error("boom")
      })
      loop.callLater(1, () => {
        throw new Error("boom")
      })
    })
    storage.enterWith("the handler's")
    await loop.sleep(3)
    const kept = storage.run("bar", () =>
      loop.createTask(async () => {
        throw new Error("boom")
      })
    )
    await loop.sleep(3)
    expect(kept.done()).toBe(true)
    loop.close()
    expect(log).toEqual(["callback bar", "callback bar", "unretrieved bar"])
  })
})

describe("who runs", () => {
  it("L5 inside callbacks and tasks, also after awaits, the running loop and task are known; outside there is none", async () => {
    const { loop } = nodeLoop()
    const log: Array<unknown> = []
    loop.callSoon(() => log.push(runningLoop("x") === loop, runningTask()))
    const task = loop.createTask(async (self) => {
      log.push(runningLoop("x") === loop, runningTask() === self)
      await new Promise((resolve) => setTimeout(resolve, 2))
      log.push(runningLoop("x") === loop, runningTask() === self)
      await loop.sleep(1)
      log.push(runningTask(loop) === self)
    })
    await task
    expect(log).toEqual([true, null, true, true, true, true, true])
    expect(() => runningLoop("x")).toThrow(NoRunningLoopError)
    expect(runningTask()).toBeNull()
  })

  it("L5 a callback that a task schedules belongs to the loop, not to the task", async () => {
    const { loop } = nodeLoop()
    const log: Array<unknown> = []
    await loop.createTask(async () => {
      loop.callSoon(() => log.push(runningLoop("x") === loop, runningTask()))
      loop.callSoon(async () => {
        await null
        log.push(runningLoop("x") === loop, runningTask())
      })
      await loop.sleep(2)
    })
    expect(log).toEqual([true, null, true, null])
  })

  it("L5 loops side by side each know their own, also nested and interleaved", async () => {
    const a = nodeLoop().loop
    const b = nodeLoop().loop
    const log: Array<string> = []
    const name = (): string => (runningLoop("x") === a ? "a" : runningLoop("x") === b ? "b" : "?")
    const body = async (): Promise<void> => {
      for (let i = 0; i < 5; i++) {
        const mine = name()
        await (mine === "a" ? a : b).sleep(1)
        log.push(`${mine}${name()}`)
      }
    }
    await Promise.all([a.createTask(body), b.createTask(body)])
    expect(log.sort()).toEqual([...Array<string>(5).fill("aa"), ...Array<string>(5).fill("bb")])
    const nested: Array<string> = []
    await a.createTask(async () => {
      nested.push(name())
      b.callSoon(() => nested.push(name()))
      const inner = b.createTask(async () => {
        await b.sleep(1)
        nested.push(name())
      })
      await a.wrapFuture(inner)
      nested.push(name())
    })
    expect(nested).toEqual(["a", "b", "b", "a"])
  })

  it("L5 with asyncContext: false who runs is known while code is on the stack, and no longer", async () => {
    const { loop } = nodeLoop({ asyncContext: false })
    const log: Array<unknown> = []
    loop.callSoon(() => log.push(runningLoop("x") === loop))
    await loop.createTask(async (self) => {
      log.push(runningTask() === self)
      await null
      log.push(local())
    })
    expect(log).toEqual([true, true, undefined])
    expect(loop.host.contexts.tracks).toBe(false)
  })

  it("L5 code that is run detached is nobody's, and its caller is itself again after it", async () => {
    const { loop } = nodeLoop()
    const log: Array<unknown> = []
    await loop.createTask(async (self) => {
      await loop.sleep(1)
      await runDetached(loop, async () => {
        log.push(runningTask())
        await null
        log.push(runningTask())
      })
      log.push(runningTask() === self)
    })
    expect(log).toEqual([null, null, true])
  })

  it("L5 an exception leaves the callback's state as it was before", () => {
    const { loop } = nodeLoop()
    expect(() =>
      loop.host.contexts.call(
        loop.host.contexts.capture(),
        loop,
        undefined,
        () => {
          throw new Error("boom")
        },
        undefined
      )
    ).toThrow("boom")
    expect(local()).toBeUndefined()
  })

  it("L5 the store is disabled when the last loop closes: nothing of it is left in promises made before", async () => {
    const disable = vi.spyOn(AsyncLocalStorage.prototype, "disable")
    const a = nodeLoop().loop
    const b = nodeLoop().loop
    let seenBetween: unknown
    let seenAfter: unknown = "nothing yet"
    let open!: () => void
    const gate = new Promise<void>((resolve) => (open = resolve))
    await a.createTask(async () => {
      await null
      seenBetween = local()?.loop
      void gate.then(() => (seenAfter = local()))
    })
    b.close()
    expect(seenBetween).toBe(a)
    expect(disable).not.toHaveBeenCalled()
    a.close()
    expect(disable).toHaveBeenCalledTimes(1)
    open()
    await new Promise((resolve) => setImmediate(resolve))
    expect(seenAfter).toBeUndefined()
    const c = nodeLoop().loop
    await c.createTask(async (self) => {
      await null
      expect(runningTask()).toBe(self)
    })
  })

  it("L5 a task that was given up at something foreign keeps the store until it has ended: it is known by that", async () => {
    const disable = vi.spyOn(AsyncLocalStorage.prototype, "disable")
    const { loop } = nodeLoop()
    let open!: () => void
    const gates = [new Promise<void>((resolve) => (open = resolve))]
    const task = loop.createTask(async () => {
      await gates[0]
    })
    await loop.sleep(1)
    loop.close()
    expect(task.done()).toBe(true)
    expect(disable).not.toHaveBeenCalled()
    open()
    await new Promise((resolve) => setImmediate(resolve))
    expect(disable).toHaveBeenCalledTimes(1)
  })
})
