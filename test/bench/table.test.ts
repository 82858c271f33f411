import { describe, expect, it } from "vitest"
import { summary, table } from "../../bench/table.js"
import { measured, result } from "./results.js"

const compared = result([
  measured("effect-aio", [1, 1, 1]),
  measured("effect-aio", [2, 2, 2], { library: "old" }),
  measured("a peer", [0.5, 0.5, 0.5])
])

describe("tables of the benchmark", () => {
  it("shows rates of wall time, CPU time beside them, and ratios", () => {
    expect(table(compared, false).split("\n")).toEqual([
      "fruit / apples: apples eaten, per second",
      "                        rate  spread  cpu us  spread  a / it",
      " a effect-aio           500k      0%    1.00      0%",
      "   effect-aio [old]     250k      0%    2.00      0%    2.00",
      "   a peer              1.00M      0%   0.500      0%    0.50"
    ])
  })

  it("compares another build with the same row only", () => {
    const rows = table(
      result([
        ...compared.contenders,
        measured("effect-aio, b", [4]),
        measured("effect-aio, b", [8], { library: "old" })
      ]),
      false
    ).split("\n")
    expect(
      rows.filter((row) => row.includes("[old]")).map((row) => row.match(/\d\.\d\d(?=\s|$)/g)?.at(-1))
    ).toEqual(["2.00", "2.00"])
  })

  it("shows bytes where bytes are measured", () => {
    const text = table(
      result([measured("effect-aio", [1], { bytes: [2048] })], { measures: "memory" }),
      false
    )
    expect(text).toContain("bytes each (less is better)")
    expect(text).toContain("2.05k")
    expect(text).not.toContain("cpu us")
  })

  it("shows single operations where they are timed", () => {
    const text = table(
      result([measured("effect-aio", [1], { p50: [4], p99: [20] })], { measures: "latency" }),
      false
    )
    expect(text).toMatch(/rate .*p50 us {2}p99 us/)
    expect(text).toMatch(/250k .* 4\.0 +20/)
  })

  it("ends a growth case with its exponent", () => {
    const contenders = [1, 4, 16].map((us) => measured(`effect-aio ${us}`, [us]))
    expect(table(result(contenders, { growth: [1, 4, 16] }), false)).toMatch(/grows with n\^2\.00$/)
  })

  it("sums up what has changed", () => {
    expect(summary([compared], true)).toBe(
      "This build, as a multiple of the other:\n  2.00  fruit / apples / effect-aio [old]"
    )
  })
})
