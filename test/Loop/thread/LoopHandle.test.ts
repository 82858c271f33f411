/** Both ends of a LoopHandle in one thread: what crosses is the same, and every interleaving can be tried. */
// Covers: Asks, Asked, OfferedHandle, Offers, standIn, threadMessages
import { AsyncLocalStorage } from "node:async_hooks"
import { getEventListeners } from "node:events"
import { MessageChannel } from "node:worker_threads"
import * as fc from "fast-check"
import { afterEach, describe, expect, it } from "vitest"
import {
  CancelledError,
  currentTask,
  fromAio,
  getRunningLoop,
  isCancelledError,
  JobRefusedError,
  Loop,
  LoopClosedError,
  LoopHandle,
  type OfferedHandle,
  type Report,
  SyncLoop,
  type Task,
  type ThreadFunctions
} from "../../../src/index.js"
import { Effect, Exit, Fiber, Scope } from "effect"
import { type Hello, PROTOCOL } from "../../../src/Loop/thread/threadMessages.js"

const hour = 3_600_000

/** Ports of this process. Node gives a closed one back in a later turn. */
const ports = (): number => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
const portsAtStart = ports()

let loops: Array<SyncLoop> = []

afterEach(async () => {
  const opened = loops
  loops = []
  for (const loop of opened) {
    if (!loop.isClosed()) await loop.close()
    expect(loop.statistics()).toMatchObject({ handles: 0, tasks: 0, timers: 0, ready: 0, unretrieved: 0 })
  }
  await expect.poll(ports).toBe(portsAtStart)
})

/** A loop that runs until the test is over, and keeps its reports. */
const running = (name: string) => {
  const reports: Array<Report> = []
  const loop = SyncLoop.make({ name, exceptionHandler: (_, report) => void reports.push(report) })
  loops.push(loop)
  loop.runForever().catch(() => {})
  return { loop, reports }
}

/** A loop that offers functions, and a handle of it. */
const both = <F extends ThreadFunctions<F>>(functions: F, name = "there") => {
  const { loop, reports } = running(name)
  const offered = loop.threadHandle(functions)
  return { loop, reports, offered, handle: LoopHandle.from<F>(offered.port) }
}

const thrown = (f: () => unknown): unknown => {
  try {
    f()
  } catch (error) {
    return error
  }
  throw new Error("it did not throw")
}

const failure = (wait: PromiseLike<unknown>): Promise<any> =>
  Promise.resolve(wait).then(
    (value) => {
      throw new Error(`it did not fail, but gave ${String(value)}`)
    },
    (error: unknown) => error
  )

