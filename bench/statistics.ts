/** What is made of samples. */
import type { CaseResult, Measured } from "./result.js"

/** The value at a fraction of the sorted samples. */
export const quantile = (samples: ArrayLike<number>, at: number): number => {
  const sorted = Float64Array.from(samples).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] ?? Number.NaN
}

export const median = (samples: ArrayLike<number>): number => quantile(samples, 0.5)

/** How far the middle half of the samples lies apart, as a fraction of the median. */
export const spread = (samples: ReadonlyArray<number>): number => {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN
  return (at(0.75) - at(0.25)) / median(sorted)
}

/** What decides in a case: with `cpu` the CPU's time wherever there is one. */
export const decisive = (
  one: Measured,
  measures: CaseResult["measures"],
  cpu: boolean
): ReadonlyArray<number> => {
  if (measures === "memory") return one.bytes ?? []
  if (cpu || measures === "cpu") return one.cpu
  return measures === "latency" ? (one.p50 ?? one.wall) : one.wall
}

/**
 * How many times as much the second costs: above 1 the first is cheaper. Samples of one round meet each other, so that what
 * slows the machine down for a round does so on both sides.
 */
export const ratio = (us: ReadonlyArray<number>, it: ReadonlyArray<number>): number =>
  median(us.map((value, round) => (it[round] ?? Number.NaN) / value))

/** The x of `cost of all = c * n^x`, by least squares over the logarithms: 1 is linear. */
export const exponent = (points: ReadonlyArray<readonly [n: number, costOfOne: number]>): number => {
  const logs = points.map(([n, one]) => [Math.log(n), Math.log(n * one)] as const)
  const mean = (at: 0 | 1): number => logs.reduce((sum, log) => sum + log[at], 0) / logs.length
  const [x, y] = [mean(0), mean(1)]
  const covariance = logs.reduce((sum, log) => sum + (log[0] - x) * (log[1] - y), 0)
  return covariance / logs.reduce((sum, log) => sum + (log[0] - x) ** 2, 0)
}

/** The exponent of a growth case. */
export const growthOf = ({ contenders, growth = [] }: CaseResult): number =>
  exponent(
    growth.flatMap((factor, i) => {
      const one = contenders[i]
      return one === undefined ? [] : [[factor, median(one.cpu)] as const]
    })
  )
