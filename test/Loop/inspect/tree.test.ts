// Dumps as trees, of rows that are written here.
// Covers: branches
import { describe, expect, it } from "vitest"
import { treeOf } from "../../../src/Loop/inspect/tree.js"
import { row } from "../../support/dumpRows.js"

describe("the tree of a dump", () => {
  it("has whom nobody waits for at the top, and below each what it waits for and what it has forked", () => {
    const rows = [
      row({ id: 1, name: "serve", waitsFor: [2, 3] }),
      row({ id: 2, what: "future", name: "<Future>", age: undefined, waitingOn: "whoever settles it" }),
      row({ id: 3, name: "query", age: 12_400 }),
      row({ id: 4, what: "fiber", name: "#7", state: "running", waitsFor: [3], annotations: { user: "7" } }),
      row({ id: 5, what: "fiber", name: "#8", state: "running", parent: 4 })
    ]
    expect(treeOf(rows).split("\n")).toEqual([
      "task serve (pending, 5ms)",
      "├─ future <Future> (pending, whoever settles it)",
      "└─ task query (pending, 12s, a foreign promise)",
      "fiber #7 (running, 5ms) user=7",
      "├─ task query (see above)",
      "└─ fiber #8 (running, 5ms, a foreign promise)"
    ])
  })

  it("draws a circle once, from its lowest row on", () => {
    const rows = [
      row({ id: 1, name: "a", waitsFor: [2] }),
      row({ id: 2, name: "b", waitsFor: [1] }),
      row({ id: 3, name: "c" })
    ]
    expect(treeOf(rows).split("\n")).toEqual([
      "task c (pending, 5ms, a foreign promise)",
      "task a (pending, 5ms)",
      "└─ task b (pending, 5ms)",
      "   └─ task a (see above)"
    ])
  })

  it("is bounded in length and in depth, whatever there is", () => {
    const many = Array.from({ length: 1_000_000 }, (_, i) => row({ id: i + 1 }))
    const lines = treeOf(many).split("\n")
    expect(lines).toHaveLength(1_001)
    expect(lines.at(-1)).toBe("... and 999000 more")
    const chain = Array.from({ length: 900 }, (_, i) => row({ id: i + 1, waitsFor: i < 899 ? [i + 2] : [] }))
    const deep = treeOf(chain).split("\n")
    expect(deep).toHaveLength(900)
    expect(Math.max(...deep.map((line) => line.length))).toBeLessThan(200)
  })

  it("of nothing is empty", () => {
    expect(treeOf([])).toBe("")
  })
})
