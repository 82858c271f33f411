#!/usr/bin/env bash
# piscina 5.3.2: a thread of `pool.threads` that was terminated is given the next task.
#
# Guess: `pool.threads` shows the workers of the pool, so a worker on which `terminate()` was called is not given tasks any
# more; a task that nobody touched runs in another thread, or waits for one.
# Behaviour: the pool hears of the end of a thread by its "exit". If the reply of the task before is read between
# `terminate()` and that, the thread counts as idle, is given the next task, with what is transferred to it, and that task
# fails with `worker exited with code: 1`, though `maxThreads` would allow another thread.
# Remedy: end a task by the `signal` of `run` (and listen for "error" of the pool): its abort takes the thread out of the
# pool before it terminates it.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund piscina@5.3.2 >/dev/null
echo 'export default (n) => n' >worker.mjs
cat >main.mjs <<'JS'
import { Piscina } from "piscina"
const filename = new URL("./worker.mjs", import.meta.url).href
const pool = new Piscina({ filename, minThreads: 1, maxThreads: 2, atomics: "disabled" })
await pool.run(0)
const first = pool.run(1)
// By now the thread has replied; the reply is read in the next turn of Node's event loop.
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
void pool.threads[0].terminate()
console.log("first:", await first)
console.log("next: ", await pool.run(2).catch(String))
await pool.destroy()
JS
actual=$(node main.mjs)
expected='first: 1
next:  Error: worker exited with code: 1'
echo "piscina $(node -p 'require("./node_modules/piscina/package.json").version'), Node $(node --version)"
echo "$actual"
if [ "$actual" != "$expected" ]; then
  echo "changed; it was:"
  echo "$expected"
  exit 1
fi
