#!/usr/bin/env bash
# Effect 3.22.4 and 4.1.0: a metric with a description is another metric than the one of the same name without it.
#
# Guess: a metric is what its name, its kind and its tags say, as in Prometheus: `Metric.counter("jobs")` reads what
# `Metric.counter("jobs", { description })` has counted, wherever in the program each of them was made.
# Behaviour: on both lines the description is part of the key. The counter without it reads 0, the same call with it reads 1. A
# dashboard or a test that makes the metric anew by its name alone sees nothing, and no error.
# Remedy: read all metrics of the registry by `Metric.snapshot`, and look for the name there; or share the one value.
#
# Exits 0 while that is so, 1 where it has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund three@npm:effect@3.22.4 four@npm:effect@4.1.0 >/dev/null
cat >main.mjs <<'JS'
const { Effect, Metric } = await import(process.argv[2])
const named = () => Metric.counter("jobs")
const described = () => Metric.counter("jobs", { description: "Jobs that were run" })
const found = (all) => all.filter((one) => (one.id ?? one.metricKey.name) === "jobs").length
const program = Effect.gen(function* () {
  yield* Metric.update(described(), 1)
  const [without, with_] = [yield* Metric.value(named()), yield* Metric.value(described())]
  const all = yield* Metric.snapshot
  console.log(`without ${without.count}, with ${with_.count}, of the name ${found(all)}`)
})
await Effect.runPromise(program)
JS
actual=$(for line in three four; do echo "$line: $(node main.mjs "$line")"; done)
expected="three: without 0, with 1, of the name 2
four: without 0, with 1, of the name 2"
echo "$actual"
[ "$actual" = "$expected" ]
