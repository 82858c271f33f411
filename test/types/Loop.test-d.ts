import { Effect, type Layer } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { Loop, type RunMainOptions } from "../../src/index.js"

declare const effect: Effect.Effect<number, "failed", "needed">
declare const layer: Layer.Layer<"given", "failed", "needed">
declare const program: Effect.Effect<number, Error, Loop>

describe("Loop.named", () => {
  it("leaves an Effect and a Layer what they are, on a loop", () => {
    expectTypeOf(Loop.named("a", effect)).toEqualTypeOf<Effect.Effect<number, "failed", "needed" | Loop>>()
    expectTypeOf(Loop.named("a", layer)).toEqualTypeOf<Layer.Layer<"given", "failed", "needed" | Loop>>()
    expectTypeOf(effect.pipe(Loop.named("a"))).toEqualTypeOf<
      Effect.Effect<number, "failed", "needed" | Loop>
    >()
    expectTypeOf(layer.pipe(Loop.named("a"))).toEqualTypeOf<Layer.Layer<"given", "failed", "needed" | Loop>>()
    // @ts-expect-error it has a name
    Loop.named(effect)
    // @ts-expect-error a promise is neither
    Loop.named("a", Promise.resolve())
  })
})

describe("Loop.runMain", () => {
  it("takes a program that needs a loop and a Scope, with its options or in a pipe", () => {
    expectTypeOf(Loop.runMain(program)).toEqualTypeOf<void>()
    expectTypeOf(Loop.runMain(Effect.scope, { disableErrorReporting: true })).toEqualTypeOf<void>()
    expectTypeOf(program.pipe(Loop.runMain)).toEqualTypeOf<void>()
    expectTypeOf(program.pipe(Loop.runMain({ closeDeadline: "1 second" }))).toEqualTypeOf<void>()
    expectTypeOf<RunMainOptions["disablePrettyLogger"]>().toEqualTypeOf<boolean | undefined>()
    // @ts-expect-error it needs more than that
    Loop.runMain(effect)
  })
})
