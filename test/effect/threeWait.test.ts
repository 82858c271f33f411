// The wait of a fiber of Effect 3, in one operation of it; on Effect 4 it is Effect's own callback, with Effect's finalizer.
import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scheduler from "effect/Scheduler"
import { currentFiber, type FiberWait, interruptFork, type RunningFiber, waitFor } from "../../src/effect.js"
import { line } from "../support/effect/line.js"

/** A wait that is ended by hand, and writes down what it is asked. */
class ByHand implements FiberWait<string, string> {
  readonly log: Array<string> = []
  resume = (): void => {}
  failed = false
  owned = false
  constructor(private readonly ended: boolean) {}
  begin(): boolean {
    this.log.push("begin")
    return this.ended
  }
  wait(resume: () => void): void {
    this.log.push("wait")
    this.resume = resume
  }
  outcome(): Exit.Exit<string, string> {
    this.log.push("outcome")
    return this.failed ? Exit.fail("no") : Exit.succeed("yes")
  }
  interrupted(): Effect.Effect<void> {
    return Effect.sync(() => void this.log.push("interrupted"))
  }
}

const waiting = (wait: ByHand): Effect.Effect<string, string> =>
  Effect.suspend(() => waitFor(wait) ?? Effect.die("the fiber cannot wait so"))

const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

describe("a wait of a fiber in one operation", () => {
  it.live("J3 gives what has ended at once, without suspending the fiber", () =>
    Effect.gen(function* () {
      const wait = new ByHand(true)
      expect(yield* waiting(wait)).toBe("yes")
      expect(wait.log).toEqual(["begin", "outcome"])
    })
  )

  it.live("J3 gives a value and a failure that come later, and asks for a failure in the fiber", () =>
    Effect.gen(function* () {
      for (const [failed, owned] of [
        [false, false],
        [false, true],
        [true, false]
      ] as const) {
        const wait = new ByHand(false)
        const fiber = yield* Effect.fork(Effect.exit(waiting(wait)))
        yield* turn
        wait.failed = failed
        wait.owned = owned
        wait.resume()
        expect(yield* Fiber.join(fiber)).toEqual(failed ? Exit.fail("no") : Exit.succeed("yes"))
        expect(wait.log).toEqual(["begin", "wait", "outcome"])
      }
    })
  )

  it.live("J1 does what an interruption asks for, uninterruptibly, before the fiber ends", () =>
    Effect.gen(function* () {
      const wait = new ByHand(false)
      const over = yield* Deferred.make<void>()
      wait.interrupted = () =>
        Effect.zipRight(
          Deferred.await(over),
          Effect.sync(() => void wait.log.push("interrupted"))
        )
      const fiber = yield* Effect.fork(
        Effect.onExit(waiting(wait), () => Effect.sync(() => wait.log.push("left")))
      )
      yield* turn
      interruptFork(fiber)
      yield* turn
      // A second one, and an outcome that comes too late, change nothing.
      wait.outcome = () => Exit.succeed("too late")
      interruptFork(fiber)
      wait.resume()
      yield* turn
      expect(wait.log).toEqual(["begin", "wait"])
      yield* Deferred.succeed(over, undefined)
      const exit = yield* Fiber.await(fiber)
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      expect(wait.log).toEqual(["begin", "wait", "interrupted", "left"])
    })
  )

  it.live("J4 what that fails with joins the Cause", () =>
    Effect.gen(function* () {
      const wait = new ByHand(false)
      wait.interrupted = () => Effect.die("late")
      const fiber = yield* Effect.fork(waiting(wait))
      yield* turn
      const exit = yield* Fiber.interrupt(fiber)
      if (Exit.isSuccess(exit)) throw new Error("it did not fail")
      expect([...Cause.defects(exit.cause)]).toContain("late")
      expect(Cause.isInterrupted(exit.cause)).toBe(true)
    })
  )

  it.live("J4 an interruption that comes with a failure or an owned value, or before it, finds it", () =>
    Effect.gen(function* () {
      for (const [failed, ...order] of [
        [true, "resume", "interrupt"],
        [true, "interrupt", "resume"],
        [false, "resume", "interrupt"],
        [false, "interrupt", "resume"]
      ] as const) {
        const wait = new ByHand(false)
        wait.failed = failed
        wait.owned = !failed
        const fiber = yield* Effect.fork(waiting(wait))
        yield* turn
        for (const what of order) {
          if (what === "resume") wait.resume()
          else interruptFork(fiber)
        }
        const exit = yield* Fiber.await(fiber)
        expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(true)
        // On Effect 4 the fiber has ended with the failure before anybody can interrupt it.
        expect(wait.log.at(-1)).toBe("interrupted")
      }
    }).pipe((test) => (line === 3 ? test : Effect.void))
  )

  it.live(
    "J4 a fiber that is made to yield before it waits, and interrupted there, owns what has begun",
    () =>
      Effect.gen(function* () {
        let asked = false
        const { defaultScheduler } = Scheduler
        const scheduler: Scheduler.Scheduler = {
          scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(task, priority, fiber),
          shouldYield: (fiber) => {
            if (!asked) return defaultScheduler.shouldYield(fiber)
            asked = false
            wait.log.push("yields")
            return 0
          }
        }
        const wait = new ByHand(false)
        wait.begin = () => {
          wait.log.push("begin")
          asked = true
          const fiber = currentFiber() as RunningFiber<unknown, unknown>
          queueMicrotask(() => interruptFork(fiber))
          return false
        }
        const exit = yield* Fiber.await(yield* Effect.fork(Effect.withScheduler(waiting(wait), scheduler)))
        expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
        expect(wait.log).toEqual(["begin", "yields", "interrupted"])
        // On Effect 4 a wait begins where it is registered: nothing comes between.
      }).pipe((test) => (line === 3 ? test : Effect.void))
  )

  it.live("J4 the fiber that interrupts itself as it begins is told of what it has begun, or owns", () =>
    Effect.gen(function* () {
      for (const ended of [false, true]) {
        const wait = new ByHand(ended)
        wait.owned = ended
        wait.begin = () => {
          wait.log.push("begin")
          interruptFork(currentFiber() as RunningFiber<unknown, unknown>)
          return ended
        }
        const exit = yield* Fiber.await(yield* Effect.fork(waiting(wait)))
        expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(true)
        expect(wait.log.at(-1)).toBe("interrupted")
      }
    })
  )

  it.live(
    "is not for a fiber that cannot be interrupted where it is, and leaves the one it is for as it was",
    () =>
      Effect.gen(function* () {
        expect(yield* Effect.uninterruptible(Effect.sync(() => waitFor(new ByHand(true))))).toBeUndefined()
        expect(waitFor(new ByHand(true)) === undefined).toBe(false)
        const failing = new ByHand(true)
        failing.failed = true
        expect(yield* Effect.exit(waiting(failing))).toEqual(Exit.fail("no"))
        // Interruptible again: a mask that stayed would hold it here for ever.
        const later = new ByHand(false)
        for (const wait of [failing, later]) {
          const fiber = yield* Effect.fork(Effect.zipRight(Effect.exit(waiting(wait)), Effect.never))
          yield* turn
          wait.resume()
          yield* turn
          expect(Exit.isFailure(yield* Fiber.interrupt(fiber))).toBe(true)
          expect(wait.log).not.toContain("interrupted")
        }
      })
  )
})
