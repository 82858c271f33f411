import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { fromAio, Loop, runEffect } from "../../../src/index.js"
import { keepFiberShapes, keepsShape } from "../../../src/Loop/fiber/shapes.js"
import { isKept, madeAlready } from "../../support/layout.js"
import type { Home } from "../../../src/Loop/ports.js"

describe("one object of each class of the border, kept", () => {
  it("Futures of Effects, their fibers and calls of fromAio have the layout of those that are kept", async () => {
    const call = fromAio(async (n: number) => n)
    const [future, fiber] = await Effect.runPromise(
      Loop.scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const late = yield* fromAio(async () => {
            const made = runEffect(Effect.as(Effect.sleep(1), 1))
            await new Promise(setImmediate)
            const [running] = [...loop._effects]
            await made
            return [made, running] as const
          })()
          return late
        })
      )
    )
    for (const real of [future, fiber as object, call(1)]) expect(isKept(real)).toBe(true)
    expect(isKept({})).toBe(false)
  })

  it("makes them once, of one loop; a file that is loaded later adds its own", () => {
    const before = keepFiberShapes(madeAlready).length
    expect(before).toBeGreaterThanOrEqual(5)
    const loops: Array<Home> = []
    keepsShape((loop) => {
      loops.push(loop)
      return {}
    })
    expect(keepFiberShapes(madeAlready)).toHaveLength(before + 1)
    expect(loops.map(({ name }) => name)).toEqual(["idle"])
  })
})
