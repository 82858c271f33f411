/** Effect 4: the worker services of `effect/workers` on the loop. What runs in a worker is the platform's own. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Worker from "effect/workers/Worker"
import { Loop } from "../../Loop/Loop.js"
import type { CheckedOptions } from "../workers/WorkerOptions.js"
import { Backing } from "./workers/Backing.js"

/** The service that the worker protocol of RPC stands on. */
export const layerPlatform = (options: CheckedOptions): Layer.Layer<Worker.WorkerPlatform, never, Loop> =>
  Layer.effect(
    Worker.WorkerPlatform,
    Effect.map(Loop, (loop) =>
      Worker.WorkerPlatform.of({
        spawn: <O, I>(id: number) =>
          Effect.map(Worker.Spawner, (spawner) => new Backing<O, I>(loop, options, spawner, id))
      })
    )
  )

/** The service that starts a worker. */
export const layerSpawner = (spawn: (id: number) => unknown): Layer.Layer<Worker.Spawner> =>
  Worker.layerSpawner(spawn)
