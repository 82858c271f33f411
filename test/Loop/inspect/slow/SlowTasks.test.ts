// Tasks that make no progress are told of, once for each wait.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { fromAio, Loop, runEffect, SyncLoop, type Task } from "../../../../src/index.js"
import { SlowTasks } from "../../../../src/Loop/inspect/slow/SlowTasks.js"
import { collecting, scoped, settle } from "../../../support/scopedLoops.js"

const never = (): Promise<never> => new Promise(() => {})

/** Looks by hand, each `step` milliseconds of a TestClock later; `slowTask` is 40. */
const looking = () => {
  const { exceptionHandler, reports } = collecting()
  const options = { name: "main", closeDeadline: 0, exceptionHandler: exceptionHandler }
  const messages = () => reports.filter(({ kind }) => kind === "slowTask").map(({ message }) => message)
  const begin = Effect.map(Loop, (loop) => {
    const tasks = new SlowTasks(loop, 40)
    const look = (times = 1) =>
      Effect.gen(function* () {
        for (let i = 0; i < times; i++) {
          yield* TestClock.adjust(10)
          yield* settle
          tasks.look()
        }
      })
    return { loop, look }
  })
  return { begin, messages, options, reports }
}

describe("slowTask", () => {
  it.effect(
    "tells of a task that has not moved for so long, once, with its row and the way to the end of its wait",
    () => {
      const { begin, messages, options, reports } = looking()
      return scoped(
        Effect.gen(function* () {
          const { look, loop } = yield* begin
          const reply = loop.createFuture<void>()
          const query = loop.createTask(async () => reply, { name: "query" })
          loop.createTask(async () => query, { name: "page" })
          yield* settle
          yield* look(4)
          expect(messages()).toEqual([])
          yield* look(4)
          expect(messages().length).toBe(1)
          expect(messages()[0]).toMatch(/^2 tasks have made no progress for 40ms on main:\nwhat +name/)
          expect(messages()[0]).toMatch(/\ntask +query +\d+ms +pending +<Future pending/)
          expect(messages()[0]).toMatch(/\nit waits: task page -> task query -> future <Future pending/)
          expect(reports[0]?.task).toBeUndefined()
          reply.setResult()
          yield* settle
        }),
        options
      )
    }
  )

  it.effect("tells again when the task has moved, and waits for something else for so long", () => {
    const { begin, messages, options } = looking()
    return scoped(
      Effect.gen(function* () {
        const { look, loop } = yield* begin
        const [one, two] = [loop.createFuture<void>(), loop.createFuture<void>()]
        const both = async (): Promise<void> => {
          await one
          await two
        }
        loop.createTask(both, { name: "both" })
        yield* settle
        yield* look(6)
        one.setResult()
        yield* settle
        yield* look(4)
        expect(messages().length).toBe(1)
        yield* look(4)
        expect(messages().length).toBe(2)
        two.setResult()
        yield* settle
      }),
      options
    )
  })

  it.effect("tells of a foreign promise, and not of a task that has waited for a Future in between", () => {
    const { begin, messages, options, reports } = looking()
    return scoped(
      Effect.gen(function* () {
        const { look, loop } = yield* begin
        const moves = async (): Promise<void> => {
          for (;;) {
            await new Promise((resolve) => setImmediate(resolve))
            await loop.sleep(0)
          }
        }
        loop.createTask(moves, { name: "moves" })
        loop.createTask(never, { name: "fetch" })
        yield* settle
        yield* look(6)
        expect(messages().length).toBe(1)
        expect(messages()[0]).toMatch(/\ntask +fetch +\d+ms +pending +a foreign promise/)
        expect(reports[0]?.task?.getName()).toBe("fetch")
      }),
      options
    )
  })

  it.effect(
    "says nothing of who waits for a timer that is due later, of who may wait, and of who waits for these",
    () => {
      const { begin, messages, options } = looking()
      return scoped(
        Effect.gen(function* () {
          const { look, loop } = yield* begin
          const sleeps = loop.createTask(() => loop.sleep(60_000), { name: "sleeps" })
          loop.createTask(async () => sleeps, { name: "waits for that" })
          loop.createTask(() => Promise.race([never(), loop.sleep(60_000)]), { name: "races" })
          const consumes = loop.createTask(never, { name: "consumes", slowTask: false })
          let last: Task<unknown> = consumes
          for (let i = 0; i < 5_000; i++) {
            const next = last
            last = loop.createTask(async () => next, { name: `link ${i}` })
          }
          const fiber = yield* Effect.fork(
            fromAio(never, { name: "listens", slowTask: false, onInterrupt: "abandon" })()
          )
          yield* settle
          yield* look(8)
          expect(messages()).toEqual([])
          yield* Fiber.interrupt(fiber)
        }),
        options
      )
    }
  )

  it.effect("names a circle through fibers, which no wait can see as it forms", () => {
    const { begin, messages, options } = looking()
    return scoped(
      Effect.gen(function* () {
        const { look, loop } = yield* begin
        const a: Task<unknown> = loop.createTask(() => runEffect(fromAio(async () => a, { name: "b" })()), {
          name: "a"
        })
        yield* settle
        yield* look(8)
        expect(messages().length).toBe(1)
        expect(messages()[0]).toMatch(/they wait for each other, for ever: .*task a -> .*/)
      }),
      options
    )
  })

  it.effect("does not count the time for which the process was held up", () => {
    const { begin, messages, options } = looking()
    return scoped(
      Effect.gen(function* () {
        const { look, loop } = yield* begin
        loop.createTask(never, { name: "fetch" })
        yield* settle
        yield* look()
        yield* TestClock.adjust(3_600_000)
        yield* look(2)
        expect(messages()).toEqual([])
        yield* look(2)
        expect(messages().length).toBe(1)
      }),
      options
    )
  })

  it.effect("tells of a hundred thousand in one report of bounded length", () => {
    const { begin, messages, options } = looking()
    return scoped(
      Effect.gen(function* () {
        const { look, loop } = yield* begin
        for (let i = 0; i < 20_000; i++) loop.createTask(never, { name: `request ${i}` })
        yield* settle
        const since = performance.now()
        yield* look(3)
        expect(performance.now() - since).toBeLessThan(2_000)
        yield* look(3)
        expect(messages().length).toBe(1)
        expect(messages()[0]).toMatch(/^20000 tasks have/)
        expect(messages()[0]?.length).toBeLessThan(100_000)
      }),
      options
    )
  })

  it.live("looks by itself, in real time, on a loop that was told to", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const reply = loop.createFuture<void>()
        loop.createTask(async () => reply, { name: "query" })
        const told = Effect.sync(() => reports.some(({ kind }) => kind === "slowTask"))
        yield* Effect.zipRight(Effect.sleep(5), told).pipe(Effect.repeat({ until: (seen) => seen }))
        reply.setResult()
      }),
      { slowTask: "20 millis", exceptionHandler }
    )
  })

  it("is refused where it is no duration, and so is a task's where it is no boolean", () => {
    expect(() => SyncLoop.make({ slowTask: 0 })).toThrow(new RangeError("slowTask is 1ms or more, not 0"))
    expect(() => fromAio(never, { slowTask: 5 as never })).toThrow(
      new TypeError("fromAio's slowTask is a boolean, not 5")
    )
  })
})
