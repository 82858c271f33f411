// What a layer of workers is given, on either line.
import { Worker } from "node:worker_threads"
import { it } from "@effect/vitest"
import * as Layer from "effect/Layer"
import { describe, expect } from "vitest"
import { LoopWorker } from "../../src/platform/index.js"

const spawn = () => new Worker("", { eval: true })

describe("LoopWorker", () => {
  it("is a Layer, and starts nothing before it is built", () => {
    expect(Layer.isLayer(LoopWorker.layer(() => expect.unreachable()))).toBe(true)
    expect(Layer.isLayer(LoopWorker.layerPlatform({ grace: Infinity, name: "worker" }))).toBe(true)
  })

  it("B2 throws for arguments that are none, at once", () => {
    for (const none of [undefined, null, {}, "runner.js", new URL("file:///runner.js")])
      expect(() => LoopWorker.layer(none as never)).toThrow(
        /^LoopWorker.layer takes a function that starts a worker, not /
      )
    expect(() => LoopWorker.layer(spawn, null as never)).toThrow(TypeError)
    expect(() => LoopWorker.layer(spawn, { grase: 1 } as never)).toThrow(
      "has no option grase; it has grace, name"
    )
    expect(() => LoopWorker.layer(spawn, { name: 1 as never })).toThrow(
      "LoopWorker.layer: name is a string, not 1"
    )
    // The platform's layerPlatform takes a function on Effect 3.
    expect(() => LoopWorker.layerPlatform(spawn as never)).toThrow(TypeError)
    for (const negative of [-1, Number.NaN, "-1 second"])
      expect(() => LoopWorker.layer(spawn, { grace: negative as never })).toThrow(RangeError)
    for (const none of ["soon", {}, true])
      expect(() => LoopWorker.layerPlatform({ grace: none as never })).toThrow(
        "LoopWorker.layerPlatform: grace"
      )
  })
})
