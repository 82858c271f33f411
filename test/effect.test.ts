// The seam to Effect's line: what its names mean here, whatever Effect calls them.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import * as seam from "../src/effect.js"
import { capturing } from "./support/scopedLoops.js"

describe("src/effect.ts", () => {
  it.effect("callback: resumes once, and its finalizer is run by an interruption and waited for", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      expect(yield* seam.callback<number>((resume) => resume(Effect.succeed(1)))).toBe(1)
      const fiber = yield* Effect.fork(
        seam.callback<never>(() =>
          Effect.zipRight(
            Effect.yieldNow(),
            Effect.sync(() => log.push("finalizer"))
          )
        )
      )
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(fiber)
      log.push("interrupted")
      expect(log).toEqual(["finalizer", "interrupted"])
    })
  )

  it.effect("logAt: one message at its level, with its annotations and its cause", () => {
    const { layer, logged } = capturing()
    return Effect.gen(function* () {
      yield* seam.logAt("warning", "careful", { loop: "a" }, undefined)
      yield* seam.logAt("error", "broken", {}, Cause.die(new Error("why")))
      expect(logged).toMatchObject([
        { level: "WARN", message: "careful", annotations: { loop: "a" }, cause: "" },
        { level: "ERROR", message: "broken", annotations: {}, cause: expect.stringContaining("why") }
      ])
    }).pipe(Effect.provide(layer))
  })

  it("failures and defects of a Cause are told apart, and so is an interruption alone", () => {
    const cause = seam.bothCauses(Cause.fail("f"), seam.sequentialCauses(Cause.die("d"), Cause.fail("g")))
    expect([...seam.failures(cause)]).toEqual(["f", "g"])
    expect([...seam.defects(cause)]).toEqual(["d"])
    const exit = Effect.runSync(Effect.exit(Effect.interrupt))
    const interrupted = Exit.isFailure(exit) ? exit.cause : Cause.empty
    expect([seam.isInterruptedOnly(interrupted), seam.isInterrupted(interrupted)]).toEqual([true, true])
    expect([seam.isInterruptedOnly(cause), seam.isInterrupted(cause)]).toEqual([false, false])
  })

  it("isStream knows a Stream, and nothing else", () => {
    expect([Stream.empty, Effect.void, [], undefined].map(seam.isStream)).toEqual([true, false, false, false])
  })

  it.effect("keepsInterruptions: an interruption that comes while finalizers run ends the fiber", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const go = yield* Deferred.make<void>()
      const finalizers = Effect.forEach(["last", "first"], (name) =>
        Effect.addFinalizer(() =>
          Effect.zipRight(
            name === "last" ? Deferred.await(go) : Effect.void,
            Effect.sync(() => log.push(name))
          )
        )
      )
      /** What holds an interruption off, looks at how something ended, and goes on. */
      const attempt = Effect.uninterruptibleMask((restore) => Effect.exit(restore(Effect.scoped(finalizers))))
      const fiber = yield* Effect.fork(
        Effect.zipRight(seam.keepsInterruptions, attempt).pipe(
          Effect.zipRight(Effect.sync(() => log.push("went on"))),
          Effect.zipRight(Effect.never)
        )
      )
      while (log.length === 0) yield* Effect.yieldNow()
      seam.interruptFork(fiber)
      yield* Effect.yieldNow()
      yield* Deferred.succeed(go, undefined)
      expect(Exit.isFailure(yield* Fiber.await(fiber))).toBe(true)
      expect(log).toEqual(["first", "last"])
    })
  )

  it.effect("unlessTold: what is to be done where the fiber was told to end, which it has not yet", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const look = seam.unlessTold(Effect.succeed("goes on"), () => Effect.succeed("told"))
      expect(yield* look).toBe("goes on")
      const fiber = yield* Effect.fork(
        Effect.uninterruptible(
          Effect.suspend(() => {
            seam.interruptFork(seam.currentFiber() as seam.RunningFiber<unknown, unknown>)
            return Effect.zipRight(
              Effect.yieldNow(),
              Effect.map(look, (what) => log.push(what))
            )
          })
        )
      )
      yield* Fiber.await(fiber)
      expect(log).toEqual(["told"])
    })
  )

  it.effect("what a fiber is seen to be: in one or not, its end, its span", () =>
    Effect.gen(function* () {
      expect(seam.inFiber()).toBe(true)
      expect(seam.outsideFibers(seam.inFiber)).toBe(false)
      const fiber = yield* Effect.fork(Effect.withSpan(Effect.never, "flush"))
      yield* Effect.yieldNow()
      expect([seam.poll(fiber), seam.spanName(fiber)]).toEqual([undefined, "flush"])
      const ends: Array<Exit.Exit<unknown, unknown>> = []
      seam.observe(fiber, (exit) => ends.push(exit))
      seam.interruptFork(fiber)
      const exit = yield* Fiber.await(fiber)
      expect(ends).toEqual([exit])
      expect(seam.poll(fiber)).toEqual(exit)
    })
  )

  it("toMillis takes what is a duration, and refuses the rest by the name of the option", () => {
    expect([seam.toMillis("grace", 5), seam.toMillis("grace", "2 seconds")]).toEqual([5, 2_000])
    expect(() => seam.toMillis("grace", "soon" as "1 second")).toThrow(/grace/)
  })
})
