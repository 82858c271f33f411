// A Future that drives a coroutine: starting, results, names, texts, the current task. Cancelling is in TaskCancel.test.ts.
// Covers: FutureIterator, current
import { inspect } from "node:util"
import { describe, expect, it } from "vitest"
import {
  InvalidStateError,
  isCancelledError,
  LoopClosedError,
  NoRunningLoopError,
  QueueFullError,
  WrongLoopError
} from "../../../src/Loop/kernel/errors.js"
import { runningLoop, runningTask, type BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { Future } from "../../../src/Loop/kernel/Future.js"
import { Task } from "../../../src/Loop/kernel/Task.js"
import { manualLoop, nodeLoop } from "../../support/closedLoops.js"
import { kinds, thrown, trackingLoop } from "../../support/trackingHost.js"

describe.each(kinds)("Task (%s)", (_, as) => {
  it("tasks-003 has the result of nested coroutines", async () => {
    const { loop, host } = trackingLoop()
    const inner = function* (ms: number, value: number) {
      return (yield* loop.sleep(ms, value)) as number
    }
    const task = loop.createTask(
      as<number>(function* () {
        return (yield* inner(1, 42)) + (yield* inner(2, 1000))
      })
    )
    await host.pass(5)
    expect(task.result()).toBe(1042)
  })

  it("starts in a later pass, never inside createTask", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<string> = []
    loop.createTask(
      as<void>(function* () {
        log.push("started")
      })
    )
    log.push("created")
    await host.settle()
    expect(log).toEqual(["created", "started"])
  })

  it("tasks-008 is another one each time the same function is given", async () => {
    const { loop, host } = trackingLoop()
    let n = 0
    const count = as<number>(function* () {
      yield* loop.sleep(0)
      return ++n
    })
    const [one, two] = [loop.createTask(count), loop.createTask(count)]
    expect(Object.is(one, two)).toBe(false)
    await host.settle()
    expect([one.result(), two.result()]).toEqual([1, 2])
  })

  it("tasks-011 cannot await a Future of another loop", async () => {
    const { loop, host } = trackingLoop()
    const foreign = manualLoop().loop.createFuture()
    const task = loop.createTask(
      as(function* () {
        yield* foreign
      }),
      { name: "mine" }
    )
    await host.settle()
    expect(task.exception()).toBeInstanceOf(WrongLoopError)
    expect(String(task.exception())).toMatch(/task mine .* attached to a different loop/)
    expect(foreign.done()).toBe(false)
  })

  it("tasks-011 cannot await a Future of another loop that is done already either", async () => {
    const { loop, host } = trackingLoop()
    const foreign = manualLoop().loop.createFuture<number>()
    foreign.setResult(1)
    const log: Array<unknown> = []
    // `yield*` asks the Future itself, which is done: only an async function comes by way of `then`.
    const task = loop.createTask(async () => void log.push(await foreign), { name: "mine" })
    await host.settle()
    expect([String(task.exception()), log]).toEqual([expect.stringMatching(/task mine .*different loop/), []])
  })

  it("tasks-012 fails where it awaits itself", async () => {
    const { loop, host } = trackingLoop()
    const task: Task<void> = loop.createTask(
      as<void>(function* (self) {
        yield* self
      })
    )
    await host.settle()
    expect(task.exception()).toBeInstanceOf(InvalidStateError)
    expect(String(task.exception())).toContain("cannot await itself")
  })

  it("goes on when it catches the error of a wait that was refused", async () => {
    const { loop, host } = trackingLoop()
    const foreign = manualLoop().loop.createFuture()
    const task = loop.createTask(
      as<number>(function* () {
        try {
          yield* foreign
        } catch {
          return (yield* loop.sleep(1, 5)) as number
        }
        return 0
      })
    )
    await host.pass(1)
    expect(task.result()).toBe(5)
  })

  it("tasks-052 is the current task before and after every wait, and nobody is outside", async () => {
    const { loop, host } = trackingLoop()
    const seen: Array<unknown> = []
    expect([runningTask(), runningTask(loop)]).toEqual([null, null])
    const task = loop.createTask(
      as(function* () {
        seen.push(runningTask(), runningTask(loop), runningLoop("test"))
        yield* loop.sleep(0)
        seen.push(runningTask(), runningTask(loop))
        yield* loop.sleep(5)
        seen.push(runningTask(), runningTask(loop))
      })
    )
    loop.callSoon(() => seen.push(runningTask(loop)))
    await host.pass(5)
    expect(seen).toEqual([task, task, loop, null, task, task, task, task])
    expect(runningTask(loop)).toBe(null)
    expect(() => runningLoop("test")).toThrow(NoRunningLoopError)
  })

  it("tasks-054 is the current task in its own body when two tasks complete each other's Futures", async () => {
    const { loop, host } = trackingLoop()
    const seen: Array<boolean> = []
    const futures = Array.from({ length: 8 }, () => loop.createFuture<void>())
    const player = (offset: number) =>
      as<void>(function* (self) {
        for (let i = offset; i < futures.length; i += 2) {
          seen.push(runningTask(loop) === self)
          yield* futures[i]!
          seen.push(runningTask(loop) === self)
          futures[i + 1]?.setResult()
          seen.push(runningTask(loop) === self)
        }
      })
    loop.createTask(player(0))
    loop.createTask(player(1))
    await host.settle()
    futures[0]!.setResult()
    await host.settle()
    expect(seen).toEqual(Array.from({ length: 24 }, () => true))
    expect(runningTask(loop)).toBe(null)
  })

  it("tasks-064 lets callbacks that are ready run while it sleeps for 0", async () => {
    const { loop, host } = trackingLoop()
    let runs = 0
    const task = loop.createTask(
      as(function* () {
        loop.callSoon(() => void runs++)
        const before = runs
        const value = yield* loop.sleep(0, 10)
        return [before, value, runs]
      })
    )
    await host.settle()
    expect(task.result()).toEqual([0, 10, 1])
  })

  it("tasks-061 gets the value of a sleep, and two halves take the whole", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(
      as(function* () {
        const start = loop.time()
        yield* loop.sleep(50)
        const value = yield* loop.sleep(50, "yeah")
        return [value, loop.time() - start]
      })
    )
    await host.pass(100)
    expect(task.result()).toEqual(["yeah", 100])
  })

  it("fails with exactly what its coroutine throws, and passes it to whoever awaits it", async () => {
    const { loop, host } = trackingLoop()
    for (const error of [
      undefined,
      null,
      "text",
      0,
      Object.freeze(new Error("frozen")),
      Object.create(null)
    ]) {
      const inner = loop.createTask(
        as<never>(function* () {
          yield* loop.sleep(0)
          throw error
        })
      )
      const outer = loop.createTask(
        as(function* () {
          try {
            yield* inner
          } catch (caught) {
            return [caught]
          }
          return []
        })
      )
      await host.settle()
      expect(inner._peek()).toBe("error")
      expect(inner.exception()).toBe(error)
      expect((outer.result() as Array<unknown>)[0]).toBe(error)
      expect(String(inner)).toContain("finished exception=")
    }
  })

  it("is stepped 20000 times in one task, and is one of 100000 at once", async () => {
    const { loop } = nodeLoop()
    const many = await loop.createTask(
      as<number>(function* () {
        let n = 0
        for (let i = 0; i < 20_000; i++) n += (yield* loop.sleep(0, 1)) as number
        return n
      })
    )
    expect(many).toBe(20_000)
    const gate = loop.createFuture<number>()
    const tasks = Array.from({ length: 100_000 }, () =>
      loop.createTask(
        as<number>(function* () {
          return (yield* gate) as number
        })
      )
    )
    await loop.sleep(0)
    expect(loop.statistics().tasks).toBe(100_000)
    gate.setResult(1)
    let sum = 0
    for (const task of tasks) sum += await task
    expect(sum).toBe(100_000)
  })
})

