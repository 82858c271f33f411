/** A dump as a tree of waits, as text: see `branches.ts`. */
import { branchesOf } from "./branches.js"
import type { DumpRow } from "./DumpRow.js"

/** How many lines a tree has; the rest is counted. */
const MOST_LINES = 1_000

const age = (ms: number): string => (ms < 10_000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 1_000)}s`)

const lineOf = ({ age: ms, annotations, name, state, waitingOn, waitsFor, what }: DumpRow): string => {
  const said = [state, ...(ms === undefined ? [] : [age(ms)]), ...(waitsFor.length > 0 ? [] : [waitingOn])]
  const notes = Object.entries(annotations).map(([key, value]) => `${key}=${value}`)
  return `${what} ${name} (${said.filter((word) => word !== "").join(", ")})${notes.length === 0 ? "" : ` ${notes.join(" ")}`}`
}

/** The tree as text, a line a row. */
export const treeOf = (rows: ReadonlyArray<DumpRow>): string => {
  const { left, lines } = branchesOf(rows, MOST_LINES)
  const drawn = lines.map(
    ({ again, head, row }) => `${head}${again ? `${row.what} ${row.name} (see above)` : lineOf(row)}`
  )
  return [...drawn, ...(left > 0 ? [`... and ${left} more`] : [])].join("\n")
}
