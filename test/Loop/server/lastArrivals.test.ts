// When a server stops accepting: clients that never stop, and a system that keeps one of them waiting, are played.
// Covers: lastArrivals
import { createServer } from "node:net"
import { describe, expect, it } from "vitest"
import { afterLastArrivals } from "../../../src/Loop/server/connections/lastArrivals.js"

/** How many milliseconds it takes after a lame duck of so many, while `happened` is asked. */
const took = (lameDuck: number, happened: () => number): Promise<number> =>
  new Promise((resolve) => {
    const since = performance.now()
    afterLastArrivals(createServer(), lameDuck, happened, () => resolve(performance.now() - since))
  })

describe("the last arrivals at a server", () => {
  it("S6 are waited for until nothing has happened for a while, which is soon", async () => {
    let left = 5
    expect(await took(10_000, () => (left > 0 ? left-- : 0))).toBeLessThan(1_000)
    expect(left).toBe(0)
  })

  it("S6 that never end are waited for as long as the lame duck was, and not without an end", async () => {
    let n = 0
    const never = (): number => n++
    const short = await took(0, never)
    expect(short).toBeGreaterThanOrEqual(50)
    const long = await took(300, never)
    expect(long).toBeGreaterThanOrEqual(300)
    expect(long).toBeGreaterThan(short)
    expect(await took(60_000, never)).toBeLessThan(5_000)
  })
})
