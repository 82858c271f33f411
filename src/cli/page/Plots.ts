/** How late callbacks are, what is queued, and how much is run, as plots of the last minutes. */
import uPlot from "uplot"
import { colour, make, onTheme, part, write } from "./dom.js"
import { KEPT, type Model, type Point } from "./Model.js"

interface Shown {
  readonly title: string
  readonly unit: string
  /** Two series, with their labels. */
  readonly series: ReadonlyArray<readonly [string, (point: Point) => number | undefined]>
}

const shown: ReadonlyArray<Shown> = [
  {
    title: "lag",
    unit: " ms",
    series: [
      ["at most", ({ late }) => late],
      ["mean", ({ lateMean }) => lateMean]
    ]
  },
  {
    title: "queue",
    unit: "",
    series: [
      ["ready", ({ ready }) => ready],
      ["timers", ({ timers }) => timers]
    ]
  },
  {
    title: "work",
    unit: "",
    series: [
      ["callbacks/s", ({ callbacks }) => callbacks],
      ["tasks", ({ tasks }) => tasks]
    ]
  }
]

const HEIGHT = 110

/** Plots that begin together have their cursors together. */
const sync = uPlot.sync("time")

const options = (width: number, { series, unit }: Shown): uPlot.Options => {
  const axis: uPlot.Axis = {
    stroke: () => colour("--dim"),
    grid: { stroke: () => colour("--line"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif"
  }
  const lines = series.map(([label], i): uPlot.Series => ({
    label,
    stroke: () => colour(`--plot-${i + 1}`),
    width: 1.5,
    // Told apart without their colours.
    ...(i === 0 ? {} : { dash: [5, 3] }),
    points: { show: false },
    spanGaps: true
  }))
  return {
    width,
    height: HEIGHT,
    ms: 1,
    legend: { show: false },
    cursor: { sync: { key: sync.key }, drag: { x: false, y: false } },
    scales: { y: { range: (_, __, max) => [0, Math.max(1, (max || 0) * 1.1)] } },
    axes: [
      { ...axis, size: 22 },
      { ...axis, size: 48, values: (_, ticks) => ticks.map((tick) => `${short(tick)}${unit}`) }
    ],
    series: [{}, ...lines]
  }
}

const short = (value: number): string =>
  value >= 1e6 ? `${value / 1e6}M` : value >= 1e4 ? `${value / 1e3}k` : String(value)

const exact = (value: number | undefined, unit: string): string =>
  value === undefined ? "not known" : `${value < 10 ? Math.round(value * 10) / 10 : Math.round(value)}${unit}`

/** Several loops as one: what is queued adds up, and the latest is the latest. */
export const together = (all: ReadonlyArray<ReadonlyArray<Point>>): ReadonlyArray<Point> => {
  if (all.length === 1) return all[0] as ReadonlyArray<Point>
  const at = new Map<number, Point>()
  const most = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined ? b : b === undefined ? a : Math.max(a, b)
  for (const points of all) {
    for (const point of points) {
      const other = at.get(point.at)
      at.set(
        point.at,
        other === undefined
          ? point
          : {
              at: point.at,
              late: most(point.late, other.late),
              lateMean: most(point.lateMean, other.lateMean),
              ready: point.ready + other.ready,
              timers: point.timers + other.timers,
              tasks: point.tasks + other.tasks,
              callbacks:
                point.callbacks === undefined && other.callbacks === undefined
                  ? undefined
                  : (point.callbacks ?? 0) + (other.callbacks ?? 0)
            }
      )
    }
  }
  return [...at.values()].sort((a, b) => a.at - b.at)
}

interface Plot {
  readonly shown: Shown
  readonly plot: uPlot
  readonly figure: HTMLElement
  readonly labels: ReadonlyArray<HTMLElement>
}

export class Plots {
  readonly #plots: ReadonlyArray<Plot>

  constructor() {
    const place = part("plots")
    this.#plots = shown.map((one) => {
      const figure = make("figure")
      const caption = make("figcaption")
      caption.append(make("b", one.title))
      const labels = one.series.map(() => make("span"))
      caption.append(...labels)
      figure.append(caption)
      place.append(figure)
      const plot = new uPlot(options(figure.clientWidth - 16, one), [[], [], []], figure)
      new ResizeObserver(() => plot.setSize({ width: figure.clientWidth - 16, height: HEIGHT })).observe(
        figure
      )
      return { shown: one, plot, figure, labels }
    })
    onTheme(() => this.#plots.forEach(({ plot }) => plot.redraw()))
  }

  /** Of one loop, or of all. */
  draw(model: Model, loop: string): void {
    const all = [...model.points].filter(([id]) => loop === "" || id === loop).map(([, points]) => points)
    const points = together(all)
    const times = points.map(({ at }) => at)
    for (const { labels, plot, shown } of this.#plots) {
      const data = shown.series.map(([, of]) => points.map((point) => of(point) ?? null))
      plot.setData([times, ...data] as uPlot.AlignedData, false)
      plot.setScale("x", { min: Math.max(model.at - KEPT, times[0] ?? model.at - 10_000), max: model.at })
      const last = points.at(-1)
      shown.series.forEach(([label, of], i) => {
        write(labels[i] as HTMLElement, `${label}: ${exact(last && of(last), shown.unit)}`)
      })
    }
  }
}
