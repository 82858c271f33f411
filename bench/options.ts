/** What the command is told: see `run.ts`. */
import { parseArgs } from "node:util"
import { FULL } from "./rounds.js"
import { LINES, type Line } from "./stage.js"

export interface Options {
  /** As they were given. */
  readonly args: ReadonlyArray<string>
  /** On every version of Node and both lines. */
  readonly all: boolean
  /** Under which name `all` keeps what it finds, if not the library's version. */
  readonly release: string | undefined
  /** Ratios of CPU time, in place of wall time. */
  readonly cpu: boolean
  /** Which contenders of a case. */
  readonly contender: RegExp
  readonly json: string | undefined
  /** Other builds of the library, to be measured beside the one at hand. */
  readonly libraries: ReadonlyArray<string>
  readonly line: Line
  readonly only: RegExp
  readonly quick: boolean
  /** How many samples are kept of each contender. */
  readonly rounds: number
}

const isLine = (text: string): text is Line => LINES.some((line) => line === text)

export const optionsOf = (args: ReadonlyArray<string>): Options => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cpu: { type: "boolean", default: false },
      all: { type: "boolean", default: false },
      release: { type: "string" },
      contender: { type: "string", default: "" },
      json: { type: "string" },
      library: { type: "string", multiple: true, default: [] },
      line: { type: "string", default: "3" },
      only: { type: "string", default: "" },
      quick: { type: "boolean", default: false },
      rounds: { type: "string", default: String(FULL.kept) }
    }
  })
  const { all, contender, cpu, json, library, line, only, quick, release } = values
  if (!isLine(line)) throw new RangeError(`--line is 3 or 4, not ${line}`)
  const rounds = Number(values.rounds)
  if (!Number.isInteger(rounds) || rounds < 1)
    throw new RangeError(`--rounds is 1 or more, not ${values.rounds}`)
  return {
    args,
    all,
    release,
    cpu,
    contender: new RegExp(contender, "i"),
    json,
    libraries: library,
    line,
    only: new RegExp(only, "i"),
    quick,
    rounds
  }
}
