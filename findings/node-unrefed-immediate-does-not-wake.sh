#!/usr/bin/env bash
# Node 22.23.3, 24.21.0 and 26.10.0 on Linux, unlike 20.20.2: an immediate that was unref'ed runs when something else wakes Node.
#
# Guess: `setImmediate(f).unref()` says only that f does not keep the process alive. While something else does, such as a timer of
# 300 ms, f runs in the next turn of the event loop all the same, within a millisecond.
# Behaviour: so it is on Node 20. From 22 on the event loop sleeps in its poll until the timer is due, and f runs after that, 300 ms
# late. An ordinary immediate beside it has both run at once. A timer of 1 ms that was unref'ed wakes the loop on each of them.
# Remedy: to look at something soon without keeping the process alive, use an unref'ed timer.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund \
  node20@npm:node@20.20.2 node22@npm:node@22.23.3 node24@npm:node@24.21.0 node26@npm:node@26.10.0 >/dev/null
cat >main.mjs <<'JS'
const held = async (start) => {
  const from = performance.now()
  const timer = new Promise((resolve) => setTimeout(resolve, 300))
  const took = await new Promise((resolve) => start(() => resolve(performance.now() - from)))
  await timer
  return took < 150 ? "at once" : "with the timer"
}
const ran = [
  await held((f) => setImmediate(f).unref()),
  await held((f) => setTimeout(f, 1).unref()),
  await held((f) => (setImmediate(f).unref(), setImmediate(() => {})))
]
console.log(`immediate ${ran[0]}, timer ${ran[1]}, beside an ordinary one ${ran[2]}`)
JS
actual=$(
  for version in 20 22 24 26; do
    node="node_modules/node$version/bin/node"
    echo "$("$node" --version): $("$node" main.mjs)"
  done
)
expected="v20.20.2: immediate at once, timer at once, beside an ordinary one at once
v22.23.3: immediate with the timer, timer at once, beside an ordinary one at once
v24.21.0: immediate with the timer, timer at once, beside an ordinary one at once
v26.10.0: immediate with the timer, timer at once, beside an ordinary one at once"
echo "$actual"
[ "$actual" = "$expected" ]
