/** Rows in the order of a tree of waits: at the top is whom nobody waits for, below each what it waits for and what it has forked. */
import type { DumpRow } from "./DumpRow.js"

/** How deep it is drawn. A chain that is longer goes on at the margin, where a terminal can show it. */
const DEEPEST = 40

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
interface Branch<Row> {
  readonly row: Row
  readonly head: string
  readonly margin: string
  readonly depth: number
}

/** A line of a tree. */
export interface TreeLine<Row> {
  readonly row: Row
  /** What is drawn before it. */
  readonly head: string
  /** It has a line above, with what is below it. */
  readonly again: boolean
}

export interface Tree<Row> {
  readonly lines: ReadonlyArray<TreeLine<Row>>
  /** How many rows have no line. */
  readonly left: number
}

/** The lines of the tree, so many at most. A row to which several wait is drawn in full once, and named again for the others. */
export const branchesOf = <Row extends DumpRow>(rows: ReadonlyArray<Row>, most: number): Tree<Row> => {
  const forks = forksOf(rows)
  const below = ({ id, waitsFor }: Row): ReadonlyArray<number> => {
    const its = forks.get(id)
    return its === undefined ? waitsFor : [...new Set([...waitsFor, ...its])]
  }
  const hanging = new Set<number>([...forks.values()].flat())
  for (const { waitsFor } of rows) for (const id of waitsFor) hanging.add(id)

  const lines: Array<TreeLine<Row>> = []
  const drawn = new Set<number>()
  const draw = (top: Row): void => {
    const branches: Array<Branch<Row>> = [{ row: top, head: "", margin: "", depth: 0 }]
    for (let at = branches.pop(); at !== undefined && lines.length < most; at = branches.pop()) {
      const { depth, head, row } = at
      const again = drawn.has(row.id)
      drawn.add(row.id)
      lines.push({ row, head, again })
      if (again) continue
      const deep = depth >= DEEPEST
      const margin = deep ? "... " : at.margin
      const its = below(row)
      // What is drawn next is taken from the end.
      for (let i = its.length - 1; i >= 0; i--) {
        const last = i === its.length - 1
        branches.push({
          row: rows[(its[i] as number) - 1] as Row,
          head: `${margin}${last ? "└─ " : "├─ "}`,
          margin: `${margin}${last ? "   " : "│  "}`,
          depth: deep ? 1 : depth + 1
        })
      }
    }
  }
  const drawAll = (tops: (row: Row) => boolean): void => {
    for (const row of rows) {
      if (lines.length >= most) return
      if (tops(row)) draw(row)
    }
  }
  drawAll(({ id }) => !hanging.has(id))
  // What is left waits in a circle: it hangs below itself.
  drawAll(({ id }) => !drawn.has(id))
  return { lines, left: rows.length - drawn.size }
}
