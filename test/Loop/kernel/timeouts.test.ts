// sleep, waitFor and timeout: what a deadline does to work, in every state of it.
// Covers: sleep
import { describe, expect, it } from "vitest"
import {
  CancelledError,
  InvalidStateError,
  LoopClosedError,
  NoRunningLoopError,
  QueueFullError,
  TaskGroupError,
  TimeoutError
} from "../../../src/Loop/kernel/errors.js"
import type { BaseEventLoop } from "../../../src/Loop/kernel/BaseEventLoop.js"
import { Future } from "../../../src/Loop/kernel/Future.js"
import { shield } from "../../../src/Loop/kernel/shield.js"
import { sleep } from "../../../src/Loop/kernel/sleep.js"
import { TaskGroup } from "../../../src/Loop/kernel/TaskGroup.js"
import { timeout, waitFor, type Timeout } from "../../../src/Loop/kernel/timeouts.js"
import { type Script, inside, kinds, reportingLoop, thrown } from "../../support/trackingHost.js"

/** How a Future has ended, in one word and a thing. */
const outcome = (future: Future<unknown>): readonly [string, unknown?] =>
  !future.done()
    ? ["pending"]
    : future.cancelled()
      ? ["cancelled", (thrown(() => future.result()) as CancelledError).reason]
      : future.exception() === undefined
        ? ["value", future.result()]
        : ["error", future.exception()]

const aTimeout = ["error", expect.any(TimeoutError)]

describe("sleep", () => {
  it("gives its value after its time, and nothing where there is none", async () => {
    const { loop, host } = reportingLoop()
    const [one, two, zero] = inside(loop, () => [sleep(10, "ten"), sleep(10), sleep(0, 0)] as const)
    await host.pass(9)
    expect([one, two, zero].map(outcome)).toEqual([["pending"], ["pending"], ["value", 0]])
    await host.pass(1)
    expect([one, two].map(outcome)).toEqual([
      ["value", "ten"],
      ["value", undefined]
    ])
  })

  it("B1 B2 needs a running loop and a time; cancelling it takes the timer away", () => {
    const { loop } = reportingLoop()
    expect(thrown(() => sleep(1))).toBeInstanceOf(NoRunningLoopError)
    expect(thrown(() => inside(loop, () => sleep(NaN)))).toBeInstanceOf(RangeError)
    inside(loop, () => sleep(10)).cancel()
    expect(loop.statistics().timers).toBe(0)
  })
})

describe("a deadline that joins", () => {
  it("J6 says once who does not end, and not where it ends in time", async () => {
    const { loop, host, reports } = reportingLoop()
    const release: Array<(value: string) => void> = []
    const deaf = () => new Promise<string>((resolve) => void release.push(resolve))
    const one = inside(loop, () => waitFor(deaf, 10, { name: "one" }))
    const two = inside(loop, () => timeout(10, deaf, { name: "two" }))
    const heeds = inside(loop, () => waitFor(loop.createFuture(), 10))
    await host.pass(10)
    expect(outcome(heeds)).toEqual(aTimeout)
    await host.pass(999)
    expect(reports).toEqual([])
    await host.pass(1)
    expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
      ["slowJoin", expect.stringMatching(/^waitFor has waited 1000ms for .*<Task cancelling name="one"/)],
      [
        "slowJoin",
        expect.stringMatching(/^timeout of deaf has waited 1000ms for .*<Task cancelling name="two"/)
      ]
    ])
    await host.pass(5_000)
    expect(reports).toHaveLength(2)
    for (const resolve of release) resolve("late")
    await host.settle()
    // A cancel that no await of a Future has seen is the outcome.
    expect([one, two].map(outcome)).toEqual([aTimeout, aTimeout])
    expect(loop.statistics().timers).toBe(0)
  })
})

