#!/usr/bin/env bash
# Node 20.20.2: getMaxListeners throws for an EventTarget whose limit was set to 0; Node 22.23.3 and later do not.
#
# Guess: setMaxListeners(0, signal) takes the warning of a leak away, as the docs say ("a non-negative number"), and
# getMaxListeners(signal) answers 0, as it does for an EventEmitter.
# Behaviour: it throws ERR_INVALID_ARG_TYPE, "must be an instance of EventEmitter or EventTarget": the limit is taken for the
# mark of an EventTarget, and 0 is falsy. Infinity is answered as it is. undici 7.30 asks for the limit of each signal that is
# given to its fetch, and on that Node fails with the error where somebody has taken the limit away by 0.
# Remedy: setMaxListeners(Infinity, signal).
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund node@20.20.2 undici@7.30.2 >/dev/null
cat >main.mjs <<'JS'
import { EventEmitter, getMaxListeners, setMaxListeners } from "node:events"
import { fetch } from "undici"
const limited = (limit, target) => (setMaxListeners(limit, target), target)
const ask = (target) => {
  try {
    return getMaxListeners(target)
  } catch (error) {
    return error.code
  }
}
console.log("emitter, 0:", ask(limited(0, new EventEmitter())))
console.log("signal, 0:", ask(limited(0, new AbortController().signal)))
console.log("signal, Infinity:", ask(limited(Infinity, new AbortController().signal)))
for (const limit of [0, Infinity]) {
  const { signal } = new AbortController()
  setMaxListeners(limit, signal)
  const told = await fetch("data:,hello", { signal }).then((response) => response.text(), (error) => error.code)
  console.log(`fetch, ${limit}:`, told)
}
JS
actual=$(npx --no-install node main.mjs)
expected='emitter, 0: 0
signal, 0: ERR_INVALID_ARG_TYPE
signal, Infinity: Infinity
fetch, 0: ERR_INVALID_ARG_TYPE
fetch, Infinity: hello'
echo "undici $(node -p 'require("./node_modules/undici/package.json").version'), Node $(npx --no-install node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
