/** Errors that were reported as late, and go on. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Stream } from "effect"
import { fromAio, Loop, runEffect, sleep, TaskGroup, timeout, toAio, waitFor } from "../../../src/index.js"
import { currentFiber, interruptFork, type RunningFiber } from "../../../src/effect.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"

/** Fails when it is cancelled. */
const failing = (error: Error) =>
  fromAio(async () => {
    try {
      await sleep(60_000)
    } catch {
      throw error
    }
  })()

describe("a late error", () => {
  it.live("J4 C2 is no failure of the background Effect that was interrupted: it is told of once", () => {
    const { exceptionHandler, reports } = collecting()
    const error = new Error("late")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const handle = loop.runEffectTask(failing(error))
        yield* settle
        handle.cancel()
        yield* settle
        expect(reports).toMatchObject([{ kind: "late", exception: error }])
      }),
      { exceptionHandler }
    )
  })

  it.live("C2 leaves what else such an Effect fails with", () => {
    const { exceptionHandler, reports } = collecting()
    const [late, other] = [new Error("late"), new Error("other")]
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const handle = loop.runEffectTask(Effect.ensuring(failing(late), Effect.die(other)))
        yield* settle
        handle.cancel()
        yield* settle
        expect(reports).toMatchObject([
          { kind: "late", exception: late },
          { kind: "background", exception: other }
        ])
      }),
      { exceptionHandler }
    )
  })

  it.live(
    "J4 of a function whose fiber is interrupted as it gets it is told of: Effect drops a typed failure then",
    () => {
      const { exceptionHandler, reports } = collecting()
      const error = new Error("late")
      /** The interruption comes when the outcome has, and nobody but the fiber knows of that yet. */
      const call = fromAio({
        try: async (): Promise<never> => {
          throw error
        },
        catch: (thrown) => {
          interruptFork(currentFiber() as RunningFiber<unknown, unknown>)
          return thrown
        }
      })
      const inFiber = (
        around: (call: Effect.Effect<never, unknown, Loop>) => Effect.Effect<never, unknown, Loop>
      ) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.fork(around(call()))
          const exit = yield* Fiber.await(fiber)
          const told = reports.splice(0).map((report) => [report.kind, report.exception])
          if (Exit.isSuccess(exit)) throw new Error("it did not fail")
          return [told, [...Cause.failures(exit.cause)], [...Cause.defects(exit.cause)]]
        })
      return scoped(
        Effect.gen(function* () {
          const told = ["late", error]
          expect(yield* inFiber((call) => call)).toEqual([[told], [], [error]])
          // Wherever something comes after it, Effect takes typed failures out of the Cause of what is interrupted.
          expect(yield* inFiber((call) => Effect.ensuring(call, Effect.void))).toEqual([[told], [], [error]])
          // An uninterruptible caller hears of it.
          const heard = yield* inFiber((call) => Effect.uninterruptible(Effect.ensuring(call, Effect.void)))
          expect(heard.slice(0, 2)).toEqual([[], [error]])
        }),
        { exceptionHandler }
      )
    }
  )

  it.live("J4 is told of where it comes up, and by none of the layers that were cancelled with it", () => {
    const { exceptionHandler, reports } = collecting()
    const layers: ReadonlyArray<
      (inner: Effect.Effect<unknown, unknown, Loop>) => () => PromiseLike<unknown>
    > = [
      (inner) => async () => await runEffect(inner),
      (inner) => () => runEffect(inner),
      (inner) => async () => await waitFor(runEffect(inner), 60_000),
      (inner) => async () => await timeout(60_000, () => runEffect(inner)),
      (inner) => () => TaskGroup.run((group) => void group.createTask(async () => await runEffect(inner))),
      (inner) => async () => {
        const open = await runEffect(toAio(inner))
        await open()
      },
      (inner) => async () => {
        for await (const _ of await runEffect(toAio(Stream.fromEffect(inner)))) continue
      }
    ]
    return scoped(
      Effect.gen(function* () {
        for (const layer of layers) {
          const error = new Error("late")
          const whole = fromAio(layer(fromAio(layer(failing(error)))()))()
          const fiber = yield* Effect.fork(whole)
          yield* settle
          const exit = yield* Fiber.interrupt(fiber)
          yield* settle
          expect(reports.splice(0)).toMatchObject([{ kind: "late", exception: error }])
          // As a defect it joins the Cause all the same.
          expect(Exit.isFailure(exit) && Chunk.size(Cause.defects(exit.cause))).toBe(1)
        }
      }),
      { exceptionHandler }
    )
  })

  it.live("J4 of a Stream that is interrupted as the loop closes is told of once", () => {
    const { exceptionHandler, reports } = collecting()
    const error = new Error("late")
    const items = async function* () {
      try {
        await sleep(60_000)
        yield 1
      } catch {
        await Promise.resolve()
        throw error
      }
    }
    return Effect.gen(function* () {
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.runEffectTask(Stream.runDrain(fromAio(items)()))
          yield* settle
        }),
        { exceptionHandler }
      )
      expect(reports).toMatchObject([{ kind: "late", exception: error }])
    })
  })

  it.live("J4 C3 comes from an Effect whose loop was closed at once under the task that awaits it", () => {
    const { exceptionHandler, reports } = collecting()
    const errors = [new Error("async"), new Error("generator"), new Error("deadline")] as const
    const finalizing = (error: Error) =>
      Effect.ensuring(
        Effect.never,
        Effect.flatMap(
          Effect.promise(() => Promise.resolve()),
          () => Effect.die(error)
        )
      )
    return Effect.gen(function* () {
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(async () => void (await runEffect(finalizing(errors[0]))))
          loop.createTask(function* () {
            yield* runEffect(finalizing(errors[1]))
          })
          loop.createTask(async () => void (await waitFor(runEffect(finalizing(errors[2])), 60_000)))
          yield* settle
          loop.close()
          yield* settle
        }),
        { exceptionHandler }
      )
      const told = reports.filter(({ exception }) => exception !== undefined)
      expect(told.every(({ kind }) => kind === "late")).toBe(true)
      expect(told.map(({ exception }) => exception)).toEqual([errors[2], errors[0], errors[1]])
    })
  })
})
