// What cancel does to a task (J2), in every state, for both kinds of coroutine. Timeout scopes are in
// TaskTimeoutScopes.test.ts.
import { describe, expect, it } from "vitest"
import { CancelledError, isCancelledError } from "../../../src/Loop/kernel/errors.js"
import { Future } from "../../../src/Loop/kernel/Future.js"
import type { Report } from "../../../src/Loop/kernel/Report.js"
import type { Task } from "../../../src/Loop/kernel/Task.js"
import { nodeLoop } from "../../support/closedLoops.js"
import { kinds, thrown, trackingLoop, type Script } from "../../support/trackingHost.js"

/** A loop, and `run`, which makes a task of a script and lets it come to its first wait. In an array: it is thenable. */
const setUp = (as: <A>(script: Script<A>) => Script<A>) => {
  const { loop, host } = trackingLoop()
  const log: Array<unknown> = []
  const run = async <A>(script: Script<A>): Promise<[Task<A>]> => {
    const task = loop.createTask(as(script)) as unknown as Task<A>
    await host.settle()
    return [task]
  }
  return { loop, host, log, run, as }
}

describe.each(kinds)("cancelling a task (%s)", (kind, as) => {
  it("J2 never starts a task that has not started, and settles it cancelled", async () => {
    const { loop, host, log } = setUp(as)
    const task = loop.createTask(
      as(function* () {
        log.push("started")
      })
    )
    expect(task.cancel("why")).toBe(true)
    expect([task.done(), task.cancelling()]).toEqual([false, 1])
    await host.settle()
    expect([task.cancelled(), log, host.aborts]).toEqual([true, [], 0])
    expect(thrown(() => task.result())).toMatchObject({ reason: "why" })
  })

  it("J2 throws CancelledError at the current wait, where cleanup may wait", async () => {
    const { loop, host, log, run } = setUp(as)
    const [task] = await run(function* () {
      try {
        yield* loop.sleep(1000)
      } catch (error) {
        log.push(isCancelledError(error), error)
        throw error
      } finally {
        yield* loop.sleep(50)
        log.push("clean")
      }
    })
    task.cancel("why")
    await host.pass(49)
    expect([task.done(), log.length]).toEqual([false, 2])
    await host.pass(1)
    expect(task.cancelled()).toBe(true)
    expect(log).toEqual([true, expect.any(CancelledError), "clean"])
    expect(thrown(() => task.result())).toBe(log[1])
  })

  it("J2 aborts the signal with the CancelledError as its reason, and J10 makes none that is not read", async () => {
    const { host, loop, run } = setUp(as)
    const [one, two] = [loop.createFuture(), loop.createFuture()]
    const [unread] = await run(function* () {
      yield* one
    })
    const [read] = await run(function* (task) {
      expect(host.aborts).toBe(0)
      expect(task.signal).toBe(task.signal)
      yield* two
    })
    expect(host.aborts).toBe(1)
    expect(read.signal.aborted).toBe(false)
    unread.cancel()
    read.cancel("why")
    expect(read.signal.aborted).toBe(true)
    expect(read.signal.reason).toBeInstanceOf(CancelledError)
    expect(read.signal.reason).toMatchObject({ reason: "why" })
    await host.settle()
    expect(host.aborts).toBe(1)
    expect([unread.cancelled(), read.cancelled()]).toEqual([true, true])
  })

  it("gives an aborted signal with the same reason to whoever reads it after the cancel", async () => {
    const { loop, host, run } = setUp(as)
    const [task] = await run(function* (self) {
      try {
        yield* loop.sleep(1000)
      } catch {
        return self.signal.reason as unknown
      }
    })
    task.cancel("why")
    await host.settle()
    expect(task.result()).toBeInstanceOf(CancelledError)
    expect(task.result()).toMatchObject({ reason: "why" })
  })

  it("gives a fresh signal after uncancel(), and keeps the old one where there was nothing to take back", async () => {
    const { loop, host, run } = setUp(as)
    const [task] = await run(function* (self) {
      const first = self.signal
      self.uncancel()
      expect(self.signal).toBe(first)
      try {
        yield* loop.sleep(1000)
      } catch {
        expect(first.aborted).toBe(true)
        self.uncancel()
      }
      return [self.signal === first, self.signal.aborted]
    })
    task.cancel()
    await host.settle()
    expect(task.result()).toEqual([false, false])
  })

  it("tasks-024 counts its requests, says so in its text, and ends cancelled", async () => {
    const { loop, host, run } = setUp(as)
    const [task] = await run(function* () {
      yield* loop.sleep(1000)
    })
    expect(task.cancelling()).toBe(0)
    expect(task.cancel()).toBe(true)
    expect(task.cancelling()).toBe(1)
    expect(String(task)).toContain("<Task cancelling")
    expect(task.cancel()).toBe(true)
    await host.settle()
    expect(task.cancelled()).toBe(true)
  })

  it("tasks-025 goes on without a trace where it catches the cancel and calls uncancel()", async () => {
    const { loop, host, log, run } = setUp(as)
    const [task] = await run(function* (self) {
      try {
        yield* loop.sleep(1000)
      } catch {
        log.push(self.uncancel())
      }
      yield* loop.sleep(10)
      return 1
    })
    task.cancel()
    expect([task.cancelling(), task.cancelled()]).toEqual([1, false])
    await host.settle()
    expect([task.cancelling(), task.cancelled(), log]).toEqual([0, false, [0]])
    expect(String(task)).not.toContain("cancelling")
    await host.pass(10)
    expect(task.result()).toBe(1)
  })

  it("tasks-026 is cancelled again in a later wait, and uncancel() changes nothing once it is done", async () => {
    const { loop, host, run } = setUp(as)
    const [task] = await run(function* (self) {
      try {
        yield* loop.sleep(1000)
      } catch {
        self.uncancel()
      }
      yield* loop.sleep(1000)
    })
    task.cancel()
    await host.settle()
    expect(task.cancel()).toBe(true)
    await host.settle()
    task.uncancel()
    expect([task.done(), task.cancelled()]).toEqual([true, true])
  })

  it("tasks-029 ends a long sleep at once when a callback cancels it", async () => {
    const { loop, host, run } = setUp(as)
    const [task] = await run(function* () {
      yield* loop.sleep(10_000)
    })
    loop.callSoon(() => task.cancel())
    await host.settle()
    expect([task.done(), task.cancelled(), task.cancel(), host.time]).toEqual([true, true, false, 0])
  })

  it("tasks-030 carries the message to whoever waits for it, and none for undefined and null", async () => {
    const { loop, host, run } = setUp(as)
    const cases: Array<[unknown, unknown]> = [
      [undefined, undefined],
      [null, undefined],
      ["my message", "my message"],
      [5, 5]
    ]
    for (const [message, reason] of cases) {
      const [task] = await run(function* () {
        yield* loop.sleep(10)
      })
      const [waits] = await run(function* () {
        try {
          yield* task
        } catch (error) {
          return error
        }
      })
      task.cancel(message)
      await host.settle()
      for (const error of [thrown(() => task.result()), thrown(() => task.exception()), waits.result()]) {
        expect(error).toBeInstanceOf(CancelledError)
        expect(error).toMatchObject({
          reason,
          message: String(reason ?? "cancelled by code that is on no loop")
        })
      }
    }
  })

  it("tasks-031 keeps the cancel as the cause of an error made of it", async () => {
    const { loop, host, run } = setUp(as)
    const [inner] = await run(function* () {
      yield* loop.sleep(10)
    })
    const [outer] = await run(function* () {
      try {
        yield* inner
      } catch (caught) {
        throw new Error("cancelled", { cause: caught })
      }
    })
    inner.cancel("msg")
    await host.settle()
    const error = outer.exception() as Error
    expect(error.message).toBe("cancelled")
    expect(error.cause).toBeInstanceOf(CancelledError)
    expect(error.cause).toMatchObject({ reason: "msg" })
  })

  it("tasks-034 is cancelled between two sleeps of 0", async () => {
    const { loop, host } = setUp(as)
    const task = loop.createTask(
      as(function* () {
        yield* loop.sleep(0)
        yield* loop.sleep(0)
        return 12
      })
    )
    host.turn()
    await null
    expect(task.cancel()).toBe(true)
    await host.settle()
    expect([task.cancelled(), task.cancel()]).toEqual([true, false])
  })

  it("tasks-036 is cancelled once where its Future is cancelled as well", async () => {
    const { loop, host, log, run } = setUp(as)
    const future = loop.createFuture()
    const [task] = await run(function* () {
      try {
        yield* future
      } catch (error) {
        log.push(error)
        yield* loop.sleep(0)
        throw error
      }
    })
    future.cancel()
    task.cancel()
    await host.settle()
    expect([task.done(), task.cancelled(), log.length]).toEqual([true, true, 1])
  })

  it("tasks-037 cancels the awaited Future at once, and may still finish with a value", async () => {
    const { loop, host, run } = setUp(as)
    const future = loop.createFuture()
    const [task] = await run(function* () {
      try {
        yield* future
      } catch {
        return 42
      }
    })
    task.cancel()
    expect(future.cancelled()).toBe(true)
    await host.settle()
    expect([task.result(), task.cancelled()]).toEqual([42, false])
  })

  it("tasks-039 stops itself at its next wait without waiting", async () => {
    const { loop, host, run } = setUp(as)
    const [task] = await run(function* (self) {
      self.cancel()
      yield* loop.sleep(10_000)
    })
    expect([task.cancelled(), host.time, loop.statistics().timers]).toEqual([true, 0, 0])
  })

  it("tasks-040 ends cancelled where it cancels itself and returns", async () => {
    const { run } = setUp(as)

    const [task] = await run(function* (self) {
      self.cancel("why")
      return 12
    })
    expect(task.cancelled()).toBe(true)
    await expect((async () => await task)()).rejects.toMatchObject({ reason: "why" })
  })

  it("tasks-041 passes its own cancel on to the task it awaits, and to the Future that awaits", async () => {
    const { loop, run, host } = setUp(as)
    const future = loop.createFuture()
    const [nested] = await run(function* () {
      yield* future
    })
    const [task] = await run(function* (self) {
      self.cancel()
      yield* nested
    })
    await host.settle()
    expect([task.cancelled(), nested.cancelled(), future.cancelled()]).toEqual([true, true, true])
  })

  it("tasks-042 sees the cancel of a task that it awaits, and is not cancelled itself", async () => {
    const { loop, host, run } = setUp(as)
    const [sleeper] = await run(function* () {
      yield* loop.sleep(5_000_000)
    })
    const [task] = await run(function* () {
      try {
        yield* sleeper
      } catch (error) {
        return isCancelledError(error) ? ["cancelled", loop.time()] : error
      }
    })
    loop.callLater(100, () => sleeper.cancel())
    await host.pass(100)
    expect(task.result()).toEqual(["cancelled", 100])
  })

  it("tasks-043 keeps no reference to the Future it was cancelled in", async () => {
    const { loop, host, run } = setUp(as)
    const future = loop.createFuture()
    const [task] = await run(function* () {
      yield* future
    })
    expect(task.waitingOn()).toEqual(["<Future pending>"])
    task.cancel()
    await host.settle()
    expect([future.cancelled(), task.cancelled(), task.waitingOn()]).toEqual([true, true, []])
  })

  it("tasks-045 fails with the error that it throws in place of the cancel", async () => {
    const { loop, host, run } = setUp(as)
    const error = new Error("mine")
    const [task] = await run(function* () {
      try {
        yield* loop.sleep(10)
      } catch {
        throw error
      }
    })
    task.cancel()
    await host.settle()
    expect([task.done(), task.cancelled(), task.exception()]).toEqual([true, false, error])
  })

  it("tasks-089 is left as it was by a child that cancels it and a scope that takes that back", async () => {
    const { loop, host, log } = setUp(as)
    // As asyncio's TaskGroup: what the scope asked for is taken back; what others asked for is asked for again.
    const group = function* (self: Task<unknown>, outside: () => void) {
      const child = loop.createTask(async () => {
        await loop.sleep(1)
        throw new Error("child")
      })
      child.addDoneCallback((f) => {
        if (f.exception() !== undefined) self.cancel("child failed")
        outside()
      })
      try {
        yield* loop.sleep(1000)
      } catch {
        if (self.uncancel() === 0) return
        self.uncancel()
        self.cancel("outside")
      }
    }
    const quiet = loop.createTask(
      as(function* (self) {
        yield* group(self, () => {})
        yield* loop.sleep(1)
        return "quiet"
      })
    )
    await host.pass(5)
    expect([quiet.result(), quiet.cancelling()]).toEqual(["quiet", 0])
    const both: Task<unknown> = loop.createTask(
      as(function* (self) {
        yield* group(self, () => both.cancel("outside"))
        log.push(self.cancelling())
        yield* loop.sleep(1)
        log.push("not reached")
      })
    )
    await host.pass(5)
    expect([both.cancelled(), both.cancelling(), log]).toEqual([true, 1, [1]])
  })

  it("tasks-094 gets the value of a task that refused the cancel passed on to it", async () => {
    const { loop, host, run } = setUp(as)
    const [inner] = await run(function* () {
      try {
        yield* loop.sleep(1000)
      } catch {
        return 42
      }
    })
    const [outer] = await run(function* () {
      return (yield* inner) as number
    })
    outer.cancel()
    await host.settle()
    expect([outer.result(), outer.cancelled(), outer.cancelling()]).toEqual([42, false, 1])
  })

  it("tasks-095 ends only after the task it awaits has cleaned up", async () => {
    const { loop, host, log, run } = setUp(as)
    const [inner] = await run(function* () {
      try {
        yield* loop.sleep(1000)
      } finally {
        yield* loop.sleep(50)
        log.push("inner")
      }
    })
    const [outer] = await run(function* () {
      try {
        yield* inner
      } finally {
        log.push("outer")
      }
    })
    outer.cancel()
    await host.pass(49)
    expect([inner.done(), outer.done(), log]).toEqual([false, false, []])
    await host.pass(1)
    expect([inner.cancelled(), outer.cancelled(), log]).toEqual([true, true, ["inner", "outer"]])
  })

  it("tasks-096 takes a shared Future with it, and so the other task that awaits it", async () => {
    const { loop, host, run } = setUp(as)
    const shared = loop.createFuture()
    const body = function* () {
      yield* shared
    }
    const [one] = await run(body)
    const [two] = await run(body)
    one.cancel("why")
    await host.settle()
    expect([shared.cancelled(), one.cancelled(), two.cancelled(), two.cancelling()]).toEqual([
      true,
      true,
      true,
      0
    ])
    expect(thrown(() => two.result())).toMatchObject({ reason: "why" })
  })

  it("tasks-099 delivers the first of two requests, once", async () => {
    const { loop, host, log, run } = setUp(as)
    const [task] = await run(function* () {
      try {
        yield* loop.sleep(1000)
      } catch (error) {
        log.push((error as CancelledError).reason)
        yield* loop.sleep(1)
        throw error
      }
    })
    expect([task.cancel("a"), task.cancel("b"), task.cancelling()]).toEqual([true, true, 2])
    await host.pass(1)
    expect([task.cancelled(), log]).toEqual([true, ["a"]])
    expect(thrown(() => task.result())).toMatchObject({ reason: "a" })
    const future = loop.createFuture()
    expect([future.cancel("a"), future.cancel("b")]).toEqual([true, false])
    expect(thrown(() => future.result())).toMatchObject({ reason: "a" })
  })

  it("delivers a cancel that comes between the outcome and the resumption, and drops the value", async () => {
    const { loop, host, log, run } = setUp(as)
    const future = loop.createFuture<number>()
    const [task] = await run(function* () {
      try {
        log.push(yield* future)
      } catch (error) {
        log.push((error as CancelledError).reason)
        throw error
      }
    })
    future.setResult(1)
    task.cancel("between")
    await host.settle()
    expect([log, task.cancelled(), task.cancelling()]).toEqual([["between"], true, 1])
  })

  it("J4 reports a failure whose place the cancel takes, and still ends cancelled", async () => {
    const { loop, host, run } = setUp(as)
    const future = loop.createFuture<number>()
    const [task] = await run(function* () {
      yield* future
    })
    const error = new Error("overtaken")
    const reports: Array<Report> = []
    loop.setExceptionHandler((_, report) => void reports.push(report))
    future.setException(error)
    task.cancel("between")
    await host.settle()
    expect(task.cancelled()).toBe(true)
    expect(
      reports.map(({ kind, exception, future: of }) => [kind, exception, Object.is(of, future)])
    ).toEqual([["late", error, true]])
    expect(loop.statistics().late).toBe(1)
  })

  it("is not cancelled by a cancel between outcome and resumption that is taken back", async () => {
    const { loop, host, run } = setUp(as)
    const future = loop.createFuture<number>()
    const [task] = await run(function* () {
      return (yield* future) as number
    })
    future.setResult(1)
    task.cancel()
    expect(task.uncancel()).toBe(0)
    await host.settle()
    expect(task.result()).toBe(1)
  })

  it("is not cancelled by a cancel that is taken back before it has started", async () => {
    const { loop, host } = setUp(as)
    const task = loop.createTask(
      as<number>(function* () {
        return (yield* loop.sleep(0, 1)) as number
      })
    )
    task.cancel()
    task.uncancel()
    await host.settle()
    expect(task.result()).toBe(1)
  })

  it("takes the outcome of a Future that stays pending after the cancel", async () => {
    const { loop, host, run } = setUp(as)
    const future = new Future<number>(loop, () => true)
    const [task] = await run(function* () {
      return (yield* future) as number
    })
    task.cancel()
    await host.settle()
    expect([task.done(), task.cancelling()]).toEqual([false, 1])
    future._settleValue(7)
    await host.settle()
    expect([task.result(), task.cancelling()]).toEqual([7, 1])
  })

  it("delivers a kept cancel once, also to a Future that then finishes with a value", async () => {
    const { loop, host, run } = setUp(as)
    const asked: Array<unknown> = []
    const future = new Future<number>(loop, (message) => {
      asked.push(message)
      return true
    })
    const [task] = await run(function* (self) {
      self.cancel("kept")
      return [yield* future, yield* loop.sleep(0, "later")]
    })
    expect(asked).toEqual(["kept"])
    future._settleValue(7)
    await host.settle()
    expect(task.result()).toEqual([7, "later"])
  })

  it("may be cancelled by itself through a listener of its signal, or settled there", async () => {
    const { loop, host, run } = setUp(as)
    const future = loop.createFuture<number>()
    const [task] = await run(function* (self) {
      self.signal.addEventListener("abort", () => {
        self.cancel("again")
        future.setResult(1)
      })
      yield* future
    })
    task.cancel("first")
    expect(task.cancelling()).toBe(2)
    await host.settle()
    expect(thrown(() => task.result())).toMatchObject({ reason: "first" })
  })

  it("passes a cancel through 100000 tasks that await each other", async () => {
    const { loop } = nodeLoop()
    const gate = loop.createFuture<number>()
    let last: Future<unknown> = gate
    for (let i = 0; i < 100_000; i++) {
      const next = last
      last = loop.createTask(
        as(function* () {
          yield* next
        })
      )
    }
    for (let i = 0; i < 5; i++) await loop.sleep(0)
    expect(last.cancel("why")).toBe(true)
    expect(gate.cancelled()).toBe(true)
    await expect((async () => await last)()).rejects.toBe(thrown(() => gate.result()))
  })

  it("can be asked in a circle of tasks that await each other, and closing still ends them", async () => {
    const { loop, host } = setUp(as)
    const a: Future<unknown> = loop.createTask(
      as(function* () {
        yield* b
      })
    )
    const b: Future<unknown> = loop.createTask(
      as(function* () {
        yield* a
      })
    )
    const outside = loop.createTask(
      as(function* () {
        yield* a
      })
    )
    await host.settle()
    expect([a.cancel(), b.cancel(), outside.cancel()]).toEqual([true, true, true])
    await host.settle()
    expect(host.reports.splice(0).map(({ kind }) => kind)).toEqual(["circle"])
    loop.close()
    expect([a.done(), b.done(), outside.done()]).toEqual([true, true, true])
  })

  // The matrix: every state of the task, what is done to it, and how it ends. "settling" is: what it awaits is
  // settled, and the task has not been resumed yet.
  const states = ["before start", "running", "waiting", "settling", "settled"] as const
  const acts = {
    plain: (task: Task<unknown>) => [task.cancel("a")],
    double: (task: Task<unknown>) => [task.cancel("a"), task.cancel("b")],
    uncancel: (task: Task<unknown>) => [task.cancel("a"), task.uncancel()],
    "double, uncancel once": (task: Task<unknown>) => [task.cancel("a"), task.cancel("b"), task.uncancel()]
  }
  const names = Object.keys(acts) as Array<keyof typeof acts>
  it.each(states.flatMap((state) => names.map((act) => [state, act] as const)))(
    `in the state "%s", by "%s", ends as it should`,
    async (state, act) => {
      const { loop, host } = setUp(as)
      const gate = loop.createFuture<number>()
      let answers: ReadonlyArray<unknown> = []
      const log: Array<unknown> = []
      const task: Task<unknown> = loop.createTask(
        as(function* (self) {
          log.push("started")
          if (state === "running") answers = acts[act](self)
          try {
            return yield* gate
          } catch (error) {
            log.push((error as CancelledError).reason)
            throw error
          }
        })
      )
      if (state === "before start") answers = acts[act](task)
      await host.settle()
      if (state === "waiting") answers = acts[act](task)
      if (!gate.done()) gate.setResult(1)
      if (state === "settling") answers = acts[act](task)
      await host.settle()
      if (state === "settled") answers = acts[act](task)
      await host.settle()
      // A cancel that the awaited Future has taken is on its way: taking it back comes too late.
      const taken = act === "uncancel" && state !== "waiting"
      const ends = state === "settled" || taken ? 1 : "cancelled"
      const ok = state !== "settled"
      expect(answers).toEqual(
        {
          plain: [ok],
          double: [ok, ok],
          uncancel: [ok, 0],
          "double, uncancel once": [ok, ok, ok ? 1 : 0]
        }[act]
      )
      expect(task.cancelled() ? "cancelled" : task.result()).toBe(ends)
      const seen = ends === "cancelled" && state !== "before start" ? ["a"] : []
      expect(log).toEqual(state === "before start" && ends === "cancelled" ? [] : ["started", ...seen])
      expect(kind).toBeTypeOf("string")
    }
  )
})

