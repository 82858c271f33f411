import { describe, expect, it } from "vitest"
import { decisive, exponent, growthOf, median, quantile, ratio, spread } from "../../bench/statistics.js"
import { measured, result } from "./results.js"

describe("statistics of the benchmark", () => {
  it("takes the middle of the sorted samples", () => {
    expect(median([10, 2, 9])).toBe(9)
    expect(quantile([4, 1, 3, 2], 0.99)).toBe(4)
    expect(median([])).toBeNaN()
  })

  it("spreads over the middle half, as a part of the median", () => {
    expect(spread([1, 8, 10, 12, 100])).toBeCloseTo(0.4)
    expect(spread([5, 5, 5])).toBe(0)
  })

  it("compares the samples of a round with each other", () => {
    // The machine was three times as slow in the second round, for both.
    expect(ratio([1, 3, 1], [2, 6, 2])).toBe(2)
    expect(ratio([4], [2])).toBe(0.5)
  })

  it("finds the exponent of what all of them cost", () => {
    const constant = [1, 4, 16].map((n) => [n, 7] as const)
    expect(exponent(constant)).toBeCloseTo(1)
    expect(exponent(constant.map(([n, one]) => [n, n * one]))).toBeCloseTo(2)
    expect(exponent(constant.map(([n, one]) => [n, one / n]))).toBeCloseTo(0)
  })

  it("takes the contenders of a growth case as its factors", () => {
    const contenders = [1, 2, 4].map((us) => measured(`effect-aio ${us}`, [us]))
    expect(growthOf(result(contenders, { growth: [1, 4, 16] }))).toBeCloseTo(1.5)
  })

  it("decides by what the case measures, and by CPU time where that is asked for", () => {
    const one = measured("effect-aio", [1], { p50: [3], bytes: [4] })
    expect(decisive(one, "wall", false)).toEqual([2])
    expect(decisive(one, "wall", true)).toEqual([1])
    expect(decisive(one, "cpu", false)).toEqual([1])
    expect(decisive(one, "latency", false)).toEqual([3])
    expect(decisive(one, "latency", true)).toEqual([1])
    expect(decisive(one, "memory", true)).toEqual([4])
  })
})
