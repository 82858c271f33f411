/** Dumps as text for people. */
import { oneLine } from "../kernel/describe.js"
import { tableOf } from "../closing/table.js"
import type { DumpJson } from "./DumpJson.js"
import { treeOf } from "./tree.js"

/** Which rows wait for each other in a circle, a line each. */
export const circleLines = ({ circles, rows }: Pick<DumpJson, "circles" | "rows">): ReadonlyArray<string> =>
  circles.map((circle) => {
    const names = [...circle, ...circle.slice(0, 1)]
      .map((id) => rows[id - 1])
      .map((row) => `${row?.what} ${row?.name}`)
    return `they wait for each other, for ever: ${oneLine(names.join(" -> "), 2_000)}`
  })

const resourceLine = ({ resources }: DumpJson): ReadonlyArray<string> => {
  const kinds = Object.entries(resources).map(([kind, count]) => `${count} ${kind}`)
  return kinds.length === 0 ? [] : [`Node is kept by: ${kinds.join(", ")}`]
}

const moreLine = ({ more }: DumpJson): ReadonlyArray<string> =>
  more === 0 ? [] : [`... and ${more} more rows`]

const headOf = ({ loop: { name, ready, state }, more, rows }: DumpJson): string =>
  `${oneLine(name)}: ${state}, ${ready} ready, ${rows.length + more} there`

/** A table: a line a row, equal rows in one, circles and what keeps Node below it. */
export const tableText = (dump: DumpJson): string =>
  [
    headOf(dump),
    ...(dump.rows.length === 0 ? [] : [tableOf(dump.rows)]),
    ...moreLine(dump),
    ...circleLines(dump),
    ...resourceLine(dump)
  ].join("\n")

/** A tree: at the top is whom nobody waits for, below each what it waits for and what it has forked. */
export const treeText = (dump: DumpJson): string =>
  [...(dump.rows.length === 0 ? [] : [treeOf(dump.rows)]), ...moreLine(dump), ...circleLines(dump)].join("\n")
