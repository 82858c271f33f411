/** A dump as a graph for mermaid: a node a row, an arrow to whatever it waits for, a dotted one to what it has forked. */
import type { DumpRow } from "./DumpRow.js"

/** How many rows are drawn. A graph of more is no picture, and mermaid refuses more than 500 edges by default. */
const MOST = 200

/** Text in a label: what mermaid reads as markup is written as an entity of its own. */
const escape = (text: string): string => text.replace(/[#"<>&`;\\]/g, (found) => `#${found.codePointAt(0)};`)

/** Rows that somebody waits for, or that wait, are shown before those that only are there. */
const shownOf = (rows: ReadonlyArray<DumpRow>): ReadonlyArray<DumpRow> => {
  const waitedFor = new Set(rows.flatMap(({ waitsFor }) => waitsFor))
  const ties = (row: DumpRow): boolean =>
    row.waitsFor.length > 0 || row.parent !== undefined || waitedFor.has(row.id)
  return [...rows.filter(ties), ...rows.filter((row) => !ties(row))].slice(0, MOST)
}

/** The graph, to be put into a block of mermaid. */
export const mermaidOf = (
  rows: ReadonlyArray<DumpRow>,
  circles: ReadonlyArray<ReadonlyArray<number>>
): string => {
  const shown = shownOf(rows)
  const there = new Set(shown.map(({ id }) => id))
  const inCircle = new Set(circles.flat())
  const nodes = shown.map(
    ({ id, name, state, what }) =>
      `  r${id}["${escape(`${what} ${name}`)}<br/>${escape(state)}"]${inCircle.has(id) ? ":::circle" : ""}`
  )
  const arrows = shown.flatMap(({ id, parent, waitsFor }) => [
    ...waitsFor.filter((to) => there.has(to)).map((to) => `  r${id} --> r${to}`),
    ...(parent !== undefined && there.has(parent) ? [`  r${parent} -.-> r${id}`] : [])
  ])
  const more = rows.length - shown.length
  return [
    "flowchart LR",
    ...nodes,
    ...arrows,
    ...(more > 0 ? [`  more["... and ${more} more"]`] : []),
    "  classDef circle stroke:#d00,stroke-width:3px"
  ].join("\n")
}
