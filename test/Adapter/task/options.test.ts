import { describe, expect, it } from "vitest"
import { checkFunctionOptions, onInterruptOf } from "../../../src/Adapter/task/options.js"
import { fromAio, fromCallback, runAioCoroutine, runAioGenerator } from "../../../src/index.js"

describe("options of aio work", () => {
  it("J5 joins for ever where nothing is said, and takes a grace as any duration", () => {
    expect(onInterruptOf({})).toEqual({ mode: "join", grace: undefined })
    expect(onInterruptOf({ onInterrupt: undefined, grace: undefined })).toEqual({
      mode: "join",
      grace: undefined
    })
    expect(onInterruptOf({ grace: "2 seconds" })).toEqual({ mode: "join", grace: 2000 })
    expect(onInterruptOf({ onInterrupt: "abandon", grace: 5 })).toEqual({ mode: "abandon", grace: 5 })
  })

  it("B2 every operation refuses what onInterrupt and grace cannot be, before there is a loop", () => {
    const operations: ReadonlyArray<(options: object) => unknown> = [
      (options) => fromAio(async () => 1, options),
      (options) => fromAio(Promise.resolve(1), options),
      (options) => fromCallback((done: (error: null) => void) => done(null), options),
      (options) => runAioCoroutine(async () => 1, options),
      (options) => runAioGenerator(async function* () {}, options)
    ]
    for (const operation of operations) {
      expect(() => operation({ onInterrupt: "never" })).toThrow(
        new RangeError(`onInterrupt is "join" or "abandon", not "never"`)
      )
      expect(() => operation({ grace: "soon" })).toThrow(RangeError)
      expect(() => operation({ onInterrupt: "join", grace: 1 })).not.toThrow()
    }
  })

  it("B2 an option that is to be a function is one, or left out", () => {
    expect(() => checkFunctionOptions("someCall", { map: undefined, onDrop: () => {} })).not.toThrow()
    expect(() => checkFunctionOptions("someCall", { map: () => {}, onDrop: 7 })).toThrow(
      new TypeError("someCall's onDrop is a function, not 7")
    )
  })
})
