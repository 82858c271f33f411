/**
 * A loop in Effect's metrics. What happens seldom (a report, a join, what is given up) is told as it happens; all else is
 * counted by looking, now and then, so that the loop itself does nothing for it.
 *
 * Gauges are added to, and not set, but for how late the thread is: loops of one name are one series, whose value is their sum,
 * and a loop that closes takes its own part back.
 */
import { type Series, type SeriesOf, seriesIn } from "../../../effect.js"
import type { Report } from "../../kernel/Report.js"
import type { Home, Tally } from "../../ports.js"
import type { MetricsSettings } from "../../Settings.js"
import type { Lag } from "./Lag.js"
import { OTHER, TaskLabels } from "./TaskLabels.js"

/** How many tasks are looked at by name each time, the oldest: the others are counted as `(other)`. */
const MOST_LOOKED_AT = 10_000

/** Where the buckets of joins end, in seconds. */
const JOIN_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60]

/** What all series of a metric have in common. */
type Metric = Omit<SeriesOf, "labels">

const gauge = (name: string, description: string): Metric => ({
  kind: "gauge",
  name: `effect_aio_${name}`,
  description
})
const counter = (name: string, description: string): Metric => ({
  kind: "counter",
  name: `effect_aio_${name}_total`,
  description
})

/** What is there now, by the numbers of the loop. */
const present = {
  ready: gauge("ready", "Callbacks and task steps that wait for their pass"),
  timers: gauge("timers", "Timers that wait"),
  effects: gauge("effects", "Effects started from aio code whose fibers have not ended"),
  unretrieved: gauge("unretrieved", "Failed Futures that nobody has looked at"),
  jobs: gauge("jobs", "Jobs of executors that have not ended"),
  processes: gauge("children", "Child processes that have not ended")
}

/** What the loop itself counts. */
const counted = {
  callbacks: counter("callbacks", "Callbacks and task steps that were run"),
  late: counter("late", "Outcomes that came after their receiver had gone")
}

const tasks = gauge("tasks", "Tasks that are not done, by name")
const requests = gauge("requests", "Requests of scoped servers, by phase")
const reports = counter("reports", "Reports to the exception handler, by kind")
const abandoned = counter(
  "abandoned",
  "Work that was cancelled or waited for, had not ended, and is no longer waited for"
)
const leftovers = counter("leftovers", "What had not ended when a closing's deadline had passed")
const joins: Metric = {
  kind: "histogram",
  name: "effect_aio_join_seconds",
  description: "How long was waited for cancelled work to end",
  boundaries: JOIN_SECONDS
}
const lags = {
  p50: gauge("lag_p50_seconds", "How late the thread was, median since the last look"),
  p99: gauge("lag_p99_seconds", "How late the thread was, 99th percentile since the last look"),
  max: gauge("lag_max_seconds", "How late the thread was, at most since the last look")
}

const keysOf = <K extends string>(of: Readonly<Record<K, unknown>>): ReadonlyArray<K> =>
  Object.keys(of) as Array<K>

/** A loop, and the numbers of it that are looked at: those of its capabilities, too. */
export interface Measured extends Home {
  statistics(): ReturnType<Home["statistics"]> &
    Readonly<Record<keyof typeof present | keyof typeof counted, number>>
}

export class LoopMetrics implements Tally {
  readonly #series = new Map<string, Series>()
  /** What this loop has given to each series: its part of a gauge, and what is counted already. */
  readonly #given = new Map<Series, number>()
  readonly #labels: TaskLabels
  #ended = false

  constructor(
    private readonly loop: Measured,
    /** The label of the loop: not its name where the program has given it none, or each new loop would be new series. */
    private readonly name: string,
    { taskLabel, taskLabels }: MetricsSettings,
    private readonly lag: Lag
  ) {
    this.#labels = new TaskLabels(taskLabels, taskLabel)
    for (const metric of [abandoned, leftovers]) this.#of(metric).add(0)
    this.sample()
  }

  /** Brings everything up to date that is counted by looking. False where the loop is closed. */
  sample(): boolean {
    if (this.#ended) return false
    const numbers = this.loop.statistics()
    for (const key of keysOf(present)) this.#change(this.#of(present[key]), numbers[key])
    for (const key of keysOf(counted)) this.#change(this.#of(counted[key]), numbers[key])
    this.#split(tasks, "task", this.#tasksByLabel())
    this.#split(requests, "phase", this.#requestsByPhase())
    const late = this.lag.take()
    for (const key of keysOf(lags)) this.#of(lags[key]).set(late[key])
    return true
  }

  /** The loop is closed: what it has counted stays, what was there is not there any more. */
  end(): void {
    if (this.#ended) return
    this.sample()
    this.#ended = true
    this.lag.end()
    for (const key of keysOf(present)) this.#change(this.#of(present[key]), 0)
    this.#split(tasks, "task", new Map())
    this.#split(requests, "phase", new Map())
    for (const key of keysOf(lags)) this.#of(lags[key]).set(0)
  }

  reported({ kind }: Report): void {
    this.#of(reports, { kind: kind ?? "program" }).add(1)
  }

  joining(): () => void {
    const since = this.loop.time()
    return () => this.#of(joins).observe((this.loop.time() - since) / 1_000)
  }

  abandoned(): void {
    this.#of(abandoned).add(1)
  }

  leftOver(count: number): void {
    this.#of(leftovers).add(count)
  }

  #of(metric: Metric, more: Readonly<Record<string, string>> = {}): Series {
    const key = [metric.name, ...Object.values(more)].join("\n")
    const known = this.#series.get(key)
    if (known !== undefined) return known
    const series = seriesIn(this.loop._base, { ...metric, labels: { loop: this.name, ...more } })
    this.#series.set(key, series)
    return series
  }

  /** This loop's part of a series is `value` from now on. */
  #change(series: Series, value: number): void {
    const before = this.#given.get(series)
    if (value === before) return
    this.#given.set(series, value)
    series.add(value - (before ?? 0))
  }

  /** The same for a metric whose series differ by a label. One that has nothing any more is 0, and stays. */
  #split(metric: Metric, label: string, counts: ReadonlyMap<string, number>): void {
    const ours = `${metric.name}\n`
    for (const [key, series] of this.#series) {
      if (key.startsWith(ours) && !counts.has(key.slice(ours.length))) this.#change(series, 0)
    }
    for (const [value, count] of counts) this.#change(this.#of(metric, { [label]: value }), count)
  }

  #tasksByLabel(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    const all = this.loop.statistics().tasks
    const looked = this.loop._tasksNow(MOST_LOOKED_AT)
    for (const task of looked) {
      const label = this.#labels.label(task._name)
      counts.set(label, (counts.get(label) ?? 0) + 1)
    }
    if (all > looked.length) counts.set(OTHER, (counts.get(OTHER) ?? 0) + all - looked.length)
    return counts
  }

  #requestsByPhase(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>()
    for (const capability of this.loop._capabilities) {
      for (const [phase, count] of Object.entries(capability.requests())) counts.set(phase, count)
    }
    return counts
  }
}
