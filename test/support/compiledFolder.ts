// For the whole suite: sources, fixtures and examples as plain JavaScript, compiled once. A test that starts a process or
// a worker thread has it run what is in this folder (compiled.ts): with a compiler in each of them, the suite would spend
// its time there. Effect is put into few files, for them and for vitest's own processes (vitest.config.ts), because Node
// takes a second to find and read its hundreds of modules.
//
// Which Effect that is decides the line that the suite runs on (effect/line.ts). The sources get it as it is; tests, fixtures
// and examples are written with Effect 3's names, and get Effect 4 through effect/four.
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
import type { Alias, ResolverFunction } from "vite"
import type { TestProject } from "vitest/node"
import { buildPage } from "../../scripts/page.mjs"
import { effectFrom, effectPackage, isOfOtherLine, line, platformFrom } from "./effect/line.js"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Where it is. The config and this setup run in one process, vitest's main one. */
const folder = join(tmpdir(), `effect-aio-compiled-${process.pid}`)

/** Effect's packages, and fast-check, which Effect takes into itself: a module of theirs is a file of the folder. */
const gathered = /^(effect4?|fast-check|@effect\/[\w-]+)(?:\/([\w/-]+))?$/

/** The modules with Effect 3's names on Effect 4. */
const four = "test/support/effect/four"
const renamed: ReadonlySet<string> = new Set(
  readdirSync(join(root, four)).map((file) => file.replace(/\.ts$/, ""))
)

/** What stands for a module of Effect where it is named as Effect 3 names it, from the project's root; or `undefined`. */
const named = (specifier: string): string | undefined => {
  if (line === 3) return undefined
  if (specifier === "@effect/vitest") return `${four}/vitest`
  const [, name, module = "index"] = gathered.exec(specifier) ?? []
  return name === "effect" && renamed.has(module) ? `${four}/${module}` : undefined
}

/** Has vitest take them from there. What is written for Effect 4 gets it as it is. */
export const gatheredModules: Array<Alias> = [
  ...(line === 3
    ? []
    : [
        { find: /^effect$/, replacement: `${folder}/${four}/index.js` },
        { find: /^@effect\/vitest$/, replacement: `${folder}/${four}/vitest.js` },
        {
          find: new RegExp(`^effect/(${[...renamed].join("|")})$`),
          replacement: `${folder}/${four}/$1.js`
        }
      ].map((alias): Alias => {
        const customResolver: ResolverFunction = (updated, importer) =>
          importer === undefined || usesNames(importer)
            ? updated
            : updated.replace(`${folder}/${four}/`, `${folder}/node_modules/effect/`)
        return { ...alias, customResolver }
      })),
  { find: /^(effect|fast-check|@effect\/[\w-]+)$/, replacement: `${folder}/node_modules/$1/index.js` },
  { find: /^(effect|@effect\/[\w-]+)\/([\w/-]+)$/, replacement: `${folder}/node_modules/$1/$2.js` }
]

/**
 * Has vitest's processes load the sources from there too, which takes a third of the time. Not in watch mode, where vitest has
 * to see which test depends on which source; frames of the sources are of the compiled files here.
 */
export const compiledSources = [
  { find: /^(?:\.\.?\/)+src\/(.*)\.js$/, replacement: `${folder}/src/$1.js` },
  { find: /^effect-aio$/, replacement: `${folder}/src/index.js` },
  { find: /^effect-aio\/eslint$/, replacement: `${folder}/src/eslint/index.js` },
  { find: /^effect-aio\/platform$/, replacement: `${folder}/src/platform/index.js` },
  { find: /^effect-aio\/testing$/, replacement: `${folder}/src/testing/index.js` }
]

/** What is not for this suite: the other line's, and what stands on packages that are installed beside it. */
const isLeftOut = (file: string): boolean =>
  isOfOtherLine(file) || /^examples\/(cluster\/postgres|metrics)\//.test(file)

/** What is compiled, and what is loaded beside it. */
const files = (): ReadonlyArray<string> =>
  ["src", "test/fixtures", "test/support", "examples"].flatMap((part) =>
    readdirSync(join(root, part), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".d.ts"))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)))
      .filter((file) => !isLeftOut(file))
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

/** For CommonJS that is put together with modules: what the platform's packages stand on. In a CommonJS bundle there is no URL. */
const withRequire = {
  js:
    `import { createRequire as __createRequire } from "node:module"; ` +
    `const require = import.meta.url && __createRequire(import.meta.url);`
}

/** What a file is compiled to. */
const target = (file: string): string => join(folder, file.replace(/\.ts$/, ".js"))

/** Whether a file of the project is written with Effect 3's names. */
const usesNames = (path: string): boolean => {
  const file = relative(root, path).replaceAll("\\", "/")
  return /^(test|examples)\//.test(file) && !/\/four\//.test(file)
}

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

