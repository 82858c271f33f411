/** Rows as a table for people: a line each, equal ones in one, columns aligned, and a bounded number of them. */
import { oneLine } from "../kernel/describe.js"
import type { Leftover } from "../ports.js"

/** What a row of a table says. */
export type TableRow = Omit<Leftover, "age" | "blamed"> & { readonly age: number | undefined }

const columns = ["what", "name", "age", "state", "waiting on", "created at"] as const

/** How many rows a table has; the rest is counted. */
const MOST_ROWS = 50

/** Rows that differ in nothing but their age. */
interface Group {
  readonly first: ReadonlyArray<string>
  count: number
  oldest: number | undefined
}

/** Equal rows are one, in the order of the first of each. */
const groupsOf = (rows: ReadonlyArray<TableRow>): ReadonlyArray<Group> => {
  const groups = new Map<string, Group>()
  for (const { age, createdAt, name, state, waitingOn, what } of rows) {
    const first = [what, name, state, waitingOn, createdAt].map((cell) => oneLine(String(cell)))
    const key = JSON.stringify(first)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { first, count: 1, oldest: age })
    else {
      group.count++
      if (age !== undefined) group.oldest = Math.max(group.oldest ?? age, age)
    }
  }
  return [...groups.values()]
}

const cellsOf = ({ count, first: [what, name, ...rest], oldest }: Group): ReadonlyArray<string> => {
  const age = oldest === undefined ? "" : `${Math.round(oldest)}ms`
  const cells =
    count === 1 ? [what, name, age] : [what, `${count} x ${name}`, age === "" ? "" : `oldest ${age}`]
  return [...cells, ...rest].map((cell) => cell ?? "")
}

/** The table, a line each, columns aligned. */
export const tableOf = (given: ReadonlyArray<TableRow>): string => {
  const groups = groupsOf(given)
  const more = groups.slice(MOST_ROWS).reduce((sum, { count }) => sum + count, 0)
  const rows = [[...columns], ...groups.slice(0, MOST_ROWS).map(cellsOf)]
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => (row[i] as string).length)))
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] as number))
        .join("  ")
        .trimEnd()
    )
    .concat(more === 0 ? [] : [`... and ${more} more`])
    .join("\n")
}
