// The states that a closing goes through, as `Closing` says them.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { type EventLoop, Loop, type Report, runAioFuture } from "../../../src/index.js"
import { shutdown } from "../../../src/Loop/closing/Shutdown.js"
import { collecting, forever, open, scoped, settle } from "../../support/scopedLoops.js"

/** One of the legal states, in a word; anything else is a mistake. */
const stateOf = ({ _closing: { begun, body, gaveUp, since } }: EventLoop): string => {
  const given = [
    ...(since === undefined ? [] : ["since"]),
    ...(body === undefined ? [] : ["body"]),
    ...(begun ? ["begun"] : [])
  ].join(" ")
  return (gaveUp ? "gave up, " : "") + (given === "" ? "open" : given)
}

describe("the state of a closing", () => {
  it.live("S1 S2 is open, stopping with the body, closing without it, and stays so at the end", () =>
    Effect.gen(function* () {
      const states: Array<string> = []
      const loop = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const note = (): void => void states.push(stateOf(loop))
          loop.createTask(() => loop.sleep(1e6).finally(note))
          note()
          yield* Effect.addFinalizer(() => Effect.sync(note))
          return loop
        }).pipe(Effect.scoped)
      )
      states.push(stateOf(loop))
      // A body that ends by itself is not stopped.
      expect(states).toEqual(["open", "open", "since begun", "since begun"])

      const stopped: Array<string> = []
      const note = (of: EventLoop): void => void stopped.push(stateOf(of))
      const fiber = yield* Effect.fork(
        scoped(
          Effect.flatMap(Loop, (of) => {
            of.createTask(() => of.sleep(1e6).finally(() => note(of)))
            return Effect.ensuring(
              Effect.never,
              Effect.sync(() => note(of))
            )
          })
        )
      )
      yield* settle
      yield* Fiber.interrupt(fiber)
      expect(stopped).toEqual(["since body", "since begun"])
    })
  )

  it.live("S2 has given up when the leftovers are reported, and not before", () =>
    Effect.gen(function* () {
      const states: Array<string> = []
      const scope = yield* Scope.make()
      const exceptionHandler = (of: unknown, { kind }: Report): void =>
        void states.push(`${kind}: ${stateOf(of as EventLoop)}`)
      const loop = yield* Scope.extend(open({ closeDeadline: 40, slowJoin: 10, exceptionHandler }), scope)
      loop.createTask(forever)
      yield* settle
      yield* Scope.close(scope, Exit.void)
      expect(states).toEqual(["slowJoin: since begun", "leftover: gave up, since begun"])
      expect(stateOf(loop)).toBe("gave up, since begun")
    })
  )

  it.live("S2 a body that is given up closes its loop: nothing of S1 begins then", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      let loop: EventLoop | undefined
      let letGo = (): void => {}
      const fiber = yield* Effect.fork(
        scoped(
          Effect.flatMap(Loop, (of) => {
            loop = of
            of.runEffectTask(
              Effect.uninterruptible(Effect.promise(() => new Promise<void>((f) => (letGo = f))))
            )
            return Effect.ensuring(Effect.never, Effect.ignore(runAioFuture(of.createTask(forever))))
          }),
          { exceptionHandler, closeDeadline: 30, slowJoin: 1e6 }
        )
      )
      yield* settle
      yield* Fiber.interrupt(fiber)
      expect(stateOf(loop as EventLoop)).toBe("gave up, since")
      expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
      letGo()
      yield* settle
    })
  )

  it.live("S4 of a loop that was closed at once is open for good", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(Effect.tap(open(), (of) => Effect.sync(() => void of.close())))
      expect([stateOf(loop), loop.isClosed()]).toEqual(["open", true])
      loop._closing.stop()
      expect(stateOf(loop)).toBe("open")
    })
  )

  it.live("S4 everybody who closes a loop waits for the same closing", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const loop = yield* Scope.extend(open(), yield* Scope.make())
      loop.createTask(() =>
        loop
          .sleep(1e6)
          .finally(() => loop.sleep(1))
          .finally(() => void log.push("task ended"))
      )
      yield* settle
      const waits = yield* Effect.forEach([1, 2, 3], (n) =>
        Effect.fork(Effect.tap(shutdown(loop), () => Effect.sync(() => log.push(`waited ${n}`))))
      )
      yield* Fiber.joinAll(waits)
      yield* shutdown(loop)
      expect(log).toEqual(["task ended", "waited 1", "waited 2", "waited 3"])
    })
  )

  it.live("C1 the reason to stop says which loop is closing, and tells of its crash", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open({ name: "L", exceptionHandler: () => {} })
        const before = loop._closing.reason()
        expect([before._tag, before.message, "cause" in before]).toEqual([
          "LoopClosedError",
          "the event loop L is closing",
          false
        ])
        loop._crashWith(new Error("the crash"), "a test")
        expect(loop._closing.reason()).toMatchObject({
          message: "the event loop L is closing",
          cause: { _tag: "LoopCrash", cause: { message: "the crash" } }
        })
      })
    )
  )
})
