// Cancels of the library: what they say, and that one of them after another breaks off nothing.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import {
  CancelledError,
  currentSignal,
  fromAio,
  getRunningLoop,
  Loop,
  runEffect,
  sleep,
  type Task,
  TaskGroup,
  waitFor
} from "../../src/index.js"
import { scoped, settle } from "../support/scopedLoops.js"

/** Cleans up for two turns of the loop, and says what it has heard. */
const cleansUp = (log: Array<string>) => async (): Promise<void> => {
  try {
    await sleep(60_000)
  } catch (error) {
    log.push(error instanceof CancelledError ? `told: ${error.message}` : String(error))
  } finally {
    for (const step of [1, 2]) {
      await sleep(100)
      log.push(`step ${step}`)
    }
  }
}

const toldOnce = (told: string): ReadonlyArray<string> => [`told: ${told}`, "step 1", "step 2"]

describe("cancels of the library", () => {
  it.live(
    "J13 a deadline, then the interrupted fiber, then the closing: one cancel, and a finally that ends",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const work = Object.defineProperty(cleansUp(log), "name", { value: "work" })
        yield* scoped(
          Effect.gen(function* () {
            const fiber = yield* Effect.forkDaemon(fromAio(() => waitFor(work, 20))())
            while (log.length === 0) yield* Effect.sleep(5)
            const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
            yield* settle
            yield* Effect.forkDaemon(Fiber.join(interrupting))
          })
        )
        expect(log).toEqual(toldOnce("waitFor: work was not done after 20ms"))
      })
  )

  it.live("J13 an interrupted fiber, then the closing", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* scoped(
        Effect.gen(function* () {
          const fiber = yield* Effect.forkDaemon(fromAio(cleansUp(log))())
          yield* settle
          yield* Effect.forkDaemon(Fiber.interrupt(fiber))
          yield* Effect.sleep(20)
        })
      )
      expect(log).toEqual(toldOnce("the fiber that waited for it was interrupted"))
    })
  )

  it.live("J13 a task group that fails, then the interrupted fiber", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const group = fromAio(() =>
          TaskGroup.run(async (group) => {
            group.createTask(cleansUp(log))
            group.createTask(
              async () => {
                await sleep(20)
                throw new Error("boom")
              },
              { name: "fails" }
            )
          })
        )
        const fiber = yield* Effect.fork(group())
        yield* Effect.sleep(60)
        yield* Fiber.interrupt(fiber)
        expect(log).toEqual(toldOnce("fails of the same task group failed"))
      })
    )
  )

  it.live(
    "J13 a second cancel of the program is delivered, as in asyncio; so is the library's first after it",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const log: Array<string> = []
          const task = loop.createTask(cleansUp(log))
          yield* settle
          task.cancel("first")
          yield* settle
          task.cancel("second")
          yield* settle
          expect([log, task.cancelled()]).toEqual([["told: first"], true])

          const other: Array<string> = []
          const fiber = yield* Effect.fork(fromAio(cleansUp(other))())
          yield* settle
          const [running] = [...loop.allTasks()] as [Task<unknown>]
          running.cancel("the program's")
          yield* settle
          yield* Fiber.interrupt(fiber)
          expect(other).toEqual(["told: the program's"])
        })
      )
  )

  it.live("J13 what a listener of the signal cancels is its own affair", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const twice = loop.createTask(() => waitFor(cleansUp(log), 1))
        yield* Effect.sleep(30)
        const [, inner] = [...loop.allTasks()]
        const fiber = yield* Effect.fork(
          fromAio(async () => {
            currentSignal().addEventListener("abort", () => inner?.cancel("by a listener"))
            await sleep(60_000)
          })()
        )
        yield* settle
        yield* Fiber.interrupt(fiber)
        yield* settle
        expect([inner?.done(), log.length]).toEqual([true, 1])
        twice.cancel()
      })
    )
  )
})

describe("the message of a CancelledError that was given none", () => {
  const told = (cancel: (task: Task<unknown>) => unknown) =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const task = loop.createTask(() => sleep(60_000), { name: "victim" })
      yield* settle
      yield* Effect.promise(async () => cancel(task))
      yield* settle
      try {
        task.result()
      } catch (error) {
        return (error as Error).message
      }
      return "it was not cancelled"
    })

  it.live("J13 says who has cancelled: a task, a callback, a fiber, nobody of the loop", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        expect(yield* told((task) => task.cancel())).toBe("cancelled by code that is on no loop")
        expect(yield* told((task) => void loop.callSoon(() => task.cancel()))).toBe(
          "cancelled by a callback of loop"
        )
        expect(
          yield* told(async (task) => void loop.createTask(async () => task.cancel(), { name: "main" }))
        ).toBe("cancelled by the task main")
        expect(yield* told((task) => task.cancel("why"))).toBe("why")
        const error = yield* Effect.flip(
          fromAio({
            try: () => {
              const future = getRunningLoop().createFuture<void>()
              future.cancel()
              return runEffect(Effect.interrupt).catch((error: unknown) => Promise.reject(error))
            },
            catch: (error) => error
          })()
        )
        expect(error).toMatchObject({ _tag: "CancelledError", message: "the fiber was interrupted" })
      }),
      { name: "loop" }
    )
  )
})
