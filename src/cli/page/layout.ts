/** Where the bars of the timeline are drawn: each below what waits for it, and no two on top of each other. */
import { Lanes } from "./Lanes.js"
import type { Bar } from "./Model.js"

export interface Layout {
  /** The bars of each lane, in the order of their time. */
  readonly lanes: ReadonlyArray<ReadonlyArray<Bar>>
  readonly laneOf: ReadonlyMap<Bar, number>
}

export const layoutOf = (bars: ReadonlyArray<Bar>): Layout => {
  const roots: Array<Bar> = []
  const below = new Map<Bar, Array<Bar>>()
  for (const bar of bars) {
    if (bar.under === undefined) roots.push(bar)
    else {
      const its = below.get(bar.under)
      if (its === undefined) below.set(bar.under, [bar])
      else its.push(bar)
    }
  }
  const free = new Lanes()
  const lanes: Array<Array<Bar>> = []
  const laneOf = new Map<Bar, number>()
  const byStart = (a: Bar, b: Bar): number => a.start - b.start
  // What is drawn next is taken from the end: each bar with what is below it before the next.
  const waiting: Array<readonly [Bar, number]> = []
  const push = (some: Array<Bar>, from: number): void => {
    some.sort(byStart)
    for (let i = some.length - 1; i >= 0; i--) waiting.push([some[i] as Bar, from])
  }
  push(roots, 0)
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const [bar, from] = at
    const lane = free.take(from, bar.start, bar.end ?? Infinity)
    laneOf.set(bar, lane)
    const its = lanes[lane]
    if (its === undefined) lanes[lane] = [bar]
    else its.push(bar)
    const children = below.get(bar)
    if (children !== undefined) push(children, lane + 1)
  }
  for (let lane = 0; lane < lanes.length; lane++) lanes[lane] ??= []
  return { lanes, laneOf }
}
