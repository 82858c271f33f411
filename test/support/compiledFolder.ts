// For the whole suite: sources, fixtures and examples as plain JavaScript, compiled once. A test that starts a process or
// a worker thread has it run what is in this folder (compiled.ts): with a compiler in each of them, the suite would spend
// its time there. Effect is put into few files, for them and for vitest's own processes (vitest.config.ts), because Node
// takes a second to find and read its hundreds of modules.
import { build, type Plugin } from "esbuild"
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import type { TestProject } from "vitest/node"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Where it is. The config and this setup run in one process, vitest's main one. */
const folder = join(tmpdir(), `effect-aio-compiled-${process.pid}`)

/** Effect's packages, and fast-check, which Effect takes into itself: a module of theirs is a file of the folder. */
const gathered = /^(effect|fast-check|@effect\/[\w-]+)(?:\/(\w+))?$/

/** Has vitest take them from there. */
export const gatheredModules = [
  { find: /^(effect|fast-check|@effect\/[\w-]+)$/, replacement: `${folder}/node_modules/$1/index.js` },
  { find: /^(effect|@effect\/[\w-]+)\/(\w+)$/, replacement: `${folder}/node_modules/$1/$2.js` }
]

/**
 * Has vitest's processes load the sources from there too, which takes a third of the time. Not in watch mode, where vitest has
 * to see which test depends on which source; frames of the sources are of the compiled files here.
 */
export const compiledSources = [
  { find: /^(?:\.\.?\/)+src\/(.*)\.js$/, replacement: `${folder}/src/$1.js` },
  { find: /^effect-aio$/, replacement: `${folder}/src/index.js` }
]

/** What is compiled, and what is loaded beside it. */
const files = (): ReadonlyArray<string> =>
  ["src", "test/fixtures", "test/support", "examples"].flatMap((part) =>
    readdirSync(join(root, part), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".d.ts"))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
  )

const options = {
  absWorkingDir: root,
  outbase: root,
  outdir: folder,
  format: "esm",
  platform: "node",
  target: "node20",
  logLevel: "warning",
  // The door imports the host for its types.
  logOverride: { "ignored-bare-import": "silent" }
} as const

/** What a file is compiled to. */
const target = (file: string): string => join(folder, file.replace(/\.ts$/, ".js"))

/** A module that is put together with others still finds what stands beside it. */
const ownUrls: Plugin = {
  name: "own URLs",
  setup: ({ onLoad }) => {
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, "utf8").replaceAll(
        "import.meta.url",
        JSON.stringify(pathToFileURL(target(relative(root, path))).href)
      ),
      loader: "ts"
    }))
  }
}

/** The fixtures, which start by the hundred, are put together with what they import; the rest stays file by file. */
const compile = async (): Promise<void> => {
  const all = files()
  const [fixtures, others] = [true, false].map((wanted) =>
    all.filter((file) => file.endsWith(".ts") && file.startsWith("test/fixtures/") === wanted)
  )
  await Promise.all([
    build({ ...options, entryPoints: others ?? [] }),
    build({
      ...options,
      entryPoints: fixtures ?? [],
      chunkNames: "test/fixtures/chunks/[hash]",
      bundle: true,
      splitting: true,
      keepNames: true,
      external: ["koffi", "piscina", "vitest"],
      plugins: [ownUrls]
    })
  ])
  for (const file of all) {
    if (file.endsWith(".ts")) continue
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(root, file), join(folder, file))
  }
}

/** Every module of Effect that a file of the project imports. */
const modules = (): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const part of ["src", "test", "examples"]) {
    for (const entry of readdirSync(join(root, part), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts")) continue
      const text = readFileSync(join(entry.parentPath, entry.name), "utf8")
      for (const [, specifier = ""] of text.matchAll(/^(?:import|export|\}).* from "([^".]+)"$/gm)) {
        if (gathered.test(specifier)) found.add(specifier)
      }
    }
  }
  return [...found]
}

const gather = async (): Promise<void> => {
  const modulesFolder = join(folder, "node_modules")
  const entryPoints = modules().map((specifier) => {
    const [, name = "", module = "index"] = gathered.exec(specifier) ?? []
    return { in: specifier, out: join(name, module), name }
  })
  await build({
    ...options,
    entryPoints: entryPoints.map(({ in: from, out }) => ({ in: from, out })),
    outdir: modulesFolder,
    // Still Effect's, by their folder: frames of its run loop are known by it.
    chunkNames: "effect/chunks/[hash]",
    bundle: true,
    splitting: true,
    external: ["vitest"]
  })
  const names = new Set(entryPoints.map(({ name }) => name))
  for (const name of names) {
    const exports = { ".": "./index.js", "./*": "./*.js" }
    writeFileSync(
      join(modulesFolder, name, "package.json"),
      JSON.stringify({ name, type: "module", exports })
    )
  }
  // Everything else is where npm put it.
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (name.startsWith(".") || name === "@effect" || names.has(name)) continue
    symlinkSync(join(root, "node_modules", name), join(modulesFolder, name))
  }
}

/** A run that was killed has left its folder. */
const sweep = (): void => {
  for (const name of readdirSync(tmpdir())) {
    const pid = /^effect-aio-compiled-(\d+)$/.exec(name)?.[1]
    if (pid === undefined) continue
    try {
      process.kill(Number(pid), 0)
    } catch {
      rmSync(join(tmpdir(), name), { recursive: true, force: true })
    }
  }
}

export default async (project: TestProject): Promise<() => void> => {
  sweep()
  mkdirSync(folder, { recursive: true })
  const self = { name: "effect-aio", type: "module", exports: "./src/index.js" }
  writeFileSync(join(folder, "package.json"), JSON.stringify(self))
  await Promise.all([compile(), gather()])
  project.provide("compiled", folder)
  project.onTestsRerun(compile)
  return () => rmSync(folder, { recursive: true, force: true })
}
