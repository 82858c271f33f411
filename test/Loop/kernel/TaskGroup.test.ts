// Task groups: all end together, no error is lost, and nobody is left running.
import { describe, expect, it } from "vitest"
import {
  InvalidStateError,
  LoopClosedError,
  NoRunningLoopError,
  QueueFullError,
  TaskGroupError,
  type CancelledError
} from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { Future } from "../../../src/Loop/kernel/Future.js"
import type { Task } from "../../../src/Loop/kernel/Task.js"
import { TaskGroup } from "../../../src/Loop/kernel/TaskGroup.js"
import { timeout, waitFor } from "../../../src/Loop/kernel/timeouts.js"
import { inside, kinds, reportingLoop, thrown } from "../../support/trackingHost.js"

/** How a Future has ended; the errors in place of a TaskGroupError. */
const outcome = (future: Future<unknown>): readonly [string, unknown?] => {
  if (!future.done()) return ["pending"]
  if (future.cancelled()) return ["cancelled", (thrown(() => future.result()) as CancelledError).reason]
  const error = future.exception()
  if (error instanceof TaskGroupError) return ["errors", error.errors]
  return error === undefined ? ["value", future.result()] : ["error", error]
}

describe("TaskGroup", () => {
  it("B1 B2 refuses to run without a loop, or what is no function, before anything starts", async () => {
    const { loop } = reportingLoop()
    expect(thrown(() => TaskGroup.run(() => 1))).toBeInstanceOf(NoRunningLoopError)
    for (const wrong of [undefined, null, 42, Promise.resolve()]) {
      expect(thrown(() => inside(loop, () => TaskGroup.run(wrong as never)))).toBeInstanceOf(TypeError)
    }
    const { loop: full, host } = reportingLoop({ queueLength: 1 })
    const handle = full.callSoon(() => {})
    expect(thrown(() => inside(full, () => TaskGroup.run(() => 1)))).toBeInstanceOf(QueueFullError)
    expect([loop.statistics().tasks, full.statistics().tasks]).toEqual([0, 0])
    handle.cancel()
    await host.settle()
  })

  it("J6 says once which of its tasks do not end when they were cancelled", async () => {
    const { loop, host, reports } = reportingLoop()
    let release = (): void => {}
    const group = inside(loop, () =>
      TaskGroup.run(
        (group) => {
          group.createTask(() => loop.sleep(5_000), { name: "polite" })
          group.createTask(() => new Promise<void>((resolve) => void (release = resolve)), { name: "deaf" })
        },
        { name: "team" }
      )
    )
    await host.settle()
    group.cancel()
    await host.pass(999)
    expect(reports).toEqual([])
    await host.pass(1)
    expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
      [
        "slowJoin",
        expect.stringMatching(
          /^the task group team has waited 1000ms for .*has not ended: <Task cancelling name="deaf" [^,]*$/
        )
      ]
    ])
    release()
    await host.settle()
    expect(outcome(group)).toEqual(["cancelled", undefined])
    expect(loop.statistics().timers).toBe(0)
  })

  it("C3 fails when its loop is closed under it; errors that came before are not lost", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const open = inside(loop, () => TaskGroup.run(() => new Promise(() => {})))
    const failed = inside(loop, () =>
      TaskGroup.run((group) => {
        group.createTask(() => new Promise(() => {}))
        throw boom
      })
    )
    await host.settle()
    loop.close()
    await host.settle()
    expect(outcome(open)).toEqual(["error", expect.any(LoopClosedError)])
    expect(outcome(failed)).toEqual(["errors", [boom]])
    expect(reports).toEqual([])
  })

  it("J4 reports a child's foreign code that fails while it is told to stop, and tells the others all the same", async () => {
    const { loop, host, reports } = reportingLoop()
    const [boom, broken] = [new Error("boom"), new Error("broken")]
    const stubborn = new Future<number>(loop, () => {
      throw broken
    })
    const tasks: Array<Task<unknown>> = []
    const future = inside(loop, () =>
      TaskGroup.run((group) => {
        tasks.push(
          group.createTask(() => stubborn),
          group.createTask(() => loop.sleep(1000)),
          group.createTask(() => loop.sleep(1).then(() => Promise.reject(boom)))
        )
      })
    )
    await host.pass(1)
    expect(tasks.map((task) => task.done())).toEqual([false, true, true])
    expect(reports).toMatchObject([{ kind: "late", exception: broken }])
    stubborn.setResult(1)
    await host.settle()
    expect(outcome(future)).toEqual(["errors", [boom]])
  })

  it("shows its state in its text, and in debug mode where its tasks were made", async () => {
    const { loop, host, log } = reportingLoop()
    loop.setDebug(true)
    const future = inside(loop, () =>
      TaskGroup.run(
        (group) => {
          const child = group.createTask(() => loop.sleep(1))
          log.push(String(group), child.sourceTraceback?.split("\n")[0])
          loop.callLater(2, () => log.push(String(group), JSON.stringify(group)))
        },
        { name: "main" }
      )
    )
    expect(String(future)).toMatch(/^<Future pending created at .*TaskGroup\.test\.ts:\d+>$/)
    await host.pass(2)
    expect(log).toEqual([
      "<TaskGroup main open tasks=2>",
      expect.stringContaining("TaskGroup.test.ts"),
      "<TaskGroup main finished tasks=0>",
      '{"_id":"TaskGroup","name":"main","state":"finished","tasks":0,"errors":0}'
    ])
  })
})

