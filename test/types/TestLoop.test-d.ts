import type { Effect, Layer } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { TestLoop } from "effect-aio/testing"
import type { Loop, LoopOptions } from "../../src/index.js"

describe("TestLoop", () => {
  it("a layer gives a Loop and cannot fail", () => {
    expectTypeOf(TestLoop.layer()).toEqualTypeOf<Layer.Layer<Loop>>()
    expectTypeOf<TestLoop.TestLoopOptions>().toExtend<LoopOptions>()
    // @ts-expect-error timers are followed, or not
    TestLoop.layer({ timers: "setTimeout" })
  })

  it("settling and advancing need the loop, and say nothing", () => {
    expectTypeOf(TestLoop.settle).toEqualTypeOf<Effect.Effect<void, never, Loop>>()
    expectTypeOf(TestLoop.advance("1 second")).toEqualTypeOf<Effect.Effect<void, never, Loop>>()
  })

  it("what is left is a failure with a row for each", () => {
    expectTypeOf(TestLoop.expectClean).toEqualTypeOf<Effect.Effect<void, TestLoop.NotCleanError, Loop>>()
    expectTypeOf<TestLoop.NotCleanError["leftovers"]>().toEqualTypeOf<ReadonlyArray<TestLoop.Leftover>>()
  })
})
