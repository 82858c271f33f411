/**
 * How a case is measured: every contender once per round, in turns, in one process; two rounds of warm-up, then the
 * samples. Medians, because the machine has other things to do.
 *
 *     round 1   a b c d        prepare (untimed), full gc (untimed), go (timed), check, close (untimed)
 *     round 2   b c d a        so that nobody always follows the same neighbour
 */
import { Bench, performanceNowTimestampProvider, type TimestampProvider } from "tinybench"
import { macrotask } from "./waits.js"

/** What one sample did: how many operations came to their right end; the time of each in ms; what it keeps alive. */
export type Outcome = number | Float64Array | ReadonlyArray<unknown>

/** One way to do what a case measures. */
export interface Contender {
  readonly name: string
  readonly ours: boolean
  /** Slow peers do this fraction of the operations. */
  readonly fraction: number
  /** Prepares one sample of `n` operations. */
  readonly prepare: (n: number) => Prepared | Promise<Prepared>
}

/** One sample, ready to be timed. */
export interface Prepared {
  readonly go: () => Outcome | Promise<Outcome>
  readonly close?: () => void | Promise<void>
}

/** What is compared. */
export interface Case {
  readonly name: string
  /** What one operation is, for the table. */
  readonly what: string
  /** Operations in one sample. */
  readonly n: number
  /**
   * What is measured: wall time (the default); CPU time, where delays decide how long it takes; the time of single
   * operations; what stays on the heap.
   */
  readonly measures?: "wall" | "cpu" | "latency" | "memory"
  readonly contenders: ReadonlyArray<Contender>
}

/** One contender's result. */
export interface Measured {
  readonly name: string
  readonly ours: boolean
  readonly n: number
  /** Operations per second (where they are timed one by one: at their median), or bytes each. */
  readonly median: number
  readonly samples: ReadonlyArray<number>
  /** Of single operations, in microseconds, where they were timed one by one. */
  readonly p50?: number
  readonly p99?: number
}

/** One case's result. */
export interface CaseResult {
  readonly group: string
  readonly name: string
  readonly what: string
  readonly unit: "ops/s" | "bytes"
  readonly contenders: ReadonlyArray<Measured>
}

export interface Settings {
  /** A smoke test: little of everything, and cold. */
  readonly quick: boolean
  /** CPU time in place of wall time: for machines that have other things to do. */
  readonly cpu: boolean
  readonly contender: RegExp
}

/** A peer: `prepare(n)` is not timed, what it returns is. */
export const peer = (
  name: string,
  prepare: (n: number) => Prepared["go"] | Promise<Prepared["go"]>,
  fraction = 1
): Contender => ({ name, ours: false, fraction, prepare: async (n) => ({ go: await prepare(n) }) })

export const fail = (message: string): never => {
  throw new Error(`wrong result: ${message}`)
}

const cpuClock: TimestampProvider = {
  name: "cpu",
  fn: () => {
    const { system, user } = process.cpuUsage()
    return (system + user) / 1000
  },
  toMs: Number,
  fromMs: (ms) => ms
}

const heap = async (): Promise<number> => {
  for (let i = 0; i < 2; i++) {
    await macrotask()
    globalThis.gc?.()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const areLatencies = (outcome: Outcome): outcome is Float64Array => ArrayBuffer.isView(outcome)

/** The value at a fraction of the sorted samples. */
const quantile = (samples: ArrayLike<number>, at: number): number => {
  const sorted = Float64Array.from(samples).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * at))] as number
}

/** The samples of one contender, as they come in. */
class Series {
  readonly n: number
  readonly values: Array<number> = []
  readonly latencies: Array<number> = []
  readonly #bench: Bench

  constructor(
    readonly contender: Contender,
    private readonly subject: Case,
    private readonly settings: Settings
  ) {
    this.n = Math.max(10, Math.round((subject.n * contender.fraction) / (settings.quick ? 20 : 1)))
    this.#bench = new Bench({
      iterations: 1,
      time: 0,
      warmup: false,
      throws: true,
      timestampProvider:
        settings.cpu || subject.measures === "cpu" ? cpuClock : performanceNowTimestampProvider
    })
  }

  /** One sample. */
  async sample(keep: boolean): Promise<void> {
    const { go, close } = await this.contender.prepare(this.n)
    await macrotask()
    const inMemory = this.subject.measures === "memory"
    const before = inMemory ? await heap() : 0
    if (!inMemory && !this.settings.quick) globalThis.gc?.()
    let outcome: Outcome = 0
    this.#bench.add(this.contender.name, async () => void (outcome = await go()), { async: true })
    const [task] = await this.#bench.run()
    this.#bench.remove(this.contender.name)
    const value = this.#value(outcome, task?.result, inMemory ? (await heap()) - before : 0)
    await close?.()
    if (!keep) return
    this.values.push(value)
    if (areLatencies(outcome)) for (const ms of outcome) this.latencies.push(ms * 1000)
  }

  #value(outcome: Outcome, result: Bench["results"][number] | undefined, bytes: number): number {
    const done = typeof outcome === "number" ? outcome : outcome.length
    if (done !== this.n) fail(`${this.contender.name} did ${done} of ${this.n}`)
    if (this.subject.measures === "memory") return bytes / this.n
    if (areLatencies(outcome)) return 1000 / quantile(outcome, 0.5)
    if (result === undefined || !("latency" in result)) return fail(`${this.contender.name} was not measured`)
    return this.n / (result.latency.mean / 1000)
  }

  end(): Measured {
    const { contender, latencies, n, values } = this
    return {
      name: contender.name,
      ours: contender.ours,
      n,
      median: quantile(values, 0.5),
      samples: values,
      ...(latencies.length === 0 ? {} : { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) })
    }
  }
}

/** Measures one case. Throws when a contender gives a wrong result. */
export const measure = async (group: string, subject: Case, settings: Settings): Promise<CaseResult> => {
  const warmUp = settings.quick ? 1 : 2
  const rounds = warmUp + (settings.quick ? 2 : 5)
  const series = subject.contenders
    .filter(({ name }) => settings.contender.test(name))
    .map((contender) => new Series(contender, subject, settings))
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < series.length; turn++) {
      const next = series[(round + turn) % series.length] as Series
      try {
        await next.sample(round >= warmUp)
      } catch (cause) {
        throw new Error(`${group} / ${subject.name} / ${next.contender.name}`, { cause })
      }
    }
  }
  return {
    group,
    name: subject.name,
    what: subject.what,
    unit: subject.measures === "memory" ? "bytes" : "ops/s",
    contenders: series.map((one) => one.end())
  }
}
