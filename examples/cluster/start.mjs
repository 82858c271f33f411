/**
 * npm run cluster [-- --line 3|4] [--settings fast|defaults] [--seconds N] [--rate N] [--check]: has the engine's packages of
 * that line in a folder of their own, with this package beside them as its users have it; starts PostgreSQL (Debian's) for
 * nobody else; then runs the exam there: see postgres/exam.ts. `--check` is short, and type-checks the example first.
 */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { parseArgs } from "node:util"
import { build } from "esbuild"
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

const here = fileURLToPath(new URL(".", import.meta.url))
const root = join(here, "../..")
const place = join(root, "node_modules/.cache/cluster", folder)
const inPlace = { cwd: place, stdio: "inherit", timeout: 300_000 }

const lockOf = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "")
const lock = join(here, "postgres", folder, "package-lock.json")
if (lockOf(join(place, "package-lock.json")) !== lockOf(lock)) {
  rmSync(place, { recursive: true, force: true })
  mkdirSync(place, { recursive: true })
  for (const name of ["package.json", "package-lock.json"]) {
    cpSync(join(here, "postgres", folder, name), join(place, name))
  }
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], inPlace)
}

// This package as it is built, a copy: a link would lead it to the Effect of this repository.
if (!existsSync(join(root, "dist")))
  execFileSync("npm", ["run", "--silent", "build"], { ...inPlace, cwd: root })
for (const name of ["dist", "package.json"]) {
  cpSync(join(root, name), join(place, "node_modules/effect-aio", name), { recursive: true })
}
rmSync(join(place, "cluster"), { recursive: true, force: true })
cpSync(here, join(place, "cluster"), { recursive: true })
const sources = join(place, "cluster/postgres", folder)
if (values.check) {
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", sources], inPlace)
}
await build({
  entryPoints: [
    join(sources, "runner.ts"),
    join(sources, "client.ts"),
    join(place, "cluster/postgres/exam.ts")
  ],
  outdir: join(place, "out"),
  entryNames: "[name]",
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  logLevel: "warning"
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
const programs = new URL(`${pathToFileURL(join(place, "out"))}/`)
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
