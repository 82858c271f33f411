/** The generated parts of `docs/performance.md`, from runs: text in, text out. */
import type { Goal } from "./goals.js"
import { bytes, type Kind, plot, type Row, time } from "./plot.js"
import type { CaseResult, Measured, Run } from "./result.js"
import { decisive, growthOf, median, quantile, ratio } from "./statistics.js"
import { buildOf, labelOf, oursOf } from "./table.js"

/** A run, and what it is called in the tables. */
export interface Named {
  readonly name: string
  readonly run: Run
}

/** The first columns are text, as many as `texts` says. */
const table = (heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>, texts = 1): string =>
  [heads, heads.map((_, i) => (i < texts ? "---" : "---:")), ...rows]
    .map((cells) => `| ${cells.join(" | ")} |`)
    .join("\n")

const caseOf = ({ run }: Named, group: string, name: string): CaseResult | undefined =>
  run.cases.find((one) => one.group === group && one.name === name)

const rowOf = (result: CaseResult, name: string, library?: string): Measured | undefined =>
  result.contenders.find((one) => one.name === name && buildOf(one) === library)

const two = (value: number): string => (value >= 10 ? value.toFixed(0) : value.toFixed(2))

/** The library's multiple of the peer: of wall time (or what else decides there), and of CPU time. */
const multiples = (
  result: CaseResult,
  { ours, peer }: Goal,
  library?: string
): readonly [wall: number, cpu: number] | undefined => {
  const [us, it] = [rowOf(result, ours, library), rowOf(result, peer)]
  if (us === undefined || it === undefined) return undefined
  const of = (cpu: boolean): number =>
    ratio(decisive(us, result.measures, cpu), decisive(it, result.measures, cpu))
  return [of(false), of(true)]
}

const cell = (result: CaseResult | undefined, goal: Goal, library?: string): string => {
  const found = result && multiples(result, goal, library)
  if (result === undefined || found === undefined) return ""
  const [wall, cpu] = found
  return result.measures === "memory" || result.measures === "cpu" ? two(wall) : `${two(wall)} (${two(cpu)})`
}

const nameOf = ({ case: name, group, ours }: Goal): string =>
  `${group} / ${name}${ours === "effect-aio" ? "" : `: ${ours.replace(/^effect-aio, /, "")}`}`

/** The goals that name a row which a measured case has not: they would be empty for ever. */
export const unknown = (runs: ReadonlyArray<Named>, goals: ReadonlyArray<Goal>): ReadonlyArray<string> =>
  runs.flatMap((named) =>
    goals.flatMap((goal) => {
      const result = caseOf(named, goal.group, goal.case)
      return result === undefined || multiples(result, goal) !== undefined
        ? []
        : [`${named.name}: ${nameOf(goal)} against ${goal.peer}`]
    })
  )

/** What is compared, on every pair of Node and Effect. */
export const comparison = (runs: ReadonlyArray<Named>, goals: ReadonlyArray<Goal>): string =>
  table(
    ["case", "against", ...runs.map(({ name }) => name), "wanted"],
    goals.map((goal) => [
      nameOf(goal),
      goal.peer,
      ...runs.map((named) => cell(caseOf(named, goal.group, goal.case), goal)),
      goal.goal === undefined ? "" : two(goal.goal)
    ]),
    2
  )

/**
 * The library's first row of each case beside what begins with one of these names: multiples of CPU time, or of the median where
 * operations are timed one by one.
 */
export const beside = ({ run }: Named, peers: ReadonlyArray<string>): string => {
  const rows = run.cases.flatMap((result) => {
    const [us] = oursOf(result)
    const cells = peers.map((peer) => {
      const it = result.contenders.find(({ name }) => name.startsWith(peer))
      const cpu = result.measures !== "latency"
      return us === undefined || it === undefined
        ? ""
        : two(ratio(decisive(us, result.measures, cpu), decisive(it, result.measures, cpu)))
    })
    return cells.some((one) => one !== "") ? [[`${result.group} / ${result.name}`, ...cells]] : []
  })
  return table(["case", ...peers], rows)
}

/** The other builds of the library that took part in a run. */
const buildsOf = ({ run }: Named): ReadonlyArray<string> => [
  ...new Set(run.cases.flatMap(({ contenders }) => contenders.flatMap(({ library }) => library ?? [])))
]

/** The same for another build that took part: what it was, what it is, and the one as a multiple of the other. */
export const changes = (runs: ReadonlyArray<Named>, goals: ReadonlyArray<Goal>): string =>
  runs
    .flatMap((named) =>
      buildsOf(named).map((library) => {
        const rows = goals.flatMap((goal) => {
          const result = caseOf(named, goal.group, goal.case)
          const [us, it] = result ? [rowOf(result, goal.ours), rowOf(result, goal.ours, library)] : []
          if (result === undefined || us === undefined || it === undefined) return []
          const times = [false, true].map((cpu) =>
            two(ratio(decisive(us, result.measures, cpu), decisive(it, result.measures, cpu)))
          )
          const both = result.measures === "memory" || result.measures === "cpu"
          return [
            [
              nameOf(goal),
              goal.peer,
              cell(result, goal, library),
              cell(result, goal),
              both ? (times[0] ?? "") : `${times[0]} (${times[1]})`
            ]
          ]
        })
        return `${named.name}:\n\n${table(["case", "against", library, "now", "now / then"], rows, 2)}`
      })
    )
    .join("\n\n")

