import { describe, expect, it } from "vitest"
import { merged, parse, text } from "../../bench/results.js"
import { measured, result } from "./results.js"

const machine = { library: "1.0.0", node: "v24", v8: "13", effect: "3.22.4", cpu: "a CPU", cores: 2 }

describe("results of the benchmark", () => {
  it("come out of a file as they went in, rounded", () => {
    const run = { machine, cases: [result([measured("effect-aio", [1.23456, 2])])] }
    const read = parse(text(run))
    expect(read.machine).toEqual(machine)
    expect(read.cases[0]).toEqual({
      ...run.cases[0],
      contenders: [{ ...run.cases[0]?.contenders[0], wall: [2.469, 4], cpu: [1.235, 2] }]
    })
    expect(text(read)).toBe(text(run))
  })

  it("have a line for each contender", () => {
    const lines = text({
      machine,
      cases: [result([measured("effect-aio", [1]), measured("it", [1])])]
    }).split("\n")
    expect(lines.filter((line) => line.includes('"cpu":['))).toHaveLength(2)
  })

  it("take the place of old ones of the same case, and leave the others", () => {
    const [apples, pears] = ["apples", "pears"].map((name) => result([], { name }))
    const newer = result([], { name: "apples", load: 9 })
    const plums = result([], { name: "plums" })
    expect(merged([apples!, pears!], [newer, plums])).toEqual([newer, pears, plums])
  })
})
