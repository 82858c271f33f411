/** Results for people: one block per case, the library's rows first, and what they cost beside every other. */
import type { CaseResult, Measured } from "./result.js"
import { decisive, growthOf, median, ratio, spread } from "./statistics.js"

/** Three digits of it. */
export const short = (value: number): string =>
  value >= 1e6
    ? `${(value / 1e6).toPrecision(3)}M`
    : value >= 1e3
      ? `${(value / 1e3).toPrecision(3)}k`
      : value.toPrecision(3)

/** A column: its heading, and what it says of a row. */
interface Column {
  readonly heading: string
  readonly cell: (one: Measured) => string
}

const percent = (samples: ReadonlyArray<number>): string => `${Math.round(spread(samples) * 100)}%`

/** What is said of each row alone. */
const own = ({ contenders, measures }: CaseResult): ReadonlyArray<Column> => {
  if (measures === "memory")
    return [
      { heading: "bytes", cell: ({ bytes = [] }) => short(median(bytes)) },
      { heading: "spread", cell: ({ bytes = [] }) => percent(bytes) }
    ]
  const of = (one: Measured): ReadonlyArray<number> => decisive(one, measures, false)
  const latencies = contenders.some(({ p50 }) => p50 !== undefined)
  return [
    { heading: "rate", cell: (one) => short(1e6 / median(of(one))) },
    { heading: "spread", cell: (one) => percent(of(one)) },
    { heading: "cpu us", cell: ({ cpu }) => median(cpu).toPrecision(3) },
    { heading: "spread", cell: ({ cpu }) => percent(cpu) },
    ...(latencies
      ? [
          { heading: "p50 us", cell: ({ p50 = [] }: Measured) => median(p50).toFixed(1) },
          { heading: "p99 us", cell: ({ p99 = [] }: Measured) => median(p99).toFixed(0) }
        ]
      : [])
  ]
}

/** How much more each row costs than ours. Those of another build are compared with the same row of this one only. */
const beside = (
  { contenders, measures }: CaseResult,
  us: ReadonlyArray<Measured>,
  cpu: boolean
): ReadonlyArray<Column> =>
  us.map((one, i) => ({
    heading: `${letter(i)} / it`,
    cell: (it) =>
      it === one ||
      !contenders.includes(it) ||
      (it.ours && (buildOf(it) === undefined || it.name !== one.name))
        ? ""
        : ratio(decisive(one, measures, cpu), decisive(it, measures, cpu)).toFixed(2)
  }))

const letter = (at: number): string => String.fromCharCode(97 + at)

/** The build that a row is of, where it is not the one that is measured. */
export const buildOf = ({ library }: Measured): string | undefined => library

/** The row's name, with the build it is of. */
export const labelOf = ({ library, name }: Measured): string =>
  library === undefined ? name : `${name} [${library}]`

/** Ours of the build at hand. */
export const oursOf = ({ contenders }: CaseResult): ReadonlyArray<Measured> =>
  contenders.filter(({ library, ours }) => ours && library === undefined)

const heading = (result: CaseResult): string => {
  const { group, measures, name, what } = result
  const counted = {
    wall: "per second",
    cpu: "per second of CPU time",
    latency: "per second (at the median)",
    memory: "bytes each (less is better)"
  }[measures]
  return `${group} / ${name}: ${what}, ${counted}`
}

/** One case as text; with `cpu` the ratios are of CPU time. */
export const table = (result: CaseResult, cpu: boolean): string => {
  const us = oursOf(result)
  const rows = [
    ...us,
    ...result.contenders.filter(({ library }) => library !== undefined),
    ...result.contenders.filter(({ ours }) => !ours)
  ]
  const width = Math.max(...rows.map((one) => labelOf(one).length)) + 4
  const columns = [...own(result), ...(result.growth === undefined ? beside(result, us, cpu) : [])]
  const line = (label: string, cells: ReadonlyArray<string>): string =>
    (label.padEnd(width) + cells.map((cell) => cell.padStart(8)).join("")).trimEnd()
  return [
    heading(result),
    line(
      "",
      columns.map(({ heading }) => heading)
    ),
    ...rows.map((one) => {
      const tag = us.includes(one) ? letter(us.indexOf(one)) : " "
      return line(
        ` ${tag} ${labelOf(one)}`,
        columns.map(({ cell }) => cell(one))
      )
    }),
    ...growth(result)
  ].join("\n")
}

/** How the cost grows with what is there at once: of CPU time, as the x of n^x. */
const growth = (result: CaseResult): ReadonlyArray<string> =>
  result.growth === undefined ? [] : [`   grows with n^${growthOf(result).toFixed(2)}`]

/** How the build at hand compares with the others: a line for each row that both have. */
export const summary = (results: ReadonlyArray<CaseResult>, cpu: boolean): string => {
  const lines = results.flatMap((result) =>
    oursOf(result).flatMap((one) =>
      result.contenders
        .filter(({ library, name }) => library !== undefined && name === one.name)
        .map((it) => {
          const times = ratio(decisive(one, result.measures, cpu), decisive(it, result.measures, cpu))
          return `${times.toFixed(2).padStart(6)}  ${result.group} / ${result.name} / ${labelOf(it)}`
        })
    )
  )
  return ["This build, as a multiple of the other:", ...lines].join("\n")
}
