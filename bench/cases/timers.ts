import Bluebird from "bluebird"
import { run as runOperation, sleep, spawn } from "effection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { ours } from "../loops.js"
import { type Case, fail, peer, python } from "../case.js"

/** The same pseudo-random delays for everybody. */
const delays = (n: number, from: number, span: number): Float64Array => {
  const result = new Float64Array(n)
  let seed = 42
  for (let i = 0; i < n; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    result[i] = from + (seed / 2 ** 32) * span
  }
  return result
}

/** Schedules all, and ends when all have run. */
const run = (n: number, schedule: (delay: number, callback: () => void) => unknown) => {
  const when = delays(n, 1, 50)
  return (): Promise<number> =>
    new Promise((resolve) => {
      let count = 0
      const callback = (): void => {
        if (++count === n) resolve(count)
      }
      for (let i = 0; i < n; i++) schedule(when[i] as number, callback)
    })
}

/** Schedules `size`, cancels them, and again until there were n. */
const cancel = <T>(
  n: number,
  size: number,
  schedule: (delay: number, callback: () => void) => T,
  cancel: (timer: T) => void
) => {
  const chunk = Math.min(n, size)
  const when = delays(chunk, 60_000, 500)
  return (): number => {
    let ran = 0
    let count = 0
    const callback = (): void => void ran++
    while (count < n) {
      const timers: Array<T> = []
      for (let i = 0; i < chunk; i++) timers.push(schedule(when[i] as number, callback))
      for (const timer of timers) cancel(timer)
      count += chunk
    }
    return ran === 0 ? count : fail("a cancelled timer ran")
  }
}

/** The same with sleeping fibers. */
const cancelFibers = (n: number, size: number) => {
  const chunk = Math.min(n, size)
  const when = delays(chunk, 60_000, 500)
  return async (): Promise<number> => {
    let count = 0
    while (count < n) {
      const fibers: Array<Fiber.RuntimeFiber<void>> = []
      for (let i = 0; i < chunk; i++) fibers.push(Effect.runFork(Effect.sleep(when[i] as number)))
      await new Promise((resolve) => setImmediate(resolve))
      await Effect.runPromise(Fiber.interruptAll(fibers))
      count += chunk
    }
    return count
  }
}

/** Tasks of Effection that sleep. */
const sleepingOperations = (n: number) => {
  const when = delays(n, 1, 50)
  return (): Promise<number> =>
    runOperation(function* () {
      const tasks = []
      for (const delay of when) tasks.push(yield* spawn(() => sleep(delay)))
      for (const task of tasks) yield* task
      return tasks.length
    })
}

const cancelCase = (name: string, n: number, size: number, fraction: number, work: string): Case => ({
  name,
  programs: python(work),
  what: "timers scheduled and cancelled",
  n,
  contenders: [
    ...ours(({ loop }, n) =>
      cancel(
        n,
        size,
        (delay, callback) => loop.callLater(delay, callback),
        (timer) => timer.cancel()
      )
    ),
    peer("setTimeout, clearTimeout", (n) =>
      cancel(n, size, (delay, callback) => setTimeout(callback, delay), clearTimeout)
    ),
    peer("Effect.sleep, interrupted", (n) => cancelFibers(n, size), fraction)
  ]
})

export const timers: ReadonlyArray<Case> = [
  {
    name: "schedule and run",
    what: "timers, of CPU time",
    n: 50_000,
    measures: "cpu",
    contenders: [
      ...ours(({ loop }, n) => run(n, (delay, callback) => loop.callLater(delay, callback))),
      peer("setTimeout", (n) => run(n, (delay, callback) => setTimeout(callback, delay))),
      peer(
        "Effect.sleep in a fiber each",
        (n) => run(n, (delay, callback) => Effect.runFork(Effect.map(Effect.sleep(delay), callback))),
        1 / 40
      ),
      peer("Bluebird.delay", (n) => run(n, (delay, callback) => Bluebird.delay(delay).then(callback))),
      peer("Effection sleep, a task each", sleepingOperations, 1 / 40)
    ],
    programs: python("timers_run")
  },
  cancelCase("cancel, all at once", 100_000, 100_000, 1 / 100, "timers_cancelled_at_once"),
  cancelCase("cancel, chunks of 1000", 200_000, 1000, 1 / 200, "timers_cancelled_in_chunks")
]