describe.each(kinds)("TaskGroup (%s)", (_, as) => {
  type Body<A> = (group: TaskGroup, task: Task<unknown>) => Generator<unknown, A, any>

  /** `TaskGroup.run` with a body of either kind. */
  const run = <A>(loop: BaseEventLoop, body: Body<A>): Future<A> =>
    inside(loop, () => TaskGroup.run((group, task) => as(() => body(group, task))(task))) as Future<A>

  const sleeps = (loop: BaseEventLoop, ms: number, value?: unknown) =>
    as(function* () {
      return (yield* loop.sleep(ms, value)) as unknown
    })

  const fails = (loop: BaseEventLoop, ms: number, error: unknown) =>
    as(function* () {
      yield* loop.sleep(ms)
      throw error
    })

  /** Waits for long, and says so when it is cancelled; then cleans up for `ms`, and does `last`. */
  const cleans = (
    loop: BaseEventLoop,
    log: Array<unknown>,
    ms: number,
    last: (error: unknown) => unknown = (error) => {
      throw error
    }
  ) =>
    as(function* () {
      try {
        yield* loop.sleep(1000)
      } catch (error) {
        log.push("cancelled")
        yield* loop.sleep(ms)
        log.push("cleaned")
        return last(error)
      }
    })

  it("tasks-087 waits for its children, and gives the body's value", async () => {
    const { loop, host } = reportingLoop()
    const tasks: Array<Task<unknown>> = []
    const future = run(loop, function* (group) {
      tasks.push(group.createTask(sleeps(loop, 10, 42)), group.createTask(sleeps(loop, 20, 11)))
      yield* loop.sleep(5)
      return "body"
    })
    await host.pass(19)
    expect([future.done(), tasks[0]?.result()]).toEqual([false, 42])
    await host.pass(1)
    expect([future.result(), tasks[1]?.result()]).toEqual(["body", 11])
  })

  it("tasks-087 waits for a body that is slower than its children, and for one without children", async () => {
    const { loop, host } = reportingLoop()
    const slow = run(loop, function* (group) {
      const child = group.createTask(sleeps(loop, 10, 42))
      yield* loop.sleep(20)
      return [child.done(), child.result()]
    })
    const alone = run(loop, function* () {
      return "alone"
    })
    await host.pass(20)
    expect([slow.result(), alone.result()]).toEqual([[true, 42], "alone"])
  })

  it("tasks-087 is not failed by a child that is only cancelled", async () => {
    const { loop, host } = reportingLoop()
    const tasks: Array<Task<unknown>> = []
    const future = run(loop, function* (group) {
      tasks.push(
        group.createTask(sleeps(loop, 10, 1)),
        group.createTask(sleeps(loop, 10, 2)),
        group.createTask(
          as(function* (self) {
            self.cancel("self")
            yield* loop.sleep(1)
          })
        )
      )
      yield* loop.sleep(1)
      tasks[1]?.cancel()
    })
    await host.pass(10)
    expect(outcome(future)).toEqual(["value", undefined])
    expect(tasks.map((task) => task.cancelled())).toEqual([false, true, true])
  })

  it("tasks-087 cancels the other children and the body when a child fails, and waits for all of them", async () => {
    const { loop, host, log } = reportingLoop()
    const boom = new Error("boom")
    const tasks: Array<Task<unknown>> = []
    const future = run(loop, function* (group) {
      tasks.push(group.createTask(fails(loop, 10, boom)), group.createTask(cleans(loop, log, 5)))
      try {
        yield* loop.sleep(1000)
      } finally {
        log.push("body")
      }
    })
    await host.pass(14)
    expect([future.done(), log]).toEqual([false, ["body", "cancelled"]])
    await host.pass(1)
    expect(log).toEqual(["body", "cancelled", "cleaned"])
    expect(future.exception()).toBeInstanceOf(TaskGroupError)
    expect((future.exception() as TaskGroupError).errors[0]).toBe(boom)
    expect(outcome(future)).toEqual(["errors", [boom]])
    expect(tasks.map((task) => task.cancelled())).toEqual([false, true])
    expect((future.exception() as Error).message).toMatch(
      /^the task group as\(.*\)\(task\) failed: Error: boom$/
    )
  })

  it("tasks-087 does the same when the body has ended already", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const tasks: Array<Task<unknown>> = []
    const future = run(loop, function* (group) {
      tasks.push(group.createTask(fails(loop, 10, boom)), group.createTask(sleeps(loop, 1000)))
      return "dropped"
    })
    await host.pass(10)
    expect([outcome(future), tasks[1]?.cancelled()]).toEqual([["errors", [boom]], true])
  })

  it("tasks-087 gathers the errors in the order in which they came, each the object that was thrown", async () => {
    const { loop, host } = reportingLoop()
    const [first, cleanup, body] = [new Error("first"), { not: "an Error" }, new TypeError("body")]
    const future = run(loop, function* (group) {
      group.createTask(
        cleans(loop, [], 5, () => {
          throw cleanup
        })
      )
      group.createTask(fails(loop, 10, first))
      try {
        yield* loop.sleep(1000)
      } finally {
        yield* loop.sleep(2)
        // eslint-disable-next-line no-unsafe-finally
        throw body
      }
    })
    await host.pass(15)
    const { errors, message } = future.exception() as TaskGroupError
    expect(errors).toHaveLength(3)
    for (const [index, error] of [first, body, cleanup].entries()) expect(errors[index]).toBe(error)
    expect(message).toMatch(/failed: Error: first, and 2 more$/)
  })

  it("tasks-087 a body that fails cancels its children, and its error comes in a group too", async () => {
    const { loop, host, log } = reportingLoop()
    const boom = new Error("boom")
    const future = run(loop, function* (group) {
      group.createTask(cleans(loop, log, 5))
      yield* loop.sleep(10)
      throw boom
    })
    const alone = run(loop, function* () {
      throw boom
    })
    await host.pass(14)
    expect([outcome(alone), future.done()]).toEqual([["errors", [boom]], false])
    await host.pass(1)
    expect([outcome(future), log]).toEqual([
      ["errors", [boom]],
      ["cancelled", "cleaned"]
    ])
  })

  it("tasks-087 a failing child's group fails also where the body swallows its cancel and returns", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const future = run(loop, function* (group) {
      group.createTask(fails(loop, 10, boom))
      try {
        yield* loop.sleep(1000)
      } catch {
        yield* loop.sleep(5)
      }
      return "swallowed"
    })
    await host.pass(15)
    expect(outcome(future)).toEqual(["errors", [boom]])
  })

  it("tasks-087 its cancel cancels the body and all children at once, and waits for them", async () => {
    const { loop, host, log } = reportingLoop()
    const body: Body<void> = function* (group) {
      group.createTask(cleans(loop, log, 5))
      group.createTask(cleans(loop, log, 6))
      try {
        yield* loop.sleep(1000)
      } finally {
        log.push("body")
      }
    }
    const direct = run(loop, body)
    const awaiting = loop.createTask(
      as(function* () {
        yield* run(loop, body)
      })
    )
    await host.pass(1)
    expect([direct.cancel("why"), awaiting.cancel("why")]).toEqual([true, true])
    await host.pass(5)
    expect([direct.done(), awaiting.done()]).toEqual([false, false])
    await host.pass(1)
    expect([direct, awaiting].map(outcome)).toEqual([
      ["cancelled", "why"],
      ["cancelled", "why"]
    ])
    expect(log.filter((entry) => entry === "cleaned")).toHaveLength(4)
    expect(awaiting.cancelling()).toBe(1)
  })

  it("tasks-087 its cancel with errors in the cleanup ends with those errors", async () => {
    const { loop, host } = reportingLoop()
    const [one, two] = [new Error("one"), new Error("two")]
    const future = run(loop, function* (group) {
      group.createTask(
        cleans(loop, [], 5, () => {
          throw one
        })
      )
      try {
        yield* loop.sleep(1000)
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw two
      }
    })
    await host.pass(1)
    future.cancel()
    await host.pass(5)
    expect(outcome(future)).toEqual(["errors", [two, one]])
  })

  it("tasks-087 stays cancelled where the members answer the cancel with values", async () => {
    const { loop, host } = reportingLoop()
    const future = run(loop, function* (group) {
      group.createTask(cleans(loop, [], 5, () => "child"))
      try {
        yield* loop.sleep(1000)
      } catch {
        return "body"
      }
    })
    await host.pass(1)
    future.cancel("why")
    await host.pass(5)
    expect(outcome(future)).toEqual(["cancelled", "why"])
  })

  it("J2 a cancel before the start never calls the body", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, function* () {
      log.push("body")
    })
    future.cancel("early")
    await host.settle()
    expect([outcome(future), log]).toEqual([["cancelled", "early"], []])
  })

  it("J2 a cancel when the body has ended cancels the children, and children that have not started never do", async () => {
    const { loop, host, log } = reportingLoop()
    const future: Future<unknown> = run(loop, function* (group) {
      group.createTask(cleans(loop, log, 5))
      loop.callLater(5, () => {
        group.createTask(
          as(function* () {
            log.push("started")
          })
        )
        future.cancel("why")
      })
      return "body"
    })
    await host.pass(10)
    expect([outcome(future), log]).toEqual([
      ["cancelled", "why"],
      ["cancelled", "cleaned"]
    ])
  })

  it("J2 a second cancel does not disturb the cleanup, and neither does one after a failure", async () => {
    const { loop, host, log } = reportingLoop()
    const boom = new Error("boom")
    const twice = run(loop, function* (group) {
      group.createTask(cleans(loop, log, 5))
      yield* loop.sleep(1000)
    })
    const failed = run(loop, function* (group) {
      group.createTask(cleans(loop, log, 5))
      yield* loop.sleep(1)
      throw boom
    })
    await host.pass(1)
    expect([twice.cancel("first"), twice.cancel("second"), failed.cancel()]).toEqual([true, true, true])
    await host.pass(2)
    expect([twice.cancel("third"), failed.cancel()]).toEqual([true, true])
    await host.pass(3)
    expect([outcome(twice), outcome(failed)]).toEqual([
      ["cancelled", "first"],
      ["errors", [boom]]
    ])
    expect(log).toEqual(["cancelled", "cancelled", "cleaned", "cleaned"])
    expect([twice.cancel(), failed.cancel()]).toEqual([false, false])
  })

  it("J2 cannot be cancelled when all have ended; the cancel stays with the task that awaits it", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const ends: ReadonlyArray<Body<number>> = [
      function* () {
        return (yield* loop.sleep(1, 1)) as number
      },
      function* () {
        yield* loop.sleep(1)
        throw boom
      }
    ]
    const direct = ends.map((body) => run(loop, body))
    const awaiting = ends.map((body) => loop.createTask(() => run(loop, body)))
    await host.settle()
    host.time = 1
    host.armed?.fire()
    // Until the bodies have ended; the groups hear of that in the next pass.
    while (loop.statistics().tasks > 2) {
      host.turn()
      for (let i = 0; i < 20; i++) await null
    }
    expect(direct.map((future) => future.done())).toEqual([false, false])
    expect(direct.map((future) => future.cancel("now"))).toEqual([false, false])
    expect(awaiting.map((task) => task.cancel("now"))).toEqual([true, true])
    await host.settle()
    expect(direct.map(outcome)).toEqual([
      ["value", 1],
      ["errors", [boom]]
    ])
    expect(awaiting.map(outcome)).toEqual([
      ["cancelled", "now"],
      ["cancelled", "now"]
    ])
    expect(reports).toMatchObject([{ kind: "late", exception: { errors: [boom] } }])
  })

  it("tasks-087 a body that is cancelled by itself, or by what it awaits, cancels the children and the group", async () => {
    const { loop, host, log } = reportingLoop()
    const gone = loop.createFuture()
    const own = run(loop, function* (group, task) {
      group.createTask(cleans(loop, log, 5))
      yield* loop.sleep(1)
      task.cancel("own")
      yield* loop.sleep(1000)
    })
    const foreign = run(loop, function* (group) {
      group.createTask(cleans(loop, log, 5))
      yield* gone
    })
    await host.pass(1)
    gone.cancel("gone")
    await host.pass(5)
    expect([own, foreign].map(outcome)).toEqual([
      ["cancelled", "own"],
      ["cancelled", "gone"]
    ])
    expect(log.filter((entry) => entry === "cleaned")).toHaveLength(2)
  })

  it("tasks-087 is nested: the error of an inner group is one error of the outer", async () => {
    const { loop, host, log } = reportingLoop()
    const [inner, sibling] = [new Error("inner"), new Error("sibling")]
    const future = run(loop, function* (group) {
      group.createTask(
        cleans(loop, log, 5, () => {
          throw sibling
        })
      )
      yield* run(loop, function* (group) {
        group.createTask(fails(loop, 10, inner))
        yield* loop.sleep(1000)
      })
    })
    await host.pass(15)
    const { errors } = future.exception() as TaskGroupError
    expect(errors).toEqual([expect.any(TaskGroupError), sibling])
    expect((errors[0] as TaskGroupError).errors).toEqual([inner])
  })

  it("tasks-087 is nested: a cancel from outside goes through all groups, and each waits for its own", async () => {
    const { loop, host, log } = reportingLoop()
    const task = loop.createTask(
      as(function* () {
        yield* run(loop, function* (group) {
          group.createTask(cleans(loop, log, 9))
          yield* run(loop, function* (group) {
            group.createTask(cleans(loop, log, 5))
            yield* loop.sleep(1000)
          })
        })
      })
    )
    await host.settle()
    task.cancel("why")
    await host.pass(8)
    expect([task.done(), log]).toEqual([false, ["cancelled", "cancelled", "cleaned"]])
    await host.pass(1)
    expect(outcome(task)).toEqual(["cancelled", "why"])
  })

  it("tasks-089 leaves no cancel behind in the task that awaits it, and takes none away", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const awaits = (log: Array<unknown>) =>
      as(function* (self) {
        try {
          yield* run(loop, function* (group) {
            group.createTask(fails(loop, 10, boom))
            yield* loop.sleep(1000)
          })
        } catch (error) {
          log.push(error instanceof TaskGroupError, self.cancelling())
        }
        yield* loop.sleep(10)
        log.push("went on")
      })
    const [plain, cancelled]: [Array<unknown>, Array<unknown>] = [[], []]
    loop.createTask(awaits(plain))
    const task = loop.createTask(awaits(cancelled))
    await host.pass(10)
    task.cancel()
    await host.pass(10)
    expect([plain, cancelled, task.cancelled()]).toEqual([[true, 0, "went on"], [true, 0], true])
  })

  it("tasks-089 an outside cancel that meets its errors comes at the next await of who asked, and of nobody else", async () => {
    const { loop, host, log } = reportingLoop()
    const [early, late] = [new Error("early"), new Error("late")]
    const group = (fail: number, last?: () => unknown) =>
      run(loop, function* (group) {
        if (fail >= 0) group.createTask(fails(loop, fail, early))
        group.createTask(cleans(loop, [], 10, last))
        yield* loop.sleep(1000)
      })
    const failsLate = () => {
      throw late
    }
    const retries = (name: string, make: () => Future<unknown>) =>
      as(function* (self) {
        try {
          yield* make()
        } catch (error) {
          log.push([name, error instanceof TaskGroupError && error.errors, self.cancelling()])
        }
        yield* loop.sleep(10)
        log.push([name, "went on"])
      })
    const ending = loop.createTask(retries("ending", () => group(1)))
    const cleanup = loop.createTask(retries("cleanup", () => group(-1, failsLate)))
    const limited = loop.createTask(retries("limited", () => inside(loop, () => waitFor(group(1), 500))))
    const inBlock = as(function* () {
      yield* group(1)
    })
    const block = loop.createTask(
      retries("block", () => inside(loop, () => timeout(500, (_, task) => inBlock(task))))
    )
    let direct: Future<unknown> | undefined
    const other = loop.createTask(retries("other", () => (direct = group(1))))
    await host.pass(1)
    await host.pass(1)
    const asked = [ending, cleanup, limited, block].map((task) => task.cancel("why"))
    expect([...asked, direct?.cancel("theirs")]).toEqual([true, true, true, true, true])
    await host.pass(10)
    await host.pass(10)
    expect(log).toHaveLength(6)
    expect(log).toEqual(
      expect.arrayContaining([
        ["ending", [early], 1],
        ["cleanup", [late], 1],
        ["limited", [early], 1],
        ["block", [early], 1],
        ["other", [early], 0],
        ["other", "went on"]
      ])
    )
    expect([ending, cleanup, limited, block, other].map(outcome)).toEqual([
      ...Array.from({ length: 4 }, () => ["cancelled", "why"]),
      ["value", undefined]
    ])
  })

  it("J4 tells of a child's error in its own error, not once more as late where the body awaited the child", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const future = run(loop, function* (group) {
      yield* group.createTask(fails(loop, 1, boom))
    })
    await host.pass(1)
    expect([outcome(future), reports, loop.statistics().late]).toEqual([["errors", [boom]], [], 0])
  })

  it("tasks-088 lets children add children, also when the body has ended", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, function* (group) {
      const grow = (depth: number): ((task: Task<unknown>) => Generator<unknown, void, any>) =>
        as(function* () {
          yield* loop.sleep(1)
          log.push(depth)
          if (depth < 3) group.createTask(grow(depth + 1))
        })
      group.createTask(grow(0))
      return "body"
    })
    await host.pass(3)
    expect(future.done()).toBe(false)
    await host.pass(1)
    expect([future.result(), log]).toEqual(["body", [0, 1, 2, 3]])
  })

  it("tasks-088 refuses tasks while it shuts down and when it is finished, and never calls their functions", async () => {
    const { loop, host, log } = reportingLoop()
    const refused: Array<unknown> = []
    const groups: Array<TaskGroup> = []
    const add = (group: TaskGroup) => refused.push(thrown(() => group.createTask(() => log.push("called"))))
    const failing = run(loop, function* (group) {
      groups.push(group)
      group.createTask(fails(loop, 10, new Error("boom")))
      try {
        yield* loop.sleep(1000)
      } finally {
        add(group)
      }
    })
    const cancelled = run(loop, function* (group) {
      groups.push(group)
      try {
        yield* loop.sleep(1000)
      } finally {
        add(group)
      }
    })
    await host.pass(10)
    cancelled.cancel()
    await host.settle()
    groups.forEach(add)
    expect(refused).toHaveLength(4)
    for (const error of refused) expect(error).toBeInstanceOf(InvalidStateError)
    expect(refused.map((error) => (error as Error).message.replace(/^.*: /, ""))).toEqual([
      "it is shutting down",
      "it is shutting down",
      "it is finished",
      "it is finished"
    ])
    expect([outcome(failing)[0], log]).toEqual(["errors", []])
  })

  it("tasks-088 takes wrong coroutines like createTask of the loop, and stays usable", async () => {
    const { loop, host } = reportingLoop()
    const future = run(loop, function* (group) {
      const error = thrown(() => group.createTask(42 as never))
      const child = group.createTask(sleeps(loop, 1, "ok"), { name: "child" })
      return [error instanceof TypeError, child.getName(), yield* child]
    })
    await host.pass(1)
    expect(future.result()).toEqual([true, "child", "ok"])
  })

  it("J10 gives the body and the children their tasks, whose signals are aborted when the group shuts down", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, function* (group, task) {
      const { signal } = task
      signal.addEventListener("abort", () => log.push("body", String(signal.reason)))
      group.createTask((child) => {
        child.signal.addEventListener("abort", () => log.push("child"))
        return loop.sleep(1000)
      })
      group.createTask(fails(loop, 10, new Error("boom")), { name: "culprit" })
      yield* loop.sleep(1000)
    })
    await host.pass(10)
    expect(outcome(future)[0]).toBe("errors")
    expect(log).toEqual(["body", "AbortError: culprit of the same task group failed", "child"])
  })

  it("L8 may be cancelled, and asked for tasks, from inside its own members and their signals", async () => {
    const { loop, host, log } = reportingLoop()
    const future: Future<unknown> = run(loop, function* (group, task) {
      task.signal.addEventListener("abort", () => {
        future.cancel("again")
        log.push(thrown(() => group.createTask(() => 1)))
      })
      group.createTask(
        as(function* () {
          future.cancel("from a child")
          yield* loop.sleep(1000)
        })
      )
      yield* loop.sleep(1000)
    })
    await host.settle()
    expect([outcome(future), log]).toEqual([["cancelled", "from a child"], [expect.any(InvalidStateError)]])
  })

  it("keeps nothing of children that have ended", async () => {
    const { loop, host } = reportingLoop()
    let seen = ""
    const future = run(loop, function* (group) {
      for (let i = 0; i < 100; i++) {
        group.createTask(sleeps(loop, 0))
        yield* loop.sleep(1)
      }
      seen = String(group)
    })
    await host.pass(100)
    expect([future.done(), seen]).toEqual([true, expect.stringMatching(/ open tasks=1>$/)])
    expect(loop.statistics()).toMatchObject({ tasks: 0, timers: 0, ready: 0 })
  })
})