describe("Task: what may be one", () => {
  it("tasks-004 is made by ensureFuture, on the running loop where that is asked", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.ensureFuture(async () => {
      const inner = runningLoop("ensureFuture").ensureFuture(async () => 2)
      return [inner.getLoop() === loop, await inner]
    })
    expect(task).toBeInstanceOf(Task)
    expect(task.getLoop()).toBe(loop)
    await host.settle()
    expect(task.result()).toEqual([true, 2])
    expect(() => runningLoop("ensureFuture").ensureFuture(async () => 1)).toThrow(NoRunningLoopError)
  })

  it("tasks-006 comes with the value of a foreign thenable", async () => {
    const { loop, host } = manualLoop()
    const future = loop.ensureFuture({
      then: (ok: (value: string) => void) => ok("ok")
    } as PromiseLike<string>)
    await host.settle()
    expect(future).toBeInstanceOf(Future)
    expect(future.result()).toBe("ok")
  })

  it("tasks-007 is refused with a TypeError, each time, for what is not a function", () => {
    const { loop } = manualLoop()
    for (let i = 0; i < 2; i++) {
      expect(() => loop.createTask(123 as never)).toThrow(/123/)
      expect(thrown(() => loop.createTask(123 as never))).toBeInstanceOf(TypeError)
      expect(() => loop.ensureFuture("ok" as never)).toThrow(/"ok"/)
      expect(thrown(() => loop.ensureFuture("ok" as never))).toBeInstanceOf(TypeError)
      expect(thrown(() => loop.createTask(undefined as never))).toBeInstanceOf(TypeError)
    }
    expect(loop.allTasks().size).toBe(0)
  })

  it("tasks-010 is refused on a closed loop, and its function never called", async () => {
    const { loop, host } = manualLoop()
    loop.close()
    let called = false
    const body = async () => void (called = true)
    expect(() => loop.createTask(body)).toThrow(LoopClosedError)
    expect(() => loop.ensureFuture(body)).toThrow(LoopClosedError)
    await host.settle()
    expect([called, host.reports]).toEqual([false, []])
  })

  it("tasks-060 leaves nothing behind where the loop refuses it", () => {
    const { loop, host } = manualLoop({ queueLength: 1 })
    loop.callSoon(() => {})
    let called = false
    expect(() => loop.createTask(async () => void (called = true))).toThrow(QueueFullError)
    expect(loop.allTasks().size).toBe(0)
    host.runUntilIdle()
    expect(called).toBe(false)
  })

  it("L1 ends at once with a Future that its function gives and that is done, as an await of that would", () => {
    const { loop, host } = manualLoop()
    const failure = new Error("no")
    const done = loop.createFuture<number>()
    const failed = loop.createFuture<number>()
    const cancelled = loop.createFuture<number>()
    done.setResult(1)
    failed.setException(failure)
    cancelled.cancel("gone")
    const tasks = [done, failed, cancelled].map((future) => loop.createTask(() => future))
    const inTheSamePass: Array<boolean> = []
    loop.callSoon(() => inTheSamePass.push(...tasks.map((task) => task.done())))
    host.runUntilIdle()
    expect(inTheSamePass).toEqual([true, true, true])
    const [value, error, cancel] = tasks.map((task) =>
      task.cancelled() ? "cancelled" : (task.exception() ?? task.result())
    )
    expect([value, error, cancel]).toEqual([1, failure, "cancelled"])
    expect(String(thrown(() => tasks[2]?.result()))).toContain("gone")
  })

  it("runs a plain function, also one that throws, and one that answers with a thenable", async () => {
    const { loop, host } = trackingLoop()
    const error = new Error("mine")
    const value = loop.createTask(() => 5)
    const throws = loop.createTask(() => {
      throw error
    })
    const promised = loop.createTask(() => Promise.resolve(6))
    const rejected = loop.createTask(() => Promise.reject(error))
    const thenable = loop.createTask(() => ({
      then: (ok: (x: number) => void) => {
        ok(7)
        ok(8)
        throw new Error("after")
      }
    }))
    const getter = loop.createTask(() => ({
      get then(): never {
        throw error
      }
    }))
    const settled = loop.createFuture<number>()
    settled.setResult(9)
    const future = loop.createTask(() => settled)
    await host.settle()
    expect([value.result(), promised.result(), thenable.result(), future.result()]).toEqual([5, 6, 7, 9])
    expect([throws.exception(), rejected.exception(), getter.exception()]).toEqual([error, error, error])
  })

  it("tasks-051 waits for a Future that its async function returns", async () => {
    const { loop, host } = trackingLoop()
    const future = loop.createFuture<string>()
    const task = loop.createTask(async () => future)
    const plain = loop.createTask(() => future)
    loop.createTask(async () => {
      await loop.sleep(1)
      future.setResult("test")
    })
    await host.settle()
    expect(task.waitingOn()).toEqual(["<Future pending>"])
    expect(plain.waitingOn()).toEqual(["<Future pending>"])
    await host.pass(1)
    expect([task.result(), plain.result()]).toEqual(["test", "test"])
  })

  it("refuses to be settled by anyone but its coroutine", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(async () => 1)
    expect(() => task.setResult()).toThrow(InvalidStateError)
    expect(() => task.setException()).toThrow(InvalidStateError)
    await host.settle()
    expect(task.result()).toBe(1)
  })

  it("fails with a hint in a generator that yields what is not a Future, and can catch that", async () => {
    const { loop, host } = trackingLoop()
    const fails = loop.createTask(function* () {
      yield Promise.resolve(1)
    })
    const catches = loop.createTask(function* () {
      try {
        yield 5
      } catch (error) {
        yield
        return error
      }
      return undefined
    })
    await host.settle()
    expect(fails.exception()).toBeInstanceOf(TypeError)
    expect(String(fails.exception())).toContain("yield*")
    expect(catches.result()).toBeInstanceOf(TypeError)
  })

  it("gives a generator one turn of the loop for a bare yield", async () => {
    const { loop, host } = trackingLoop()
    const log: Array<string> = []
    loop.createTask(function* () {
      loop.callSoon(() => log.push("callback"))
      log.push("one")
      yield
      log.push("two")
    })
    await host.settle()
    expect(log).toEqual(["one", "callback", "two"])
  })

  it("lets what its async-local state was changed to last from one step of a generator to the next", async () => {
    const { AsyncLocalStorage } = await import("node:async_hooks")
    const { loop, host } = trackingLoop()
    const local = new AsyncLocalStorage<string>()
    const seen: Array<unknown> = []
    local.run("creator", () =>
      loop.createTask(function* () {
        seen.push(local.getStore())
        local.enterWith("changed")
        yield* loop.sleep(1)
        seen.push(local.getStore())
      })
    )
    await host.pass(1)
    expect(seen).toEqual(["creator", "changed"])
    expect(local.getStore()).toBe(undefined)
  })
})

