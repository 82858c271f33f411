import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { Loop } from "../../../src/index.js"
import { checkEffect, checkSignal } from "../../../src/Loop/fiber/Fibers.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"

describe("what starts a fiber from aio code", () => {
  it("B2 takes an Effect, and says so to whoever gives it a promise", () => {
    expect(() => checkEffect("someCall", Effect.void)).not.toThrow()
    expect(() => checkEffect("someCall", 7)).toThrow(new TypeError("someCall takes an Effect, not 7"))
    expect(() => checkEffect("someCall", Promise.resolve())).toThrow(/: a promise needs none, await it$/)
  })

  it("B2 takes an AbortSignal or none", () => {
    expect(() => checkSignal("someCall", undefined)).not.toThrow()
    expect(() => checkSignal("someCall", new AbortController().signal)).not.toThrow()
    expect(() => checkSignal("someCall", null)).toThrow(
      new TypeError("someCall takes an AbortSignal as its signal, not null")
    )
  })
})

describe("the fibers of a loop", () => {
  it.live("are listed from their start in a pass until they have ended, finalizers included", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const effects = (when: string) => log.push(`${when}: ${loop.statistics().effects}`)
        const cleanup = loop.createFuture<void>()
        const future = loop.effectAsFuture(
          Effect.ensuring(
            Effect.never,
            Effect.promise(() => Promise.resolve(cleanup))
          ),
          { name: "work" }
        )
        effects("called")
        yield* settle
        effects("started")
        expect([...loop._effects].map((effect) => effect.describe())).toEqual([
          expect.objectContaining({ what: "effect", name: "work", state: "running", waitingOn: "its fiber" })
        ])
        future.cancel()
        yield* settle
        effects("cancelled")
        cleanup.setResult(undefined)
        yield* settle
        effects("ended")
        expect(log).toEqual(["called: 0", "started: 1", "cancelled: 1", "ended: 0"])
        expect(future.cancelled()).toBe(true)
      })
    )
  )

  it.live("T3 one that is cancelled before its pass never runs, and its Future is cancelled at once", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const future = loop.effectAsFuture(Effect.sync(() => log.push("ran")))
        expect(future.cancel()).toBe(true)
        expect(future.cancelled()).toBe(true)
        const handle = loop.runEffectTask(Effect.sync(() => log.push("ran in the background")))
        handle.cancel()
        yield* settle
        expect(log).toEqual([])
      })
    )
  )

  it.live("T4 the abort of its signal interrupts it, with the reason; afterwards nobody listens to it", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const controller = new AbortController()
        const reason = new Error("enough")
        const future = loop.effectAsFuture(Effect.never, { signal: controller.signal })
        yield* settle
        controller.abort(reason)
        const exit = yield* Effect.exit(Effect.tryPromise({ try: () => future, catch: (error) => error }))
        expect(Exit.isFailure(exit)).toBe(true)
        expect(future.cancelled()).toBe(true)
        yield* Effect.flip(Effect.tryPromise({ try: () => future, catch: (error) => error })).pipe(
          Effect.tap((error) => expect(error).toMatchObject({ _tag: "CancelledError", reason }))
        )
      })
    )
  )

  it.live(
    "C2 the failure of a background one goes to the exception handler; its interruption does not",
    () => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const failing = loop.runEffectTask(Effect.fail("boom"), { name: "failing" })
          const interrupted = loop.runEffectTask(Effect.never, { name: "interrupted" })
          yield* settle
          interrupted.cancel()
          yield* settle
          expect(reports).toEqual([
            {
              kind: "background",
              message: "background effect failing failed",
              exception: "boom",
              handle: failing
            }
          ])
        }),
        { exceptionHandler }
      )
    }
  )
})
