#!/usr/bin/env bash
# Node 26.10.0 (20.20.2 and 24.21.0 as well): a spawn that fails with EMFILE leaves pipes of its own open.
#
# Guess: a child that could not be started has no pid and no streams, so nothing of it is left but the "error" event.
# Behaviour: where the descriptors run out after its pipes were made, their ends in the parent stay open for ever: three
# sockets each time. `lib/internal/child_process.js` returns early for EMFILE and ENFILE, before what closes them; the child
# has no `stdio` by which a program could.
# Remedy: see before whether as many descriptors as the start takes can be opened: two for each pipe, and two more.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@26.10.0 >/dev/null
cat >main.mjs <<'JS'
import { spawn } from "node:child_process"
import { closeSync, openSync, readdirSync } from "node:fs"
const open = () => readdirSync("/proc/self/fd").length
const start = () => new Promise((resolve) => {
  const child = spawn("true", { stdio: "pipe" })
  child.on("error", (error) => resolve(`${error.code}, pid ${child.pid}, stdio ${child.stdio}`))
  child.on("close", () => resolve("started"))
})
await start()
const before = open()
for (let i = 0; i < 3; i++) {
  const files = []
  try {
    for (;;) files.push(openSync("/dev/null", "r"))
  } catch {
    // Enough for its three pipes, and not for the one by which the child would tell of an error.
    for (const file of files.splice(0, 6)) closeSync(file)
  }
  const outcome = await start()
  for (const file of files) closeSync(file)
  await new Promise((resolve) => setTimeout(resolve, 50))
  console.log(`${outcome}: ${open() - before} more are open`)
}
JS
node=node_modules/node/bin/node
actual=$(ulimit -n 256 && "$node" main.mjs)
expected='EMFILE, pid undefined, stdio undefined: 3 more are open
EMFILE, pid undefined, stdio undefined: 6 more are open
EMFILE, pid undefined, stdio undefined: 9 more are open'
echo "Node $("$node" --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