/** All that was posted has been taken up, and has run. */
const settled = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe("callSoonThreadsafe of a LoopHandle", () => {
  it("threads-001 runs a function as a callback of the loop, in the async-local state of the offer", async () => {
    const storage = new AsyncLocalStorage<string>()
    const log: Array<unknown> = []
    const { loop, reports } = running("there")
    const offered = storage.run("offered", () =>
      loop.threadHandle({
        note: (a: number, b: { c: string }) =>
          log.push(a, b, getRunningLoop() === loop, currentTask(), storage.getStore())
      })
    )
    const handle = LoopHandle.from<{ note: (a: number, b: { c: string }) => void }>(offered.port)
    storage.run("asked", () => handle.callSoonThreadsafe("note", 1, { c: "d" }))
    expect(log).toEqual([])
    await expect.poll(() => log).toEqual([1, { c: "d" }, true, null, "offered"])
    expect(reports).toEqual([])
  })

  it("threads-002 keeps the order of callbacks and coroutines", async () => {
    const log: Array<number> = []
    const { handle } = both({ now: (n: number) => void log.push(n), later: (n: number) => void log.push(n) })
    const waits: Array<PromiseLike<void>> = []
    for (let i = 0; i < 100; i++) {
      // A task begins one pass after its call.
      waits.push(handle.runCoroutineThreadsafe("later", i))
    }
    await Promise.all(waits)
    for (let i = 100; i < 200; i++) handle.callSoonThreadsafe("now", i)
    await handle.runCoroutineThreadsafe("later", 200)
    expect(log).toEqual(Array.from({ length: 201 }, (_, i) => i))
  })

  it("calls methods with their object, and offers nothing of its prototype", async () => {
    let total = 0
    const object = {
      add(n: number) {
        total += n
        return this === object
      }
    }
    const { handle } = both(object as { add(n: number): boolean })
    expect(await handle.runCoroutineThreadsafe("add", 2)).toBe(true)
    expect(total).toBe(2)
    expect(handle.functions).toEqual(["add"])
    for (const name of ["toString", "constructor", "__proto__", "hasOwnProperty"]) {
      expect(() => handle.callSoonThreadsafe(name as "add", 1)).toThrow(/offers no .* it offers add/)
    }
  })

  it("B2 throws at the caller: unknown names, coroutine functions, arguments that cannot be cloned", async () => {
    const log: Array<string> = []
    const { handle, reports } = both({
      note: (...what: Array<unknown>) => log.push(typeof what[0]),
      *steps() {},
      load: async () => {}
    })
    expect(thrown(() => handle.callSoonThreadsafe("nope" as "note"))).toMatchObject({
      name: "TypeError",
      message: `callSoonThreadsafe: the event loop there offers no "nope"; it offers note, steps, load`
    })
    for (const name of [undefined, null, 1, {}, Symbol("note")]) {
      const other = handle as unknown as LoopHandle<Record<string, () => void>>
      expect(() => other.runCoroutineThreadsafe(name as string)).toThrow(TypeError)
    }
    for (const call of [() => handle.callSoonThreadsafe("load"), () => handle.callSoonThreadsafe("steps")]) {
      expect(call).toThrow(/coroutines.*runCoroutineThreadsafe/)
    }
    for (const arg of [() => {}, Symbol("s"), new WeakMap(), new Proxy({}, {})]) {
      const error = thrown(() => handle.callSoonThreadsafe("note", arg))
      expect(error).toBeInstanceOf(JobRefusedError)
      expect(error).toMatchObject({ job: "note", cause: { name: "DataCloneError" } })
      expect(thrown(() => handle.runCoroutineThreadsafe("note", arg))).toBeInstanceOf(JobRefusedError)
    }
    await handle.runCoroutineThreadsafe("load")
    expect([log, reports]).toEqual([[], []])
  })

  it("C1 an exception in the callback is the loop's to report, and nobody else's", async () => {
    const { handle, reports } = both({
      broken: () => {
        throw new Error("boom")
      },
      fine: () => "fine"
    })
    handle.callSoonThreadsafe("broken")
    expect(await handle.runCoroutineThreadsafe("fine")).toBe("fine")
    expect(reports).toMatchObject([{ kind: "callback", exception: { message: "boom" } }])
    expect(reports[0]?.message).toBe("Exception in callback broken()")
  })

  it("moves what is transferred", async () => {
    const { handle } = both({ size: (buffer: ArrayBuffer) => buffer.byteLength })
    const cloned = new ArrayBuffer(8)
    const moved = new ArrayBuffer(16)
    expect(await handle.runCoroutineThreadsafe("size", cloned)).toBe(8)
    expect(await handle.with({ transfer: [moved] }).runCoroutineThreadsafe("size", moved)).toBe(16)
    handle.with({ transfer: [cloned] }).callSoonThreadsafe("size", cloned)
    expect([cloned.byteLength, moved.byteLength]).toEqual([0, 0])
    const twice = new ArrayBuffer(1)
    const refused = handle.with({ transfer: [twice, twice] })
    expect(() => refused.runCoroutineThreadsafe("size", twice)).toThrow(JobRefusedError)
  })
})

