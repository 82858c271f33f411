/** What a line's part for workers is to whoever loads it. */
import type * as Layer from "effect/Layer"
import type { OfLine } from "../../effect/Seam.js"
import type { Loop } from "../../Loop/Loop.js"
import type { CheckedOptions } from "./WorkerOptions.js"

/* eslint-disable @typescript-eslint/ban-ts-comment, @typescript-eslint/consistent-type-imports -- each of these names is there on one line only, and used on that one.
   As doc comments they stay in the declarations. */
/** @ts-ignore Effect 3 only */
type WorkerManager3 = import("@effect/platform/Worker").WorkerManager
/** @ts-ignore Effect 3 only */
type PlatformWorker3 = import("@effect/platform/Worker").PlatformWorker
/** @ts-ignore Effect 3 only */
type Spawner3 = import("@effect/platform/Worker").Spawner
/** @ts-ignore Effect 4 only */
type WorkerPlatform4 = import("effect/workers/Worker").WorkerPlatform
/** @ts-ignore Effect 4 only */
type Spawner4 = import("effect/workers/Worker").Spawner
/* eslint-enable */

/** The platform's services for workers. */
export type WorkerServices = OfLine<WorkerManager3 | PlatformWorker3, WorkerPlatform4>

/** The platform's service that starts a worker. */
export type WorkerSpawner = OfLine<Spawner3, Spawner4>

/** The module that has the Layers of workers, for options that were checked. */
export interface WorkerPart {
  readonly layerPlatform: (options: CheckedOptions) => Layer.Layer<WorkerServices, never, Loop>
  readonly layerSpawner: (spawn: (id: number) => unknown) => Layer.Layer<WorkerSpawner>
}
