import { it as runner } from "@effect/vitest"
import { TestLoop } from "effect-aio/testing"
import { describe, expectTypeOf, it } from "vitest"

describe("TestLoop.aio", () => {
  it("takes the `it` of @effect/vitest", () => {
    expectTypeOf(TestLoop.aio(runner)).toEqualTypeOf<TestLoop.AioTester>()
  })
})
