/** The worker of the worker cases: the platform's own runner, which both sides of the comparison talk to. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as Runner from "@effect/platform/WorkerRunner"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const layer = Runner.layer((n: number) => Effect.succeed(n + 1))

NodeRuntime.runMain(Runner.launch(Layer.provide(layer, NodeWorkerRunner.layer)))
