// What a layer of workers gives and needs, on Effect 4.
import { fork } from "node:child_process"
import { Worker as Thread } from "node:worker_threads"
import type * as Layer from "effect/Layer"
import type * as Worker from "effect/workers/Worker"
import { expectTypeOf, it } from "vitest"
import type { Loop } from "../../../src/index.js"
import { LoopWorker } from "../../../src/platform/index.js"

it("LoopWorker.layer gives what NodeWorker.layer gives, needs the loop, and cannot fail", () => {
  const layer = LoopWorker.layer((id: number) => new Thread(`runner-${id}.js`), { grace: "2 seconds" })
  type Services = Worker.WorkerPlatform
  expectTypeOf(layer).toEqualTypeOf<Layer.Layer<Services | Worker.Spawner, never, Loop>>()
  expectTypeOf(LoopWorker.layerPlatform()).toEqualTypeOf<Layer.Layer<Services, never, Loop>>()
  expectTypeOf(LoopWorker.layer(() => fork("runner.js"))).toEqualTypeOf(layer)
  // @ts-expect-error it gives no worker
  LoopWorker.layer(() => "runner.js")
  // @ts-expect-error it has no such option
  LoopWorker.layerPlatform({ size: 2 })
})
