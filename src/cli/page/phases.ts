/** How far the closing of a loop is, by what is still there of each phase. */
import type { PageLoop, PageRow } from "../ui/messages.js"

/** In the order of the closing, with the kinds of rows that each of them ends. The fiber that closes the loop is none of them. */
const phases = [
  ["program", []],
  ["servers", ["server", "connection", "request"]],
  ["work", ["task", "effect"]],
  ["crossings", ["iterator", "resource"]],
  ["executors", ["job", "executor"]],
  ["processes", ["process", "pipe"]],
  ["watchers", ["reader", "writer", "signal", "handle", "endpoint", "worker", "timer"]]
] as const satisfies ReadonlyArray<readonly [string, ReadonlyArray<string>]>

export interface PhaseState {
  readonly name: string
  readonly state: "done" | "now" | "to come"
  /** How many rows there are of it. */
  readonly left: number
}

/** Nothing of a loop that is neither closing nor about to. */
export const phasesOf = (loop: PageLoop, rows: Iterable<PageRow>): ReadonlyArray<PhaseState> | undefined => {
  const left = new Map<string, number>()
  let body = 0
  for (const { count, loop: its, name, state, what } of rows) {
    if (its !== loop.id) continue
    if (what === "effect" && state === "interrupting" && name.startsWith("body of ")) body += count
    else left.set(what, (left.get(what) ?? 0) + count)
  }
  const { state } = loop.numbers
  if (state === "running" && body === 0) return undefined
  if (state === "stopped") return undefined
  let now = false
  return phases.map(([name, kinds]) => {
    const many = name === "program" ? body : kinds.reduce((sum, kind) => sum + (left.get(kind) ?? 0), 0)
    // The program is told to stop before anything else, and what it has opened is its own until it has.
    const here = !now && many > 0
    now ||= here
    return { name, left: many, state: here ? "now" : now ? "to come" : "done" }
  })
}
