/**
 * The platform's services on a loop: what `@effect/platform` and `@effect/platform-node` have on Effect 3, `effect/process`,
 * `effect/http` and others on Effect 4.
 */

export * as LoopChildProcessSpawner from "./LoopChildProcessSpawner.js"
export * as LoopCommandExecutor from "./LoopCommandExecutor.js"
export * as LoopHttpServer from "./LoopHttpServer.js"
export * as LoopWorker from "./LoopWorker.js"
