#!/usr/bin/env bash
# @effect/platform 0.97.2: a request to a serialized worker that ends fails with a ParseError, not with a WorkerError.
#
# Guess: executeEffect of Worker.makeSerialized is typed to fail with what the request says, WorkerError or ParseError. When the
# worker ends before it has answered (here by process.exit, because it was asked to), that is a WorkerError.
# Behaviour: the WorkerError is taken for an encoded failure of the request and decoded by its schema, which it does not fit:
# a ParseError, "Expected never, actual WorkerError". `catchTag("WorkerError")` does not see it; why the worker has ended is only
# in the text. A failure schema that takes anything (Schema.Defect, Schema.Unknown) gives it out as the request's own failure.
# Remedy: catch both, or use makePool with an `encode` of your own.
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
export class Leave extends Schema.TaggedRequest()("Leave", { failure: Schema.Never, success: Schema.Void, payload: {} }) {}
JS
cat >runner.mjs <<'JS'
import { NodeRuntime, NodeWorkerRunner } from "@effect/platform-node"
import * as Runner from "@effect/platform/WorkerRunner"
import { Effect, Layer } from "effect"
import { Leave } from "./requests.mjs"
const layer = Runner.layerSerialized(Leave, { Leave: () => Effect.sync(() => process.exit(0)) })
NodeRuntime.runMain(Runner.launch(Layer.provide(layer, NodeWorkerRunner.layer)))
JS
cat >main.mjs <<'JS'
import { Worker as Thread } from "node:worker_threads"
import { NodeWorker } from "@effect/platform-node"
import * as Worker from "@effect/platform/Worker"
import { Effect, Logger } from "effect"
import { Leave } from "./requests.mjs"
const program = Effect.gen(function* () {
  const worker = yield* Worker.makeSerialized({})
  const error = yield* Effect.flip(worker.executeEffect(new Leave()))
  console.log(`${error._tag}: ${error.message.split(":")[0]}`)
})
const layer = NodeWorker.layer(() => new Thread(new URL("./runner.mjs", import.meta.url)))
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide([layer, Logger.remove(Logger.defaultLogger)])))
JS
actual=$(node main.mjs)
expected='ParseError: Expected never, actual WorkerError'
echo "@effect/platform $(node -p 'require("./node_modules/@effect/platform/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
