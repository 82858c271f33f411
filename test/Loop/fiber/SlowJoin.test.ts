import { describe, expect, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import { acquireAio, Loop } from "../../../src/index.js"
import { after, afterGrace, tellIfSlow, tellSlow } from "../../../src/Loop/fiber/SlowJoin.js"
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

describe("the end of a wait that is given up", () => {
  it.live("S2 a process that was held up meanwhile has not missed it: that time is given once more", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        let given = false
        afterGrace(loop, 200, () => {
          given = true
          log.push("given up")
        })
        after(loop, 200, () => log.push("200 ms"))
        // Held up: no timer runs, and the clock goes on.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_300)
        loop.callLater(100, () => log.push("100 ms later"))
        while (!given) yield* Effect.sleep(5)
        expect(log).toEqual(["200 ms", "100 ms later", "given up"])
      })
    )
  )

  it.effect("S2 where nobody moves the clock it comes in real time, and a slow wait is told of", () => {
    const { exceptionHandler, reports } = collecting()
    return Effect.gen(function* () {
      const close = () => new Promise<void>(() => {})
      const inner = acquireAio({ open: () => 1, close, name: "pool", grace: 50 })
      yield* scoped(Effect.scoped(inner), { exceptionHandler })
      expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
        ["slowJoin", expect.stringMatching(/^a Scope has waited 1000ms for close pool/)],
        ["leftover", expect.stringMatching(/^abandoned after a grace of 50ms: close pool/)]
      ])
    })
  })

  it.effect("is taken back", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const takeBack = afterGrace(loop, 10, () => log.push("given up"))
        takeBack()
        yield* TestClock.adjust(20)
        yield* settle
        expect(log).toEqual([])
      })
    )
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