describe("waitFor", () => {
  it("tasks-086 gives what ends in time: a value, the very error, a cancel; and its timer is gone", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const inner = [1, 2, 3].map(() => loop.createFuture<number>())
    const outer = inside(loop, () => inner.map((future) => waitFor(future, 10)))
    await host.pass(9)
    inner[0]?.setResult(1)
    inner[1]?.setException(boom)
    inner[2]?.cancel("inner")
    await host.settle()
    expect(outer.map(outcome)).toEqual([
      ["value", 1],
      ["error", boom],
      ["cancelled", "inner"]
    ])
    expect(outer[1]?.exception()).toBe(boom)
    expect(loop.statistics()).toMatchObject({ timers: 0 })
  })

  it("tasks-086 cancels a pending Future at the deadline; the TimeoutError has the CancelledError as its cause", async () => {
    const { loop, host } = reportingLoop()
    const inner = loop.createFuture<number>()
    const outer = inside(loop, () => waitFor(inner, 10))
    await host.pass(10)
    expect(inner.cancelled()).toBe(true)
    expect(outer.exception()).toBeInstanceOf(TimeoutError)
    expect(outer.exception()).toMatchObject({
      message: "waitFor: Future was not done after 10ms",
      cause: expect.any(CancelledError)
    })
    expect((outer.exception() as TimeoutError).cause).toBe(thrown(() => inner.result()))
  })

  it("tasks-086 with 0 or less gives what is done, cancels what is pending, and never starts a coroutine", async () => {
    const { loop, host, log } = reportingLoop()
    const [value, error, gone] = [loop.createFuture(), loop.createFuture(), loop.createFuture()]
    value.setResult(1)
    error.setException("boom")
    gone.cancel("gone")
    for (const ms of [0, -1, -Infinity]) {
      const pending = loop.createFuture()
      const outer = inside(loop, () => [
        waitFor(value, ms),
        waitFor(error, ms),
        waitFor(gone, ms),
        waitFor(pending, ms),
        waitFor(() => log.push("started"), ms)
      ])
      expect(pending.cancelled()).toBe(true)
      await host.settle()
      expect(outer.map(outcome)).toEqual([
        ["value", 1],
        ["error", "boom"],
        ["cancelled", "gone"],
        aTimeout,
        aTimeout
      ])
      expect(outer[4]?.exception()).toMatchObject({ message: expect.stringMatching(/not done after 0ms$/) })
    }
    expect(log).toEqual([])
  })

  it("tasks-086 has no limit with null and Infinity, and no timer", async () => {
    const { loop, host } = reportingLoop()
    for (const ms of [null, Infinity]) {
      const inner = loop.createFuture<number>()
      const outer = inside(loop, () => waitFor(inner, ms))
      await host.pass(1e9)
      expect([outer.done(), loop.statistics().timers]).toEqual([false, 0])
      inner.setResult(1)
      await host.settle()
      expect(outer.result()).toBe(1)
    }
  })

  it("B1 B2 refuses wrong times and wrong work before anything starts", async () => {
    const { loop, host, log } = reportingLoop()
    const work = () => log.push("started")
    expect(thrown(() => waitFor(work, 10))).toBeInstanceOf(NoRunningLoopError)
    expect(thrown(() => inside(loop, () => waitFor(work, NaN)))).toBeInstanceOf(RangeError)
    for (const wrong of ["10", undefined, {}, 10n]) {
      expect(thrown(() => inside(loop, () => waitFor(work, wrong as never)))).toBeInstanceOf(TypeError)
    }
    for (const wrong of [42, null, undefined, {}]) {
      expect(thrown(() => inside(loop, () => waitFor(wrong as never, 10)))).toMatchObject({
        name: "TypeError",
        message: expect.stringMatching(/^waitFor takes a Future, a thenable or a coroutine function, not /)
      })
    }
    await host.settle()
    expect([log, loop.statistics().timers, loop.statistics().tasks]).toEqual([[], 0, 0])
  })

  it("B2 starts nothing on a loop whose queue is full, and leaves no timer", async () => {
    const { loop, host, log } = reportingLoop({ queueLength: 1 })
    loop.callSoon(() => {})
    for (const call of [
      () => waitFor(() => log.push("started"), 10),
      () => waitFor(() => log.push("started"), null),
      () => timeout(10, () => log.push("started")),
      () => timeout(null, () => log.push("started"))
    ]) {
      expect(thrown(() => inside(loop, call))).toBeInstanceOf(QueueFullError)
    }
    expect(loop.statistics()).toMatchObject({ timers: 0, tasks: 0 })
    await host.settle()
    expect(log).toEqual([])
  })

  it("gives the outcome of what ends in the very pass of the deadline, whichever timer comes first", async () => {
    const { loop, host } = reportingLoop()
    const one = inside(loop, () => waitFor(loop.sleep(10, "before"), 10))
    const outer = inside(loop, () => {
      const late = loop.createFuture<string>()
      const limited = waitFor(late, 10)
      loop.callAt(10, () => {
        if (!late.done()) late.setResult("after")
      })
      return limited
    })
    await host.pass(10)
    expect([outcome(one), outcome(outer)]).toEqual([["value", "before"], aTimeout])
    expect(loop.statistics().timers).toBe(0)
  })

  it("is cancelled, and not late, where the inner was cancelled in the very pass of the deadline", async () => {
    const { loop, host } = reportingLoop()
    const inner = loop.createFuture()
    loop.callAt(10, () => inner.cancel("inner"))
    const outer = inside(loop, () => waitFor(inner, 10))
    await host.pass(10)
    expect(outcome(outer)).toEqual(["cancelled", "inner"])
  })

  it("J2 passes its cancel on with the message, at once, and is cancelled when the inner is", async () => {
    const { loop, host } = reportingLoop()
    const inner = loop.createFuture<number>()
    const outer = inside(loop, () => waitFor(inner, 10))
    expect([outer.cancel("why"), inner.cancelled(), outer.done(), outer.cancel("late")]).toEqual([
      true,
      true,
      false,
      false
    ])
    await host.settle()
    expect(outcome(outer)).toEqual(["cancelled", "why"])
    expect([outer.cancel(), loop.statistics().timers]).toEqual([false, 0])
  })

  it("J2 cannot be cancelled when the inner has ended, nor does the deadline then pass", async () => {
    const { loop, host } = reportingLoop()
    const inner = loop.createFuture<number>()
    const outer = inside(loop, () => waitFor(inner, 10))
    const nested = inside(loop, () => waitFor(waitFor(inner, 20), 30))
    inner.setResult(1)
    expect([outer.cancel(), nested.cancel()]).toEqual([false, false])
    await host.settle()
    expect([outcome(outer), outcome(nested)]).toEqual([
      ["value", 1],
      ["value", 1]
    ])
  })

  it("cancels only the wait for a foreign promise, which nobody can stop", async () => {
    const { loop, host } = reportingLoop()
    let cancelled = 0
    const foreign = Object.assign(new Promise(() => {}), { cancel: () => void cancelled++ })
    const outer = inside(loop, () => waitFor(foreign, 10))
    await host.pass(10)
    expect([outcome(outer), cancelled]).toEqual([aTimeout, 1])
  })

  it("J4 reports foreign code that fails while it is told to stop, and waits for the work all the same", async () => {
    const { loop, host, reports } = reportingLoop()
    const broken = new Error("broken")
    const inner = new Future<number>(loop, () => {
      throw broken
    })
    const outer = inside(loop, () => waitFor(inner, 10))
    await host.pass(10)
    expect([outer.done(), reports]).toMatchObject([false, [{ kind: "late", exception: broken }]])
    inner.setResult(1)
    await host.settle()
    expect(outcome(outer)).toEqual(["value", 1])
  })

  it("C3 fails when its loop is closed under it", async () => {
    const { loop, host, reports } = reportingLoop()
    const inner = loop.createFuture()
    const outer = inside(loop, () => [
      waitFor(inner, 10),
      waitFor(() => new Promise(() => {}), 10),
      timeout(10, () => new Promise(() => {}))
    ])
    await host.settle()
    loop.close()
    await host.settle()
    // What the closing has done to them is nobody's unretrieved failure.
    expect([reports, loop.statistics().unretrieved]).toEqual([[], 0])
    for (const future of outer) expect(future.exception()).toBeInstanceOf(LoopClosedError)
  })

  it("shows what it is of, and in debug mode where it was made", async () => {
    const { loop, host } = reportingLoop()
    loop.setDebug(true)
    const outer = inside(loop, () => [
      waitFor(() => loop.sleep(1), 10, { name: "load" }),
      timeout(10, () => loop.sleep(1), { name: "body" })
    ])
    for (const [index, name] of ["load", "body"].entries()) {
      expect(String(outer[index])).toMatch(
        new RegExp(`^<Future pending of=${name} created at .*timeouts\\.test\\.ts:\\d+>$`)
      )
    }
    await host.pass(1)
  })
})

