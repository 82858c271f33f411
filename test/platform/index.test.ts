// The exact list of names of effect-aio/platform. A name that is added or taken away is a decision: change it here too.
// Covers: Parts, LoopHttpServer, http/HttpServerOptions, http/HttpServerPart, http/FiberServing, http/listeningAlready
import { describe, expect, it } from "vitest"
import * as door from "../../src/platform/index.js"

describe("effect-aio/platform", () => {
  it("has these services, and each of them these names", () => {
    const names = Object.fromEntries(
      Object.entries(door).map(([name, part]) => [name, Object.keys(part).sort()])
    )
    expect(names).toEqual({
      LoopHttpServer: ["layer", "layerConfig", "layerServer", "layerTest", "make"]
    })
  })
})
