import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { compiledSources, gatheredModules } from "./test/support/compiledFolder.js"
import { line } from "./test/support/effect/line.js"
import { LongestFirst } from "./test/support/longestFirst.js"

export default defineConfig({
  resolve: {
    // Tests and examples may import the package by its own name; they get the sources, not dist.
    alias: [
      // On Effect 4 always: what the tests call Effect is another thing to the sources there.
      ...(process.argv.includes("run") || line === 4 ? compiledSources : []),
      { find: /^effect-aio$/, replacement: fileURLToPath(new URL("./src/index.ts", import.meta.url)) },
      {
        find: /^effect-aio\/eslint$/,
        replacement: fileURLToPath(new URL("./src/eslint/index.ts", import.meta.url))
      },
      {
        find: /^effect-aio\/platform$/,
        replacement: fileURLToPath(new URL("./src/platform/index.ts", import.meta.url))
      },
      {
        find: /^effect-aio\/testing$/,
        replacement: fileURLToPath(new URL("./src/testing/index.ts", import.meta.url))
      },
      ...gatheredModules
    ]
  },
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", `test/platform/${line === 3 ? "four" : "three"}/**`],
    typecheck: {
      enabled: true,
      include: ["test/types/**/*.test-d.ts"],
      exclude: ["**/node_modules/**", `test/types/${line === 3 ? "four" : "three"}/**`],
      tsconfig: line === 3 ? "./test/types/tsconfig.json" : "./test/types/tsconfig.effect4.json",
      // Errors outside the type tests are what `npm run check` is for.
      ignoreSourceErrors: true
    },
    // A process per file: signals, process listeners and leaked handles of one file cannot reach the next.
    // gc() is there for the tests that watch a FinalizationRegistry.
    pool: "forks",
    poolOptions: { forks: { isolate: true, execArgv: ["--expose-gc"] } },
    minWorkers: 1,
    // One more than CI has cores: many files wait for processes of their own.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/support/slowestFiles.ts"],
    globals: false,
    // What compiledFolder.ts has made is loaded as it is.
    server: { deps: { external: [/effect-aio-compiled-/] } },
    globalSetup: ["test/support/leftoverProcesses.ts", "test/support/compiledFolder.ts"],
    setupFiles: ["test/support/leftoverHandles.ts"],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 5_000,
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true
  }
})
