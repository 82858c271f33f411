import { describe, expect, it } from "vitest"
import { bytes, decades, plot, time } from "../../bench/plot.js"

const row = { label: "one & <two>", kind: "ours", median: 10, low: 5, high: 50 } as const

describe("pictures of the benchmark", () => {
  it("encloses all values in powers of ten", () => {
    expect(decades([2, 350])).toEqual([0, 3])
    expect(decades([10])).toEqual([1, 2])
    expect(decades([0.02])).toEqual([-2, -1])
  })

  it("puts a power of ten as far as the next one", () => {
    const svg = plot({
      title: "t",
      tick: String,
      blocks: [{ heading: "h", rows: [{ ...row, low: 1, high: 100 }] }]
    })
    expect(svg).toContain('<line class="ours" x1="400.0" x2="836.0"')
    expect(svg).toContain('<circle class="ours" cx="618.0"')
  })

  it("puts a ring at the CPU time, which the axis encloses", () => {
    const svg = plot({ title: "t", tick: String, blocks: [{ heading: "h", rows: [{ ...row, cpu: 0.1 }] }] })
    expect(svg).toContain('<circle class="ours ring" cx="400.0"')
  })

  it("escapes what it is given", () => {
    expect(plot({ title: "a < b", tick: String, blocks: [{ heading: "h", rows: [row] }] })).toContain(
      "one &amp; &lt;two&gt;"
    )
  })

  it("has colours for light and for dark", () => {
    expect(plot({ title: "t", tick: String, blocks: [{ heading: "h", rows: [row] }] })).toContain(
      "@media (prefers-color-scheme: dark)"
    )
  })

  it("leaves out what has no logarithm, and is nothing without a row", () => {
    const nothing = { ...row, label: "nothing", median: 0 }
    expect(
      plot({ title: "t", tick: String, blocks: [{ heading: "h", rows: [nothing, row] }] })
    ).not.toContain("nothing")
    expect(plot({ title: "t", tick: String, blocks: [{ heading: "h", rows: [nothing] }] })).toBeUndefined()
  })

  it("names powers of ten", () => {
    expect([0.01, 1, 100, 1e4, 1e6].map(time)).toEqual(["10 ns", "1 µs", "100 µs", "10 ms", "1 s"])
    expect([10, 1e3, 1e6].map(bytes)).toEqual(["10 B", "1 kB", "1 MB"])
  })
})
