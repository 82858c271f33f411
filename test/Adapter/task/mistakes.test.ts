import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit } from "effect"
import { mapping, mistake } from "../../../src/Adapter/task/mistakes.js"
import { fromAio } from "../../../src/index.js"
import { scoped } from "../../support/scopedLoops.js"

describe("a mistake of the program", () => {
  it("is thrown on by a mapping, as the same object; every other error is mapped, of the same class too", () => {
    const mapError = mapping((error) => ["mapped", error])
    const outcome = new TypeError("not an object")
    const wrong = mistake(new TypeError("wrong"))
    expect(mapError(outcome)).toEqual(["mapped", outcome])
    expect(mapError(undefined)).toEqual(["mapped", undefined])
    let thrown: unknown
    try {
      mapError(wrong)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBe(wrong)
  })

  it.live("B1 is a defect of the Effect that waits, and does not come to `catch`", () =>
    scoped(
      Effect.gen(function* () {
        const caught: Array<unknown> = []
        const call = fromAio({ try: () => Effect.void, catch: (error) => void caught.push(error) })
        const exit = yield* Effect.exit(call())
        const defects = Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []
        expect(defects).toEqual([expect.objectContaining({ name: "TypeError" })])
        expect(String(defects[0])).toContain("the aio function returned an Effect, which nobody will run")
        expect(caught).toEqual([])
      })
    )
  )
})
