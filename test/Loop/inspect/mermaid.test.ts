// Dumps as graphs for mermaid, of rows that are written here.
import { describe, expect, it } from "vitest"
import { mermaidOf } from "../../../src/Loop/inspect/mermaid.js"
import { row } from "../../support/dumpRows.js"

describe("the graph of a dump", () => {
  it("has an arrow for each wait, a dotted one for each fork, and marks circles", () => {
    const rows = [
      row({ id: 1, name: "a", waitsFor: [2] }),
      row({ id: 2, name: "b", waitsFor: [1] }),
      row({ id: 3, what: "fiber", name: "#3", state: "running" }),
      row({ id: 4, what: "fiber", name: "#4", state: "running", parent: 3 })
    ]
    expect(mermaidOf(rows, [[1, 2]]).split("\n")).toEqual([
      "flowchart LR",
      `  r1["task a<br/>pending"]:::circle`,
      `  r2["task b<br/>pending"]:::circle`,
      `  r4["fiber #35;4<br/>running"]`,
      `  r3["fiber #35;3<br/>running"]`,
      "  r1 --> r2",
      "  r2 --> r1",
      "  r3 -.-> r4",
      "  classDef circle stroke:#d00,stroke-width:3px"
    ])
  })

  it("lets no name be markup", () => {
    const text = mermaidOf([row({ name: `"]; click r1 "x" <b>&\\ #` })], [])
    expect(text.split("\n")[1]).toBe(
      `  r1["task #34;]#59; click r1 #34;x#34; #60;b#62;#38;#92; #35;<br/>pending"]`
    )
  })

  it("draws at most 200 rows, those first that wait or are waited for", () => {
    const rows = Array.from({ length: 500 }, (_, i) => row({ id: i + 1, waitsFor: i === 498 ? [500] : [] }))
    const lines = mermaidOf(rows, []).split("\n")
    expect(lines.filter((line) => /^ {2}r\d+\[/.test(line))).toHaveLength(200)
    expect(lines).toContain("  r499 --> r500")
    expect(lines.at(-2)).toBe(`  more["... and 300 more"]`)
  })
})