describe.each(kinds)("waitFor a coroutine (%s)", (_, as) => {
  /** A coroutine that waits, and answers a cancel with `answer` after a cleanup of 5 ms. */
  const answering = (loop: BaseEventLoop, log: Array<unknown>, answer: (error: unknown) => unknown) =>
    as(function* () {
      try {
        yield* loop.sleep(1000)
      } catch (error) {
        log.push("cancelled")
        yield* loop.sleep(5)
        log.push("cleaned")
        return answer(error)
      }
      return "slept"
    }) as never as () => Promise<unknown>

  const passes = (error: unknown): never => {
    throw error
  }

  it("tasks-086 waits until the cancelled work has ended, and fails then", async () => {
    const { loop, host, log } = reportingLoop()
    const outer = inside(loop, () => waitFor(answering(loop, log, passes), 10))
    await host.pass(14)
    expect([log, outer.done()]).toEqual([["cancelled"], false])
    await host.pass(1)
    expect([log, outcome(outer)]).toEqual([["cancelled", "cleaned"], aTimeout])
  })

  it("tasks-086 with 0 cancels and joins a task that is running", async () => {
    const { loop, host, log } = reportingLoop()
    const task = loop.createTask(answering(loop, log, passes))
    await host.settle()
    const outer = inside(loop, () => waitFor(task, 0))
    await host.pass(4)
    expect([log, outer.done()]).toEqual([["cancelled"], false])
    await host.pass(1)
    expect([task.cancelled(), outcome(outer)]).toEqual([true, aTimeout])
  })

  it("tasks-086 gives the value of work that suppresses the cancel, and the error of work that answers with one", async () => {
    const { loop, host, log } = reportingLoop()
    const boom = new Error("boom")
    const [value, error] = inside(loop, () => [
      waitFor(
        answering(loop, log, () => "kept"),
        10
      ),
      waitFor(
        answering(loop, log, () => {
          throw boom
        }),
        10
      )
    ]) as [Future<unknown>, Future<unknown>]
    await host.pass(15)
    expect(outcome(value)).toEqual(["value", "kept"])
    expect(error.exception()).toBe(boom)
  })

  it("tasks-086 passes on the cancel of the task that awaits it, which goes on when the work has ended", async () => {
    const { loop, host, log } = reportingLoop()
    const answers: ReadonlyArray<(error: unknown) => unknown> = [
      passes,
      () => "kept",
      () => {
        throw new Error("boom")
      }
    ]
    const tasks = answers.map((answer) =>
      loop.createTask(
        as(function* () {
          return (yield* waitFor(answering(loop, log, answer), 10)) as unknown
        })
      )
    )
    await host.pass(3)
    for (const task of tasks) task.cancel("why")
    await host.pass(4)
    expect(tasks.map((task) => task.done())).toEqual([false, false, false])
    await host.pass(1)
    expect(tasks.map(outcome)).toEqual([
      ["cancelled", "why"],
      ["value", "kept"],
      ["error", new Error("boom")]
    ])
    expect(loop.statistics().timers).toBe(0)
  })

  it("J2 a cancel during the join after the deadline wins over the TimeoutError, with its own message", async () => {
    const { loop, host, log } = reportingLoop()
    const outer = inside(loop, () => waitFor(answering(loop, log, passes), 10))
    await host.pass(12)
    // It interrupts the cleanup, as a second cancel of a task does.
    expect([outer.cancel("mine"), outer.cancel("again"), outer.done()]).toEqual([true, true, false])
    await host.settle()
    expect([outcome(outer), log]).toEqual([["cancelled", "mine"], ["cancelled"]])
  })

  it("J2 a cancel before the deadline stays a cancel when the deadline passes during the cleanup", async () => {
    const { loop, host, log } = reportingLoop()
    const outer = inside(loop, () => waitFor(answering(loop, log, passes), 10))
    await host.pass(8)
    outer.cancel("mine")
    await host.pass(10)
    expect([outcome(outer), log]).toEqual([["cancelled", "mine"], ["cancelled"]])
  })

  it("J2 a cancel before the start never starts the work", async () => {
    const { loop, host, log } = reportingLoop()
    const outer = inside(loop, () =>
      waitFor(
        as(function* () {
          log.push("started")
        }) as never,
        10
      )
    )
    outer.cancel("early")
    await host.settle()
    expect([outcome(outer), log, loop.statistics().timers]).toEqual([["cancelled", "early"], [], 0])
  })

  it("J2 a cancel of the waiting task is not lost when the work has just ended", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const inner = [loop.createFuture<number>(), loop.createFuture<number>()] as const
    const tasks = inner.map((future) =>
      loop.createTask(
        as(function* () {
          return (yield* waitFor(waitFor(future, 20), 10)) as unknown
        })
      )
    )
    await host.settle()
    inner[0].setResult(1)
    inner[1].setException(boom)
    // The end of the inner is on its way through two Futures: the cancel may come between any of them.
    for (const task of tasks) task.cancel("now")
    await host.settle()
    expect(tasks.map((task) => task.cancelling())).toEqual([1, 1])
    for (const [index, task] of tasks.entries()) {
      const [how, what] = outcome(task)
      if (how === "cancelled") expect(what).toBe("now")
      else expect([how, what]).toEqual(index === 0 ? ["value", 1] : ["error", boom])
    }
    const lost = tasks[1]?.cancelled() === true
    expect(reports.map(({ exception }) => exception)).toEqual(lost ? [boom] : [])
  })

  it("tasks-086 around a shield ends the wait, and leaves the shielded work running", async () => {
    const { loop, host, log } = reportingLoop()
    const work = loop.createTask(
      as(function* () {
        yield* loop.sleep(20)
        log.push("done")
      })
    )
    const outer = inside(loop, () => [
      waitFor(shield(work), 10),
      waitFor(shield(work), 0),
      waitFor(shield(work), null)
    ])
    await host.pass(10)
    expect([...outer.map(outcome), log]).toEqual([aTimeout, aTimeout, ["pending"], []])
    await host.pass(10)
    expect([outcome(outer[2] as never), log]).toEqual([["value", undefined], ["done"]])
  })

  it("of nested ones the one whose deadline passed fails; with one deadline for both it is the outer", async () => {
    const { loop, host } = reportingLoop()
    const nested = (outer: number, inner: number, log: Array<unknown>) =>
      inside(loop, () =>
        waitFor(
          as(function* () {
            try {
              yield* waitFor(() => loop.sleep(1000), inner)
            } catch (error) {
              log.push((error as Error).constructor)
              throw error
            }
          }) as never,
          outer
        )
      )
    const [same, later, earlier]: Array<Array<unknown>> = [[], [], []]
    const futures = [nested(10, 10, same as []), nested(10, 20, later as []), nested(20, 10, earlier as [])]
    await host.pass(20)
    expect(futures.map(outcome)).toEqual([aTimeout, aTimeout, aTimeout])
    expect([same, later, earlier]).toEqual([[CancelledError], [CancelledError], [TimeoutError]])
  })

  it("refuses to wait for the task that asks, which could never end", async () => {
    const { loop, host } = reportingLoop()
    const task = loop.createTask(
      as(function* (self) {
        try {
          yield* waitFor(self, 10)
        } catch (error) {
          return error
        }
      })
    )
    await host.settle()
    expect(task.result()).toBeInstanceOf(InvalidStateError)
    expect(loop.statistics().timers).toBe(0)
  })
})

