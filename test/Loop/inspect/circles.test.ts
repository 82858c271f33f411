// Circles of waits among the rows of a dump, compared with what asking every row for every other one finds.
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { DumpRow } from "../../../src/index.js"
import { circlesOf } from "../../../src/Loop/inspect/circles.js"
import { row } from "../../support/dumpRows.js"

const rowsOf = (waits: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<DumpRow> =>
  waits.map((waitsFor, i) => row({ id: i + 1, waitsFor }))

/** The rows that can be got to from a row by one wait or more. */
const reachable = (rows: ReadonlyArray<DumpRow>, from: number): ReadonlySet<number> => {
  const seen = new Set<number>()
  const next = [...(rows[from - 1]?.waitsFor ?? [])]
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (seen.has(id)) continue
    seen.add(id)
    next.push(...(rows[id - 1]?.waitsFor ?? []))
  }
  return seen
}

describe("circles of waits", () => {
  it("are none where nobody waits, and where many wait for one", () => {
    expect(circlesOf([])).toEqual([])
    expect(circlesOf(rowsOf([[], [1], [1, 2]]))).toEqual([])
  })

  it("are given in the order of the waits, from the lowest row on; what waits for itself is one", () => {
    expect(circlesOf(rowsOf([[], [4], [2], [3], [5]]))).toEqual([[5], [2, 4, 3]].reverse())
  })

  it("are one for all rows that can be got to from each other, and each is a way round", () => {
    const waits = fc.integer({ min: 1, max: 12 }).chain((count) =>
      fc.array(fc.uniqueArray(fc.integer({ min: 1, max: count }), { maxLength: 3 }), {
        minLength: count,
        maxLength: count
      })
    )
    fc.assert(
      fc.property(waits, (given) => {
        const rows = rowsOf(given)
        const reach = new Map(rows.map(({ id }) => [id, reachable(rows, id)]))
        const inCircles = rows.filter(({ id }) => reach.get(id)?.has(id)).map(({ id }) => id)
        const groups = new Set(
          inCircles.map((id) =>
            inCircles
              .filter((other) => other === id || (reach.get(id)?.has(other) && reach.get(other)?.has(id)))
              .join()
          )
        )
        const circles = circlesOf(rows)
        expect(circles.length).toBe(groups.size)
        for (const circle of circles) {
          expect(circle[0]).toBe(Math.min(...circle))
          circle.forEach((id, i) => {
            expect(rows[id - 1]?.waitsFor).toContain(circle[(i + 1) % circle.length])
          })
        }
      }),
      { numRuns: 500 }
    )
  })

  it("are found in a chain of a hundred thousand waits, and at its end", () => {
    const count = 100_000
    const chain = rowsOf(Array.from({ length: count }, (_, i) => (i + 1 < count ? [i + 2] : [])))
    expect(circlesOf(chain)).toEqual([])
    const closed = rowsOf(Array.from({ length: count }, (_, i) => (i + 1 < count ? [i + 2] : [1])))
    expect(circlesOf(closed)[0]).toHaveLength(count)
  })
})
