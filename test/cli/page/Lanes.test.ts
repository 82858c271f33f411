import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { Lanes } from "../../../src/cli/page/Lanes.js"

describe("lanes", () => {
  it("gives the first one that is free, from a given one on", () => {
    const lanes = new Lanes()
    expect([
      lanes.take(0, 0, 10),
      lanes.take(0, 5, 20),
      lanes.take(0, 10, 30),
      lanes.take(2, 10, 11)
    ]).toEqual([0, 1, 0, 2])
    expect(lanes.take(7, 0, 1)).toBe(7)
    expect(lanes.count).toBe(8)
    expect(lanes.take(0, 12, Infinity)).toBe(2)
    expect(lanes.take(0, 12, Infinity)).toBe(3)
  })

  it("gives what looking at all of them, one after the other, would", () => {
    const step = fc.record({ from: fc.nat(20), start: fc.nat(50), lasts: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const lanes = new Lanes()
        const ends: Array<number> = []
        for (const { from, lasts, start } of steps) {
          let lane = from
          while ((ends[lane] ?? -Infinity) > start) lane++
          ends[lane] = start + lasts
          expect(lanes.take(from, start, start + lasts)).toBe(lane)
        }
        expect(lanes.count).toBe(ends.length)
      })
    )
  })
})
