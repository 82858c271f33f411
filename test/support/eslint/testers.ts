/** ESLint's own RuleTester in vitest's tests: for text alone, for TypeScript without types, and with them. */
import { setImmediate } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import type { Rule } from "eslint"
import { RuleTester } from "eslint"
import tseslint from "typescript-eslint"
import { describe, it } from "vitest"
import plugin from "../../../src/eslint/index.js"
import { line } from "../effect/line.js"

RuleTester.describe = (name, run) => describe(name, run)
// Many of these in a row would keep their process from answering vitest: it gets a turn between two.
const inTurn = (run: () => void) => async (): Promise<void> => {
  await setImmediate()
  run()
}
RuleTester.it = (name, run) => it(name, inTurn(run))
RuleTester.itOnly = (name, run) => it.only(name, inTurn(run))

/** The file that a text with types stands for. */
export const typedFolder = fileURLToPath(new URL(`typed/${line === 3 ? "three" : "four"}`, import.meta.url))
export const typedFile = `${typedFolder}/file.ts`

const parser = tseslint.parser

const javascript = new RuleTester()
const typescript = new RuleTester({ languageOptions: { parser } })
const typed = new RuleTester({
  languageOptions: { parser, parserOptions: { projectService: true, tsconfigRootDir: typedFolder } }
})

export const ruleOf = (name: string): Rule.RuleModule => {
  const rule = plugin.rules?.[name]
  if (rule === undefined) throw new Error(`there is no rule ${name}`)
  return rule as Rule.RuleModule
}

type Cases = Parameters<RuleTester["run"]>[2]

/** A text as the name of its test. */
const named = (one: Cases["valid"][number] | Cases["invalid"][number]) => {
  const given = typeof one === "string" ? { code: one } : one
  return { name: given.code.replaceAll(/\s+/g, " ").slice(0, 200), ...given }
}

const allNamed = ({ invalid, valid }: Cases): Cases => ({
  valid: valid.map(named) as Cases["valid"],
  invalid: invalid.map(named) as Cases["invalid"]
})

/** What holds of the text, whoever has parsed it. */
export const check = (name: string, cases: Cases): void => {
  javascript.run(`${name}, as JavaScript`, ruleOf(name), allNamed(cases))
  typescript.run(`${name}, as TypeScript without types`, ruleOf(name), allNamed(cases))
}

/** What is written in TypeScript, and nobody asks for its types. */
export const checkTypeScript = (name: string, cases: Cases): void =>
  typescript.run(`${name}, TypeScript's own`, ruleOf(name), allNamed(cases))

/** What types say. */
export const checkTyped = (name: string, { invalid, valid }: Cases): void => {
  const inFile = (one: Cases["valid"][number]) => ({ ...named(one), filename: typedFile })
  typed.run(`${name}, with types`, ruleOf(name), {
    valid: valid.map(inFile) as Cases["valid"],
    invalid: invalid.map(inFile) as Cases["invalid"]
  })
}
