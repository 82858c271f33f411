// Shields: the cancel of who waits, and the work that goes on.
// Covers: Follower
import { describe, expect, it } from "vitest"
import { LoopClosedError, NoRunningLoopError } from "../../../src/Loop/kernel/errors.js"
import type { Future } from "../../../src/Loop/kernel/Future.js"
import { shield } from "../../../src/Loop/kernel/shield.js"
import { inside, kinds, reportingLoop, thrown } from "../../support/trackingHost.js"

describe("shield", () => {
  it("tasks-068 ends as the inner one does: with its value, its very error, or its very CancelledError", async () => {
    const { loop, host } = reportingLoop()
    const boom = new Error("boom")
    const inner = [
      loop.createFuture<number>(),
      loop.createFuture<number>(),
      loop.createFuture<number>()
    ] as const
    const outer = inside(loop, () => inner.map((future) => shield(future))) as Array<Future<number>>
    inner[0].setResult(42)
    inner[1].setException(boom)
    inner[2].cancel("why")
    expect(outer.map((future) => future.done())).toEqual([false, false, false])
    await host.settle()
    expect(outer[0]?.result()).toBe(42)
    expect(outer[1]?.exception()).toBe(boom)
    expect(outer[2]?.cancelled()).toBe(true)
    expect(thrown(() => outer[2]?.result())).toBe(thrown(() => inner[2].result()))
  })

  it("tasks-068 leaves the inner running when it is cancelled, and takes its callback away", async () => {
    const { loop, host, reports } = reportingLoop()
    const inner = loop.createFuture<number>()
    for (let i = 0; i < 100; i++) expect(inside(loop, () => shield(inner)).cancel("why")).toBe(true)
    await host.settle()
    const { callbacks } = loop.statistics()
    expect(inner.done()).toBe(false)
    inner.setResult(1)
    await host.settle()
    // One for all of the hundred: whoever watches for a failure.
    expect([loop.statistics().callbacks - callbacks, inner.result(), reports]).toEqual([1, 1, []])
  })

  it("tasks-068 gives back what is done already, as it is", () => {
    const { loop } = reportingLoop()
    const [value, error, cancelled] = [loop.createFuture(), loop.createFuture(), loop.createFuture()]
    value.setResult(1)
    error.setException(new Error("boom"))
    cancelled.cancel()
    for (const done of [value, error, cancelled]) expect(inside(loop, () => shield(done))).toBe(done)
    error.exception()
  })

  it("tasks-068 is cancelled at once with the message it was given, and a second time not", async () => {
    const { loop, host } = reportingLoop()
    const inner = loop.createFuture<number>()
    const outer = inside(loop, () => shield(inner))
    expect([outer.cancel("first"), outer.cancel("second"), outer.cancelled()]).toEqual([true, false, true])
    expect(thrown(() => outer.result())).toMatchObject({ reason: "first" })
    inner.cancel()
    await host.settle()
  })

  it("tasks-068 tells the exception handler of a failure that comes after its cancel, once, and of nothing else", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const [fails, works, ends] = [loop.createFuture(), loop.createFuture(), loop.createFuture()]
    for (const inner of [fails, fails, works, ends]) inside(loop, () => shield(inner)).cancel()
    fails.setException(boom)
    works.setResult(1)
    ends.cancel()
    await host.settle()
    expect(reports).toHaveLength(1)
    expect(reports[0]).toMatchObject({
      kind: "late",
      message: expect.stringMatching(/^<Future .*boom.* failed after the shield around it was cancelled$/),
      exception: boom
    })
    expect(reports[0]?.future).toBe(fails)
    // Reported as late, it is not reported again as never retrieved.
    expect(loop.statistics()).toMatchObject({ unretrieved: 0, late: 1 })
  })

  it("J4 a failure that nobody waits for is that of the shield: reported once, when the loop closes", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    inside(loop, () =>
      shield(function* () {
        throw boom
      })
    )
    await host.settle()
    expect([loop.statistics().unretrieved, reports]).toEqual([1, []])
    loop.close()
    expect(reports).toMatchObject([{ kind: "unretrieved", exception: boom }])
  })

  it("cannot be cancelled any more when the inner has ended: its outcome is on the way", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const [one, two] = [loop.createFuture<number>(), loop.createFuture<number>()]
    const [value, error] = inside(loop, () => [shield(one), shield(two)] as const)
    one.setResult(1)
    two.setException(boom)
    expect([value.cancel(), error.cancel(), value.done()]).toEqual([false, false, false])
    await host.settle()
    expect([value.result(), error.exception(), reports]).toEqual([1, boom, []])
  })

  it("takes a thenable and a Future of another loop, which it wraps", async () => {
    const one = reportingLoop()
    const two = reportingLoop()
    const foreign = two.loop.createFuture<string>()
    const promised = inside(one.loop, () => shield(Promise.resolve("promise")))
    const wrapped = inside(one.loop, () => shield(foreign))
    foreign.setResult("other loop")
    await two.host.settle()
    await one.host.settle()
    expect([promised.result(), wrapped.result(), wrapped.getLoop()]).toEqual([
      "promise",
      "other loop",
      one.loop
    ])
  })

  it("B1 B2 refuses to be called outside of loops, and what cannot be awaited", () => {
    const { loop } = reportingLoop()
    expect(thrown(() => shield(loop.createFuture()))).toBeInstanceOf(NoRunningLoopError)
    let called = false
    expect(thrown(() => shield(() => void (called = true)))).toBeInstanceOf(NoRunningLoopError)
    for (const wrong of [42, null, undefined, {}, "a"]) {
      expect(thrown(() => inside(loop, () => shield(wrong as never)))).toBeInstanceOf(TypeError)
    }
    expect(called).toBe(false)
    expect(thrown(() => inside(loop, () => shield(42 as never)))).toMatchObject({
      message: "shield takes a Future, a thenable or a coroutine function, not 42"
    })
  })

  it("shows what it is of, and in debug mode where it was made", async () => {
    const { loop, host } = reportingLoop()
    loop.setDebug(true)
    const outer = inside(loop, () => shield(() => loop.sleep(1000), { name: "save" }))
    expect(outer.toString()).toMatch(/^<Future pending of=save created at .*shield\.test\.ts:\d+>$/)
    await host.pass(1000)
    expect(outer.toString()).toMatch(/^<Future finished result=undefined created/)
  })

  it("C3 fails when its loop is closed, whoever the inner belongs to, and that is no late failure", async () => {
    const { loop, host, reports } = reportingLoop()
    const future = loop.createFuture<number>()
    const [kept, left, work] = inside(
      loop,
      () => [shield(future), shield(future), shield(() => new Promise(() => {}))] as const
    )
    await host.settle()
    left.cancel()
    loop.close()
    await host.settle()
    for (const outer of [kept, work]) expect(outer.exception()).toBeInstanceOf(LoopClosedError)
    expect([left.cancelled(), reports]).toEqual([true, []])
  })
})

