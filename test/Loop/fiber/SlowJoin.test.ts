import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { Loop } from "../../../src/index.js"
import { after, tellIfSlow, tellSlow } from "../../../src/Loop/fiber/SlowJoin.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

describe("a timer of the library", () => {
  it.effect("L4 runs on the loop's clock, once; taken back, it does not", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        after(loop, 100, () => log.push("after 100"))
        const takeBack = after(loop, 50, () => log.push("after 50"))
        takeBack()
        yield* TestClock.adjust(99)
        yield* settle
        expect(log).toEqual([])
        yield* TestClock.adjust(1)
        yield* settle
        yield* TestClock.adjust(1000)
        yield* settle
        expect(log).toEqual(["after 100"])
      })
    )
  )

  it.effect("C3 runs also where the loop's queue is full, and when the loop is closed", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({ queueLength: 1 })
          loop.callSoon(() => {})
          after(loop, 10, () => log.push("full"))
          yield* TestClock.adjust(10)
          yield* settle
          expect(log).toEqual(["full"])
        })
      )
      const closed = yield* Effect.scoped(open())
      expect(closed.isClosed()).toBe(true)
      after(closed, 10, () => log.push("closed"))
      const takeBack = after(closed, 10, () => log.push("closed, and taken back"))
      takeBack()
      yield* TestClock.adjust(10)
      yield* settle
      expect(log).toEqual(["full", "closed"])
    })
  )
})

describe("the report of a slow wait", () => {
  it.effect("J6 comes once, after slowJoin, with what the wait says of itself by then", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        let waitsFor = "the first"
        tellIfSlow(loop, () => ({ message: `waits for ${waitsFor}` }))
        const notSlow = tellIfSlow(loop, () => ({ message: "was not slow" }))
        yield* TestClock.adjust(299)
        yield* settle
        expect(reports).toEqual([])
        waitsFor = "the second"
        notSlow()
        yield* TestClock.adjust(5000)
        yield* settle
        expect(reports).toEqual([{ kind: "slowJoin", message: "waits for the second" }])
      }),
      { exceptionHandler, slowJoin: 300 }
    )
  })

  it.effect("L6 goes to the exception handler as slowJoin at once where the wait is known to be slow", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const future = loop.createFuture<void>()
        tellSlow(loop, { message: "is slow", future })
        expect(reports.map(({ kind, message }) => [kind, message])).toEqual([["slowJoin", "is slow"]])
        expect(reports[0]?.future).toBe(future)
        future.cancel()
      }),
      { exceptionHandler }
    )
  })
})
