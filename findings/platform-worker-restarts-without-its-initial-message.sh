#!/usr/bin/env bash
# @effect/platform 0.97.2: a serialized worker that has ended is started again without its initial message.
#
# Guess: the initial message is what a worker needs to answer anything, here a layer of its handlers. A worker that has ended
# (here by process.exit, because it was asked to) is replaced by the WorkerManager after a second, and the new one gets the
# initial message as the first one did.
# Behaviour: it gets none. Every request that needs what it provides dies in the worker, for as long as the pool lives.
# Remedy: end a worker of such a pool by its Scope only, or use effect-aio's LoopWorker, which sends it again.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 @effect/platform@0.97.2 @effect/platform-node@0.108.2 >/dev/null
cat >requests.mjs <<'JS'
import { Schema } from "effect"
export class InitialMessage extends Schema.TaggedRequest()("InitialMessage", {
  failure: Schema.Never, success: Schema.Void, payload: { greeting: Schema.String }
}) {}
export class Greet extends Schema.TaggedRequest()("Greet", { failure: Schema.Never, success: Schema.String, payload: {} }) {}
export class Leave extends Schema.TaggedRequest()("Leave", { failure: Schema.Never, success: Schema.Void, payload: {} }) {}
export const Request = Schema.Union(InitialMessage, Greet, Leave)
JS
cat >runner.mjs <<'JS'
import { NodeRuntime, NodeWorkerRunner } from "@effect/platform-node"
import * as Runner from "@effect/platform/WorkerRunner"
import { Context, Effect, Layer } from "effect"
import { Request } from "./requests.mjs"
class Greeting extends Context.Tag("Greeting")() {}
const layer = Runner.layerSerialized(Request, {
  InitialMessage: ({ greeting }) => Layer.succeed(Greeting, greeting),
  Greet: () => Greeting,
  Leave: () => Effect.sync(() => process.exit(0))
})
NodeRuntime.runMain(Runner.launch(Layer.provide(layer, NodeWorkerRunner.layer)))
JS
cat >main.mjs <<'JS'
import { Worker as Thread } from "node:worker_threads"
import { NodeWorker } from "@effect/platform-node"
import * as Worker from "@effect/platform/Worker"
import { Cause, Effect, Exit, Logger } from "effect"
import { Greet, InitialMessage, Leave } from "./requests.mjs"
const program = Effect.gen(function* () {
  const worker = yield* Worker.makeSerialized({ initialMessage: () => new InitialMessage({ greeting: "hello" }) })
  console.log("first: ", yield* worker.executeEffect(new Greet()))
  yield* Effect.exit(worker.executeEffect(new Leave()))
  yield* Effect.sleep(3000)
  const exit = yield* Effect.exit(worker.executeEffect(new Greet()))
  console.log("second:", Exit.isSuccess(exit) ? exit.value : Cause.squash(exit.cause).message.split(" (")[0])
})
const layer = NodeWorker.layer(() => new Thread(new URL("./runner.mjs", import.meta.url)))
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([layer, Logger.remove(Logger.defaultLogger)])))
JS
actual=$(node main.mjs)
expected='first:  hello
second: Service not found: Greeting'
echo "@effect/platform $(node -p 'require("./node_modules/@effect/platform/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
