/** A view as lines of a terminal of a given size. */
import { branchesOf } from "../../Loop/inspect/branches.js"
import { oneLine } from "../../Loop/kernel/describe.js"
import type { Snapshot, TopRow } from "./Snapshot.js"
import { chosenRow, columns, tableRows, type Column, type TopState } from "./TopState.js"

/** Text at a column of the screen, from 1. What is longer than its place is covered by the next one. */
export interface Cell {
  readonly at: number
  readonly text: string
}

export interface Line {
  readonly cells: ReadonlyArray<Cell>
  readonly style: "plain" | "bold" | "chosen" | "warning"
}

/** Rows that are shown, in their order, of which `lines` are some. */
export interface Frame {
  readonly lines: ReadonlyArray<Line>
  readonly rows: ReadonlyArray<TopRow>
  /** How many rows fit. */
  readonly page: number
}

/** So many lines of a tree are made. */
const MOST = 10_000

/** Of what is said above the table, at most this part of the screen. */
const HEADS = 0.3

const help = [
  "arrows, j, k, page up, page down, home, end   choose a row",
  "s, S      sort by the next column, by the one before",
  "r         the other way round",
  "t         a tree: below each what it waits for and what it has forked",
  "/         show what has this text in one of its columns; Esc: everything",
  "c         cancel the chosen task, Future or effect, interrupt the fiber; asks first",
  "p, space  pause",
  "Ctrl-Z    stop this program; fg goes on",
  "q, Ctrl-C end this program; the other one is left as it was",
  "",
  "still: for how long it has been seen in this state, waiting for the same"
]

const line = (text: string, style: Line["style"] = "plain"): Line => ({ cells: [{ at: 1, text }], style })

const time = (ms: number | undefined): string => {
  if (ms === undefined) return ""
  if (ms < 1_000) return `${Math.round(ms)}ms`
  if (ms < 100_000) return `${(ms / 1_000).toFixed(1)}s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 100 ? `${minutes}min` : `${Math.round(minutes / 60)}h`
}

const cellsOf = (row: TopRow, head: string): Readonly<Record<Column, string>> => ({
  what: oneLine(head + row.what),
  name: oneLine(row.name),
  age: time(row.age),
  state: row.stuck ? `${row.state}, in a circle` : row.state,
  still: time(row.still),
  "waiting on": oneLine(row.waitingOn),
  "created at": oneLine(row.createdAt)
})

/** How wide a column may be, for the screen's width. */
const widest: Readonly<Record<Column, number>> = {
  what: 0.3,
  name: 0.3,
  age: 0.1,
  state: 0.2,
  still: 0.1,
  "waiting on": 0.35,
  "created at": 1
}

const sortMark = ({ backwards, sort, tree }: TopState, column: Column): string =>
  column === sort && !tree ? (backwards ? ` ▼` : ` ▲`) : ""

/** The window of the rows in which the chosen one is. */
const windowOf = (at: number, count: number, page: number): number =>
  Math.max(0, Math.min(count - page, at - Math.floor(page / 2)))

const tableLines = (
  state: TopState,
  shown: ReadonlyArray<{ readonly row: TopRow; readonly head: string }>,
  width: number
): ReadonlyArray<Line> => {
  const texts = shown.map(({ head, row }) => cellsOf(row, head))
  const ats = new Map<Column, number>()
  let at = 1
  for (const column of columns) {
    ats.set(column, at)
    const needed = Math.max(column.length + 2, ...texts.map((text) => text[column].length))
    at += Math.min(needed, Math.max(column.length + 2, Math.floor(widest[column] * width))) + 2
  }
  const cells = (textOf: (column: Column) => string): ReadonlyArray<Cell> =>
    columns
      .map((column) => ({ at: ats.get(column) as number, text: textOf(column) }))
      .filter((cell) => cell.at <= width)
  return [
    { cells: cells((column) => column + sortMark(state, column)), style: "bold" },
    ...shown.map(({ row }, i): Line => {
      const style = row.identity === state.chosen ? "chosen" : row.stuck ? "warning" : "plain"
      return { cells: cells((column) => (texts[i] as Record<Column, string>)[column]), style }
    })
  ]
}

const treeRows = (
  { loops }: Snapshot,
  state: TopState
): ReadonlyArray<{ readonly row: TopRow; readonly head: string }> => {
  const filter = new Set(tableRows(loops, state))
  return loops
    .flatMap((rows) => branchesOf(rows, MOST).lines)
    .filter(({ row }) => state.filter === "" || filter.has(row))
}

const bottom = (state: TopState, rows: ReadonlyArray<TopRow>): Line => {
  if (state.mode === "filter")
    return line(`filter: ${state.filter}_   (Enter: keep, Esc: everything)`, "bold")
  if (state.mode === "confirm") {
    const row = chosenRow(state, rows)
    if (row !== undefined)
      return line(`cancel ${row.what} ${oneLine(row.name)}? (y, or any other key)`, "warning")
  }
  if (state.message !== "") return line(oneLine(state.message), "bold")
  const filter = state.filter === "" ? "" : `   filter: ${state.filter}`
  return line(`? keys   / filter   s sort   t tree   c cancel   p pause   q quit${filter}`)
}

/** The whole screen. */
export const frameOf = (
  title: string,
  snapshot: Snapshot,
  state: TopState,
  [width, height]: readonly [width: number, height: number]
): Frame => {
  const { come, gone, moved, more } = snapshot
  const all = state.tree
    ? treeRows(snapshot, state)
    : tableRows(snapshot.loops, state).map((row) => ({ row, head: "" }))
  const rows = all.map(({ row }) => row)
  const room = Math.max(1, Math.floor(height * HEADS))
  const heads =
    snapshot.heads.length <= room
      ? snapshot.heads
      : [...snapshot.heads.slice(0, room - 1), `... and ${snapshot.heads.length - room + 1} lines more`]
  const top = [
    line(
      `${title}${state.paused ? "   paused" : ""}   ${rows.length} rows, ${come} new, ${gone} gone, ${moved} went on` +
        (more === 0 ? "" : `; ${more} were not taken (--rows)`),
      "bold"
    ),
    ...heads.map((head) => line(oneLine(head)))
  ]
  const page = Math.max(1, height - top.length - 2)
  const from = windowOf(
    rows.findIndex(({ identity }) => identity === state.chosen),
    rows.length,
    page
  )
  const body =
    state.mode === "help"
      ? help.map((text) => line(text))
      : tableLines(state, all.slice(from, from + page), width)
  const lines = [...top, ...body].slice(0, height - 1)
  while (lines.length < height - 1) lines.push(line(""))
  return { lines: [...lines, bottom(state, rows)], rows, page }
}