/** What is put together has the line's Effect in it, and one copy of it. */
const ofLine: Plugin = {
  name: "the line's Effect",
  setup: ({ onLoad, onResolve, resolve }) => {
    // The parts of the other line are not asked for.
    onResolve({ filter: /^\.\/(three|four)\.js$/ }, ({ importer, path }) =>
      isOfOtherLine(`${relative(root, join(dirname(importer), path)).replace(/\.js$/, "")}/`)
        ? { path, namespace: "other line" }
        : undefined
    )
    onLoad({ filter: /.*/, namespace: "other line" }, () => ({
      contents: "export const three = {}, four = {}"
    }))
    onResolve({ filter: /^(effect4?|@effect\/[\w-]+)(\/|$)/ }, ({ importer, path, pluginData }) => {
      if (pluginData === ofLine || /[\\/]node_modules[\\/]effect4?[\\/]/.test(importer)) return undefined
      const name = importer !== "" && usesNames(importer) ? named(path) : undefined
      if (name !== undefined) return { path: join(root, `${name}.ts`) }
      return resolve(path.replace(/^effect4?/, effectPackage), {
        resolveDir: path.startsWith("effect")
          ? effectFrom
          : /^@effect\/vitest/.test(path)
            ? root
            : platformFrom,
        kind: "import-statement",
        pluginData: ofLine
      })
    })
  }
}

/** The same for files that stay by themselves. */
const namesOfLine: Plugin = {
  name: "the line's names",
  setup: ({ onLoad }) => {
    if (line === 3) return
    onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: !usesNames(path)
        ? readFileSync(path, "utf8")
        : readFileSync(path, "utf8").replace(/(?<= from ")[^".]+(?=")/g, (specifier) => {
            const name = named(specifier)
            return name === undefined ? specifier : `./${relative(dirname(path), join(root, `${name}.js`))}`
          }),
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
    build({ ...options, entryPoints: others ?? [], plugins: [namesOfLine] }),
    build({
      ...options,
      entryPoints: fixtures ?? [],
      chunkNames: "test/fixtures/chunks/[hash]",
      bundle: true,
      splitting: true,
      keepNames: true,
      banner: withRequire,
      external: ["koffi", "piscina", "vitest"],
      plugins: [ownUrls, ofLine]
    }),
    // What threads load is put together as it is in the package.
    build({
      ...options,
      entryPoints: ["src/Loop/executor/jobWorker.mjs"],
      outExtension: { ".js": ".cjs" },
      bundle: true,
      format: "cjs"
    })
  ])
  // The command finds its page beside it.
  writeFileSync(join(folder, "src/cli/page.html"), await buildPage())
  for (const file of all) {
    if (file.endsWith(".ts")) continue
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    copyFileSync(join(root, file), join(folder, file))
  }
}

/** Every module of Effect that a file of the project imports, and of its packages. */
const modules = (): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const part of ["src", "test", "examples"]) {
    for (const entry of readdirSync(join(root, part), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith(".ts")) continue
      const path = join(entry.parentPath, entry.name)
      if (isLeftOut(relative(root, path))) continue
      const text = readFileSync(path, "utf8")
      for (const [, specifier = ""] of text.matchAll(
        /^(?:(?:import|export)(?! type)|\}).* from "([^".]+)"$/gm
      )) {
        const name = gathered.exec(specifier)?.[1]
        if (name === undefined || (line === 3 && name === "effect4")) continue
        // There are none of Effect 3's other packages on Effect 4, and of what the tests name there are the names.
        if (line === 4 && usesNames(path) && (name.startsWith("@") || name === "effect")) continue
        found.add(specifier)
      }
    }
  }
  return [...found]
}

const gather = async (): Promise<void> => {
  const modulesFolder = join(folder, "node_modules")
  const entryPoints = modules().map((specifier) => {
    const [, found = "", module = "index"] = gathered.exec(specifier) ?? []
    const name = found === "effect4" ? "effect" : found
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
    banner: withRequire,
    external: ["vitest"],
    plugins: [ofLine]
  })
  const names = new Set(entryPoints.map(({ name }) => name))
  for (const name of names) {
    const exports = { ".": "./index.js", "./*": "./*.js" }
    writeFileSync(
      join(modulesFolder, name, "package.json"),
      JSON.stringify({ name, type: "module", exports })
    )
  }
  if (line === 4) symlinkSync(join(modulesFolder, "effect"), join(modulesFolder, "effect4"))
  // Everything else is where npm put it.
  for (const name of readdirSync(join(root, "node_modules"))) {
    if (/^(\.|@effect$|effect)/.test(name) || names.has(name)) continue
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
  const self = {
    name: "effect-aio",
    type: "module",
    // The plugin for ESLint tells it.
    version: String(
      (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: unknown }).version
    ),
    exports: {
      ".": "./src/index.js",
      "./eslint": "./src/eslint/index.js",
      "./platform": "./src/platform/index.js",
      "./testing": "./src/testing/index.js"
    }
  }
  writeFileSync(join(folder, "package.json"), JSON.stringify(self))
  await Promise.all([compile(), gather()])
  project.provide("compiled", folder)
  project.onTestsRerun(compile)
  return () => rmSync(folder, { recursive: true, force: true })
}
