/**
 * Every `@example` of the public API: it compiles as a reader would paste it, it runs, it prints what it says, and nothing
 * of it is left.
 */
import { spawn } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { stop, transform } from "esbuild"
import { beforeAll, describe, expect, it } from "vitest"
import { checkExamples } from "../support/docs/checked.js"
import type { Ran } from "../support/docs/runAll.js"
import { compiled, compiledRoot } from "../support/compiled.js"

const { bare, classes, examples, others } = checkExamples()

let outcomes: ReadonlyArray<Ran> = []
let ended: { readonly code: number | null; readonly stderr: string }

/** Runs all of them, in one process. */
beforeAll(async () => {
  const folder = join(compiledRoot, "docs")
  mkdirSync(folder, { recursive: true })
  const files = await Promise.all(
    examples.map(async ({ module }, index) => {
      const file = join(folder, `example${index}.js`)
      const { code } = await transform(module, { loader: "ts", format: "esm", target: "node20" })
      writeFileSync(file, code)
      return file
    })
  )
  await stop()
  const child = spawn(process.execPath, [compiled("test/support/docs/runAll.ts"), ...files], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: folder,
    timeout: 100_000,
    killSignal: "SIGKILL"
  })
  let stdout = ""
  let stderr = ""
  child.stdout.setEncoding("utf8").on("data", (data: string) => (stdout += data))
  child.stderr.setEncoding("utf8").on("data", (data: string) => (stderr += data))
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
  ended = { code, stderr }
  outcomes = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Ran)
}, 120_000)

describe("the examples of the docs", () => {
  it.each(examples)("$where compiles", ({ errors, module }) => {
    expect(errors, module).toEqual([])
  })

  it.each(examples.map((example, index) => ({ ...example, index })))(
    "$where runs and prints what it says",
    ({ index, prints }) => {
      const outcome = outcomes[index]
      expect(outcome?.error).toBeUndefined()
      expect(outcome).toBeDefined()
      if (prints.length > 0) expect(outcome?.printed).toEqual(prints)
    }
  )

  // They stand on what the other line of Effect has, and are checked where the suite runs on that.
  it.skip.each(others)("$where compiles", () => {})
  it.skip.each(others)("$where runs and prints what it says", () => {})

  it("leave nothing that keeps their process: it ends by itself", () => {
    expect(ended).toMatchObject({ code: 0 })
  })
})

describe("whom a reader finds an example of", () => {
  it.each(classes)("$name has one, and each of its getters is read in one", ({ hasExample, unread }) => {
    expect({ hasExample, unread }).toEqual({ hasExample: true, unread: [] })
  })

  it("every function that the package exports has one", () => {
    expect(bare).toEqual([])
  })
})
