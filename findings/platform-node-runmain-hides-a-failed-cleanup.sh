#!/usr/bin/env bash
# @effect/platform-node 0.108.2 (effect 3.22.4): after a signal, runMain exits with 1 and does not say why.
#
# Guess: a finalizer that dies after SIGTERM is logged as one that dies at a normal end is.
# Behaviour: the exit code is 1 in both cases; of what the finalizer died of nothing is printed after a signal. The log is
# written by an operator in the interrupted fiber itself, which does not come to it any more.
# Remedy: let finalizers tell of their own failure (Effect.tapErrorCause inside them), or watch the fiber from outside.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 @effect/platform@0.97.2 @effect/platform-node@0.108.2 >/dev/null
cat >main.mjs <<'JS'
import { Effect } from "effect"
import { NodeRuntime } from "@effect/platform-node"
const ends = Effect.ensuring(Effect.die(new Error("the flush failed")))
if (process.argv[2] === "signal") {
  setTimeout(() => process.kill(process.pid, "SIGTERM"), 100)
  NodeRuntime.runMain(Effect.never.pipe(ends))
} else NodeRuntime.runMain(Effect.void.pipe(ends))
JS
run() {
  local code=0 output
  output=$(node main.mjs "$1" 2>&1) || code=$?
  echo "$1: exit $code, told of the failure: $(grep -q 'the flush failed' <<<"$output" && echo yes || echo no)"
}
actual=$(
  run end
  run signal
)
expected='end: exit 1, told of the failure: yes
signal: exit 1, told of the failure: no'
echo "@effect/platform-node $(node -p 'require("./node_modules/@effect/platform-node/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
