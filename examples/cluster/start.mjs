/**
 * npm run cluster [-- --line 3|4] [--settings fast|defaults] [--seconds N] [--rate N] [--check]: has the engine's packages of
 * that line in a folder of their own, with this package beside them as its users have it; starts PostgreSQL (Debian's) for
 * nobody else; then runs the exam there: see postgres/exam.ts. `--check` is short, and type-checks the example first.
 */
import { parseArgs } from "node:util"
import { exampleWithPackages } from "../../scripts/exampleWithPackages.mjs"
import { openPostgres } from "../../test/libraries/postgres.mjs"
import { freePort } from "../../test/libraries/started.mjs"

const { values } = parseArgs({
  options: {
    line: { type: "string", default: "3" },
    settings: { type: "string", default: "fast" },
    seconds: { type: "string" },
    rate: { type: "string" },
    check: { type: "boolean", default: false }
  }
})
const folder = { 3: "three", 4: "four" }[values.line]
if (folder === undefined) throw new TypeError("--line is 3 or 4")
if (!["fast", "defaults"].includes(values.settings)) throw new TypeError("--settings are fast or defaults")
const [major, minor] = process.versions.node.split(".").map(Number)
if (folder === "four" && (major < 22 || (major === 22 && minor < 19))) {
  throw new Error("the platform packages of Effect 4 need Node 22.19 or newer")
}

const sources = `postgres/${folder}`
const programs = await exampleWithPackages({
  example: "cluster",
  packages: sources,
  line: folder,
  programs: [`${sources}/runner.ts`, `${sources}/client.ts`, "postgres/exam.ts"],
  check: values.check
})

const postgres = await openPostgres("-c", "shared_preload_libraries=pg_stat_statements")
if (postgres === undefined) throw new Error("there is no PostgreSQL, and none could be installed")
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143]
]) {
  process.once(signal, async () => {
    await postgres.kill("SIGINT")
    process.exit(code)
  })
}
try {
  const { exam } = await import(new URL("exam.js", programs).href)
  console.log(`Effect ${values.line}, Node ${process.versions.node}, settings ${values.settings}`)
  const seconds = Number(values.seconds ?? (values.settings === "fast" ? 20 : 65))
  const passed = await exam({
    ...{ postgres, programs, freePort, seconds, settings: values.settings },
    ...{ rate: Number(values.rate ?? (values.check ? 25 : 50)), print: (line) => console.log(line) }
  })
  process.exitCode = passed ? 0 : 1
} finally {
  await postgres.kill("SIGINT")
}
