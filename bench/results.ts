/** Runs in files: JSON, with a contender a line, so that they can be read and compared. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import type { CaseResult, Run } from "./result.js"

/** Four digits are more than any sample is good for. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === "number" ? Number(value.toPrecision(4)) : value

const block = ({ contenders, ...about }: CaseResult): string =>
  `{ "case": ${JSON.stringify(about)}, "contenders": [\n    ${contenders
    .map((one) => JSON.stringify(one, rounded))
    .join(",\n    ")}\n  ] }`

export const text = ({ cases, machine }: Run): string =>
  `{ "machine": ${JSON.stringify(machine)}, "cases": [\n  ${cases.map(block).join(",\n  ")}\n] }\n`

/** What `text` has written. */
export const parse = (json: string): Run => {
  const { cases, machine } = JSON.parse(json) as {
    readonly machine: Run["machine"]
    readonly cases: ReadonlyArray<{
      readonly case: Omit<CaseResult, "contenders">
      readonly contenders: CaseResult["contenders"]
    }>
  }
  return { machine, cases: cases.map((one) => ({ ...one.case, contenders: one.contenders })) }
}

export const read = (file: string): Run => parse(readFileSync(file, "utf8"))

const nameOf = ({ group, name }: CaseResult): string => `${group} / ${name}`

/** The old cases, with the new ones in the place of those that have their names; what is new comes last. */
export const merged = (
  old: ReadonlyArray<CaseResult>,
  found: ReadonlyArray<CaseResult>
): ReadonlyArray<CaseResult> => {
  const all = new Map([...old, ...found].map((one) => [nameOf(one), one]))
  return [...all.values()]
}

/** Writes a run; what else the file has of other cases stays. */
export const keep = (file: string, run: Run): void => {
  mkdirSync(dirname(file), { recursive: true })
  const old = existsSync(file) ? read(file).cases : []
  writeFileSync(file, text({ ...run, cases: merged(old, run.cases) }))
}
