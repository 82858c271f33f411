import { describe, expect, it } from "vitest"
import { layoutOf } from "../../../src/cli/page/layout.js"
import type { Bar } from "../../../src/cli/page/Model.js"
import { rowShown } from "../../support/shown.js"

const barOf = (id: string, start: number, end?: number, under?: Bar): Bar => ({
  id,
  row: rowShown({ id }),
  start,
  end,
  parts: [],
  under
})
const lanesOf = (bars: ReadonlyArray<Bar>) => layoutOf(bars).lanes.map((lane) => lane.map(({ id }) => id))

describe("the places of the timeline", () => {
  it("has each below what waits for it, in the order of their births, and uses a lane again that is free", () => {
    const fiber = barOf("fiber", 0)
    const first = barOf("first", 1, 5, fiber)
    const inFirst = barOf("in first", 2, 4, first)
    const bars = [
      barOf("other", 3),
      barOf("second", 4, 9, fiber),
      inFirst,
      first,
      barOf("third", 6, 8, fiber),
      fiber
    ]
    expect(lanesOf(bars)).toEqual([["fiber"], ["first", "third"], ["in first", "second"], ["other"]])
  })

  it("never has two on top of each other, and loses none", () => {
    const bars: Array<Bar> = []
    for (let i = 0; i < 3_000; i++) {
      const start = (i * 7919) % 1_000
      bars.push(
        barOf(
          String(i),
          start,
          i % 5 === 0 ? undefined : start + (i % 97),
          i % 3 === 0 ? undefined : bars[i >> 1]
        )
      )
    }
    const { laneOf, lanes } = layoutOf(bars)
    expect(laneOf.size).toBe(3_000)
    for (const bar of bars)
      if (bar.under !== undefined) expect(laneOf.get(bar)).toBeGreaterThan(laneOf.get(bar.under)!)
    for (const lane of lanes)
      for (let i = 1; i < lane.length; i++)
        expect(lane[i]!.start).toBeGreaterThanOrEqual(lane[i - 1]!.end ?? Infinity)
  })

  it("takes a chain of 10,000 that wait for each other", () => {
    const bars: Array<Bar> = []
    for (let i = 0; i < 10_000; i++) bars.push(barOf(String(i), i, undefined, bars[i - 1]))
    expect(layoutOf(bars).lanes).toHaveLength(10_000)
    expect(layoutOf([]).lanes).toEqual([])
  })
})