describe("runCoroutineThreadsafe", () => {
  it("threads-007 runs coroutines of every kind as tasks, and gives their results", async () => {
    const { handle, loop } = both({
      asynchronous: async (a: number, b: number) => (await loop.sleep(1), a + b),
      *generator(a: number) {
        return (yield* loop.sleep(0, a)) * 2
      },
      plain: (map: Map<string, number>) => new Set(map.keys()),
      future: () => loop.sleep(0, "future"),
      task: () => currentTask()?.getName(),
      nothing: () => {}
    })
    expect(await handle.runCoroutineThreadsafe("asynchronous", 1, 2)).toBe(3)
    expect(await handle.runCoroutineThreadsafe("generator", 21)).toBe(42)
    expect(await handle.runCoroutineThreadsafe("plain", new Map([["a", 1]]))).toEqual(new Set(["a"]))
    expect(await handle.runCoroutineThreadsafe("future")).toBe("future")
    expect(await handle.runCoroutineThreadsafe("task")).toMatch(/^task of handle-\d+$/)
    expect(await handle.runCoroutineThreadsafe("nothing")).toBeUndefined()
  })

  it("threads-008 gives its error: class, name, message, cause, code and fields", async () => {
    const { handle, reports } = both({
      range: async () => {
        throw Object.assign(new RangeError("too far", { cause: new Error("inner") }), {
          code: "EFAR",
          at: [1]
        })
      },
      text: () => {
        throw "only text"
      },
      nothing: () => {
        throw undefined
      }
    })
    const error = await failure(handle.runCoroutineThreadsafe("range"))
    expect(error).toBeInstanceOf(RangeError)
    expect(error).toMatchObject({ message: "too far", code: "EFAR", at: [1], cause: { message: "inner" } })
    expect(error.stack).toContain("LoopHandle.test")
    expect(await failure(handle.runCoroutineThreadsafe("text"))).toBe("only text")
    expect(await failure(handle.runCoroutineThreadsafe("nothing"))).toBe(undefined)
    expect(reports).toEqual([])
  })

  it("a result that cannot be cloned is a TypeError for whoever asked, with the cause", async () => {
    const { handle, loop } = both({ f: () => () => {}, ok: () => 1 })
    const error = await failure(handle.runCoroutineThreadsafe("f"))
    expect(error).toMatchObject({
      name: "TypeError",
      message: expect.stringContaining("the result of f cannot be sent") as string,
      cause: { name: "DataCloneError" }
    })
    expect(await handle.runCoroutineThreadsafe("ok")).toBe(1)
    expect(loop.allTasks().size).toBe(0)
  })

  it("threads-011 what the task factory throws is told to who asked, and once to the exception handler", async () => {
    const { handle, loop, reports } = both({ f: async () => 1 })
    const made: Array<string> = []
    loop.setTaskFactory((_, coroutine, options) => {
      if (made.length === 1) throw new RangeError("no more tasks")
      made.push(String(options.name))
      loop.setTaskFactory(null)
      try {
        return loop.createTask(coroutine, options)
      } finally {
        loop.setTaskFactory(factory)
      }
    })
    const factory = loop.getTaskFactory()
    expect(await handle.runCoroutineThreadsafe("f")).toBe(1)
    expect(made).toEqual([expect.stringMatching(/^f of handle-/)])
    const error = await failure(handle.runCoroutineThreadsafe("f"))
    expect(error).toBeInstanceOf(RangeError)
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({ exception: { message: "no more tasks" } })
    expect(reports[0]?.kind).toBeUndefined()
    expect(loop.isClosed()).toBe(false)
  })

  it("threads-009 cancelling the Future cancels the task, with its message, and waits for its cleanup", async () => {
    const log: Array<unknown> = []
    const { handle, loop } = both({
      work: async () => {
        try {
          await loop.sleep(hour)
        } catch (error) {
          log.push((error as CancelledError).reason)
          await loop.sleep(2)
          log.push("clean")
          throw error
        }
      },
      ping: () => {}
    })
    const future = handle.runCoroutineThreadsafe("work")
    await handle.runCoroutineThreadsafe("ping")
    expect(future.cancel("too slow")).toBe(true)
    expect([future.done(), future.cancel("again")]).toEqual([false, true])
    const error = await failure(future)
    log.push("settled")
    expect(error).toBeInstanceOf(CancelledError)
    expect(error.reason).toBe("too slow")
    expect(log).toEqual(["too slow", "clean", "settled"])
    expect(future.cancel()).toBe(false)
    expect(loop.allTasks().size).toBe(0)
  })

  it("T2 a task that answers its cancel with a value or an error gives that", async () => {
    const { handle, loop } = both({
      value: () => loop.sleep(hour).catch(() => "all the same"),
      error: () =>
        loop.sleep(hour).catch(() => {
          throw new TypeError("instead")
        }),
      ping: () => {}
    })
    const value = handle.runCoroutineThreadsafe("value")
    const error = handle.runCoroutineThreadsafe("error")
    await handle.runCoroutineThreadsafe("ping")
    value.cancel()
    error.cancel()
    expect(await value).toBe("all the same")
    expect(await failure(error)).toMatchObject({ name: "TypeError", message: "instead" })
  })

  it("threads-010 a task that is cancelled on its loop shows as a cancellation", async () => {
    const { handle, loop } = both({ work: () => loop.sleep(hour) })
    const future = handle.runCoroutineThreadsafe("work")
    await expect.poll(() => loop.allTasks().size).toBe(1)
    for (const task of loop.allTasks()) task.cancel("by the loop")
    const error = await failure(future)
    expect(isCancelledError(error)).toBe(true)
    expect(error.reason).toBe("by the loop")
    expect(future.cancelled()).toBe(true)
  })

  it("threads-009 a signal cancels it; an aborted one asks for nothing", async () => {
    const log: Array<string> = []
    const { handle, loop } = both({
      work: async () => {
        log.push("begun")
        await loop.sleep(hour)
      },
      ping: () => void log.push("ping")
    })
    const controller = new AbortController()
    const future = handle.with({ signal: controller.signal }).runCoroutineThreadsafe("work")
    await handle.runCoroutineThreadsafe("ping")
    await settled()
    controller.abort("enough")
    expect(await failure(future)).toMatchObject({ _tag: "CancelledError", reason: "enough" })
    const late = handle.with({ signal: controller.signal })
    expect((await failure(late.runCoroutineThreadsafe("work"))).reason).toBe("enough")
    late.callSoonThreadsafe("ping")
    await handle.runCoroutineThreadsafe("ping")
    expect(log).toEqual(["begun", "ping", "ping"].sort((a, b) => (a < b ? -1 : 1)))
    expect(() => handle.with({ signal: {} as never })).toThrow(TypeError)
    // Done, it does not listen any more.
    const done = new AbortController()
    const pinged = handle.with({ signal: done.signal }).runCoroutineThreadsafe("ping")
    expect(getEventListeners(done.signal, "abort")).toHaveLength(1)
    await pinged
    expect(getEventListeners(done.signal, "abort")).toHaveLength(0)
  })

  it("is of the loop that runs here; a task that awaits it is joined with it", async () => {
    const log: Array<string> = []
    const { handle, loop } = both({
      work: () => loop.sleep(hour).finally(() => log.push("work ended")),
      add: (a: number, b: number) => a + b
    })
    const { loop: here } = running("here")
    const future = here.createTask(async () => {
      const sum = handle.runCoroutineThreadsafe("add", 1, 2)
      return [sum.getLoop() === here, await sum]
    })
    expect(await future).toEqual([true, 3])
    expect(handle.runCoroutineThreadsafe("add", 1, 2).getLoop()).not.toBe(here)
    const task = here.createTask(() => handle.runCoroutineThreadsafe("work"))
    await expect.poll(() => loop.allTasks().size).toBe(1)
    task.cancel()
    await failure(task)
    log.push("task ended")
    expect(log).toEqual(["work ended", "task ended"])
  })

  it("J1 interrupting an Effect that waits for it interrupts after the task there has ended", async () => {
    const log: Array<string> = []
    const { handle, loop } = both({ work: () => loop.sleep(hour).finally(() => log.push("work ended")) })
    await Effect.runPromise(
      Loop.scoped(
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(
            Effect.onExit(fromAio(() => handle.runCoroutineThreadsafe("work"))(), () =>
              Effect.sync(() => log.push("fiber ended"))
            )
          )
          yield* Effect.promise(() => expect.poll(() => loop.allTasks().size).toBe(1))
          yield* Fiber.interrupt(fiber)
        })
      )
    )
    expect(log).toEqual(["work ended", "fiber ended"])
  })

  it("T5 a failure that nobody looks at is reported by the loop here", async () => {
    const { handle } = both({
      broken: () => {
        throw new Error("lonely")
      }
    })
    const { loop: here, reports } = running("here")
    await here.createTask(async () => {
      void handle.runCoroutineThreadsafe("broken")
      await here.sleep(0)
    })
    await settled()
    await here.close()
    expect(reports).toMatchObject([{ kind: "unretrieved", exception: { message: "lonely" } }])
    expect(reports[0]?.message).toContain("Future of broken on there")
  })

  it("J6 S2 a task that ignores its cancel is named here, when it is slow and in the closing", async () => {
    const { handle, loop } = both({ stuck: () => new Promise<void>((resolve) => (release = resolve)) })
    let release = (): void => {}
    const reports: Array<Report> = []
    const here = SyncLoop.make({
      name: "here",
      slowJoin: 5,
      closeDeadline: 60,
      exceptionHandler: (_, report) => void reports.push(report)
    })
    loops.push(here)
    await here.runUntilComplete(async () => {
      const future = handle.runCoroutineThreadsafe("stuck")
      while (loop.allTasks().size === 0) await here.sleep(1)
      future.cancel()
      while (reports.length === 0) await here.sleep(1)
    })
    expect(reports[0]).toMatchObject({
      kind: "slowJoin",
      message: expect.stringContaining(`name="stuck on there"`) as string
    })
    reports.length = 0
    await here.close()
    const leftover = reports.find(({ kind }) => kind === "leftover")
    expect(leftover?.message).toMatch(
      /job +stuck on there +\d+ms +cancelling +another thread +runCoroutineThreadsafe/
    )
    // It does not keep this thread any more.
    expect(String(handle)).toBe("<LoopHandle of there open pending=0>")
    release()
    await settled()
    // The answer comes to nobody.
    expect(reports.filter(({ kind }) => kind !== "slowJoin" && kind !== "leftover")).toEqual([])
  })
})

