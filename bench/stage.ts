/**
 * The compiled benchmark once more, in a folder of its own, beside another Effect or another build of the library.
 *
 * For Effect 4, `effect` and the platform's packages are those of `.ci/four`, and where the cases use a name of Effect 3 that
 * Effect 4 has not, they get it from the suite's own names (`test/support/effect/four`) and from `names` here. What is another
 * program on Effect 4 stands beside the file of Effect 3, as `NAME.four.mjs`.
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
import { createRequire } from "node:module"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { transformSync as TransformSync } from "esbuild"

/** Of Effect. */
export const LINES = ["3", "4"] as const
export type Line = (typeof LINES)[number]

/** A build of the library, and the compiled benchmark that measures it. */
export interface Build {
  /** Its name in tables, where it is not the one at hand. */
  readonly label: string | undefined
  readonly folder: string
}

/** What the cases measure the library against, of the benchmark's own packages. */
const PEERS = ["bluebird", "effection", "p-limit"]

const dist = fileURLToPath(new URL(".", import.meta.url))
const bench = join(dist, "..")
const root = join(bench, "..")
const stages = join(dist, "stages")

/** The root's own: it is there for its tests. */
const esbuild = (): { transformSync: typeof TransformSync } =>
  createRequire(join(root, "package.json"))("esbuild") as { transformSync: typeof TransformSync }

/** What stands for modules of Effect 3 on Effect 4: made in `into`; their names. */
const makeNames = (into: string): ReadonlySet<string> => {
  mkdirSync(into, { recursive: true })
  const named = new Set<string>()
  for (const folder of [join(root, "test/support/effect/four"), join(bench, "names")])
    for (const file of readdirSync(folder).filter((name) => name.endsWith(".ts"))) {
      const source = readFileSync(join(folder, file), "utf8")
      const { code } = esbuild().transformSync(source, { loader: "ts", target: "node20" })
      writeFileSync(join(into, file.replace(/\.ts$/, ".js")), code.replaceAll('"effect4', '"effect'))
      named.add(file.replace(/\.ts$/, ""))
    }
  return named
}

/** The packages that a stage sees. The library is a copy, so that it finds the same Effect as what measures it. */
const makePackages = (modules: string, line: Line, library: string): void => {
  mkdirSync(modules, { recursive: true })
  const ofRoot = join(root, "node_modules")
  const ofLine = line === "4" ? join(root, ".ci/four/node_modules") : ofRoot
  for (const name of ["effect", "@effect"]) symlinkSync(join(ofLine, name), join(modules, name))
  for (const name of ["koffi", "piscina", "fast-check"]) symlinkSync(join(ofRoot, name), join(modules, name))
  for (const name of PEERS) symlinkSync(join(bench, "node_modules", name), join(modules, name))
  for (const part of ["dist", "package.json"])
    cpSync(join(library, part), join(modules, "effect-aio", part), { recursive: true })
}

/** Copies the compiled files of the benchmark. */
const copyFiles = (out: string, change: (code: string, file: string) => string): void => {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const file = relative(dist, join(entry.parentPath, entry.name))
    if (!entry.isFile() || !file.endsWith(".js") || file.startsWith("stages")) continue
    mkdirSync(dirname(join(out, file)), { recursive: true })
    writeFileSync(join(out, file), change(readFileSync(join(dist, file), "utf8"), file))
  }
}

/** Makes the stage of a line and of the library that was built in the folder `library`. */
const make = (line: Line, name: string, library: string): string => {
  const out = join(stages, `${name}-${line}`)
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  writeFileSync(join(out, "package.json"), JSON.stringify({ type: "module" }))
  makePackages(join(out, "node_modules"), line, library)
  if (line === "3") copyFiles(out, (code) => code)
  else {
    const names = join(out, "names")
    const named = makeNames(names)
    copyFiles(out, (code, file) => {
      const own = join(bench, file.replace(/\.js$/, ".four.mjs"))
      if (existsSync(own)) return readFileSync(own, "utf8")
      const here = dirname(join(out, file))
      return code.replace(/"effect\/(\w+)"/g, (specifier, module: string) =>
        named.has(module) ? JSON.stringify(`./${relative(here, join(names, `${module}.js`))}`) : specifier
      )
    })
  }
  return out
}

/**
 * What is measured: the library at hand, then those that `others` names, each the folder of a built library, with a name before
 * it (`old=../elsewhere`) or the folder's own.
 */
export const stage = (
  line: Line,
  others: ReadonlyArray<string>
): readonly [Build, ...ReadonlyArray<Build>] => {
  const own = line === "3" ? dist.replace(/\/$/, "") : make(line, "own", root)
  return [
    { label: undefined, folder: own },
    ...others.map((other): Build => {
      const [, name, path = ""] = /^(?:([\w.-]+)=)?(.*)$/.exec(other) ?? []
      const folder = resolve(path)
      const label = name ?? folder.split("/").at(-1) ?? "other"
      if (!existsSync(join(folder, "dist/index.js")))
        throw new Error(`there is no built library in ${folder}`)
      return { label, folder: make(line, label, folder) }
    })
  ]
}
