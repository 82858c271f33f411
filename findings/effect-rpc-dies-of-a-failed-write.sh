#!/usr/bin/env bash
# @effect/rpc 0.76.2 (effect 3.22.4) and effect 4.1.0: a call whose request cannot be written dies.
#
# Guess: a call over a socket that breaks fails with RpcClientError, the error that is in its type: so it does where the reading
# side ends, before the call or during it.
# Behaviour: where the write itself fails, the call dies of the SocketError; nothing in its type says so, and what catches
# RpcClientError, or ignores errors, does not catch it. A client of the cluster that asks for a message that is stored, in the
# moment in which its runner is killed, dies of it, although the message is stored and will be served.
# Remedy: take a defect that is a SocketError for a lost connection, and ask again; for messages of the cluster with their
# primary key, which makes one of both.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 @effect/platform@0.97.2 @effect/rpc@0.76.2 >/dev/null
mkdir four
(cd four && npm init -y >/dev/null && npm install --silent --no-audit --no-fund effect@4.1.0 >/dev/null)
cat >main.mjs <<'JS'
import { Cause, Effect, Layer } from "effect"
import * as Socket from "@effect/platform/Socket"
import { Rpc, RpcClient, RpcGroup, RpcSerialization } from "@effect/rpc"
const broken = new Socket.SocketGenericError({ reason: "Write", cause: new Error("broken pipe") })
// A connection that is open, and breaks as it is written to; or one that ends as it is opened.
const socket = Socket.Socket.of({
  [Socket.TypeId]: Socket.TypeId,
  run: () => Effect.never,
  runRaw: (_, options) =>
    process.argv[2] === "read" ? Effect.fail(broken) : Effect.zipRight(options?.onOpen ?? Effect.void, Effect.never),
  writer: Effect.succeed(() => Effect.fail(broken))
})
const protocol = RpcClient.layerProtocolSocket().pipe(
  Layer.provide([Layer.succeed(Socket.Socket, socket), RpcSerialization.layerNdjson])
)
const program = Effect.gen(function* () {
  const client = yield* RpcClient.make(RpcGroup.make(Rpc.make("Ping")))
  yield* Effect.sleep(50)
  const exit = yield* Effect.exit(Effect.timeout(client.Ping(), "5 seconds"))
  const error = Cause.squash(exit.cause)
  console.log(`${Cause.isDie(exit.cause) ? "died" : "failed"} of ${error._tag}`)
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(protocol)))
JS
cat >four/main.mjs <<'JS'
import { Cause, Effect, Layer } from "effect"
import * as Rpc from "effect/rpc/Rpc"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcGroup from "effect/rpc/RpcGroup"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
const cause = new Error("broken pipe")
const broken = Effect.fail(new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause }) }))
const ended = Effect.fail(new Socket.SocketError({ reason: new Socket.SocketReadError({ cause }) }))
const socket = {
  [Socket.TypeId]: Socket.TypeId,
  reader: process.argv[2] === "read" ? ended : Effect.succeed({ pull: Effect.never, upgrade: () => Effect.void }),
  writer: Effect.succeed({ write: () => broken, writeAll: () => broken })
}
const protocol = RpcClient.layerProtocolSocket().pipe(
  Layer.provide([Layer.succeed(Socket.Socket, socket), RpcSerialization.layerNdjson])
)
const program = Effect.gen(function* () {
  const client = yield* RpcClient.make(RpcGroup.make(Rpc.make("Ping")))
  yield* Effect.sleep(50)
  const exit = yield* Effect.exit(Effect.timeout(client.Ping(), "5 seconds"))
  const error = Cause.squash(exit.cause)
  console.log(`${Cause.hasDies(exit.cause) ? "died" : "failed"} of ${error._tag.replace(/.*\//, "")}`)
})
await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(protocol)))
JS
actual=$(
  for side in read write; do
    echo "3, $side: $(node main.mjs $side)"
    echo "4, $side: $(node four/main.mjs $side)"
  done
)
expected='3, read: failed of RpcClientError
4, read: failed of RpcClientError
3, write: died of SocketError
4, write: died of SocketError'
echo "@effect/rpc $(node -p 'require("./node_modules/@effect/rpc/package.json").version'), effect $(node -p 'require("./four/node_modules/effect/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
