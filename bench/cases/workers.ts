/**
 * Jobs in the platform's workers, and their answers: the loop's services beside the platform's own, with the same unchanged runner
 * in the thread. Effect 3 only: see `workers.four.mjs`.
 */
import { Worker as Thread } from "node:worker_threads"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Loop } from "effect-aio"
import { LoopWorker } from "effect-aio/platform"
import type * as NodeWorker from "@effect/platform-node/NodeWorker"
import type * as Worker from "@effect/platform/Worker"
import { ours } from "../loops.js"
import { type Case, type Contender, fail } from "../case.js"

const spawn = (): Thread => new Thread(new URL("../platformRunner.js", import.meta.url))

/** A new thread is slow until its code is compiled. */
const warmUp = (n: number): number => Math.min(3_000, n)

/** What takes jobs: one worker, or a pool of two. */
type Jobs = Pick<Worker.Worker<number, number>, "executeEffect">
type Open = Effect.Effect<Jobs, unknown, Scope.Scope | Worker.Spawner | Worker.WorkerManager>

/** Loaded where it is measured: it is not there on Effect 4. */
const platform = (): Promise<{
  readonly worker: typeof Worker
  readonly node: typeof NodeWorker
}> =>
  Promise.all([import("@effect/platform/Worker"), import("@effect/platform-node/NodeWorker")]).then(
    ([worker, node]) => ({ worker, node })
  )

const one = (worker: typeof Worker): Open =>
  Effect.flatMap(worker.WorkerManager, (manager) => manager.spawn<number, number, never>({}))

const pool = (worker: typeof Worker): Open =>
  worker.makePool<number, number, never>({ size: 2, concurrency: 32 })

const jobs = async ({ executeEffect }: Jobs, n: number, width: number): Promise<number> => {
  const check = (i: number) =>
    Effect.map(executeEffect(i), (answer) => {
      if (answer !== i + 1) fail(`the job ${i}`)
    })
  const all = Array.from({ length: n }, (_, i) => i)
  await Effect.runPromise(Effect.forEach(all, check, { concurrency: width, discard: true }))
  return n
}

const contenders = (width: number, open: (worker: typeof Worker) => Open): ReadonlyArray<Contender> => [
  ...ours(async ({ loop }, n) => {
    const { worker } = await platform()
    // It is the loop that ends the workers.
    const scope = Effect.runSync(Scope.make())
    const layer = Layer.provide(LoopWorker.layer(spawn), Layer.succeed(Loop, loop))
    const services = await Effect.runPromise(Layer.buildWithScope(layer, scope))
    const opened = await Effect.runPromise(Effect.provide(Scope.extend(open(worker), scope), services))
    await jobs(opened, warmUp(n), width)
    return () => jobs(opened, n, width)
  }, "LoopWorker"),
  {
    name: "NodeWorker",
    ours: false,
    fraction: 1,
    prepare: async (n) => {
      const { node, worker } = await platform()
      const scope = Effect.runSync(Scope.make())
      const services = await Effect.runPromise(Layer.buildWithScope(node.layer(spawn), scope))
      const opened = await Effect.runPromise(Effect.provide(Scope.extend(open(worker), scope), services))
      await jobs(opened, warmUp(n), width)
      return {
        go: () => jobs(opened, n, width),
        close: () => Effect.runPromise(Scope.close(scope, Exit.void))
      }
    }
  }
]

const what = "jobs in a worker of the platform's, and their answers"

export const workers: ReadonlyArray<Case> = [
  { name: "one after the other", what, n: 5_000, contenders: contenders(1, one) },
  { name: "64 at a time", what, n: 5_000, contenders: contenders(64, one) },
  { name: "a pool of two, 64 at a time", what, n: 5_000, contenders: contenders(64, pool) }
]
