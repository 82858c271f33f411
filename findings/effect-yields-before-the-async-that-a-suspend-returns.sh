#!/usr/bin/env bash
# effect 3.22.4 and 4.1.0: work that is begun in Effect.suspend, for an async operation that this returns, may have no owner.
#
# Guess: between the function of Effect.suspend and the register function of the Effect.async that it returns lies no operation
# of the fiber. Who begins something in the first and says in the second how it is taken back can leave no gap: an interruption
# comes before both or after both.
# Behaviour: a fiber may be made to yield before each operation, and is, once in about two thousand. Where that is the one which
# suspend has returned, the fiber can be interrupted while it yields: then the register function is never called, and nobody
# hears that what has begun is to end. Which of 2,200 fibers it is depends on how many operations they had before.
# Remedy: begin in the register function, or make the fiber uninterruptible before anything begins.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 effect4@npm:effect@4.1.0 >/dev/null
cat >main.mjs <<'JS'
const { Effect, Fiber } = await import(process.argv[2])
const fork = Effect.forkChild ?? Effect.fork
const async = Effect.callback ?? Effect.async
const interrupt = (fiber) =>
  fiber.interruptUnsafe === undefined ? fiber.unsafeInterruptAsFork(fiber.id()) : fiber.interruptUnsafe(fiber.id)

let begun = 0
let owned = 0
const program = Effect.gen(function* () {
  for (let before = 0; before < 2_200; before++) {
    const fiber = yield* fork(
      Effect.gen(function* () {
        for (let i = 0; i < before; i++) yield* Effect.suspend(() => Effect.sync(() => i))
        yield* Effect.suspend(() => {
          begun++
          queueMicrotask(() => interrupt(fiber))
          return async(() => void owned++)
        })
      })
    )
    yield* Fiber.await(fiber)
  }
})
await Effect.runPromise(program)
console.log(`${begun} begun, ${owned === begun ? "all" : owned >= begun - 4 ? "all but a few" : "few"} owned`)
JS
actual=$(
  echo "3.22.4: $(node main.mjs effect)"
  echo "4.1.0: $(node main.mjs effect4)"
)
expected="3.22.4: 2200 begun, all but a few owned
4.1.0: 2200 begun, all but a few owned"
echo "$actual"
[ "$actual" = "$expected" ]
