// The names of the door effect-aio/platform.
// Covers: http/HttpServerOptions, http/FiberServing, http/listeningAlready, LoopHttpServer
import { expect, it } from "vitest"
import * as door from "../../src/platform/index.js"

it("the door has these modules, and each of them these names", () => {
  const names = Object.entries(door).map(([name, module]) => [name, Object.keys(module).sort()])
  expect(Object.fromEntries(names)).toEqual({
    LoopChildProcessSpawner: ["layer"],
    LoopCommandExecutor: ["layer"],
    LoopHttpServer: ["layer", "layerConfig", "layerServer", "layerTest", "make"],
    LoopWorker: ["layer", "layerPlatform"]
  })
})