describe("timeout", () => {
  it("B1 B2 refuses wrong times, wrong bodies, and no loop, before anything starts", () => {
    const { loop } = reportingLoop()
    expect(thrown(() => timeout(10, () => 1))).toBeInstanceOf(NoRunningLoopError)
    expect(thrown(() => inside(loop, () => timeout(NaN, () => 1)))).toBeInstanceOf(RangeError)
    expect(thrown(() => inside(loop, () => timeout("1" as never, () => 1)))).toBeInstanceOf(TypeError)
    for (const wrong of [undefined, null, Promise.resolve(1), 42]) {
      expect(thrown(() => inside(loop, () => timeout(1, wrong as never)))).toBeInstanceOf(TypeError)
    }
    expect(loop.statistics()).toMatchObject({ tasks: 0, timers: 0 })
  })
})

describe.each(kinds)("timeout (%s)", (_, as) => {
  /** `timeout` with a body of either kind. */
  const run = <A>(
    loop: BaseEventLoop,
    ms: number | null,
    body: (scope: Timeout, task: Parameters<Script<A>>[0]) => Generator<unknown, A, any>
  ): Future<A> =>
    inside(loop, () => timeout(ms, (scope, task) => as(() => body(scope, task))(task))) as Future<A>

  it("tasks-079 fails with a TimeoutError at the deadline, after the body has ended", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, 10, function* named(scope) {
      log.push(scope.when(), scope.expired(), String(scope))
      try {
        yield* loop.sleep(1000)
      } finally {
        log.push(scope.when(), scope.expired(), String(scope))
        yield* loop.sleep(5)
        log.push(loop.time())
      }
    })
    await host.pass(14)
    expect(future.done()).toBe(false)
    await host.pass(1)
    expect(future.exception()).toBeInstanceOf(TimeoutError)
    expect(future.exception()).toMatchObject({ cause: expect.any(CancelledError) })
    expect(log).toEqual([10, false, "<Timeout active when=10>", 10, true, "<Timeout expiring>", 15])
  })

  it("tasks-079 does nothing where the body ends first, or has no limit", async () => {
    const { loop, host } = reportingLoop()
    const scopes: Array<Timeout> = []
    const futures = [10, null, Infinity].map((ms) =>
      run(loop, ms, function* (scope) {
        scopes.push(scope)
        return (yield* loop.sleep(5, "done")) as string
      })
    )
    await host.pass(20)
    expect(futures.map(outcome)).toEqual([1, 2, 3].map(() => ["value", "done"]))
    expect(scopes.map((scope) => [scope.when(), scope.expired(), String(scope)])).toEqual([
      [10, false, "<Timeout finished>"],
      [null, false, "<Timeout finished>"],
      [null, false, "<Timeout finished>"]
    ])
    expect(loop.statistics().timers).toBe(0)
  })

  it("tasks-079 with 0 or less lets the body run up to its first wait, and no further", async () => {
    const { loop, host, log } = reportingLoop()
    const futures = [0, -1, -Infinity].flatMap((ms) => [
      run(loop, ms, function* () {
        log.push("started")
        yield* loop.sleep(1000)
        log.push("not reached")
      }),
      run(loop, ms, function* () {
        return "no wait"
      })
    ])
    await host.settle()
    expect(futures.map(outcome)).toEqual([1, 2, 3].flatMap(() => [aTimeout, ["value", "no wait"]]))
    expect(log).toEqual(["started", "started", "started"])
  })

  it("tasks-027 leaves no trace in the task that waits: later awaits work, and it is not being cancelled", async () => {
    const { loop, host } = reportingLoop()
    const task = loop.createTask(
      as(function* (self) {
        const log: Array<unknown> = []
        try {
          yield* run(loop, 10, function* () {
            yield* loop.sleep(1000)
          })
        } catch (error) {
          log.push((error as Error).name, self.cancelling(), loop.time())
        }
        yield* loop.sleep(5)
        log.push(
          yield* run(loop, 1000, function* () {
            return (yield* loop.sleep(5, "fast")) as unknown
          })
        )
        yield* loop.sleep(5)
        return [...log, self.cancelling()]
      })
    )
    await host.pass(30)
    expect(task.result()).toEqual(["TimeoutError", 0, 10, "fast", 0])
  })

  it("tasks-080 is nested: of two with one deadline the outer converts, and an inner that is earlier does alone", async () => {
    const { loop, host } = reportingLoop()
    const nested = (outer: number, inner: number, log: Array<unknown>) =>
      run(loop, outer, function* (scope) {
        try {
          yield* run(loop, inner, function* () {
            yield* loop.sleep(1000)
          })
        } catch (error) {
          log.push((error as Error).constructor.name, scope.expired())
          if (!(error instanceof TimeoutError)) throw error
        }
        yield* loop.sleep(1000)
      })
    const [same, innerFirst, outerFirst, late] = [[], [], [], []] as [[], [], [], []]
    const futures = [nested(10, 10, same), nested(20, 10, innerFirst), nested(10, 20, outerFirst)]
    await host.pass(20)
    const busy = nested(50, 40, late)
    await host.settle()
    // Both have passed when the loop comes to look.
    host.time += 100
    await host.pass(0)
    expect([...futures, busy].map(outcome)).toEqual([aTimeout, aTimeout, aTimeout, aTimeout])
    expect([same, innerFirst, outerFirst, late]).toEqual([
      ["CancelledError", true],
      ["TimeoutError", false],
      ["CancelledError", true],
      ["CancelledError", true]
    ])
  })

  it("tasks-080 works in a cleanup that was itself begun by a deadline", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, 10, function* () {
      try {
        yield* loop.sleep(1000)
      } finally {
        try {
          yield* run(loop, 5, function* () {
            yield* loop.sleep(1000)
          })
        } catch (error) {
          log.push((error as Error).name, loop.time())
        }
      }
    })
    await host.pass(15)
    expect([outcome(future), log]).toEqual([aTimeout, ["TimeoutError", 15]])
  })

  it("tasks-082 lets another error of its body out, before the deadline and from its cleanup", async () => {
    const { loop, host } = reportingLoop()
    const [early, cleanup] = [new Error("early"), new Error("cleanup")]
    const scopes: Array<Timeout> = []
    const one = run(loop, 10, function* (scope) {
      scopes.push(scope)
      yield* loop.sleep(1)
      throw early
    })
    const two = run(loop, 10, function* (scope) {
      scopes.push(scope)
      try {
        yield* loop.sleep(1000)
      } finally {
        // eslint-disable-next-line no-unsafe-finally
        throw cleanup
      }
    })
    await host.pass(20)
    expect([one.exception(), two.exception()]).toEqual([early, cleanup])
    expect(two.exception()).toBe(cleanup)
    expect(scopes.map(String)).toEqual(["<Timeout finished>", "<Timeout expired>"])
  })

  it("tasks-079 gives the value of a body that goes on after the deadline, and tells that it has expired", async () => {
    const { loop, host } = reportingLoop()
    const future = run(loop, 10, function* (scope) {
      try {
        yield* loop.sleep(1000)
      } catch {
        yield* loop.sleep(5)
      }
      return [scope.expired(), loop.time()]
    })
    await host.pass(15)
    expect(outcome(future)).toEqual(["value", [true, 15]])
  })

  it("tasks-083 lets a cancel from elsewhere out as a cancel, and its timer does not fire later", async () => {
    const { loop, host } = reportingLoop()
    const scopes: Array<Timeout> = []
    const body = function* (scope: Timeout) {
      scopes.push(scope)
      yield* loop.sleep(1000)
    }
    const direct = run(loop, 10, body)
    const task = loop.createTask(
      as(function* () {
        yield* run(loop, 10, body)
      })
    )
    const self = run(loop, 10, function* (scope, task) {
      task.cancel("self")
      yield* body(scope)
    })
    await host.pass(5)
    direct.cancel("direct")
    task.cancel("task")
    await host.settle()
    expect([direct, task, self].map(outcome)).toEqual([
      ["cancelled", "direct"],
      ["cancelled", "task"],
      ["cancelled", "self"]
    ])
    expect(scopes.map((scope) => scope.expired())).toEqual([false, false, false])
    expect(loop.statistics().timers).toBe(0)
  })

  it("tasks-083 stays cancelled where the cancel meets the deadline, in either order", async () => {
    const { loop, host } = reportingLoop()
    const scopes: Array<Timeout> = []
    const slow = function* (scope: Timeout) {
      scopes.push(scope)
      try {
        yield* loop.sleep(1000)
      } finally {
        yield* loop.sleep(5)
      }
    }
    const [before, after, elsewhere] = [run(loop, 10, slow), run(loop, 10, slow), run(loop, 10, slow)]
    const own = [...loop.allTasks()][2]
    await host.pass(8)
    before.cancel("before")
    await host.pass(4)
    after.cancel("after")
    own?.cancel("its task")
    await host.settle()
    expect([before, after, elsewhere].map((future) => outcome(future)[0])).toEqual([
      "cancelled",
      "cancelled",
      "cancelled"
    ])
    expect([outcome(before)[1], outcome(after)[1]]).toEqual(["before", "after"])
    expect(scopes.map((scope) => scope.expired())).toEqual([true, true, true])
  })

  it("tasks-083 a cancel before the start never starts the body", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, 10, function* () {
      log.push("started")
    })
    future.cancel("early")
    await host.settle()
    expect([outcome(future), log, loop.statistics().timers]).toEqual([["cancelled", "early"], [], 0])
  })

  it("tasks-084 works in a task that has swallowed an earlier cancel", async () => {
    const { loop, host } = reportingLoop()
    const body = (log: Array<unknown>) =>
      as(function* (self) {
        try {
          yield* loop.sleep(1000)
        } catch {
          log.push(self.cancelling())
        }
        try {
          yield* run(loop, 10, function* () {
            yield* loop.sleep(1000)
          })
        } catch (error) {
          log.push((error as Error).constructor.name, self.cancelling())
        }
      })
    const [times, again]: [Array<unknown>, Array<unknown>] = [[], []]
    const one = loop.createTask(body(times))
    const two = loop.createTask(body(again))
    await host.settle()
    one.cancel()
    two.cancel()
    await host.pass(5)
    two.cancel("new")
    await host.pass(10)
    expect([times, again]).toEqual([
      [1, "TimeoutError", 1],
      [1, "CancelledError", 2]
    ])
  })

  it("tasks-085 can be rescheduled while it is active: later, earlier, to none, into the past", async () => {
    const { loop, host } = reportingLoop()
    const scopes: Array<Timeout> = []
    const futures = [25, 5, null, -1, Infinity].map((when) =>
      run(loop, 10, function* (scope) {
        scopes.push(scope)
        scope.reschedule(when)
        yield* loop.sleep(50)
        return loop.time()
      })
    )
    await host.pass(5)
    expect(scopes.map((scope) => [scope.when(), scope.expired()])).toEqual([
      [25, false],
      [5, true],
      [null, false],
      [-1, true],
      [null, false]
    ])
    await host.pass(45)
    expect(futures.map(outcome)).toEqual([aTimeout, aTimeout, ["value", 50], aTimeout, ["value", 50]])
    expect(loop.statistics().timers).toBe(0)
  })

  it("tasks-085 cannot be rescheduled while it expires, nor when it has ended", async () => {
    const { loop, host } = reportingLoop()
    const scopes: Array<Timeout> = []
    const refused: Array<unknown> = []
    run(loop, 10, function* (scope) {
      scopes.push(scope)
      try {
        yield* loop.sleep(1000)
      } catch {
        refused.push(thrown(() => scope.reschedule(100)))
      }
    })
    const ended = run(loop, 10, function* (scope) {
      scopes.push(scope)
      refused.push(
        thrown(() => scope.reschedule(NaN)),
        thrown(() => scope.reschedule("1" as never))
      )
    })
    await host.pass(10)
    for (const scope of scopes) refused.push(thrown(() => scope.reschedule(null)))
    expect(refused.map((error) => (error as Error).name)).toEqual([
      "RangeError",
      "TypeError",
      "InvalidStateError",
      "InvalidStateError",
      "InvalidStateError"
    ])
    expect(scopes.map(String)).toEqual(["<Timeout expired>", "<Timeout finished>"])
    expect([outcome(ended), loop.statistics().timers]).toEqual([["value", undefined], 0])
  })

  it("tasks-085 around a task group, whose children answer the deadline with errors, gives those errors", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const future = run(loop, 10, function* () {
      yield* TaskGroup.run((group) => {
        group.createTask(
          as(function* () {
            try {
              yield* loop.sleep(1000)
            } catch {
              throw boom
            }
          })
        )
        return loop.sleep(1000)
      })
    })
    await host.pass(10)
    expect(future.exception()).toBeInstanceOf(TaskGroupError)
    expect((future.exception() as TaskGroupError).errors).toEqual([boom])
  })

  it("J10 gives the body its task: its signal is aborted at the deadline, where the scope tells of it", async () => {
    const { loop, host, log } = reportingLoop()
    const future = run(loop, 10, function* (scope, task) {
      const { signal } = task
      signal.addEventListener("abort", () => log.push(scope.expired(), signal.reason))
      yield* loop.sleep(1000)
    })
    await host.pass(10)
    expect(outcome(future)).toEqual(aTimeout)
    expect(log).toEqual([true, expect.any(CancelledError)])
  })

  it("L8 may be cancelled, and told of its deadline, from inside a listener of its own signal", async () => {
    const { loop, host } = reportingLoop()
    const future: Future<unknown> = run(loop, 10, function* (_, task) {
      task.signal.addEventListener("abort", () => {
        future.cancel("from inside")
        future.cancel("and again")
      })
      yield* loop.sleep(1000)
    })
    await host.pass(10)
    expect(outcome(future)).toEqual(["cancelled", "from inside"])
  })
})
