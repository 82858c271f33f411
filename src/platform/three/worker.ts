/** Effect 3: the worker services of @effect/platform on the loop. What runs in a worker is the platform's own. */
import * as Worker from "@effect/platform/Worker"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { EventLoop } from "../../Loop/EventLoop.js"
import { Loop } from "../../Loop/Loop.js"
import { type CheckedOptions, settingsFor } from "../workers/WorkerOptions.js"
import { Backing } from "./workers/Backing.js"
import { WorkerJobs } from "./workers/WorkerJobs.js"

/** The service that `Worker.makePool`, `makeSerialized` and the like stand on. */
const managerOn = (loop: EventLoop, options: CheckedOptions): Worker.WorkerManager => {
  let ids = 0
  return Worker.WorkerManager.of({
    [Worker.WorkerManagerTypeId]: Worker.WorkerManagerTypeId,
    spawn: <I, O, E>(spawning: Worker.Worker.Options<I>) =>
      Effect.gen(function* () {
        const spawner = yield* Worker.Spawner
        const runtime = yield* Effect.runtime<never>()
        const id = ids++
        const settings = settingsFor(options, spawner)
        const jobs = new WorkerJobs<I, O, E>(loop, settings, () => spawner(id), spawning, runtime)
        yield* Effect.addFinalizer(() => jobs.closed)
        yield* jobs.opened
        const { execute, executeEffect } = jobs
        return { id, execute, executeEffect }
      })
  })
}

/** The service that the worker protocol of @effect/rpc stands on. */
const platformWorkerOn = (loop: EventLoop, options: CheckedOptions): Worker.PlatformWorker =>
  Worker.PlatformWorker.of({
    [Worker.PlatformWorkerTypeId]: Worker.PlatformWorkerTypeId,
    spawn: <I, O>(id: number) =>
      Effect.map(Worker.Spawner, (spawner) => new Backing<I, O>(loop, options, spawner, id))
  })

/** Both services. */
export const layerPlatform = (
  options: CheckedOptions
): Layer.Layer<Worker.WorkerManager | Worker.PlatformWorker, never, Loop> =>
  Layer.effectContext(
    Effect.map(Loop, (loop) =>
      Context.make(Worker.WorkerManager, managerOn(loop, options)).pipe(
        Context.add(Worker.PlatformWorker, platformWorkerOn(loop, options))
      )
    )
  )

/** The service that starts a worker. */
export const layerSpawner = (spawn: (id: number) => unknown): Layer.Layer<Worker.Spawner> =>
  Worker.layerSpawner(spawn)