describe("the life of a LoopHandle", () => {
  it("is offered only with functions, on an open loop", async () => {
    const { loop } = running("there")
    for (const functions of [undefined, null, 1, "f", () => {}, {}, [], { f: 1 }, { f() {}, g: undefined }]) {
      expect(() => loop.threadHandle(functions as never)).toThrow(TypeError)
    }
    expect(() => loop.threadHandle({ f() {} }, { name: 1 as never })).toThrow(TypeError)
    expect(loop.statistics().handles).toBe(0)
    expect(ports()).toBe(portsAtStart)
    await loop.close()
    expect(() => loop.threadHandle({ f() {} })).toThrow(LoopClosedError)
  })

  it("is made of its own port only, once", () => {
    const { loop } = running("there")
    const { port1, port2 } = new MessageChannel()
    port1.postMessage({ hello: true })
    for (const wrong of [undefined, null, {}, "port", port1, port2, loop.threadHandle({ f() {} })]) {
      expect(() => LoopHandle.from(wrong as never)).toThrow(TypeError)
    }
    port1.close()
    const { port } = loop.threadHandle({ f() {} })
    LoopHandle.from(port)
    expect(() => LoopHandle.from(port)).toThrow(/taken over before/)
  })

  it("ends, with a report, where its port was used for anything else", async () => {
    for (const forged of [
      null,
      1,
      {},
      [],
      ["other", 1],
      ["call", "nothing", []],
      ["call", "f"],
      ["run", 1, "nothing", []],
      ["run", 1, "f", null],
      ["cancel", 1],
      ["cancel", 1, { kind: "error" }]
    ]) {
      const { handle, offered, reports } = both({ f() {} })
      offered.port.postMessage(forged)
      await expect.poll(() => offered.closed && handle.closed).toBe(true)
      expect(reports).toMatchObject([
        {
          kind: "late",
          message: `a message of another thread to ${offered.name} cannot be read: the handle is closed`,
          exception: { name: "TypeError" }
        }
      ])
    }
  })

  it("ends where the answer is none, and who waits for it is told", async () => {
    for (const forged of [null, 1, {}, [], ["other", 1], ["error", 1], ["closed", 1, "why", 1]]) {
      const { port1, port2 } = new MessageChannel()
      port1.postMessage({ protocol: PROTOCOL, loop: "there", functions: [["f", false]] } satisfies Hello)
      const handle = LoopHandle.from<{ f: () => void }>(port2)
      const future = handle.runCoroutineThreadsafe("f")
      port1.postMessage(forged)
      expect(await failure(future)).toMatchObject({
        _tag: "LoopClosedError",
        message: "an answer of the event loop there cannot be read",
        cause: { name: "TypeError" }
      })
      expect(handle.closed).toBe(true)
    }
  })

  it("says what it is", async () => {
    const { handle, offered, loop } = both({ f: () => loop.sleep(0) }, "there")
    void handle.runCoroutineThreadsafe("f")
    expect([handle.loop, String(handle), String(offered)]).toEqual([
      "there",
      "<LoopHandle of there open pending=1>",
      `<OfferedHandle ${offered.name} open of there>`
    ])
    expect(loop.threadHandle({ f() {} }, { name: "named" }).name).toBe("named")
    expect(loop.statistics().handles).toBe(2)
    expect([offered.hasRef(), offered.unref().hasRef(), offered.ref().hasRef()]).toEqual([true, false, true])
    await loop.close()
    await expect.poll(() => handle.closed).toBe(true)
    expect([offered.closed, offered.hasRef(), offered.ref().unref().hasRef(), String(handle)]).toEqual([
      true,
      false,
      false,
      "<LoopHandle of there closed pending=0>"
    ])
  })

  it("S2 is listed in the leftover table, and is not to blame", async () => {
    const reports: Array<Report> = []
    const loop = SyncLoop.make({
      closeDeadline: 20,
      slowJoin: hour,
      exceptionHandler: (_, r) => void reports.push(r)
    })
    loops.push(loop)
    loop.threadHandle({ f() {} }, { name: "jobs" })
    await loop.runUntilComplete(async () => {
      void loop.createTask(() => new Promise(() => {}), { name: "stuck" })
      await loop.sleep(0)
    })
    await loop.close()
    expect(reports).toHaveLength(1)
    expect(reports[0]?.message).toMatch(/^1 left over/)
    expect(reports[0]?.message).toMatch(/handle +jobs +\d+ms +open +another thread +threadHandle/)
  })

  it("a SyncLoop at rest queues: what was asked for runs in its next run", async () => {
    const loop = SyncLoop.make()
    loops.push(loop)
    const log: Array<string> = []
    const offered = loop.threadHandle({ note: (what: string) => void log.push(what), ask: () => 1 })
    const handle = LoopHandle.from<{ note: (what: string) => void; ask: () => number }>(offered.port)
    handle.callSoonThreadsafe("note", "call")
    const future = handle.runCoroutineThreadsafe("ask")
    const cancelled = handle.runCoroutineThreadsafe("ask")
    cancelled.cancel()
    await settled()
    expect([log, future.done(), cancelled.done()]).toEqual([[], false, false])
    await loop.runUntilComplete(() => loop.sleep(5))
    expect(log).toEqual(["call"])
    expect(await future).toBe(1)
    await Promise.allSettled([cancelled])
  })

  it("L5 what waited for a run sees the async-local state of the offer, whoever runs the loop", async () => {
    const loop = SyncLoop.make()
    loops.push(loop)
    const storage = new AsyncLocalStorage<string>()
    const log: Array<unknown> = []
    const functions = { note: () => void log.push(storage.getStore()) }
    const handle = LoopHandle.from<typeof functions>(
      storage.run("offered", () => loop.threadHandle(functions).port)
    )
    handle.callSoonThreadsafe("note")
    const future = handle.runCoroutineThreadsafe("note")
    await settled()
    await storage.run("runs it", () => loop.runUntilComplete(() => loop.sleep(5)))
    await future
    expect(log).toEqual(["offered", "offered"])
  })

  it("what has not begun when the handle is closed never does", async () => {
    const loop = SyncLoop.make()
    loops.push(loop)
    const log: Array<string> = []
    const functions = { work: async () => void log.push("begun") }
    for (const end of ["asker", "offer"]) {
      const offered = loop.threadHandle(functions)
      const handle = LoopHandle.from<typeof functions>(offered.port)
      const outcome = failure(handle.runCoroutineThreadsafe("work"))
      await settled()
      if (end === "asker") handle.close()
      else offered.close()
      expect(await outcome).toBeInstanceOf(LoopClosedError)
      await settled()
      await loop.runUntilComplete(() => loop.sleep(1))
    }
    expect(log).toEqual([])
  })

  it("C3 calls that come when the loop is closing are refused: one report, and LoopClosedError for who waits", async () => {
    const reports: Array<Report> = []
    const scope = await Effect.runPromise(Scope.make())
    const loop = await Effect.runPromise(
      Scope.extend(Loop.open({ exceptionHandler: (_, report) => void reports.push(report) }), scope)
    )
    let letGo = (): void => {}
    const functions = { f: () => "never" }
    // What comes through it is from outside, although a task has made it.
    const offered = await loop.createTask(async () => {
      await loop.sleep(0)
      return loop.threadHandle(functions, { name: "h" })
    })
    const handle = LoopHandle.from<typeof functions>(offered.port)
    let cleaning = (): void => {}
    const inCleanup = new Promise<void>((resolve) => (cleaning = resolve))
    loop.createTask(async () => {
      try {
        await loop.sleep(hour)
      } finally {
        cleaning()
        await new Promise<void>((resolve) => (letGo = resolve))
      }
    })
    await settled()
    const closing = Effect.runPromise(Scope.close(scope, Exit.void))
    await inCleanup
    const waits = failure(handle.runCoroutineThreadsafe("f"))
    for (let i = 0; i < 100; i++) handle.callSoonThreadsafe("f")
    const more = await waits
    letGo()
    await closing
    expect(more).toBeInstanceOf(LoopClosedError)
    expect(reports).toMatchObject([
      { kind: "late", message: "a call of f by another thread through h was dropped" },
      { kind: "late", message: expect.stringContaining("100 calls of another thread") as string }
    ])
  })

  it("C1 a crash closes the handle, and is the cause of the LoopClosedError there", async () => {
    const functions = {
      crash: () => {
        throw new Error("the crash")
      },
      wait: () => new Promise<void>(() => {})
    }
    let handle: LoopHandle<typeof functions> | undefined
    let waiting: Promise<any> | undefined
    const exit = await Effect.runPromiseExit(
      Loop.scoped(
        Effect.flatMap(Loop, (loop) => {
          handle = LoopHandle.from<typeof functions>(loop.threadHandle(functions).port)
          waiting = failure(handle.runCoroutineThreadsafe("wait"))
          handle.callSoonThreadsafe("crash")
          return Effect.never
        }),
        {
          closeDeadline: 50,
          slowJoin: hour,
          exceptionHandler: (loop, report) =>
            report.kind === "callback" ? loop.defaultExceptionHandler(report) : undefined
        }
      )
    )
    expect(Exit.isFailure(exit)).toBe(true)
    const error = await waiting
    expect(error).toBeInstanceOf(LoopClosedError)
    expect(error.cause).toMatchObject({ name: "LoopCrash", cause: { message: "the crash" } })
    expect(() => handle?.callSoonThreadsafe("crash")).toThrow(LoopClosedError)
  })

  it("C1 a crash of the loop that asks is the cause of what its coroutines are cancelled for, on both sides", async () => {
    const reasons: Array<unknown> = []
    const { handle } = both({
      work: (): Promise<void> =>
        new Promise((_, reject) => {
          const { signal } = currentTask() as Task<unknown>
          signal.addEventListener("abort", () => {
            reasons.push((signal.reason as CancelledError).reason)
            reject(signal.reason as Error)
          })
        })
    })
    await Effect.runPromiseExit(
      Loop.scoped(
        Effect.flatMap(Loop, (here) => {
          here.callSoon(() => {
            handle.runCoroutineThreadsafe("work").addDoneCallback((future) => {
              reasons.push((thrown(() => future.result()) as CancelledError).reason)
            })
          })
          here.callSoon(() => {
            throw new Error("the crash")
          })
          return Effect.never
        }),
        {
          name: "here",
          exceptionHandler: (loop, report) =>
            report.kind === "callback" ? loop.defaultExceptionHandler(report) : undefined
        }
      )
    )
    expect(reasons).toHaveLength(2)
    for (const reason of reasons) {
      expect(reason).toMatchObject({
        message: "the event loop here is closing",
        cause: { name: "LoopCrash", cause: { message: "the crash" } }
      })
    }
  })

  it("the error of a task that fails when its asker is gone is reported, as late", async () => {
    const { handle, loop, reports } = both({
      work: () =>
        loop.sleep(hour).catch(() => {
          throw new Error("in cleanup")
        })
    })
    const future = failure(handle.runCoroutineThreadsafe("work"))
    await expect.poll(() => loop.allTasks().size).toBe(1)
    handle.close()
    expect(await future).toBeInstanceOf(LoopClosedError)
    await expect.poll(() => reports.length).toBe(1)
    expect(reports[0]).toMatchObject({ kind: "late", exception: { message: "in cleanup" } })
  })

  describe("closed from either end, by the loop in order or at once, in every state of what was asked for", () => {
    const states = ["posted", "queued", "running", "cancelling", "settling", "settled"] as const
    const ways = {
      "the asker's close()": ({ handle }: Ends) => handle.close(),
      "the offer's close()": ({ offered }: Ends) => offered.close(),
      "the loop's closing": ({ loop }: Ends) => loop.close(),
      "the loop's _close, at once": ({ loop }: Ends) => loop._close(undefined)
    }
    interface Ends {
      readonly handle: LoopHandle<{ work: () => Promise<string>; wait: () => Promise<string> }>
      readonly offered: OfferedHandle
      readonly loop: SyncLoop
    }
    for (const state of states) {
      for (const [way, close] of Object.entries(ways)) {
        it(`C3 S5 ${state}, by ${way}`, async () => {
          const log: Array<string> = []
          const { loop, offered, handle } = both({
            work: async () => "done",
            wait: async () => {
              log.push("begun")
              try {
                return await loop.sleep(hour, "never")
              } finally {
                log.push("ended")
              }
            }
          })
          const settles = state === "settling" || state === "settled"
          const future = handle.runCoroutineThreadsafe(settles ? "work" : "wait")
          const outcome = Promise.resolve(future).then(
            (value) => value,
            (error: unknown) => (error as { _tag?: string })._tag
          )
          if (state === "queued") await new Promise((resolve) => setImmediate(resolve))
          if (state === "running" || state === "cancelling") {
            while (log.length === 0) await new Promise((resolve) => setImmediate(resolve))
          }
          if (state === "cancelling") future.cancel("early")
          if (state === "settled") await outcome
          const closing = close({ handle, loop, offered })
          const ended = await outcome
          if (state === "cancelling") expect(["CancelledError", "LoopClosedError"]).toContain(ended)
          else if (state === "settled") expect(ended).toBe("done")
          else if (state === "settling") expect(["done", "LoopClosedError"]).toContain(ended)
          else expect(ended).toBe("LoopClosedError")
          await closing
          await settled()
          expect([handle.closed, offered.closed]).toEqual([true, true])
          expect(() => handle.callSoonThreadsafe("work")).toThrow(LoopClosedError)
          expect(() => handle.runCoroutineThreadsafe("work")).toThrow(LoopClosedError)
          handle.close()
          offered.close()
          expect(future.cancel()).toBe(false)
          expect(loop.statistics()).toMatchObject({ handles: 0, tasks: 0 })
          // Whoever has begun was told to end, but where nobody may run any more.
          if (!way.endsWith("at once")) expect(log.length % 2).toBe(0)
        })
      }
    }
  })

  it("C3 closing the loop that asks, at once: its Futures fail, and the tasks there are cancelled", async () => {
    const { handle, loop } = both({ work: () => loop.sleep(hour) })
    const { loop: here } = running("here")
    let future: PromiseLike<unknown> | undefined
    here.callSoon(() => (future = handle.runCoroutineThreadsafe("work")))
    await expect.poll(() => loop.allTasks().size).toBe(1)
    const outcome = failure(future as PromiseLike<unknown>)
    here._close(undefined)
    expect(await outcome).toBeInstanceOf(LoopClosedError)
    await expect.poll(() => loop.allTasks().size).toBe(0)
    // The thread may go on with others.
    const again = handle.runCoroutineThreadsafe("work")
    again.cancel()
    expect(isCancelledError(await failure(again))).toBe(true)
  })

  it("10,000 calls and coroutines, and 1,000 handles: nothing is left", { timeout: 60_000 }, async () => {
    let calls = 0
    const functions = { call: () => void calls++, run: (n: number) => n }
    const { handle, loop } = both(functions)
    const results: Array<PromiseLike<number>> = []
    for (let i = 0; i < 10_000; i++) {
      handle.callSoonThreadsafe("call")
      results.push(handle.runCoroutineThreadsafe("run", i))
    }
    expect((await Promise.all(results)).reduce((a, b) => a + b)).toBe((9_999 * 10_000) / 2)
    expect(calls).toBe(10_000)
    for (let i = 0; i < 1_000; i++) {
      const other = LoopHandle.from<typeof functions>(loop.threadHandle(functions).port)
      if (i % 2 === 0) expect(await other.runCoroutineThreadsafe("run", i)).toBe(i)
      other.close()
    }
    await expect.poll(() => loop.statistics().handles).toBe(1)
  })

  it("property: every coroutine gets one answer, whatever is cancelled, closed and run in between", async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom("value" as const, "error" as const, "wait" as const) },
      { weight: 3, arbitrary: fc.constantFrom("cancelFirst" as const, "cancelLast" as const) },
      { weight: 3, arbitrary: fc.constant("turn" as const) },
      {
        weight: 1,
        arbitrary: fc.constantFrom("closeAsker" as const, "closeOffer" as const, "cancelThere" as const)
      }
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        let begun = 0
        let ended = 0
        const { handle, loop, offered, reports } = both({
          value: async (n: number) => (await loop.sleep(0), n),
          error: (n: number) => {
            throw new Error(String(n))
          },
          wait: async (_n: number) => {
            begun++
            try {
              await loop.sleep(hour)
            } finally {
              ended++
            }
          }
        })
        const asked: Array<{
          kind: string
          n: number
          future: { cancel(): boolean }
          outcome: Promise<unknown>
        }> = []
        let closed = false
        for (const [n, what] of steps.entries()) {
          if (what === "turn") await new Promise((resolve) => setImmediate(resolve))
          else if (what === "cancelFirst") asked[0]?.future.cancel()
          else if (what === "cancelLast") asked.at(-1)?.future.cancel()
          else if (what === "cancelThere") for (const task of loop.allTasks()) task.cancel()
          else if (what === "closeAsker") {
            handle.close()
            closed = true
          } else if (what === "closeOffer") {
            offered.close()
            closed = true
          } else if (!handle.closed) {
            const future = handle.runCoroutineThreadsafe(what, n) as PromiseLike<unknown> & {
              cancel(): boolean
            }
            const outcome = Promise.resolve(future).then(
              (value) => value,
              (error: Error & { _tag?: string }) => error._tag ?? `error ${error.message}`
            )
            asked.push({ kind: what, n, future, outcome })
          }
        }
        await loop.close()
        for (const { kind, n, outcome } of asked) {
          const answer = await outcome
          const own = kind === "value" ? n : kind === "error" ? `error ${n}` : "CancelledError"
          expect([own, "CancelledError", "LoopClosedError"]).toContain(answer)
        }
        expect(begun).toBe(ended)
        expect(loop.statistics()).toMatchObject({ tasks: 0, handles: 0, state: "closed" })
        expect(handle.closed || !closed || offered.closed).toBe(true)
        expect(reports.filter(({ kind }) => kind !== "late")).toEqual([])
      }),
      { numRuns: 60 }
    )
  })
})
