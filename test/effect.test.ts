// The seam to Effect's line: what its names mean here, whatever Effect calls them.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Stream } from "effect"
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
