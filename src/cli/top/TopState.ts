/** What the keys have made of the view: which rows, in which order, and what is asked. */
import type { Snapshot, TopRow } from "./Snapshot.js"

/** By what rows may be sorted, in the order in which a key goes through them. */
export const columns = ["what", "name", "age", "state", "still", "waiting on", "created at"] as const

export type Column = (typeof columns)[number]

export interface TopState {
  readonly mode: "look" | "filter" | "confirm" | "help"
  readonly sort: Column
  readonly backwards: boolean
  readonly tree: boolean
  readonly paused: boolean
  readonly filter: string
  /** The row that is chosen, by its identity. */
  readonly chosen: string | undefined
  /** The last that is to be said. */
  readonly message: string
}

export const initial: TopState = {
  mode: "look",
  sort: "age",
  backwards: true,
  tree: false,
  paused: false,
  filter: "",
  chosen: undefined,
  message: ""
}

/** What a key asks for beside another view. */
export type Wish = "quit" | "suspend" | "cancel" | undefined

export interface Key {
  readonly name: string
  readonly ctrl: boolean
  /** What it writes, where it does. */
  readonly text: string
}

/** The row that is chosen, if it is there. */
export const chosenRow = (state: TopState, rows: ReadonlyArray<TopRow>): TopRow | undefined =>
  rows.find(({ identity }) => identity === state.chosen)

const move = (state: TopState, rows: ReadonlyArray<TopRow>, by: number): TopState => {
  const at = rows.findIndex(({ identity }) => identity === state.chosen)
  // Where none is chosen, one step leads to the first.
  const from = at < 0 && by < 0 ? rows.length : at
  const to = Math.min(rows.length - 1, Math.max(0, from + by))
  return { ...state, chosen: rows[to]?.identity }
}

const next = (sort: Column, by: number): Column =>
  columns[(columns.indexOf(sort) + by + columns.length) % columns.length] as Column

const inFilter = (state: TopState, { ctrl, name, text }: Key): TopState => {
  if (name === "return") return { ...state, mode: "look" }
  if (name === "escape") return { ...state, mode: "look", filter: "" }
  if (name === "backspace") return { ...state, filter: [...state.filter].slice(0, -1).join("") }
  if (ctrl && name === "u") return { ...state, filter: "" }
  return ctrl || text === "" ? state : { ...state, filter: state.filter + text }
}

const look = (state: TopState, { name, text }: Key, rows: ReadonlyArray<TopRow>, page: number): TopState => {
  switch (name) {
    case "down":
    case "j":
      return move(state, rows, 1)
    case "up":
    case "k":
      return move(state, rows, -1)
    case "pagedown":
      return move(state, rows, page)
    case "pageup":
      return move(state, rows, -page)
    case "home":
      return move(state, rows, -Infinity)
    case "end":
      return move(state, rows, Infinity)
    case "s":
      return { ...state, sort: next(state.sort, text === "S" ? -1 : 1), tree: false }
    case "r":
      return { ...state, backwards: !state.backwards, tree: false }
    case "t":
      return { ...state, tree: !state.tree }
    case "p":
    case "space":
      return { ...state, paused: !state.paused }
    case "escape":
      return { ...state, filter: "" }
    default:
      if (text === "/") return { ...state, mode: "filter" }
      if (text === "?" || name === "h") return { ...state, mode: "help" }
      return state
  }
}

/** What a key does. `rows` are those that are shown, of which a page has so many. */
export const press = (
  before: TopState,
  key: Key,
  rows: ReadonlyArray<TopRow>,
  page: number
): readonly [TopState, Wish] => {
  const state = { ...before, message: "" }
  if (key.ctrl && key.name === "c") return [state, "quit"]
  if (key.ctrl && key.name === "z") return [state, "suspend"]
  if (state.mode === "filter") return [inFilter(state, key), undefined]
  if (state.mode === "help") return [{ ...state, mode: "look" }, undefined]
  if (state.mode === "confirm") {
    const after: TopState = { ...state, mode: "look" }
    return key.name === "y" ? [after, "cancel"] : [{ ...after, message: "nothing was cancelled" }, undefined]
  }
  if (key.name === "q") return [state, "quit"]
  if (key.name !== "c") return [look(state, key, rows, page), undefined]
  const row = chosenRow(state, rows)
  if (row === undefined) return [{ ...state, message: "choose a row first, with the arrows" }, undefined]
  if (row.key === undefined)
    return [{ ...state, message: `a ${row.what} cannot be cancelled from here` }, undefined]
  return [{ ...state, mode: "confirm" }, undefined]
}

const valueOf = (row: TopRow, column: Column): string | number => {
  switch (column) {
    case "waiting on":
      return row.waitingOn
    case "created at":
      return row.createdAt
    case "age":
      return row.age ?? -1
    default:
      return row[column]
  }
}

const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0)

const words = ({ createdAt, name, state, waitingOn, what }: TopRow): string =>
  `${what} ${name} ${state} ${waitingOn} ${createdAt}`.toLowerCase()

/** The rows in which the filter is found, in their order of the table. */
export const tableRows = (loops: Snapshot["loops"], state: TopState): ReadonlyArray<TopRow> => {
  const { backwards, sort } = state
  const sign = backwards ? -1 : 1
  const filter = state.filter.toLowerCase()
  const rows = loops.flat()
  const found = filter === "" ? rows : rows.filter((row) => words(row).includes(filter))
  return found.sort((a, b) => sign * compare(valueOf(a, sort), valueOf(b, sort)))
}