describe("cancelling an async function", () => {
  it("tasks-044 goes through nested functions, each of which sees it once", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<string> = []
    const waiter = loop.createFuture()
    const inner = async () => {
      try {
        await waiter
      } catch (error) {
        log.push(`inner ${isCancelledError(error)}`)
        throw error
      }
    }
    const task = loop.createTask(async () => {
      try {
        await inner()
      } catch (error) {
        log.push(`outer ${isCancelledError(error)}`)
      }
      return "normal"
    })
    await host.settle()
    task.cancel()
    expect(waiter.cancelled()).toBe(true)
    await host.settle()
    expect([task.result(), log]).toEqual(["normal", ["inner true", "outer true"]])
  })

  it("goes through nested generators likewise", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<string> = []
    const inner = function* () {
      try {
        yield* loop.sleep(10)
      } finally {
        log.push("inner")
      }
    }
    const task = loop.createTask(function* () {
      try {
        yield* inner()
      } finally {
        log.push("outer")
      }
    })
    await host.settle()
    task.cancel()
    await host.settle()
    expect([task.cancelled(), log]).toEqual([true, ["inner", "outer"]])
  })

  it("cancels all Futures of Promise.all, race and allSettled", async () => {
    for (const combine of ["all", "race", "allSettled"] as const) {
      const { loop, host } = trackingLoop()
      const futures = [loop.createFuture(), loop.createFuture(), loop.createFuture()]
      const task = loop.createTask(async () => {
        await (Promise[combine] as (all: ReadonlyArray<unknown>) => Promise<unknown>).call(Promise, futures)
        await loop.sleep(0)
      })
      await host.settle()
      task.cancel("why")
      expect(futures.map((future) => future.cancelled())).toEqual([true, true, true])
      await host.settle()
      // allSettled swallows the cancel, as it swallows every rejection.
      expect(task.cancelled()).toBe(combine !== "allSettled")
    }
  })

  it("cancels what an async generator awaits, in the task that pulls it", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<string> = []
    const pull = async function* () {
      try {
        yield loop.sleep(1, 1)
        yield loop.sleep(1000, 2)
      } finally {
        log.push("closed")
      }
    }
    const task = loop.createTask(async () => {
      for await (const n of pull()) log.push(`got ${n}`)
    })
    await host.pass(1)
    task.cancel()
    await host.settle()
    expect([task.cancelled(), log]).toEqual([true, ["got 1", "closed"]])
  })

  it("tasks-075 aborts the signal for a foreign promise, whose rejection ends the task cancelled", async () => {
    const { loop, host } = trackingLoop()
    const foreign = (signal: AbortSignal, reject: (signal: AbortSignal) => unknown) =>
      new Promise((_, no) => signal.addEventListener("abort", () => no(reject(signal))))
    const reasons = [
      (signal: AbortSignal) => signal.reason as unknown,
      () => new DOMException("aborted", "AbortError"),
      () => Object.assign(new Error("aborted"), { code: "ABORT_ERR" })
    ]
    for (const reason of reasons) {
      const task = loop.createTask(({ signal }) => foreign(signal, reason))
      await host.settle()
      task.cancel("m")
      expect(task.signal.reason).toBeInstanceOf(CancelledError)
      expect(task.signal.reason).toMatchObject({ reason: "m" })
      await host.settle()
      expect(task.cancelled()).toBe(true)
      expect(thrown(() => task.result())).toMatchObject({ reason: "m" })
    }
  })

  it("takes an AbortError of a task that nobody has cancelled for an error", async () => {
    const { loop, host } = trackingLoop()
    const error = new DOMException("aborted", "AbortError")
    const task = loop.createTask(() => Promise.reject(error))
    await host.settle()
    expect([task.cancelled(), task.exception()]).toEqual([false, error])
  })

  it("tasks-076 delivers a cancel that met a foreign promise at the next await of a Future, or at the end", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<unknown> = []
    let fulfil: (value: string) => void = () => {}
    const foreign = () => new Promise<string>((ok) => (fulfil = ok))
    const awaits = loop.createTask(async () => {
      log.push(await foreign())
      try {
        await loop.sleep(1000)
      } catch (error) {
        log.push((error as CancelledError).reason)
        throw error
      }
    })
    await host.settle()
    awaits.cancel("m")
    expect(awaits.cancelling()).toBe(1)
    await host.settle()
    fulfil("v")
    await host.settle()
    expect([awaits.cancelled(), log, host.time]).toEqual([true, ["v", "m"], 0])
    const returns = loop.createTask(foreign)
    await host.settle()
    returns.cancel("m")
    fulfil("v")
    await host.settle()
    expect(thrown(() => returns.result())).toMatchObject({ reason: "m" })
  })

  it("delivers it exactly where the Future it awaits is settled and the function not yet resumed", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<unknown> = []
    const future = loop.createFuture<number>()
    const task = loop.createTask(async () => {
      try {
        log.push(await Promise.resolve(future))
      } catch (error) {
        log.push((error as CancelledError).reason)
      }
    })
    await host.settle()
    future.setResult(1)
    task.cancel("exact")
    await host.settle()
    expect(log).toEqual(["exact"])
  })

  it("does not lose a cancel of a task whose await is still on its way to the loop", async () => {
    const { loop, host } = trackingLoop()
    const future = loop.createFuture()
    const task = loop.createTask(async () => await future)
    // The first turns run the task; `await` calls `then` a microtask later, and this comes before.
    while (loop.statistics().callbacks === 0) host.turn()
    expect(task.waitingOn()).toEqual([])
    task.cancel("why")
    expect(future.done()).toBe(false)
    await host.settle()
    expect([future.cancelled(), task.cancelled()]).toEqual([true, true])
  })

  it("cancels what is linked by hand, on a loop that does not track", async () => {
    const { loop } = nodeLoop({ asyncContext: false })
    const log: Array<unknown> = []
    const linked = loop.createTask(async (task) => {
      await null
      try {
        await task.link(loop.sleep(10_000))
      } catch (error) {
        log.push((error as CancelledError).reason)
        throw error
      }
    })
    await loop.sleep(1)
    expect(linked.waitingOn()).toEqual(["<Future pending>"])
    linked.cancel("why")
    await expect((async () => await linked)()).rejects.toBeInstanceOf(CancelledError)
    expect([linked.cancelled(), log]).toEqual([true, ["why"]])
    const passes = loop.createTask(async (task) => {
      const future = loop.sleep(1, 5)
      expect(task.link(future)).toBe(future)
      const value = await future
      expect(task.waitingOn()).toEqual([])
      expect(task.link(future)).toBe(future)
      task.cancel("later")
      await task.link(loop.sleep(10_000))
      return value
    })
    await expect((async () => await passes)()).rejects.toMatchObject({ reason: "later" })
    const wrong = loop.createTask(async (task) => void task.link(task))
    await expect((async () => await wrong)()).rejects.toThrow("cannot await itself")
  })

  it("reaches a task of a loop inside a task of another loop only through its own loop", async () => {
    const outer = trackingLoop()
    const inner = trackingLoop()
    const innerTask = inner.loop.createTask(async () => await inner.loop.sleep(1000))
    const task = outer.loop.createTask(async () => await outer.loop.wrapFuture(innerTask))
    await inner.host.settle()
    await outer.host.settle()
    task.cancel()
    await inner.host.settle()
    await outer.host.settle()
    expect([task.cancelled(), innerTask.cancelled()]).toEqual([true, true])
  })
})
