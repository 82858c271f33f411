/** How one sample is taken, in this process. */
import type { Case, Contender, Outcome, Timed } from "./case.js"
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

const isTimed = (outcome: Outcome): outcome is Timed => typeof outcome === "object" && "wall" in outcome

const doneIn = (outcome: Outcome): number =>
  typeof outcome === "number" ? outcome : isTimed(outcome) ? outcome.done : outcome.length

/** How many operations one sample has. */
export const sizeOf = (subject: Case, { fraction }: Pick<Contender, "fraction">, quick: boolean): number =>
  Math.max(2, Math.round((subject.n * fraction) / (quick ? 20 : 1)))

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
  if (doneIn(outcome) !== n) fail(`it did ${doneIn(outcome)} of ${n}`)
  const timed = isTimed(outcome) ? outcome : { wall, cpu: (system + user) / 1000 }
  return {
    wall: (timed.wall * 1000) / n,
    cpu: (timed.cpu * 1000) / n,
    ...(ArrayBuffer.isView(outcome)
      ? { p50: quantile(outcome, 0.5) * 1000, p99: quantile(outcome, 0.99) * 1000 }
      : {}),
    ...bytes
  }
}
