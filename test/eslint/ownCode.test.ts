// No false alarms: what the project itself shows others, looked at by its own plugin.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { ESLint } from "eslint"
import tseslint from "typescript-eslint"
import { beforeAll, describe, expect, it } from "vitest"
import plugin from "../../src/eslint/index.js"
import { asModule, findExamples, root } from "../support/docs/examples.js"
import * as library from "../../src/index.js"
import * as effect from "effect"

const lint = async (eslint: ESLint, code: string, filePath: string): Promise<ReadonlyArray<string>> => {
  const [result] = await eslint.lintText(code, { filePath })
  return (result?.messages ?? []).map(
    ({ line, message, ruleId }) =>
      `${filePath}:${line} ${ruleId ?? "error"}: ${message}\n${code.split("\n")[line - 1]}`
  )
}

const untyped = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: [
    { files: ["**/*.ts"], languageOptions: { parser: tseslint.parser } },
    plugin.configs.recommended
  ]
})

const typed = new ESLint({
  cwd: root,
  overrideConfigFile: true,
  overrideConfig: [
    { files: ["**/*.ts"], languageOptions: { parser: tseslint.parser } },
    plugin.configs["recommended-type-checked"],
    { languageOptions: { parserOptions: { tsconfigRootDir: root } } }
  ]
})

/** The programs of a page, but for those that show what is wrong, and those that have something left out. */
const programsOf = (file: string): ReadonlyArray<string> =>
  [...readFileSync(join(root, file), "utf8").matchAll(/^ *```ts\n([^]*?)^ *```/gm)]
    .map(([, code = ""]) => code)
    .filter((code) => !/^ *\/\/ Bad/m.test(code))

const pages = ["README.md", ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`)].filter((name) =>
  name.endsWith(".md")
)

describe("what the project shows", () => {
  it("in its README and its docs has no finding", { timeout: 120_000 }, async () => {
    const names = { library: new Set(Object.keys(library)), effect: new Set(Object.keys(effect)) }
    const found: Array<string> = []
    let programs = 0
    for (const page of pages) {
      for (const code of programsOf(page)) {
        programs++
        const whole = asModule({ where: page, code, prints: [] }, names)
        found.push(...(await lint(untyped, whole, `${page}.ts`)))
      }
    }
    expect(found).toEqual([])
    expect(programs).toBeGreaterThan(15)
  })

  it("in the examples of its API has none", { timeout: 120_000 }, async () => {
    const names = { library: new Set(Object.keys(library)), effect: new Set(Object.keys(effect)) }
    const found: Array<string> = []
    for (const example of findExamples())
      found.push(...(await lint(untyped, asModule(example, names), `${example.where}.ts`)))
    expect(found).toEqual([])
  })
})

describe("the programs of examples/", () => {
  let results: ReadonlyArray<ESLint.LintResult> = []
  beforeAll(async () => {
    // What has packages of its own has its types where those are installed.
    const folders = readdirSync(join(root, "examples")).filter(
      (name) => !existsSync(join(root, "examples", name, "three/package.json"))
    )
    const files = folders.flatMap((name) =>
      readdirSync(join(root, "examples", name)).map((file) => join("examples", name, file))
    )
    results = await typed.lintFiles(files.filter((file) => file.endsWith(".ts")))
  }, 120_000)

  it("have no finding, with types", () => {
    const found = results.flatMap(({ filePath, messages }) =>
      messages.map(({ line, message, ruleId }) => `${filePath}:${line} ${ruleId ?? "error"}: ${message}`)
    )
    expect(found).toEqual([])
    expect(results.length).toBeGreaterThan(10)
  })
})
