// The library as a part of a bundle: what does not need files of its own works, and what does says so.
// Covers: threadFiles
import { execFile } from "node:child_process"
import { isAbsolute, join } from "node:path"
import { promisify } from "node:util"
import { type BuildOptions, build, stop } from "esbuild"
import { rollup } from "rollup"
import { afterAll, describe, expect, it } from "vitest"
import { compiled, compiledRoot } from "./support/compiled.js"

const door = compiled("src/index.ts")
const folder = join(compiledRoot, "bundles")
const program = `
  import * as Effect from "effect/Effect"
  import { fromAio, Loop, toThread } from "effect-aio"

  const square = fromAio((n) => toThread((n) => n * n, n))
  const main = Effect.gen(function* () {
    console.log(yield* fromAio(async () => "runs")())
    const refused = yield* Effect.flip(square(7))
    console.log(refused.cause._tag, refused.cause.message)
    yield* Effect.scoped(Loop.subprocess("true"))
    process.kill(process.pid, "SIGTERM")
    yield* Effect.ensuring(Effect.never, Effect.sync(() => console.log("closed")))
  })
  Loop.run(main)
`

/** A child by the helper process, to which the bundle's own code is sent. */
const helped = `
  import * as Effect from "effect/Effect"
  import { Loop } from "effect-aio"

  const main = Effect.gen(function* () {
    const child = yield* Loop.subprocess("sh", ["-c", "echo $PPID; exit 3"])
    const code = yield* child.exitCode
    console.log(code, child.pid > 0)
  })
  Effect.runPromise(Loop.scoped(Effect.scoped(main), { spawnHelper: true }))
`

type Format = "esm" | "cjs"

/** What esbuild is told of every bundle. */
const byEsbuild = {
  alias: { "effect-aio": door },
  bundle: true,
  platform: "node",
  external: ["effect/*", "piscina", "koffi"],
  logLevel: "error"
} satisfies BuildOptions

const bundlers: Readonly<Record<string, (format: Format, file: string) => Promise<unknown>>> = {
  esbuild: (format, outfile) =>
    build({
      stdin: { contents: program, resolveDir: compiledRoot },
      ...byEsbuild,
      format,
      outfile
    }),
  Rollup: async (format, file) => {
    const entry = "a program"
    const bundle = await rollup({
      input: entry,
      external: (id) => id !== entry && id !== "effect-aio" && !id.startsWith(".") && !isAbsolute(id),
      plugins: [
        {
          name: "the program",
          resolveId: (id) => (id === entry ? id : id === "effect-aio" ? door : null),
          load: (id) => (id === entry ? program : null)
        }
      ],
      logLevel: "silent"
    })
    await bundle.write({ format, file })
    await bundle.close()
  }
}

const run = promisify(execFile)

afterAll(() => stop())

describe.each(Object.entries(bundlers))("a bundle made by %s", (name, bundler) => {
  it.each(["esm", "cjs"] as const)(
    "runs, closes in order, and refuses jobs for threads with what to do: %s",
    { timeout: 60_000 },
    async (format) => {
      const file = join(folder, `${name}.${format === "esm" ? "mjs" : "cjs"}`)
      await bundler(format, file)
      // It ends by its signal's exit code, which is a failure to execFile.
      const { code, stdout } = await run(process.execPath, [file]).then(
        ({ stdout }) => ({ code: 0, stdout }),
        (error: { readonly code: number; readonly stdout: string }) => error
      )
      expect({ code, lines: stdout.trim().split("\n") }).toEqual({
        code: 143,
        lines: [
          "runs",
          expect.stringMatching(
            /^JobRefusedError the job .* effect-aio is part of a bundle here.* --external:effect-aio/
          ),
          "closed"
        ]
      })
    }
  )
})

it.each([
  ["as it is", {}],
  ["without names", { minify: true }],
  ["with all names kept", { minify: true, keepNames: true }]
])("a bundle has a helper process start its children: %s", { timeout: 60_000 }, async (name, options) => {
  const outfile = join(folder, `${name.replaceAll(" ", "-")}.mjs`)
  await build({
    stdin: { contents: helped, resolveDir: compiledRoot },
    ...byEsbuild,
    format: "esm",
    outfile,
    ...options
  })
  expect(await run(process.execPath, [outfile])).toEqual({ stdout: "3 true\n", stderr: "" })
})
