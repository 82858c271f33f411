/**
 * A picture of results: a dot for each contender at the median of its samples, a line over the middle half of them, a ring at
 * the median of their CPU time, on one logarithmic axis; further left is better. It is an SVG of its own, for light and dark pages.
 */

/** Whose a row is: the library's, a peer's in the same process, another runtime's. */
export type Kind = "ours" | "peer" | "other"

export interface Row {
  readonly label: string
  readonly kind: Kind
  readonly median: number
  readonly low: number
  readonly high: number
  /** Of CPU time, where that is not what the dot stands for. */
  readonly cpu?: number
}

/** A case: its rows stand together under its name. */
export interface Block {
  readonly heading: string
  readonly rows: ReadonlyArray<Row>
}

export interface Plot {
  readonly title: string
  /** What a value of the axis is called. */
  readonly tick: (value: number) => string
  readonly blocks: ReadonlyArray<Block>
}

const WIDTH = 860
const LEFT = 400
const RIGHT = 24
const TOP = 56
const ROW = 18
const HEADING = 30

const style = `
  svg { color-scheme: light dark; }
  text { font: 12px system-ui, sans-serif; fill: #24292f; }
  .title { font-size: 15px; font-weight: 600; }
  .heading { font-weight: 600; }
  .tick { fill: #6e7781; text-anchor: middle; }
  .label { text-anchor: end; }
  .grid { stroke: #d0d7de; stroke-width: 1; }
  .page { fill: #ffffff; }
  .ours { fill: #0969da; stroke: #0969da; }
  .peer { fill: #57606a; stroke: #57606a; }
  .other { fill: #bc4c00; stroke: #bc4c00; }
  .ring { fill: none; }
  line, .ring { stroke-width: 2; }
  text.ours, text.peer, text.other { stroke: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .tick { fill: #8d96a0; }
    .grid { stroke: #30363d; }
    .page { fill: #0d1117; }
    .ours { fill: #4493f8; stroke: #4493f8; }
    .peer { fill: #9198a1; stroke: #9198a1; }
    .other { fill: #f0883e; stroke: #f0883e; }
    .ring { fill: none; }
  }`

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

/** The powers of ten that enclose all values. */
export const decades = (values: ReadonlyArray<number>): readonly [from: number, to: number] => {
  const from = Math.floor(Math.log10(Math.min(...values)))
  const to = Math.ceil(Math.log10(Math.max(...values)))
  return [from, Math.max(to, from + 1)]
}

const valuesOf = ({ cpu, high, low, median }: Row): ReadonlyArray<number> =>
  cpu === undefined ? [low, median, high] : [low, median, high, cpu]

/** What a logarithmic axis can show. */
const isShown = (row: Row): boolean => valuesOf(row).every((value) => value > 0)

/** The picture, or nothing where there is nothing to show. */
export const plot = ({ blocks, tick, title }: Plot): string | undefined => {
  const shown = blocks
    .map(({ heading, rows }) => ({ heading, rows: rows.filter(isShown) }))
    .filter(({ rows }) => rows.length > 0)
  if (shown.length === 0) return undefined
  const [from, to] = decades(shown.flatMap(({ rows }) => rows.flatMap(valuesOf)))
  const x = (value: number): string =>
    (LEFT + ((Math.log10(value) - from) / (to - from)) * (WIDTH - LEFT - RIGHT)).toFixed(1)

  const lines: Array<string> = []
  let y = TOP
  for (const { heading, rows } of shown) {
    y += HEADING
    lines.push(`<text class="heading" x="12" y="${y - 8}">${escaped(heading)}</text>`)
    for (const { cpu, high, kind, label, low, median } of rows) {
      y += ROW
      lines.push(
        `<text class="label" x="${LEFT - 12}" y="${y - 5}">${escaped(label)}</text>`,
        `<line class="${kind}" x1="${x(low)}" x2="${x(high)}" y1="${y - 9}" y2="${y - 9}"/>`,
        `<circle class="${kind}" cx="${x(median)}" cy="${y - 9}" r="4"/>`,
        ...(cpu === undefined ? [] : [`<circle class="${kind} ring" cx="${x(cpu)}" cy="${y - 9}" r="4"/>`])
      )
    }
  }
  const height = y + 16
  const grid = Array.from({ length: to - from + 1 }, (_, i) => {
    const value = 10 ** (from + i)
    return (
      `<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="${TOP}" y2="${height - 8}"/>` +
      `<text class="tick" x="${x(value)}" y="${TOP - 8}">${tick(value)}</text>`
    )
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="12" y="24">${escaped(title)}</text>`,
    ...grid,
    ...lines,
    "</svg>\n"
  ].join("\n")
}

/** Microseconds, in the unit that suits a power of ten. */
export const time = (us: number): string =>
  us >= 1e6
    ? `${us / 1e6} s`
    : us >= 1e3
      ? `${us / 1e3} ms`
      : us >= 1
        ? `${us} µs`
        : `${Math.round(us * 1e3)} ns`

export const bytes = (value: number): string =>
  value >= 1e6 ? `${value / 1e6} MB` : value >= 1e3 ? `${value / 1e3} kB` : `${value} B`
