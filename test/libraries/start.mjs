/**
 * npm run libraries [-- --write | --check] [NAME...]: has the libraries at the versions of the lock file, in a folder of their
 * own, with this package beside them as its users have it, built and by its name; then runs the matrix there: see run.mjs.
 * npm run servers [-- KIND...]: the same for the exam of servers, see exam/run.mjs.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const here = fileURLToPath(new URL(".", import.meta.url))
const root = join(here, "../..")
const place = join(root, "node_modules/.cache/libraries")
const inherit = { cwd: place, stdio: "inherit" }

const lockOf = (folder) => {
  const file = join(folder, "package-lock.json")
  return existsSync(file) ? readFileSync(file, "utf8") : ""
}

const fresh = lockOf(place) !== lockOf(here)
if (fresh) rmSync(place, { recursive: true, force: true })
cpSync(here, place, { recursive: true, filter: (path) => !path.includes("node_modules", here.length) })
if (fresh) {
  execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], inherit)
  // The one that has to be compiled.
  execFileSync("npm", ["rebuild", "better-sqlite3", "--ignore-scripts=false"], inherit)
  symlinkSync(root, join(place, "node_modules/effect-aio"))
}
if (!existsSync(join(root, "dist")))
  execFileSync("npm", ["run", "--silent", "build"], { ...inherit, cwd: root })
const given = process.argv.slice(2)
const [file, ...args] = given[0] === "exam" ? ["exam/run.mjs", ...given.slice(1)] : ["run.mjs", ...given]
const { status } = spawnSync(process.execPath, [join(place, file), ...args], {
  cwd: root,
  stdio: "inherit"
})
if (process.argv.includes("--write")) {
  execFileSync("npx", ["--no-install", "prettier", "--write", "docs/libraries.md"], { ...inherit, cwd: root })
}
process.exitCode = status ?? 1