describe("TaskGroup.cancel", () => {
  it("ends the group as a success: its members are cancelled and joined, and it has the body's value or none", async () => {
    const { loop, host, log } = reportingLoop()
    const run = (body: (group: TaskGroup) => unknown) => inside(loop, () => TaskGroup.run(body))
    const cut = run(async (group) => {
      group.createTask(async () => {
        try {
          await loop.sleep(1e6)
        } finally {
          await loop.sleep(5)
          log.push("cleaned up")
        }
      })
      group.createTask(() => void group.cancel("enough"))
      await loop.sleep(1e6)
    })
    const value = run((group) => {
      group.createTask(() => loop.sleep(1e6))
      group.cancel()
      expect(thrown(() => group.createTask(() => 1))).toBeInstanceOf(InvalidStateError)
      return 7
    })
    const kept = run(async (group) => {
      group.createTask(() => void group.cancel())
      try {
        await loop.sleep(1e6)
      } catch {
        return "the best so far"
      }
      return "never"
    })
    await host.settle()
    expect(outcome(cut)).toEqual(["pending"])
    await host.pass(6)
    expect(log).toEqual(["cleaned up"])
    expect([cut, value, kept].map(outcome)).toEqual([
      ["value", undefined],
      ["value", 7],
      ["value", "the best so far"]
    ])
  })

  it("leaves errors and a cancel from outside what they are, and does nothing to a group that ends", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const run = (body: (group: TaskGroup) => unknown) => inside(loop, () => TaskGroup.run(body))
    const failed = run(async (group) => {
      group.createTask(async () => {
        try {
          await loop.sleep(1e6)
        } catch {
          throw boom
        }
      })
      await loop.sleep(0)
      group.cancel()
      await loop.sleep(1e6)
    })
    let late: TaskGroup | undefined
    const cancelled = run(async (group) => {
      late = group
      await loop.sleep(1e6)
    })
    await host.settle()
    cancelled.cancel("outside")
    late?.cancel()
    await host.settle()
    late?.cancel()
    expect([failed, cancelled].map(outcome)).toEqual([
      ["errors", [boom]],
      ["cancelled", "outside"]
    ])
  })
})
