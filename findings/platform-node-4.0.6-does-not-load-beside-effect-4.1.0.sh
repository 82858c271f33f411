#!/usr/bin/env bash
# @effect/platform-node 4.0.6 beside effect 4.1.0, which its peer range allows and npm on Node 20 chooses by itself.
#
# Guess: what `npm install effect @effect/platform-node` has put together without a word can be imported.
# Behaviour: npm 11 on Node 20 takes effect 4.1.0, and 4.0.6 of platform-node, because 4.1.0 of it asks for Node 22.19. 4.0.6 has
# "effect": "^4.0.6" as its peer, and imports modules of effect that 4.1.0 has in other folders: ERR_MODULE_NOT_FOUND. With
# effect 4.0.6 it loads.
# Remedy: on Node 20 install effect@4.0.6 with it; on Node 22.19 or newer both at 4.1.0.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
with() {
  mkdir "$folder/$1"
  cd "$folder/$1"
  echo '{ "type": "module" }' >package.json
  npm install --silent --no-audit --no-fund "effect@$1" @effect/platform-node@4.0.6 >/dev/null
  echo 'import("@effect/platform-node/NodeHttpServer").then(() => console.log("loads"), (error) => console.log(error.code))' >main.mjs
  local code=0 output
  output=$(node main.mjs 2>&1) || code=$?
  echo "effect $1: exit $code, $output"
}
actual=$(
  with 4.0.6
  with 4.1.0
)
expected='effect 4.0.6: exit 0, loads
effect 4.1.0: exit 0, ERR_MODULE_NOT_FOUND'
echo "Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
