/**
 * The parts of the platform's services that are written for one line of Effect, with that line's packages: each is a
 * module of its own, which is loaded when a Layer of it is built. A part that both lines have is the same to its caller.
 */
import type * as Layer from "effect/Layer"
import type { Loop } from "../Loop/Loop.js"
import type { CommandOptions } from "./commands/CommandOptions.js"
import type { HttpServerPart } from "./http/HttpServerPart.js"
import type { WorkerPart } from "./workers/WorkerPart.js"

/* eslint-disable @typescript-eslint/ban-ts-comment, @typescript-eslint/consistent-type-imports -- each of these names is there on one line only, and used on that one.
   As doc comments they stay in the declarations. */
/** @ts-ignore Effect 3 only */
export type CommandExecutor3 = import("@effect/platform/CommandExecutor").CommandExecutor
/** @ts-ignore Effect 4 only */
export type ChildProcessSpawner4 = import("effect/process/ChildProcessSpawner").ChildProcessSpawner
/* eslint-enable */

/** A module that has the Layer of a service on the loop, for options that were checked. */
export interface LayerPart<Options, Service> {
  readonly layer: (options: Options) => Layer.Layer<Service, never, Loop>
}

/** What there is on either line. */
export interface Parts {
  readonly httpServer: () => Promise<HttpServerPart>
  readonly worker: () => Promise<WorkerPart>
}

/** What there is on Effect 3. */
export interface Three extends Parts {
  readonly commandExecutor: () => Promise<LayerPart<CommandOptions, CommandExecutor3>>
}

/** What there is on Effect 4. */
export interface Four extends Parts {
  readonly childProcessSpawner: () => Promise<LayerPart<CommandOptions, ChildProcessSpawner4>>
}
