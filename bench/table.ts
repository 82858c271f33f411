/** Results for people: one block per case, the library's rows first, and its ratio to every peer. */
import type { CaseResult, Measured } from "./measure.js"

const short = (value: number): string =>
  value >= 1e6
    ? `${(value / 1e6).toPrecision(3)}M`
    : value >= 1e3
      ? `${(value / 1e3).toPrecision(3)}k`
      : value.toPrecision(3)

/** How far the middle half of the samples lies apart, in percent of the median. */
const spread = ({ median, samples }: Measured): string => {
  const sorted = [...samples].sort((a, b) => a - b)
  const at = (part: number): number => sorted[Math.floor((sorted.length - 1) * part)] as number
  return `${Math.round(((at(0.75) - at(0.25)) / median) * 100)}%`
}

/** One case as text. */
export const table = ({ contenders, group, name, unit, what }: CaseResult): string => {
  const us = contenders.filter(({ ours }) => ours)
  const latencies = contenders.some(({ p50 }) => p50 !== undefined)
  const bytes = unit === "bytes"
  const width = Math.max(...contenders.map((one) => one.name.length)) + 4
  const row = (label: string, cells: ReadonlyArray<string>): string =>
    label.padEnd(width) + cells.map((cell) => cell.padStart(8)).join("")
  const letters = us.map((_, i) => String.fromCharCode(97 + i))
  const lines = [
    `${group} / ${name}: ${what}, ${bytes ? "bytes each (less is better)" : "per second"}${latencies ? " (at the median)" : ""}`,
    row("", [
      bytes ? "bytes" : "rate",
      "spread",
      ...(latencies ? ["p50 us", "p99 us"] : []),
      ...letters.map((letter) => `${letter} / it`)
    ])
  ]
  for (const one of [...us, ...contenders.filter(({ ours }) => !ours)]) {
    const tag = one.ours ? letters[us.indexOf(one)] : " "
    lines.push(
      row(` ${tag} ${one.name}`, [
        short(one.median),
        spread(one),
        ...(latencies ? [one.p50?.toFixed(1) ?? "", one.p99?.toFixed(0) ?? ""] : []),
        ...(one.ours ? [] : us.map(({ median }) => (median / one.median).toFixed(2)))
      ])
    )
  }
  return lines.join("\n")
}

/** The ratios of one case, for the JSON file: of each of ours to each peer. */
export const ratios = ({ contenders }: CaseResult): Record<string, Record<string, number>> =>
  Object.fromEntries(
    contenders
      .filter(({ ours }) => ours)
      .map((us) => [
        us.name,
        Object.fromEntries(
          contenders
            .filter(({ ours }) => !ours)
            .map((peer) => [peer.name, Number((us.median / peer.median).toPrecision(3))])
        )
      ])
  )
