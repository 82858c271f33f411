/**
 * An example that has packages of its own, which the repository does not need: they are installed in a folder for them, with this
 * package beside them as its users have it, and the example is built there.
 */
import { execFileSync } from "node:child_process"
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { build } from "esbuild"

const root = fileURLToPath(new URL("..", import.meta.url))

const textOf = (path) => (existsSync(path) ? readFileSync(path, "utf8") : "")

/**
 * @param {object} options
 * @param {string} options.example Its folder in examples/.
 * @param {string} options.packages The folder in it that has package.json, package-lock.json and tsconfig.json.
 * @param {"three" | "four"} options.line The line of Effect that these packages are of.
 * @param {string[]} options.programs What is built, in the example's folder.
 * @param {boolean} options.check Whether it is type-checked first.
 * @returns {Promise<URL>} The folder that has the programs, each `.js` by its own name.
 */
export const exampleWithPackages = async ({ example, packages, line, programs, check }) => {
  const here = join(root, "examples", example)
  const place = join(root, "node_modules/.cache", example, line)
  const inPlace = { cwd: place, stdio: "inherit", timeout: 300_000 }

  const lock = join(here, packages, "package-lock.json")
  if (textOf(join(place, "package-lock.json")) !== textOf(lock)) {
    rmSync(place, { recursive: true, force: true })
    mkdirSync(place, { recursive: true })
    for (const name of ["package.json", "package-lock.json"]) {
      cpSync(join(here, packages, name), join(place, name))
    }
    execFileSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], inPlace)
  }

  // This package as it is built, a copy: a link would lead it to the Effect of this repository.
  if (!existsSync(join(root, "dist"))) {
    execFileSync("npm", ["run", "--silent", "build"], { ...inPlace, cwd: root })
  }
  for (const name of ["dist", "package.json"]) {
    cpSync(join(root, name), join(place, "node_modules/effect-aio", name), { recursive: true })
  }
  const copy = join(place, example)
  rmSync(copy, { recursive: true, force: true })
  cpSync(here, copy, { recursive: true })
  if (check) {
    const tsc = join(root, "node_modules/typescript/bin/tsc")
    execFileSync(process.execPath, [tsc, "-p", join(copy, packages)], inPlace)
  }
  await build({
    entryPoints: programs.map((program) => join(copy, program)),
    outdir: join(place, "out"),
    entryNames: "[name]",
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "warning"
  })
  return new URL(`${pathToFileURL(join(place, "out"))}/`)
}
