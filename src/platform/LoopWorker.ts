/** Worker threads and child processes of the platform's worker services on the loop. */
import type { ChildProcess } from "node:child_process"
import type { Worker } from "node:worker_threads"
import * as Layer from "effect/Layer"
import { installedLine } from "../effect/installed.js"
import { describeValue } from "../Loop/kernel/describe.js"
import type { Loop } from "../Loop/Loop.js"
import { lazily } from "./lazily.js"
import { partsOfLine } from "./onLine.js"
import { checkWorkerOptions, type WorkerOptions } from "./workers/WorkerOptions.js"
import type { WorkerPart, WorkerServices, WorkerSpawner } from "./workers/WorkerPart.js"

export type { WorkerOptions } from "./workers/WorkerOptions.js"

/** The part of the installed line. */
const lazy = <A, E, R>(
  name: string,
  layer: (part: WorkerPart) => Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> =>
  lazily(
    name,
    installedLine() === "three" ? "@effect/platform" : "effect",
    () => partsOfLine().worker(),
    layer
  )

/**
 * The platform's workers on the loop that it is built on, in place of `NodeWorker.layer`: on Effect 3 the WorkerManager and the
 * PlatformWorker of `@effect/platform/Worker`, on Effect 4 the WorkerPlatform of `effect/workers/Worker`, and the Spawner of
 * either, for which `spawn` makes a new worker: a `Worker` of node:worker_threads, or a child process that was started with
 * `fork`. All that stands on these services runs as it is (`Worker.makePool`, `makePoolSerialized`, `makeSerialized`, the workers
 * of RPC), and so does what runs in a worker: `NodeWorkerRunner` is the platform's own.
 *
 * A worker belongs to the loop. It is asked to end by the platform's own message when its Scope closes, and when the loop does,
 * all of them at once; after `grace` its thread is terminated, its process gets SIGKILL, whatever it computes. The Scope and the
 * loop wait until it has gone. Meanwhile it has a row in the table of what is left, with its file and what it works on. An
 * interrupted job is told to end, and not waited for: so the platform has it.
 *
 * A worker that dies (`process.exit`, an uncaught error, a file that is not there) fails all that waits for it at once, with the
 * platform's WorkerError, whose cause is a {@link WorkerEndedError} that names the file and the exit code.
 * A worker of a WorkerManager is started again by the next job, its initial message included.
 *
 * Fails as the platform does: with a WorkerError, also for a `spawn` that throws, or gives no worker or one that it has given
 * before, and on a loop that is closed. Throws `TypeError` and `RangeError` for arguments that are none, at once.
 *
 * @example
 * import { Worker } from "node:worker_threads"
 * import { LoopWorker } from "effect-aio/platform"
 *
 * // runner.js launches the platform's WorkerRunner, or an RpcServer, over NodeWorkerRunner.layer
 * const workers = LoopWorker.layer(() => new Worker("./runner.js"), { grace: "2 seconds" })
 * const program = Effect.map(Loop, (loop) => loop.statistics().workers)
 * console.log(await Effect.runPromise(Loop.scoped(Effect.provide(program, workers)))) // => 0
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  spawn: (id: number) => Worker | ChildProcess,
  options: WorkerOptions = {}
): Layer.Layer<WorkerServices | WorkerSpawner, never, Loop> => {
  const name = "LoopWorker.layer"
  if (typeof spawn !== "function")
    throw new TypeError(`${name} takes a function that starts a worker, not ${describeValue(spawn)}`)
  const checked = checkWorkerOptions(name, options)
  return lazy(name, (part) => Layer.merge(part.layerSpawner(spawn), part.layerPlatform(checked)))
}

/**
 * {@link layer} without a Spawner, in place of `NodeWorker.layerManager` and `layerWorker` (Effect 3) or `layerPlatform`
 * (Effect 4): for a program that has several, each by the platform's `Worker.layerSpawner`.
 *
 * @example
 * import { LoopWorker } from "effect-aio/platform"
 *
 * console.log(Layer.isLayer(LoopWorker.layerPlatform({ grace: "500 millis" }))) // => true
 *
 * @category layers
 * @since 0.1.0
 */
export const layerPlatform = (options: WorkerOptions = {}): Layer.Layer<WorkerServices, never, Loop> => {
  const name = "LoopWorker.layerPlatform"
  const checked = checkWorkerOptions(name, options)
  return lazy(name, (part) => part.layerPlatform(checked))
}
