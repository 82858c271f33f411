import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit } from "effect"
import {
  allTasks,
  currentFlavor,
  currentSignal,
  currentTask,
  fromAio,
  getRunningLoop,
  Loop,
  NoRunningLoopError,
  runAioCoroutine,
  runAioFuture,
  runEffect
} from "../../src/index.js"
import { scoped, settle } from "../support/scopedLoops.js"

const thrown = (f: () => unknown): unknown => {
  try {
    return { value: f() }
  } catch (error) {
    return error
  }
}

describe("currentFlavor", () => {
  it.live("knows the side in fibers, tasks, callbacks, timers and done callbacks, also after an await", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        const say = (where: string) => log.push(`${where} ${String(currentFlavor())}`)
        say("fiber")
        yield* runAioCoroutine(async () => {
          say("task")
          await Promise.resolve()
          say("after a promise")
          await loop.sleep(1)
          say("after a Future")
          await runEffect(Effect.sync(() => say("effect")))
          say("after an effect")
        })
        yield* Effect.yieldNow()
        say("fiber again")
        loop.callSoon(() => say("callback"))
        const timerRan = loop.createFuture<void>()
        loop.callLater(1, () => {
          say("timer")
          timerRan.setResult()
        })
        const future = loop.createFuture<void>()
        future.addDoneCallback(() => say("done callback"))
        future.setResult()
        yield* runAioFuture(timerRan)
        yield* Effect.sleep(1)
        say("fiber after a sleep")
        expect(log).toEqual([
          "fiber effect",
          "task aio",
          "after a promise aio",
          "after a Future aio",
          "effect effect",
          "after an effect aio",
          "fiber again effect",
          "callback aio",
          "done callback aio",
          "timer aio",
          "fiber after a sleep effect"
        ])
      })
    )
  )

  it("is nobody outside of both", async () => {
    expect(currentFlavor()).toBe(undefined)
    expect(currentTask()).toBe(null)
    expect(thrown(() => currentSignal())).toBeInstanceOf(NoRunningLoopError)
    expect(currentTask()?.signal).toBe(undefined)
    expect(thrown(() => getRunningLoop())).toBeInstanceOf(NoRunningLoopError)
    await Promise.resolve()
    expect(currentFlavor()).toBe(undefined)
  })

  it.live("an Effect that aio code runs is nobody's task, and its promises are not the task's", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<unknown> = []
        yield* runAioCoroutine(async () => {
          await runEffect(
            Effect.gen(function* () {
              log.push(currentTask(loop))
              yield* Effect.promise(async () => {
                await Promise.resolve()
                log.push(currentTask(loop))
              })
            })
          )
          log.push(currentTask(loop) !== null)
        })
        expect(log).toEqual([null, null, true])
      })
    )
  )
})

describe("allTasks", () => {
  it.live("lists the tasks of the running loop, or of a named one, that are not done", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const sleeping = loop.createTask(() => loop.sleep(1e6), { name: "sleeping" })
        const names = (tasks: ReadonlySet<{ getName(): string }>) =>
          [...tasks].map((task) => task.getName()).sort()
        const seen = yield* runAioCoroutine(
          async () => {
            await loop.sleep(0)
            return names(allTasks())
          },
          { name: "asking" }
        )
        expect([seen, names(allTasks(loop))]).toEqual([["asking", "sleeping"], ["sleeping"]])
        sleeping.cancel()
        yield* settle
        expect(allTasks(loop).size).toBe(0)
      })
    )
  )

  it("B1 needs a loop", () => {
    expect(thrown(() => allTasks())).toBeInstanceOf(NoRunningLoopError)
  })
})

describe("getRunningLoop", () => {
  it.live("is the loop of the callback or task, and nothing in Effect code, which has a hint", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        expect(yield* fromAio(() => getRunningLoop() === loop)()).toBe(true)
        const exit = yield* Effect.exit(Effect.sync(() => getRunningLoop()))
        const error = Exit.isFailure(exit) && Cause.squash(exit.cause)
        expect(error).toBeInstanceOf(NoRunningLoopError)
        expect(String(error)).toMatch(/yield\* Loop/)
      })
    )
  )

  it.live("tells nested loops apart", () =>
    scoped(
      Effect.gen(function* () {
        const outer = yield* Loop
        yield* scoped(
          Effect.gen(function* () {
            const inner = yield* Loop
            const both = yield* runAioCoroutine(async () => {
              const here = getRunningLoop()
              const there = await inner.wrapFuture(outer.createTask(async () => getRunningLoop()))
              return [here === inner, there === outer, currentTask(outer), currentTask(inner) !== null]
            })
            expect(both).toEqual([true, true, null, true])
          })
        )
      })
    )
  )
})
