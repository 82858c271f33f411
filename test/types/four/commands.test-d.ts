// Commands of effect/process on a loop: what is in the types is Effect's, and a loop at the layer.
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { PlatformError } from "effect/PlatformError"
import * as ChildProcess from "effect/process/ChildProcess"
import { type ChildProcessHandle, ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import type * as Scope from "effect/Scope"
import { describe, expectTypeOf, it } from "vitest"
import { Loop, type LoopCrash } from "../../../src/index.js"
import { LoopChildProcessSpawner, LoopCommandExecutor } from "../../../src/platform/index.js"

describe("LoopChildProcessSpawner.layer", () => {
  it("is Effect's service, needs a loop, and does not fail", () => {
    expectTypeOf(LoopChildProcessSpawner.layer()).toEqualTypeOf<
      Layer.Layer<ChildProcessSpawner, never, Loop>
    >()
    const options: LoopChildProcessSpawner.CommandOptions = { killGrace: "1 second" }
    LoopChildProcessSpawner.layer(options)
    LoopChildProcessSpawner.layer({ killGrace: undefined })
    // @ts-expect-error another name
    LoopChildProcessSpawner.layer({ killAfter: 1 })
    // @ts-expect-error no duration
    LoopChildProcessSpawner.layer({ killGrace: "soon" })
  })

  it("leaves a program its errors, and in place of the platform's service a loop", () => {
    const ls = ChildProcess.make`ls`
    const program = Effect.provide(ls, LoopChildProcessSpawner.layer())
    expectTypeOf(program).toEqualTypeOf<
      Effect.Effect<ChildProcessHandle, PlatformError, Loop | Scope.Scope>
    >()
    const string = Effect.flatMap(ChildProcessSpawner, (spawner) => spawner.string(ls))
    const onLoop = Effect.provide(string, LoopChildProcessSpawner.layer())
    expectTypeOf(onLoop).toEqualTypeOf<Effect.Effect<string, PlatformError, Loop>>()
    expectTypeOf(Loop.scoped(onLoop)).toEqualTypeOf<Effect.Effect<string, PlatformError | LoopCrash>>()
  })

  it("is the one of this line: the other one has no service", () => {
    expectTypeOf(LoopCommandExecutor.layer()).toEqualTypeOf<Layer.Layer<never, never, Loop>>()
  })
})
