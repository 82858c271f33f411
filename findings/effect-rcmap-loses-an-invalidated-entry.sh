#!/usr/bin/env bash
# effect 3.22.4: a resource of an RcMap that is invalidated while it is used, and made anew, is never closed.
#
# Guess: who invalidates a key takes its resource out of the map; it is closed when its last user has gone, and with the map at
# the latest. Another one that has the key by then has nothing to do with it.
# Behaviour: when the last user has gone, `release` asks whether the map has the key, and not whether it has this entry: it takes
# the old one for one that is idle, and forgets it when the map is closed. Until then, at the end of its `idleTimeToLive`, it
# takes the new one out of the map. A client of @effect/cluster 0.60.2 is kept alive by it: the connection to a runner that has
# gone is in such a map, and is opened again every five seconds for ever.
# Remedy: none from outside; end such a process by its signal. effect 4.1.0 closes it.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund effect@3.22.4 effect4@npm:effect@4.1.0 >/dev/null
cat >main.mjs <<'JS'
const { Effect, Exit, RcMap, Scope } = await import(process.argv[2])
const within = (scope) => (Scope.provide ?? Scope.extend)(scope)
const program = Effect.gen(function* () {
  let made = 0
  const open = new Set()
  const resource = Effect.acquireRelease(
    Effect.sync(() => (open.add(++made), made)),
    (n) => Effect.sync(() => open.delete(n))
  )
  const [whole, first, second] = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()]
  const map = yield* RcMap.make({ lookup: () => resource, idleTimeToLive: "1 minute" }).pipe(within(whole))
  yield* RcMap.get(map, "key").pipe(within(first))
  if (process.argv[3] === "invalidated") yield* RcMap.invalidate(map, "key")
  yield* RcMap.get(map, "key").pipe(within(second))
  for (const scope of [first, second, whole]) yield* Scope.close(scope, Exit.void)
  console.log(`${made} made, open after the map was closed: ${[...open].join() || "none"}`)
})
await Effect.runPromise(program)
JS
actual=$(
  echo "as it is: $(node main.mjs effect kept)"
  echo "invalidated: $(node main.mjs effect invalidated)"
  echo "invalidated, effect 4.1.0: $(node main.mjs effect4 invalidated)"
)
expected='as it is: 1 made, open after the map was closed: none
invalidated: 2 made, open after the map was closed: 1
invalidated, effect 4.1.0: 2 made, open after the map was closed: none'
echo "effect $(node -p 'require("./node_modules/effect/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
