#!/usr/bin/env bash
# effect 3.22.4: an interruption that comes while the second finalizer of a Scope runs is forgotten.
#
# Guess: an interruption that comes while finalizers run, which are uninterruptible, takes effect when they have ended.
# Behaviour: with one finalizer it does. With two it is forgotten if it comes while the second one runs, and the Effect went on to
# look at an Exit: the fiber goes on for ever. `addFinalizer` (internal/fiberRuntime.ts) sets the FiberRef of the interruption
# before each finalizer, and puts all FiberRefs back to what they were after it; the first one leaves the FiberRef set (to
# nothing), so that the second one puts that back. Effect 4.1.0 has no such FiberRef, and keeps the interruption.
# Remedy: set the FiberRef once before finalizers are added: `FiberRef.update(FiberRef.interruptedCause, (cause) => cause)`.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 >/dev/null
cat >main.mjs <<'JS'
import { Effect, FiberRef } from "effect"
const turn = () => new Promise((resolve) => setImmediate(resolve))
const run = async (name, count, before) => {
  let end
  const waits = Effect.async((resume) => void (end = () => resume(Effect.void)))
  const finalizers = Effect.forEach(Array.from({ length: count }), (_, i) =>
    Effect.addFinalizer(() => (i === 0 ? waits : Effect.void))
  )
  const attempt = Effect.uninterruptibleMask((restore) => Effect.exit(restore(Effect.scoped(finalizers))))
  const goesOn = Effect.sync(() => console.log(`${name}: goes on`))
  const fiber = Effect.runFork(before.pipe(Effect.zipRight(attempt), Effect.zipRight(goesOn)))
  fiber.addObserver((exit) => exit._tag === "Failure" && console.log(`${name}: ends`))
  await turn()
  fiber.unsafeInterruptAsFork(fiber.id())
  await turn()
  end()
  await turn()
}
await run("one finalizer", 1, Effect.void)
await run("two finalizers", 2, Effect.void)
await run("two finalizers, set before", 2, FiberRef.update(FiberRef.interruptedCause, (cause) => cause))
JS
actual=$(node main.mjs)
expected='one finalizer: ends
two finalizers: goes on
two finalizers, set before: ends'
echo "effect $(node -p 'require("./node_modules/effect/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
