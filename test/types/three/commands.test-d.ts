// The commands of @effect/platform on a loop: what is in the types is the platform's, and a loop at the layer.
import * as Command from "@effect/platform/Command"
import type { CommandExecutor } from "@effect/platform/CommandExecutor"
import type { PlatformError } from "@effect/platform/Error"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { describe, expectTypeOf, it } from "vitest"
import { Loop, type LoopCrash } from "../../../src/index.js"
import { LoopChildProcessSpawner, LoopCommandExecutor } from "../../../src/platform/index.js"

describe("LoopCommandExecutor.layer", () => {
  it("is the platform's service, needs a loop, and does not fail", () => {
    expectTypeOf(LoopCommandExecutor.layer()).toEqualTypeOf<Layer.Layer<CommandExecutor, never, Loop>>()
    const options: LoopCommandExecutor.CommandOptions = { killGrace: "1 second" }
    LoopCommandExecutor.layer(options)
    LoopCommandExecutor.layer({ killGrace: undefined })
    // @ts-expect-error another name
    LoopCommandExecutor.layer({ killAfter: 1 })
    // @ts-expect-error no duration
    LoopCommandExecutor.layer({ killGrace: "soon" })
  })

  it("leaves a program its errors, and in place of the platform's service a loop", () => {
    const program = Effect.provide(Command.string(Command.make("ls")), LoopCommandExecutor.layer())
    expectTypeOf(program).toEqualTypeOf<Effect.Effect<string, PlatformError, Loop>>()
    expectTypeOf(Loop.scoped(program)).toEqualTypeOf<Effect.Effect<string, PlatformError | LoopCrash>>()
  })

  it("is the one of this line: the other one has no service", () => {
    expectTypeOf(LoopChildProcessSpawner.layer()).toEqualTypeOf<Layer.Layer<never, never, Loop>>()
  })
})
