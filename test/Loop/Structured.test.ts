// Shields, deadlines and groups on loops that Effect code opens, waits for and closes.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, TestClock } from "effect"
import {
  type EventLoop,
  fromAio,
  type Future,
  Loop,
  LoopClosedError,
  runAioCoroutine,
  runAioFuture,
  runEffect,
  shield,
  sleep,
  TaskGroup,
  TaskGroupError,
  timeout,
  TimeoutError,
  waitFor
} from "../../src/index.js"
import { collecting, scoped } from "../support/scopedLoops.js"

/** Waits for long, and notes when it is cancelled and when its cleanup, which takes some turns, has ended. */
const cleans = (loop: EventLoop, log: Array<string>, name: string, turns: number) => async () => {
  try {
    await loop.sleep(1e9)
  } finally {
    log.push(`${name} cancelled`)
    for (let i = 0; i < turns; i++) await loop.sleep(0)
    log.push(`${name} cleaned`)
  }
}

describe("closing a loop with groups, deadlines and shields on it", () => {
  it.live("S1 tasks-068 joins all of them, and disturbs nobody's cleanup with a second cancel", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const { exceptionHandler, reports } = collecting()
      const futures: Array<Future<unknown>> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          yield* runAioCoroutine(async () => {
            futures.push(
              TaskGroup.run((group) => {
                group.createTask(cleans(loop, log, "child", 9))
                // It ends before the child does, which is cleaning up when the group hears of that.
                return cleans(loop, log, "body", 1)()
              }),
              waitFor(cleans(loop, log, "limited", 2), 1e8),
              timeout(1e8, cleans(loop, log, "block", 2)),
              shield(cleans(loop, log, "shielded", 2))
            )
            futures[3]?.cancel()
            await loop.sleep(0)
            await loop.sleep(0)
          })
        }),
        { exceptionHandler }
      )
      const names = ["child", "body", "limited", "block", "shielded"]
      expect([...log].sort()).toEqual(
        names.flatMap((name) => [`${name} cancelled`, `${name} cleaned`]).sort()
      )
      expect(log.indexOf("body cleaned")).toBeLessThan(log.indexOf("child cleaned"))
      expect(futures.map((future) => future.cancelled())).toEqual([true, true, true, true])
      expect(reports).toEqual([])
    })
  )

  it.live("S1 tasks-068 a shielded task that fails while the loop closes is reported once", () =>
    Effect.gen(function* () {
      const boom = new Error("boom")
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        runAioCoroutine(async () => {
          const outer = shield(async () => {
            try {
              await sleep(1e9)
            } finally {
              // eslint-disable-next-line no-unsafe-finally
              throw boom
            }
          })
          await sleep(0)
          await sleep(0)
          outer.cancel()
        }),
        { exceptionHandler }
      )
      expect(reports).toMatchObject([{ kind: "late", exception: boom }])
    })
  )

  it.live("S2 gives up what refuses: groups and deadlines around it fail with LoopClosedError", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const futures: Array<Future<unknown>> = []
      const refuses = () => new Promise(() => {})
      yield* scoped(
        runAioCoroutine(async () => {
          futures.push(
            TaskGroup.run((group) => void group.createTask(refuses)),
            waitFor(refuses, 1e8),
            timeout(1e8, refuses),
            shield(refuses)
          )
          await sleep(0)
          await sleep(0)
        }),
        { exceptionHandler, closeDeadline: "20 millis" }
      )
      yield* Effect.promise(() => Promise.allSettled(futures))
      for (const future of futures) expect(future.exception()).toBeInstanceOf(LoopClosedError)
      expect(reports).toMatchObject([{ kind: "leftover" }])
    })
  )
})

describe("groups and deadlines under fromAio", () => {
  it.effect("J1 interrupting the fiber cancels all members, and waits for them", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const ready = loop.createFuture<void>()
          const fiber = yield* Effect.fork(
            fromAio(() =>
              timeout(1e8, () =>
                TaskGroup.run((group) => {
                  group.createTask(cleans(loop, log, "child", 3))
                  loop.callSoon(() => void loop.callSoon(() => ready.setResult()))
                  return waitFor(cleans(loop, log, "body", 1), 1e8)
                })
              )
            )()
          )
          yield* runAioFuture(ready)
          const exit = yield* Fiber.interrupt(fiber)
          log.push("fiber ended")
          expect(Exit.isInterrupted(exit)).toBe(true)
        })
      )
      expect(log.at(-1)).toBe("fiber ended")
      expect(log.filter((entry) => entry.endsWith("cleaned"))).toHaveLength(2)
    })
  )

  it.effect(
    "J3 J8 their errors cross the border as they are, and the deadline is on the loop's clock (L4)",
    () =>
      Effect.gen(function* () {
        const boom = new Error("boom")
        yield* scoped(
          Effect.gen(function* () {
            const late = yield* Effect.fork(
              Effect.flip(fromAio({ try: () => waitFor(() => sleep(1e9), 5000), catch: (error) => error })())
            )
            yield* Effect.yieldNow()
            const group = yield* Effect.flip(
              fromAio({ try: () => TaskGroup.run(() => Promise.reject(boom)), catch: (error) => error })()
            )
            expect(group).toBeInstanceOf(TaskGroupError)
            expect((group as TaskGroupError).errors[0]).toBe(boom)
            yield* TestClock.adjust("5 seconds")
            expect(yield* Fiber.join(late)).toBeInstanceOf(TimeoutError)
          })
        )
      })
  )

  it.effect("J1 T2 a deadline interrupts an Effect, and waits for its finalizers", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const never = Effect.never.pipe(
            Effect.onInterrupt(() => Effect.sync(() => void log.push("interrupted")))
          )
          const fiber = yield* Effect.fork(
            Effect.flip(fromAio({ try: () => waitFor(runEffect(never), 1000), catch: (error) => error })())
          )
          yield* Loop.synchronize
          yield* Loop.synchronize
          yield* TestClock.adjust("1 second")
          expect(yield* Fiber.join(fiber)).toBeInstanceOf(TimeoutError)
          expect(log).toEqual(["interrupted"])
        })
      )
    })
  )
})
