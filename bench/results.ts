/** Runs in files: JSON, with a contender a line, so that they can be read and compared. */
import { readFileSync, writeFileSync } from "node:fs"
import type { CaseResult, Run } from "./result.js"

/** Four digits are more than any sample is good for. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === "number" ? Number(value.toPrecision(4)) : value

const line = (value: unknown): string => JSON.stringify(value, rounded)

const block = ({ contenders, ...about }: CaseResult): string =>
  `{ "about": ${line(about)}, "contenders": [\n    ${contenders.map(line).join(",\n    ")}\n  ] }`

export const text = ({ cases, ...about }: Run): string =>
  `{ "about": ${JSON.stringify(about)}, "cases": [\n  ${cases.map(block).join(",\n  ")}\n] }\n`

/** What `text` has written. */
export const parse = (json: string): Run => {
  const { about, cases } = JSON.parse(json) as {
    about: Omit<Run, "cases">
    cases: ReadonlyArray<{ about: Omit<CaseResult, "contenders">; contenders: CaseResult["contenders"] }>
  }
  return { ...about, cases: cases.map((one) => ({ ...one.about, contenders: one.contenders })) }
}

export const write = (file: string, run: Run): void => writeFileSync(file, text(run))

export const read = (file: string): Run => parse(readFileSync(file, "utf8"))