describe("Task: names, texts and lists", () => {
  it("tasks-015 shows its class, name, state and result", async () => {
    const { loop, host } = trackingLoop()
    const body = async () => {
      await loop.sleep(1)
      return "done"
    }
    const finishes = loop.createTask(body, { name: "TestTask" })
    const cancels = loop.createTask(body, { name: "TestTask" })
    expect(String(finishes)).toBe(`<Task pending name="TestTask" coro=body>`)
    await host.settle()
    expect(inspect(finishes)).toBe(`<Task pending name="TestTask" coro=body wait_for=<Future pending>>`)
    cancels.cancel()
    expect(String(cancels)).toMatch(/^<Task cancelling name="TestTask"/)
    await host.pass(1)
    expect(String(cancels)).toBe(`<Task cancelled name="TestTask" coro=body>`)
    expect(String(finishes)).toBe(`<Task finished result="done" name="TestTask" coro=body>`)
  })

  it("names the tasks it awaits, also in a circle", async () => {
    const { loop, host } = trackingLoop()
    const a: Task<void> = loop.createTask(async () => void (await b), { name: "a" })
    const b: Task<void> = loop.createTask(async () => void (await a), { name: "b" })
    await host.settle()
    expect(String(a)).toContain(`wait_for=<Task pending name="b">`)
    expect(a.waitingOn()[0]).toContain(`wait_for=<Task pending name="a">`)
    expect(JSON.parse(JSON.stringify(b))).toMatchObject({ _id: "Task", name: "b", state: "pending" })
    expect(host.reports.splice(0).map(({ kind }) => kind)).toEqual(["circle"])
    loop.close()
    expect(b.exception()).toBeInstanceOf(LoopClosedError)
    expect(loop.statistics().tasks).toBe(0)
  })

  it("tasks-018 shows a name that is not a string as one", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(async () => {}, { name: 987654321 })
    expect(task.getName()).toBe("987654321")
    task.setName(new Set([1]))
    expect(task.getName()).toBe("[object Set]")
    await host.settle()
  })

  it("tasks-019 has its name at once and inside its body", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(async () => runningTask()?.getName(), { name: "No-op" })
    expect(task.getName()).toBe("No-op")
    await host.settle()
    expect(task.result()).toBe("No-op")
  })

  it("has a name of its own where none is given", async () => {
    const { loop, host } = trackingLoop()
    const [one, two] = [loop.createTask(async () => {}), loop.createTask(async () => {})]
    expect(one.getName()).toMatch(/^Task-\d+$/)
    expect(one.getName()).not.toBe(two.getName())
    await host.settle()
  })

  it("tasks-020 gets its name from the loop where the task factory ignores it", async () => {
    const { loop, host } = trackingLoop()
    let factoryCalls = 0
    loop.setTaskFactory((onLoop, coroutine) => {
      factoryCalls++
      const task = new Task<unknown>(onLoop, coroutine, {})
      onLoop._push(task)
      return task
    })
    const task = loop.createTask(async () => 1, { name: "kept" })
    expect(task.getName()).toBe("kept")
    await host.settle()
    expect([factoryCalls, task.result()]).toEqual([1, 1])
  })

  it("tasks-021 is what the task factory builds, until that is taken back", async () => {
    const { loop, host } = trackingLoop()
    class Mine extends Task<unknown> {}
    const factory = (onLoop: BaseEventLoop, coroutine: (task: Task<unknown>) => unknown) => {
      const task = new Mine(onLoop, coroutine, {})
      onLoop._push(task)
      return task
    }
    expect(loop.getTaskFactory()).toBe(null)
    loop.setTaskFactory(factory)
    expect(loop.getTaskFactory()).toBe(factory)
    expect(loop.createTask(async () => {})).toBeInstanceOf(Mine)
    loop.setTaskFactory(null)
    expect(loop.getTaskFactory()).toBe(null)
    expect(loop.createTask(async () => {})).not.toBeInstanceOf(Mine)
    await host.settle()
  })

  it("tasks-056 is listed in allTasks() while it is not done, which is a snapshot", async () => {
    const { loop, host } = trackingLoop()
    const gate = loop.createFuture<void>()
    const waiting = Array.from({ length: 100 }, () => loop.createTask(async () => await gate))
    await host.settle()
    let listed: Set<Task<unknown>> | undefined
    const current = loop.createTask(async () => {
      listed = loop.allTasks()
      loop.createTask(async () => await gate)
    })
    await host.settle()
    expect(listed).toEqual(new Set([...waiting, current]))
    expect([...(listed as Set<Task<unknown>>)].every((task) => task.getLoop() === loop)).toBe(true)
    expect(loop.allTasks().has(current)).toBe(false)
    gate.setResult()
    await host.settle()
    expect(loop.allTasks().size).toBe(0)
    expect(listed?.size).toBe(101)
  })

  it("tasks-057 is a Future and a thenable", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(async () => 1)
    expect(task).toBeInstanceOf(Future)
    const like: PromiseLike<number> = task
    expect(typeof like.then).toBe("function")
    await host.settle()
  })

  it("tells its age, its function and what it waits for", async () => {
    const { loop, host } = trackingLoop()
    const body = async () => await loop.sleep(10)
    const task = loop.createTask(body)
    await host.pass(7)
    expect([task.age(), task.getCoro() === body, task.waitingOn()]).toEqual([7, true, ["<Future pending>"]])
    await host.pass(3)
    expect(task.waitingOn()).toEqual([])
  })
})

