#!/usr/bin/env bash
# effect 3.22.4: a Stream that fails with a failure and a defect ends with the failure only.
#
# Guess: Stream.failCause(cause) ends its run with that Cause, as Effect.failCause does.
# Behaviour: of a Cause that has a typed failure and a defect, in sequence or in parallel, runDrain keeps the failure, and the
# defect is nowhere. A defect alone is kept, and so is that of a finalizer that dies after the failure (Stream.ensuring).
# Remedy: tell of the defect before the Stream fails, or make it the only thing that the Stream fails with.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 >/dev/null
cat >main.mjs <<'JS'
import { Cause, Effect, Stream } from "effect"
const show = async (name, effect) => {
  const { cause } = await Effect.runPromiseExit(effect)
  console.log(`${name}: failures [${[...Cause.failures(cause)]}], defects [${[...Cause.defects(cause)]}]`)
}
const fail = Cause.fail("fail")
const die = Cause.die("die")
await show("effect", Effect.failCause(Cause.sequential(fail, die)))
await show("stream, in sequence", Stream.runDrain(Stream.failCause(Cause.sequential(fail, die))))
await show("stream, in parallel", Stream.runDrain(Stream.failCause(Cause.parallel(fail, die))))
await show("stream, a defect", Stream.runDrain(Stream.failCause(die)))
await show("stream, ensuring", Stream.runDrain(Stream.ensuring(Stream.fail("fail"), Effect.die("die"))))
JS
actual=$(node main.mjs)
expected='effect: failures [fail], defects [die]
stream, in sequence: failures [fail], defects []
stream, in parallel: failures [fail], defects []
stream, a defect: failures [], defects [die]
stream, ensuring: failures [fail], defects [die]'
echo "effect $(node -p 'require("./node_modules/effect/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
