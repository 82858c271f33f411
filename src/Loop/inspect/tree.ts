/** A dump as a tree of waits: at the top is whom nobody waits for, below each what it waits for and what it has forked. */
import type { DumpRow } from "./DumpRow.js"

/** How many lines a tree has; the rest is counted. */
const MOST_LINES = 1_000

/** How deep it is drawn. A chain that is longer goes on at the margin, where a terminal can show it. */
const DEEPEST = 40

const age = (ms: number): string => (ms < 10_000 ? `${Math.round(ms)}ms` : `${Math.round(ms / 1_000)}s`)

const lineOf = ({ age: ms, annotations, name, state, waitingOn, waitsFor, what }: DumpRow): string => {
  const said = [state, ...(ms === undefined ? [] : [age(ms)]), ...(waitsFor.length > 0 ? [] : [waitingOn])]
  const notes = Object.entries(annotations).map(([key, value]) => `${key}=${value}`)
  return `${what} ${name} (${said.filter((word) => word !== "").join(", ")})${notes.length === 0 ? "" : ` ${notes.join(" ")}`}`
}

/** The fibers that a row has forked, by its number. */
const forksOf = (rows: ReadonlyArray<DumpRow>): ReadonlyMap<number, ReadonlyArray<number>> => {
  const forks = new Map<number, Array<number>>()
  for (const { id, parent } of rows) {
    if (parent === undefined) continue
    const list = forks.get(parent)
    if (list === undefined) forks.set(parent, [id])
    else list.push(id)
  }
  return forks
}

/** A line that is to be drawn, and what stands before those below it. */
interface Branch {
  readonly row: DumpRow
  readonly head: string
  readonly margin: string
  readonly depth: number
}

/** The lines of the tree. A row to which several wait is drawn in full once, and named again for the others. */
export const treeOf = (rows: ReadonlyArray<DumpRow>): string => {
  const forks = forksOf(rows)
  const below = ({ id, waitsFor }: DumpRow): ReadonlyArray<number> => {
    const its = forks.get(id)
    return its === undefined ? waitsFor : [...new Set([...waitsFor, ...its])]
  }
  const hanging = new Set<number>([...forks.values()].flat())
  for (const { waitsFor } of rows) for (const id of waitsFor) hanging.add(id)

  const lines: Array<string> = []
  const drawn = new Set<number>()
  const draw = (top: DumpRow): void => {
    const branches: Array<Branch> = [{ row: top, head: "", margin: "", depth: 0 }]
    for (let at = branches.pop(); at !== undefined && lines.length < MOST_LINES; at = branches.pop()) {
      const { depth, head, row } = at
      const again = drawn.has(row.id)
      drawn.add(row.id)
      lines.push(`${head}${again ? `${row.what} ${row.name} (see above)` : lineOf(row)}`)
      if (again) continue
      const deep = depth >= DEEPEST
      const margin = deep ? "... " : at.margin
      const its = below(row)
      // What is drawn next is taken from the end.
      for (let i = its.length - 1; i >= 0; i--) {
        const last = i === its.length - 1
        branches.push({
          row: rows[(its[i] as number) - 1] as DumpRow,
          head: `${margin}${last ? "└─ " : "├─ "}`,
          margin: `${margin}${last ? "   " : "│  "}`,
          depth: deep ? 1 : depth + 1
        })
      }
    }
  }
  const drawAll = (tops: (row: DumpRow) => boolean): void => {
    for (const row of rows) {
      if (lines.length >= MOST_LINES) return
      if (tops(row)) draw(row)
    }
  }
  drawAll(({ id }) => !hanging.has(id))
  // What is left waits in a circle: it hangs below itself.
  drawAll(({ id }) => !drawn.has(id))
  const left = rows.length - drawn.size
  return [...lines, ...(left > 0 ? [`... and ${left} more`] : [])].join("\n")
}
