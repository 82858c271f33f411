/** What a project says once, for all rules: `settings: { "effect-aio": { asyncContext: false } }`. */
import type { SourceCode } from "./Rule.js"

const KEY = "effect-aio"

const given = (settings: object): boolean | undefined => {
  const ours: unknown = Reflect.get(settings, KEY)
  if (ours === undefined) return undefined
  if (typeof ours !== "object" || ours === null || Array.isArray(ours))
    throw new TypeError(
      `settings["${KEY}"] takes an object, { asyncContext: boolean }, not ${JSON.stringify(ours)}`
    )
  for (const [name, value] of Object.entries(ours)) {
    if (name !== "asyncContext")
      throw new TypeError(`settings["${KEY}"] has no ${name}: it takes { asyncContext: boolean }`)
    if (value !== undefined && typeof value !== "boolean")
      throw new TypeError(`settings["${KEY}"].asyncContext takes a boolean, not ${JSON.stringify(value)}`)
  }
  const asyncContext: unknown = Reflect.get(ours, "asyncContext")
  return typeof asyncContext === "boolean" ? asyncContext : undefined
}

/** Whether the file itself opens a loop with `asyncContext: false`, strings and comments aside. */
const opensWithout = (sourceCode: SourceCode): boolean => {
  if (!/\basyncContext\b/.test(sourceCode.text)) return false
  const { tokens } = sourceCode.ast
  return tokens.some(
    ({ type, value }, index) =>
      type === "Identifier" &&
      value === "asyncContext" &&
      tokens[index + 1]?.value === ":" &&
      tokens[index + 2]?.value === "false"
  )
}

/** Whether the code of the file runs on loops without async-local state. */
export const runsWithoutContext = (context: {
  readonly settings: object
  readonly sourceCode: SourceCode
}): boolean => {
  const asyncContext = given(context.settings)
  return asyncContext === undefined ? opensWithout(context.sourceCode) : !asyncContext
}
