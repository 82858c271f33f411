#!/usr/bin/env bash
# Node 22.23.3, 24.21.0 and 26.10.0: `import "node:http"` loads undici, whoever wants nothing of it.
#
# Guess: node:http is loaded as far as it is written; its WebSocket, CloseEvent and MessageEvent are getters, and whoever does not
# read them pays nothing for them.
# Behaviour: that holds for `require` and `process.getBuiltinModule`. An `import` wraps the module in one with all of its exports,
# and reads each of them: 71 to 92 modules more, the whole of undici among them, some 20 ms of the main thread at the start of
# any program that has one such import somewhere. Node 20.20.2, whose node:http has no such getters, loads the same in either way.
# Remedy: a library that wants to be loaded fast takes Node's modules by `process.getBuiltinModule`.
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
if (process.argv[2] === "import") await import("node:http")
else process.getBuiltinModule("node:http")
console.log(process.moduleLoadList.includes("NativeModule internal/deps/undici/undici") ? "undici" : "no undici")
JS
actual=$(
  for version in 20 22 24 26; do
    node="node_modules/node$version/bin/node"
    echo "$("$node" --version): import $("$node" main.mjs import), getBuiltinModule $("$node" main.mjs builtin)"
  done
)
expected="v20.20.2: import no undici, getBuiltinModule no undici
v22.23.3: import undici, getBuiltinModule no undici
v24.21.0: import undici, getBuiltinModule no undici
v26.10.0: import undici, getBuiltinModule no undici"
echo "$actual"
[ "$actual" = "$expected" ]