/** Where the library is slower than what it is compared with: below 1 by wall time and by CPU time. */
export const losses = (runs: ReadonlyArray<Named>, goals: ReadonlyArray<Goal>): string =>
  runs
    .map((named) => {
      const rows = goals
        .flatMap((goal) => {
          const result = caseOf(named, goal.group, goal.case)
          const found = result && multiples(result, goal)
          return result && found && Math.max(...found) < 1
            ? [{ goal, result, worst: Math.min(...found) }]
            : []
        })
        .sort((a, b) => a.worst - b.worst)
        .map(({ goal, result }) => [nameOf(goal), goal.peer, cell(result, goal)])
      return `${named.name}:\n\n${rows.length === 0 ? "nowhere" : table(["case", "against", "multiple"], rows, 2)}`
    })
    .join("\n\n")

const allCases = (runs: ReadonlyArray<Named>, group: string): ReadonlyArray<string> => [
  ...new Set(
    runs.flatMap(({ run }) => run.cases.filter((one) => one.group === group).map(({ name }) => name))
  )
]

/** The exponents: with 16 times as many at once, 1.00 is 16 times the time. */
export const growth = (runs: ReadonlyArray<Named>): string =>
  table(
    ["cost of", ...runs.map(({ name }) => name)],
    allCases(runs, "growth").map((name) => [
      name,
      ...runs.map((named) => {
        const result = caseOf(named, "growth", name)
        return result === undefined ? "" : `n^${growthOf(result).toFixed(2)}`
      })
    ])
  )

/** Every row of one case, in CPU time. */
export const costs = (
  runs: ReadonlyArray<Named>,
  group: string,
  name: string,
  unit: "µs" | "ms" = "µs"
): string => {
  const labels = new Set(
    runs.flatMap((named) =>
      (caseOf(named, group, name)?.contenders ?? [])
        .filter(({ library }) => library === undefined)
        .map((one) => one.name)
    )
  )
  const us = (named: Named, label: string): string => {
    const result = caseOf(named, group, name)
    const row = result && rowOf(result, label)
    return row === undefined ? "" : (median(row.cpu) / (unit === "ms" ? 1e3 : 1)).toPrecision(3)
  }
  const rows = [...labels].map((label) => [label, ...runs.map((named) => us(named, label))])
  return table([`CPU time of one, in ${unit}`, ...runs.map(({ name }) => name)], rows)
}

/** What was measured where. */
export const machines = (runs: ReadonlyArray<Named>): string =>
  table(
    ["", "Node", "Effect", "asyncio, uvloop", "machine", "date", "load"],
    runs.map(({ name, run: { cases, machine } }) => {
      const loads = cases.map(({ load }) => load)
      return [
        name,
        machine.node,
        machine.effect,
        [machine.asyncio ?? "-", machine.uvloop ?? "-"].join(", "),
        `${machine.cores} x ${machine.cpu}`,
        cases[0]?.date.slice(0, 10) ?? "",
        `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`
      ]
    }),
    7
  )

const kindOf = ({ name, ours }: Measured): Kind =>
  ours ? "ours" : /^(asyncio|uvloop)/.test(name) ? "other" : "peer"

/** A case that says something beside something else. */
const compares = ({ contenders, growth }: CaseResult): boolean =>
  growth !== undefined || contenders.some(({ ours }) => !ours)

/** One picture for a group of cases. */
export const picture = ({ name, run }: Named, group: string): string | undefined => {
  const cases = run.cases.filter((one) => one.group === group && compares(one))
  const inBytes = cases.every(({ measures }) => measures === "memory")
  return plot({
    title: `${group}, ${inBytes ? "bytes of one" : "time of one"}: ${name}`,
    tick: inBytes ? bytes : time,
    blocks: cases.map((result) => ({
      heading: `${result.name}: ${result.what}${result.measures === "cpu" ? " (CPU time)" : ""}`,
      rows: [...oursOf(result), ...result.contenders.filter(({ ours }) => !ours)].map((one): Row => {
        const samples = decisive(one, result.measures, false)
        return {
          label: labelOf(one),
          kind: kindOf(one),
          median: median(samples),
          low: quantile(samples, 0.25),
          high: quantile(samples, 0.75),
          ...(result.measures === "wall" || result.measures === "latency" ? { cpu: median(one.cpu) } : {})
        }
      })
    }))
  })
}

/** The groups that a run has cases of. */
export const groupsOf = ({ run }: Named): ReadonlyArray<string> => [
  ...new Set(run.cases.map(({ group }) => group))
]

/** Puts each text between its two marks, `<!-- NAME: generated -->` and `<!-- NAME: end -->`. */
export const filled = (page: string, texts: ReadonlyMap<string, string>): string => {
  let result = page
  for (const [name, text] of texts) {
    const [begin, end] = [`<!-- ${name}: generated -->`, `<!-- ${name}: end -->`]
    const [from, to] = [result.indexOf(begin), result.indexOf(end)]
    if (from < 0 || to < from) throw new Error(`the page has no place for ${name}`)
    result = `${result.slice(0, from + begin.length)}\n\n${text}\n\n${result.slice(to)}`
  }
  return result
}
