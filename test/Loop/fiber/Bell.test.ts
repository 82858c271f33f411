import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { type EventLoop, Loop } from "../../../src/index.js"
import { Bell } from "../../../src/Loop/fiber/Bell.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

const onLoop = (f: (loop: EventLoop) => Effect.Effect<void, unknown, Loop | Scope.Scope>) => () =>
  scoped(Effect.scoped(Effect.flatMap(Loop, f)))

/** Waits for one ring, and logs it. */
const hear = (bell: Bell, log: Array<string>, what: string): Effect.Effect<void> =>
  Effect.flatMap(
    Effect.suspend(() => bell.next()),
    () => Effect.sync(() => void log.push(what))
  )

describe("Bell", () => {
  it.live(
    "a ring resumes the fiber that waits, from the loop's pass and not inside the event",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const bell = new Bell(loop)
        const fiber = yield* Effect.fork(hear(bell, log, "heard"))
        yield* settle
        expect([bell.awaited, log]).toEqual([true, []])
        bell.ring()
        log.push("rung")
        expect(bell.awaited).toBe(false)
        yield* Fiber.join(fiber)
        expect(log).toEqual(["rung", "heard"])
      })
    )
  )

  it.live(
    "a ring before anybody waits is lost: the wait is for the next one",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const bell = new Bell(loop)
        bell.ring()
        expect(bell.awaited).toBe(false)
        const fiber = yield* Effect.fork(hear(bell, log, "heard"))
        yield* settle
        expect([bell.awaited, log]).toEqual([true, []])
        bell.ring()
        yield* Fiber.join(fiber)
        expect(log).toEqual(["heard"])
      })
    )
  )

  it.live(
    "a ring between the call of next and the run of what that gives is not lost",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const bell = new Bell(loop)
        const next = bell.next()
        expect(bell.awaited).toBe(true)
        bell.ring()
        log.push("rung")
        yield* next
        log.push("heard")
        expect(log).toEqual(["rung", "heard"])
      })
    )
  )

  it.live(
    "two rings are one for who waits, and the second is not kept for the next wait",
    onLoop((loop) =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const bell = new Bell(loop)
        const fiber = yield* Effect.fork(Effect.zipRight(hear(bell, log, "first"), hear(bell, log, "second")))
        yield* settle
        bell.ring()
        bell.ring()
        yield* settle
        expect([bell.awaited, log]).toEqual([true, ["first"]])
        bell.ring()
        yield* Fiber.join(fiber)
        expect(log).toEqual(["first", "second"])
      })
    )
  )

  it.live(
    "J1 an interrupted wait is taken back at once, and the loop has nothing of it left to wait for",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
        const bell = new Bell(loop)
        const log: Array<string> = []
        const fiber = yield* Effect.fork(hear(bell, log, "never"))
        yield* settle
        expect(bell.awaited).toBe(true)
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(bell.awaited).toBe(false)
        bell.ring()
        // A loop that stops says which Effects wait for it: none does.
        loop.stop()
        yield* settle
        expect(loop.isRunning()).toBe(false)
        expect([log, reports]).toEqual([[], []])
        yield* Scope.close(scope, Exit.void)
      })
  )

  it.live("S4 the close of the loop ends the wait, and a wait that begins after it ends at once", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open(), scope)
      const bell = new Bell(loop)
      const log: Array<string> = []
      const fiber = yield* Effect.fork(hear(bell, log, "closed"))
      yield* settle
      expect(log).toEqual([])
      yield* Scope.close(scope, Exit.void)
      yield* Fiber.join(fiber)
      yield* hear(bell, log, "after it")
      expect([bell.awaited, log]).toEqual([false, ["closed", "after it"]])
    })
  )
})