describe.each(kinds)("shield in a task (%s)", (_, as) => {
  it("tasks-068 keeps the cancel of the awaiting task from the inner one, which runs to its end", async () => {
    const { loop, host, reports } = reportingLoop()
    const log: Array<unknown> = []
    const outer = loop.createTask(
      as(function* () {
        yield* shield(
          as(function* (task) {
            yield* loop.sleep(10)
            log.push("saved", task.cancelling())
          }) as never
        )
        log.push("not reached")
      })
    )
    await host.pass(5)
    outer.cancel("why")
    await host.settle()
    expect([outer.cancelled(), log, loop.statistics().tasks]).toEqual([true, [], 1])
    expect(thrown(() => outer.result())).toMatchObject({ reason: "why" })
    await host.pass(5)
    expect([log, reports]).toEqual([["saved", 0], []])
  })

  it("tasks-068 and J4 reports the failure of work whose waiter was cancelled, with the task and the same error", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const outer = loop.createTask(
      as(function* () {
        yield* shield(
          as(function* () {
            yield* loop.sleep(10)
            throw boom
          }) as never
        )
      })
    )
    await host.pass(5)
    outer.cancel()
    await host.pass(5)
    expect(outer.cancelled()).toBe(true)
    expect(reports).toMatchObject([{ kind: "late", exception: boom }])
    expect(reports[0]?.exception).toBe(boom)
  })

  it("tasks-068 a cancelled inner task cancels who awaits the shield", async () => {
    const { loop, host } = reportingLoop()
    const inner = loop.createTask(
      as(function* () {
        yield* loop.sleep(1000)
      })
    )
    const outer = loop.createTask(
      as(function* () {
        yield* shield(inner)
      })
    )
    await host.settle()
    inner.cancel("inner")
    await host.settle()
    expect(outer.cancelled()).toBe(true)
    expect(thrown(() => outer.result())).toMatchObject({ reason: "inner" })
  })

  it("tasks-068 protects members of Promise.all, and all of them together", async () => {
    const { loop, host } = reportingLoop()
    const futures = [loop.createFuture<number>(), loop.createFuture<number>()] as const
    const each = loop.createTask(() => Promise.all(futures.map((future) => shield(future))))
    const all = loop.createTask(() => shield(() => Promise.all(futures)))
    await host.settle()
    each.cancel()
    all.cancel()
    await host.settle()
    expect([each.cancelled(), all.cancelled()]).toEqual([true, true])
    expect(futures.map((future) => future.done())).toEqual([false, false])
    for (const future of futures) future.setResult(1)
    await host.settle()
    expect(futures.map((future) => future.result())).toEqual([1, 1])
  })

  it("J2 a cancel that comes when the inner has just ended is not lost: it wins, and the error is reported", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const inner = [loop.createFuture<number>(), loop.createFuture<number>()] as const
    const tasks = inner.map((future) =>
      loop.createTask(
        as(function* () {
          return yield* shield(future)
        })
      )
    )
    await host.settle()
    inner[0].setResult(1)
    inner[1].setException(boom)
    for (const task of tasks) expect(task.cancel("now")).toBe(true)
    await host.settle()
    expect(tasks.map((task) => task.cancelled())).toEqual([true, true])
    expect(reports).toMatchObject([{ kind: "late", exception: boom }])
  })

  it("J2 the same for a task that is a plain function returning the shield", async () => {
    const { loop, host, reports } = reportingLoop()
    const boom = new Error("boom")
    const inner = loop.createFuture<number>()
    const task = loop.createTask(() => shield(inner))
    await host.settle()
    inner.setException(boom)
    task.cancel("now")
    await host.settle()
    expect([task.cancelled(), reports]).toMatchObject([true, [{ kind: "late", exception: boom }]])
  })

  it("J2 a task that was cancelled before it awaits a shield gets its cancel there, and the inner runs", async () => {
    const { loop, host } = reportingLoop()
    const log: Array<string> = []
    const outer = loop.createTask(
      as(function* (self) {
        const outer = shield(
          as(function* () {
            log.push("ran")
          }) as never
        )
        self.cancel("self")
        yield* outer
        log.push("not reached")
      })
    )
    await host.settle()
    expect([outer.cancelled(), log]).toEqual([true, ["ran"]])
  })
})