describe("Task: sleep", () => {
  it("tasks-062 refuses to sleep for NaN", () => {
    const { loop } = manualLoop()
    expect(() => loop.sleep(NaN)).toThrow(RangeError)
    expect(loop.statistics().timers).toBe(0)
  })

  it("tasks-063 takes the timer away when the sleeping task is cancelled", async () => {
    const { loop, host } = trackingLoop()
    const task = loop.createTask(async () => await loop.sleep(10_000))
    await host.settle()
    expect(loop.statistics().timers).toBe(1)
    task.cancel()
    expect(loop.statistics().timers).toBe(0)
    await host.settle()
    expect([task.cancelled(), host.armed]).toEqual([true, undefined])
  })
})

describe("Task: several waits at once", () => {
  it("knows all Futures that its promise combinators and inner functions wait for", async () => {
    const { loop, host } = trackingLoop()
    const futures = Array.from({ length: 6 }, () => loop.createFuture<number>())
    const [a, b, c, d, e, f] = futures as [Future<number>, ...Array<Future<number>>] as Array<Future<number>>
    const inner = async (future: Future<number>) => await future
    const values = async function* () {
      yield await e!
    }
    const task = loop.createTask(async () => {
      const aside = inner(d!)
      const [one, two] = await Promise.all([a!, b!])
      const three = await Promise.race([c!, new Promise<never>(() => {})])
      let four = 0
      for await (const n of values()) four = n
      return [one, two, three, four, await Promise.resolve(f!), await aside]
    })
    await host.settle()
    expect(task.waitingOn().length).toBe(3)
    for (const [i, future] of futures.entries()) {
      future.setResult(i)
      await host.settle()
    }
    expect(task.result()).toEqual([0, 1, 2, 4, 5, 3])
    expect(task.waitingOn()).toEqual([])
  })

  it("forgets a Future that it awaited twice at once", async () => {
    const { loop, host } = trackingLoop()
    const future = loop.createFuture<number>()
    const task = loop.createTask(async () => await Promise.all([future, future, future]))
    await host.settle()
    expect(task.waitingOn().length).toBe(1)
    future.setResult(1)
    await host.settle()
    expect(task.result()).toEqual([1, 1, 1])
  })

  it("does not count a cancelled error of another task as its own", async () => {
    const { loop, host } = trackingLoop()
    const other = loop.createTask(async () => await loop.sleep(1000))
    const task = loop.createTask(async () => {
      try {
        await other
      } catch (error) {
        return isCancelledError(error)
      }
      return false
    })
    await host.settle()
    other.cancel()
    await host.settle()
    expect([task.result(), task.cancelling()]).toEqual([true, 0])
  })
})

describe("Task: when its loop is closed under it", () => {
  it("fails with LoopClosedError, and what its coroutine throws later is reported", async () => {
    const { loop, host } = trackingLoop()
    let reject: (error: Error) => void = () => {}
    const task = loop.createTask(() => new Promise((_, no) => (reject = no)), { name: "stubborn" })
    const unstarted: Task<unknown> = loop.createTask(async () => "started")
    await host.settle()
    const later = loop.createTask(async () => "started")
    loop.close()
    expect(task.exception()).toBeInstanceOf(LoopClosedError)
    expect(later.exception()).toBeInstanceOf(LoopClosedError)
    expect(unstarted.result()).toBe("started")
    const error = new Error("too late")
    reject(error)
    await host.settle()
    const [report, ...others] = host.reports.splice(0)
    expect([report?.kind, report?.exception, report?.task === task, others]).toEqual([
      "late",
      error,
      true,
      []
    ])
    expect(loop.statistics().tasks).toBe(0)
  })
})
