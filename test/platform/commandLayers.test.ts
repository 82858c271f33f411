// The layers of commands, as far as they are the same on both lines: their options, and the line that they are for.
// Covers: LoopChildProcessSpawner, LoopCommandExecutor, onLine
import { describe, expect, it } from "vitest"
import { LoopChildProcessSpawner, LoopCommandExecutor } from "../../src/platform/index.js"
import { line } from "../support/effect/line.js"

const here = line === 3 ? LoopCommandExecutor.layer : LoopChildProcessSpawner.layer

describe("a layer of commands", () => {
  const wrong: ReadonlyArray<readonly [string, unknown, typeof TypeError | typeof RangeError]> = [
    ["no object", 3, TypeError],
    ["null", null, TypeError],
    ["an array", [], TypeError],
    ["of another name", { killAfter: 1 }, RangeError],
    ["a negative killGrace", { killGrace: -1 }, RangeError],
    ["a killGrace that is a negative text", { killGrace: "-1 second" }, RangeError],
    ["a killGrace that is no number", { killGrace: NaN }, RangeError],
    ["a killGrace that is no duration", { killGrace: "soon" }, TypeError],
    ["a killGrace that is null", { killGrace: null }, TypeError]
  ]
  for (const [what, options, error] of wrong) {
    it(`refuses options that are ${what} with a ${error.name}, at once`, () => {
      expect(() => here(options as never)).toThrow(error)
    })
  }

  it("takes any duration for killGrace, and no option at all", () => {
    here()
    for (const killGrace of [undefined, 0, "1 second", Infinity] as const) here({ killGrace })
  })

  it("of the other line says which is installed, and what to use", () => {
    if (line === 3)
      expect(() => LoopChildProcessSpawner.layer()).toThrow(
        "LoopChildProcessSpawner.layer is for Effect 4, and Effect 3 is installed: use LoopCommandExecutor.layer"
      )
    else
      expect(() => LoopCommandExecutor.layer()).toThrow(
        "LoopCommandExecutor.layer is for Effect 3, and Effect 4 is installed: use LoopChildProcessSpawner.layer"
      )
  })
})
