import { describe, expect, it } from "vitest"
import type { Goal } from "../../bench/goals.js"
import type { CaseResult } from "../../bench/result.js"
import {
  beside,
  changes,
  comparison,
  costs,
  filled,
  growth,
  losses,
  type Named,
  picture,
  unknown
} from "../../bench/sections.js"
import { measured, result } from "./results.js"

const machine = { library: "1.0.0", node: "v24", v8: "13", effect: "3.22.4", cpu: "a CPU", cores: 2 }
const run = (...cases: ReadonlyArray<CaseResult>): Named => ({ name: "Node 24", run: { machine, cases } })

const goal: Goal = { group: "fruit", case: "apples", ours: "effect-aio", peer: "a peer", goal: 1.5 }
const named = run(
  result([
    measured("effect-aio", [2]),
    measured("effect-aio", [8], { library: "old" }),
    measured("a peer", [1])
  ])
)

describe("the page of the benchmark", () => {
  it("compares by wall time and by CPU time, and leaves empty what was not measured", () => {
    expect(comparison([named, { ...run(), name: "Node 22" }], [goal])).toBe(
      [
        "| case | against | Node 24 | Node 22 | wanted |",
        "| --- | --- | ---: | ---: | ---: |",
        "| fruit / apples | a peer | 0.50 (0.50) |  | 1.50 |"
      ].join("\n")
    )
  })

  it("compares the first row with whom it is told, where they are", () => {
    const alone = result([measured("effect-aio", [1])], { name: "pears" })
    expect(
      beside(run(...named.run.cases, alone), ["a peer", "nobody"])
        .split("\n")
        .slice(2)
    ).toEqual(["| fruit / apples | 0.50 |  |"])
  })

  it("finds a goal whose row there is not", () => {
    expect(unknown([named], [goal, { ...goal, case: "not measured" }])).toEqual([])
    expect(unknown([named], [{ ...goal, peer: "nobody" }])).toEqual([
      "Node 24: fruit / apples against nobody"
    ])
  })

  it("says what a build has been, and what it is", () => {
    expect(changes([named], [goal])).toContain(
      "| fruit / apples | a peer | 0.13 (0.13) | 0.50 (0.50) | 4.00 (4.00) |"
    )
    expect(changes([run()], [goal])).toBe("")
  })

  it("names where the library loses, the worst first", () => {
    const better = result([measured("effect-aio", [1]), measured("a peer", [2])], { name: "pears" })
    const worse = result([measured("effect-aio", [9]), measured("a peer", [1])], { name: "plums" })
    const goals = ["apples", "pears", "plums"].map((name) => ({ ...goal, case: name }))
    const lines = losses([run(...named.run.cases, better, worse)], goals).split("\n")
    expect(lines.slice(-2)).toEqual([
      "| fruit / plums | a peer | 0.11 (0.11) |",
      "| fruit / apples | a peer | 0.50 (0.50) |"
    ])
    expect(losses([run(better)], goals)).toContain("nowhere")
  })

  it("shows exponents and costs", () => {
    const grown = result(
      [1, 4, 16].map((us) => measured(`effect-aio ${us}`, [us])),
      { group: "growth", growth: [1, 4, 16] }
    )
    expect(growth([run(grown)])).toContain("| apples | n^2.00 |")
    expect(costs([named], "fruit", "apples").split("\n").slice(2)).toEqual([
      "| effect-aio | 2.00 |",
      "| a peer | 1.00 |"
    ])
  })

  it("draws a group, other runtimes apart", () => {
    const svg = picture(run(result([measured("effect-aio", [2]), measured("uvloop", [1])])), "fruit")
    expect(svg).toContain('<circle class="ours"')
    expect(svg).toContain('<circle class="other"')
    expect(picture(named, "vegetables")).toBeUndefined()
    expect(picture(run(result([measured("effect-aio", [2])])), "fruit")).toBeUndefined()
  })

  it("fills the places of a page, and does nothing more the second time", () => {
    const texts = new Map([["a", "new"]])
    const once = filled("x\n<!-- a: generated -->\nold\n<!-- a: end -->\ny\n", texts)
    expect(once).toBe("x\n<!-- a: generated -->\n\nnew\n\n<!-- a: end -->\ny\n")
    expect(filled(once, texts)).toBe(once)
    expect(() => filled(once, new Map([["b", ""]]))).toThrow("no place for b")
  })
})
