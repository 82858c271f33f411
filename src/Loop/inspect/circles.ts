/** Circles of waits: each in it waits for the next, and none can go on. */
import type { DumpRow } from "./DumpRow.js"

/**
 * The circles among the rows, as the numbers of their rows in the order of the waits, each beginning with its lowest. One is
 * given for each set of rows that wait for each other: Tarjan's strongly connected components, without recursion, since a chain of
 * waits may be as long as a program likes. Rows are numbered from 1, in their order.
 */
export const circlesOf = (rows: ReadonlyArray<DumpRow>): ReadonlyArray<ReadonlyArray<number>> => {
  const waits = (id: number): ReadonlyArray<number> => (rows[id - 1] as DumpRow).waitsFor
  const circles: Array<ReadonlyArray<number>> = []
  /** When a row was reached, from 1 on; 0 before. */
  const reached = new Uint32Array(rows.length + 1)
  /** The earliest of `reached` that can be got back to from there; 0 once it is known in what circle a row is. */
  const back = new Uint32Array(rows.length + 1)
  const open: Array<number> = []
  const walk: Array<number> = []
  /** How many of a row's waits were followed, for those of `walk`. */
  const followed: Array<number> = []
  let now = 0

  const enter = (id: number): void => {
    reached[id] = back[id] = ++now
    open.push(id)
    walk.push(id)
    followed.push(0)
  }
  const lower = (id: number, to: number): void => {
    if (to < (back[id] as number)) back[id] = to
  }
  /** Nothing that was reached before `id` can be got back to: it and what came after it belong together. */
  const leave = (id: number): void => {
    // Nearly all of them stand alone.
    if (open.at(-1) === id) {
      open.pop()
      back[id] = 0
      if (waits(id).includes(id)) circles.push([id])
      return
    }
    const together = new Set(open.splice(open.lastIndexOf(id)))
    for (const one of together) back[one] = 0
    const circle = walkRound(together, waits)
    if (circle !== undefined) circles.push(circle)
  }

  for (const { id, waitsFor } of rows) {
    if (waitsFor.length === 0 || reached[id] !== 0) continue
    enter(id)
    for (let at = walk.at(-1); at !== undefined; at = walk.at(-1)) {
      const next = waits(at)[(followed[followed.length - 1] as number)++]
      if (next === undefined) {
        walk.pop()
        followed.pop()
        const above = walk.at(-1)
        if (above !== undefined) lower(above, back[at] as number)
        if (back[at] === reached[at]) leave(at)
      } else if (reached[next] === 0) enter(next)
      else if (back[next] !== 0) lower(at, reached[next] as number)
    }
  }
  return circles
}

/** One way round through several rows of which each can be reached from each. */
const walkRound = (
  together: ReadonlySet<number>,
  waits: (id: number) => ReadonlyArray<number>
): ReadonlyArray<number> | undefined => {
  const [first = 0] = together
  const way: Array<number> = []
  const seen = new Map<number, number>()
  for (let at: number | undefined = first; at !== undefined;) {
    const before = seen.get(at)
    if (before !== undefined) return fromLowest(way.slice(before))
    seen.set(at, way.length)
    way.push(at)
    at = waits(at).find((next) => together.has(next))
  }
  return undefined
}

const fromLowest = (circle: ReadonlyArray<number>): ReadonlyArray<number> => {
  const at = circle.indexOf(Math.min(...circle))
  return [...circle.slice(at), ...circle.slice(0, at)]
}
