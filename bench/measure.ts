/** How one sample is taken, in this process. */
import type { Case, Contender, Elsewhere, Outcome } from "./case.js"
import { fail } from "./case.js"
import type { Sample } from "./result.js"
import { quantile } from "./statistics.js"
import { macrotask } from "./waits.js"

/** What is on the heap, after all that nobody holds has gone. */
export const heap = async (): Promise<number> => {
  for (let i = 0; i < 2; i++) {
    await macrotask()
    globalThis.gc?.()
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
}

const isElsewhere = (outcome: Outcome): outcome is Elsewhere =>
  typeof outcome === "object" && "latencies" in outcome

const latenciesOf = (outcome: Outcome): Float64Array | undefined =>
  isElsewhere(outcome) ? outcome.latencies : ArrayBuffer.isView(outcome) ? outcome : undefined

/** How many operations one sample has. */
export const sizeOf = (subject: Case, { fraction }: Pick<Contender, "fraction">, quick: boolean): number =>
  Math.max(5, Math.round((subject.n * fraction) / (quick ? 20 : 1)))

/**
 * One sample of a contender: prepare (untimed), full garbage collection (untimed), go (timed), check, close (untimed). Throws
 * when the contender gives a wrong result.
 */
export const sampleOf = async (subject: Case, contender: Contender, quick: boolean): Promise<Sample> => {
  const n = sizeOf(subject, contender, quick)
  const { close, go } = await contender.prepare(n)
  await macrotask()
  const inMemory = subject.measures === "memory"
  const before = inMemory ? await heap() : 0
  if (!inMemory && !quick) globalThis.gc?.()

  const start = performance.now()
  const used = process.cpuUsage()
  const outcome = await go()
  const { system, user } = process.cpuUsage(used)
  const wall = performance.now() - start

  const bytes = inMemory ? { bytes: ((await heap()) - before) / n } : {}
  await close?.()
  const latencies = latenciesOf(outcome)
  const done =
    latencies?.length ?? (typeof outcome === "number" ? outcome : (outcome as ReadonlyArray<unknown>).length)
  if (done !== n) fail(`it did ${done} of ${n}`)
  return {
    wall: (wall * 1000) / n,
    cpu: (isElsewhere(outcome) ? outcome.cpu * 1000 : system + user) / n,
    ...(latencies === undefined
      ? {}
      : { p50: quantile(latencies, 0.5) * 1000, p99: quantile(latencies, 0.99) * 1000 }),
    ...bytes
  }
}
