#!/usr/bin/env bash
# effect 3.22.4: what a cleanup dies of is lost where the branch that it belongs to runs beside others.
#
# Guess: the Exit of an interrupted fiber has what its finalizers died of, also where those ran in branches of Effect.all.
# Behaviour: of one Effect, or of branches one after the other, it has. Of branches that run at the same time (Effect.all and
# forEach with a concurrency, zip, race) it is an interruption and nothing else; the loser of a timeout loses it as well.
# Remedy: what may fail while it cleans up tells of that itself (a log, an exception handler), and does not leave it to a Cause.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 >/dev/null
cat >main.mjs <<'JS'
import { Cause, Effect, Fiber } from "effect"
const branch = Effect.never.pipe(Effect.ensuring(Effect.die("cleanup")))
const interrupted = async (name, effect) => {
  const program = Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* Effect.sleep(10)
    return yield* Fiber.interrupt(fiber)
  })
  const { cause } = await Effect.runPromise(program)
  console.log(`${name}: interrupted ${Cause.isInterrupted(cause)}, defects [${[...Cause.defects(cause)]}]`)
}
await interrupted("one", branch)
await interrupted("all", Effect.all([branch, Effect.never]))
await interrupted("all, at once", Effect.all([branch, Effect.never], { concurrency: "unbounded" }))
await interrupted("forEach, at once", Effect.forEach([1, 2], () => branch, { concurrency: 2 }))
await interrupted("zip, at once", Effect.zip(branch, Effect.never, { concurrent: true }))
await interrupted("race", Effect.race(branch, Effect.never))
const { cause } = await Effect.runPromiseExit(Effect.timeout(branch, 10))
console.log(`timeout: ${Cause.squash(cause)._tag}, defects [${[...Cause.defects(cause)]}]`)
JS
actual=$(node main.mjs)
expected='one: interrupted true, defects [cleanup]
all: interrupted true, defects [cleanup]
all, at once: interrupted true, defects []
forEach, at once: interrupted true, defects []
zip, at once: interrupted true, defects []
race: interrupted true, defects []
timeout: TimeoutException, defects []'
echo "effect $(node -p 'require("./node_modules/effect/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
