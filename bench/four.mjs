/**
 * Makes `dist/four`: the compiled benchmark once more, for Effect 4. Its `effect` and the platform's packages are those of
 * `.ci/four`, the library is a copy of the built one beside it, and where the cases use a name of Effect 3 that Effect 4 has
 * not, they get it from the suite's own names (`test/support/effect/four`) and from `names` here. What is another program on
 * Effect 4 stands beside the file of Effect 3, as `NAME.four.mjs`.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { transformSync } from "esbuild"

const bench = fileURLToPath(new URL(".", import.meta.url))
const root = join(bench, "..")
const out = join(bench, "dist/four")
const names = join(out, "names")

rmSync(out, { recursive: true, force: true })
mkdirSync(names, { recursive: true })
writeFileSync(join(out, "package.json"), JSON.stringify({ type: "module" }))

const modules = join(out, "node_modules")
mkdirSync(modules)
for (const name of ["effect", "@effect"])
  symlinkSync(join(root, ".ci/four/node_modules", name), join(modules, name))
for (const name of ["koffi", "piscina", "fast-check"])
  symlinkSync(join(root, "node_modules", name), join(modules, name))
symlinkSync(join(bench, "node_modules/tinybench"), join(modules, "tinybench"))
for (const part of ["dist", "package.json"])
  cpSync(join(root, part), join(modules, "effect-aio", part), { recursive: true })

/** What stands for a module of Effect 3, by its name. */
const named = new Set()
for (const folder of [join(root, "test/support/effect/four"), join(bench, "names")]) {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts"))) {
    const { code } = transformSync(readFileSync(join(folder, file), "utf8"), {
      loader: "ts",
      target: "node20"
    })
    writeFileSync(join(names, file.replace(/\.ts$/, ".js")), code.replaceAll('"effect4', '"effect'))
    named.add(file.replace(/\.ts$/, ""))
  }
}

for (const entry of readdirSync(join(bench, "dist"), { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name)
  const file = relative(join(bench, "dist"), path)
  if (!entry.isFile() || !file.endsWith(".js") || file.startsWith("four")) continue
  const target = join(out, file)
  mkdirSync(dirname(target), { recursive: true })
  const own = join(bench, file.replace(/\.js$/, ".four.mjs"))
  const code = readFileSync(existsSync(own) ? own : path, "utf8").replace(
    /"effect\/(\w+)"/g,
    (specifier, module) =>
      named.has(module)
        ? JSON.stringify(`./${relative(dirname(target), join(names, `${module}.js`))}`)
        : specifier
  )
  writeFileSync(target, code)
}
