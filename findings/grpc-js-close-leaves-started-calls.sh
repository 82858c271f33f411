#!/usr/bin/env bash
# @grpc/grpc-js 1.14.7: closing a client leaves the calls that it has started pending.
#
# Guess: client.close() ends what is in flight, with CANCELLED or UNAVAILABLE, as closing a connection does.
# Behaviour: a call that waits for its answer goes on waiting, for ever where it was given no deadline.
# Remedy: keep what a call returns and cancel() it (code 1, CANCELLED), or give every call a deadline; close() comes after that.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @grpc/grpc-js@1.14.7 >/dev/null
cat >main.mjs <<'JS'
import grpc from "@grpc/grpc-js"
import { setTimeout as delay } from "node:timers/promises"
const same = (bytes) => bytes
const codec = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same }
const service = { slow: { path: "/test/slow", requestStream: false, responseStream: false, ...codec } }
const server = new grpc.Server()
const asked = new Promise((resolve) => server.addService(service, { slow: () => resolve() }))
const insecure = grpc.ServerCredentials.createInsecure()
const port = await new Promise((resolve) => server.bindAsync("127.0.0.1:0", insecure, (_, bound) => resolve(bound)))
const Client = grpc.makeGenericClientConstructor(service, "test")
const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure())
let state = "pending"
const call = client.slow(Buffer.from("x"), (error) => (state = error ? `code ${error.code}` : "answered"))
await asked
client.close()
await delay(500)
console.log("after close:", state)
call.cancel()
await delay(100)
console.log("after cancel:", state)
server.forceShutdown()
JS
actual=$(node main.mjs)
expected='after close: pending
after cancel: code 1'
echo "@grpc/grpc-js $(node -p 'require("./node_modules/@grpc/grpc-js/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
