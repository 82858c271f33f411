#!/usr/bin/env bash
# Node 20.20.2, 22.23.3, 24.21.0 and 26.10.0 on Linux: a server takes one connection in each turn, and its close() resets the others.
#
# Guess: when a server's socket is readable, all connections that wait are accepted in that event, as libuv did it for years; so
# after a turn or two nothing is left that close() could cut off.
# Behaviour: one connection is taken in a turn of the event loop. Of fifty clients that are connected, as far as they know, five
# are taken in five turns; close() resets the rest (ECONNRESET), though the server has seen none of them and a client that comes
# a moment later gets ECONNREFUSED. On a busy machine, whose turns take long, a rolling restart loses requests by that.
# Remedy: stop taking new ones (`listen` with a queue of none), and close when some turns have brought no connection; a bound
# in milliseconds does not do, since it is turns that count.
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
import { connect, createServer } from "node:net"
let taken = 0
const server = createServer((socket) => {
  taken++
  socket.on("error", () => {})
})
server.listen(0, "127.0.0.1", async () => {
  const ends = []
  for (let i = 0; i < 50; i++) {
    const socket = connect(server.address().port, "127.0.0.1")
    let end = "closed"
    socket.on("error", (error) => (end = error.code))
    socket.on("close", () => ends.push(end))
  }
  await new Promise(process.nextTick)
  let most = 0
  for (let i = 0; i < 5; i++) {
    const before = taken
    await new Promise(setImmediate)
    most = Math.max(most, taken - before)
  }
  server.close()
  await new Promise((resolve) => setTimeout(resolve, 500))
  const reset = ends.filter((end) => end === "ECONNRESET").length
  console.log(`${most} a turn, ${reset > 40 ? "the others reset" : `${reset} reset`}`)
  process.exit()
})
JS
actual=$(
  for version in 20 22 24 26; do
    node="node_modules/node$version/bin/node"
    echo "$("$node" --version): $("$node" main.mjs)"
  done
)
expected="v20.20.2: 1 a turn, the others reset
v22.23.3: 1 a turn, the others reset
v24.21.0: 1 a turn, the others reset
v26.10.0: 1 a turn, the others reset"
echo "$actual"
[ "$actual" = "$expected" ]
