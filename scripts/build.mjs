// Builds dist: the declarations file by file, and the JavaScript in one file, because Node takes longer to find and read a
// hundred modules than to run them. The platform's door stands on the same file; its parts for one line of Effect are files
// that are loaded where they are wanted. Beside it lie the two that must be files of their own:
//   jobWorker.cjs           what the threads of executors run
//   Loop/kernel/sites.js    knows by where it lies which frames are the library's
import { execFileSync } from "node:child_process"
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { leanImports } from "./leanImports.mjs"
import { ownNames } from "./ownNames.mjs"
import { buildPage } from "./page.mjs"

const root = fileURLToPath(new URL("..", import.meta.url))
rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true })

execFileSync(
  process.execPath,
  [
    fileURLToPath(import.meta.resolve("typescript/lib/tsc.js")),
    "-p",
    "tsconfig.build.json",
    "--emitDeclarationOnly"
  ],
  { cwd: root, stdio: "inherit" }
)

// What is loaded for one line of Effect is nobody's import.
for (const part of ["three", "three.d.ts", "three.d.ts.map", "four.effect3.d.ts", "four.effect3.d.ts.map"])
  rmSync(new URL(`../dist/platform/${part}`, import.meta.url), { recursive: true, force: true })

// What the plugin for ESLint is made of is nobody's import either, and names types of packages that its users need not have.
for (const part of readdirSync(new URL("../dist/eslint", import.meta.url)).filter(
  (name) => !name.startsWith("index.")
))
  rmSync(new URL(`../dist/eslint/${part}`, import.meta.url), { recursive: true, force: true })

const sites = "Loop/kernel/sites"

const { outputFiles } = await build({
  absWorkingDir: root,
  write: false,
  entryPoints: {
    index: "src/index.ts",
    "eslint/index": "src/eslint/index.ts",
    "platform/index": "src/platform/index.ts",
    "testing/index": "src/testing/index.ts"
  },
  outdir: "dist",
  // What both doors stand on must be there once, and beside index.js, from which the files of their own are found.
  splitting: true,
  chunkNames: "[name]-[hash]",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  sourcesContent: false,
  external: ["effect", "@effect/*", "piscina", "koffi"],
  logLevel: "warning",
  // The door imports the host for its types.
  logOverride: { "ignored-bare-import": "silent" },
  plugins: [
    {
      name: "files of their own",
      setup: ({ onResolve }) => {
        onResolve({ filter: /\/sites\.js$/ }, () => ({ path: `./${sites}.js`, external: true }))
      }
    }
  ]
})
for (const { contents, path, text } of outputFiles) {
  mkdirSync(dirname(path), { recursive: true })
  // esbuild leaves the path as it is, wherever the file lies that has it.
  const up = relative(dirname(path), fileURLToPath(new URL("../dist", import.meta.url)))
  const from = up === "" ? "." : up
  const found = text.replaceAll(`"./${sites}.js"`, `"${from}/${sites}.js"`)
  writeFileSync(path, path.endsWith(".js") ? ownNames(leanImports(found)) : contents)
}
await build({
  absWorkingDir: root,
  entryPoints: { [sites]: `src/${sites}.ts` },
  outdir: "dist",
  format: "esm",
  target: "node20",
  sourcemap: true,
  sourcesContent: false
})
// The command loads nothing but itself: neither the library nor Effect.
await build({
  absWorkingDir: root,
  entryPoints: { "cli/main": "src/cli/main.ts" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  sourcesContent: false
})
writeFileSync(new URL("../dist/cli/page.html", import.meta.url), await buildPage())
await build({
  absWorkingDir: root,
  entryPoints: { jobWorker: "src/Loop/executor/jobWorker.mjs" },
  outdir: "dist",
  outExtension: { ".js": ".cjs" },
  bundle: true,
  format: "cjs",
  platform: "node",
  target: "node20",
  sourcemap: true,
  sourcesContent: false
})
