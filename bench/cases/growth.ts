/**
 * How cost grows: the same work with 1, 4 and 16 times as many at once. What one operation costs must stay what it is; the
 * exponent says by how much it does not, and 1 is linear.
 */
import * as Effect from "effect/Effect"
import { fromAio, Loop, toAio, type Task } from "effect-aio"
import { type Opened, openLoop } from "../loops.js"
import { type Case, type Contender, fail, type Prepared, type Timed } from "../case.js"
import { macrotask } from "../waits.js"

const FACTORS = [1, 4, 16] as const
const MOST = 16

type Prepare = (opened: Opened, n: number) => Prepared["go"] | Promise<Prepared["go"]>

/** Portions of `size` until there were n, each on a loop of its own, that alone is timed: all do as much, and are as warm. */
const inPortions = async (n: number, size: number, prepare: Prepare): Promise<Timed> => {
  let [done, wall, cpu] = [0, 0, 0]
  while (done < n) {
    const opened = await openLoop(true)
    const go = await prepare(opened, size)
    const start = performance.now()
    const used = process.cpuUsage()
    done += (await go()) as number
    const { system, user } = process.cpuUsage(used)
    wall += performance.now() - start
    cpu += (system + user) / 1000
    await opened.close()
  }
  return { done, wall, cpu }
}

/** `n` at once at the smallest. */
const grows = (name: string, what: string, n: number, prepare: Prepare): Case => ({
  name,
  what,
  n: n * MOST,
  growth: FACTORS,
  contenders: FACTORS.map((factor): Contender => ({
    name: `${n * factor} at once`,
    ours: true,
    fraction: 1,
    prepare: (all) => ({ go: () => inPortions(all, (all / MOST) * factor, prepare) })
  }))
})

const range = (n: number): ReadonlyArray<number> => Array.from({ length: n }, (_, i) => i)

const check = (sum: number, n: number): number =>
  sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)

/** Tasks that wait for a Future of their own. */
const waiting = async ({ loop, run }: Opened, n: number): Promise<ReadonlyArray<Task<unknown>>> => {
  const tasks = range(n).map(() => loop.createTask(async () => await loop.createFuture()))
  await run(Loop.synchronize)
  await macrotask()
  return tasks
}

const allCancelled = (tasks: ReadonlyArray<Task<unknown>>): number =>
  tasks.every((task) => task.cancelled()) ? tasks.length : fail("a task was not cancelled")

export const growth: ReadonlyArray<Case> = [
  grows(
    "callbacks",
    "callbacks of callSoon",
    10_000,
    ({ loop }, n) =>
      () =>
        new Promise((resolve) => {
          let count = 0
          const callback = (): void => {
            if (++count === n) resolve(count)
          }
          for (let i = 0; i < n; i++) loop.callSoon(callback)
        })
  ),
  grows(
    "timers",
    "timers that run",
    5_000,
    ({ loop }, n) =>
      () =>
        new Promise((resolve) => {
          let count = 0
          const callback = (): void => {
            if (++count === n) resolve(count)
          }
          for (let i = 0; i < n; i++) loop.callLater(1 + ((i * 7919) % 50), callback)
        })
  ),
  grows("timers cancelled", "timers that are cancelled", 5_000, ({ loop }, n) => () => {
    const timers = range(n).map((i) => loop.callLater(60_000 + ((i * 7919) % 500), () => {}))
    for (const timer of timers) timer.cancel()
    return timers.length
  }),
  grows("tasks", "tasks created and ended", 5_000, ({ loop }, n) => async () => {
    let sum = 0
    const tasks = range(n).map((i) => loop.createTask(async () => void (sum += i)))
    for (const task of tasks) await task
    return check(sum, n)
  }),
  grows("tasks cancelled", "waiting tasks cancelled and ended", 2_000, async (opened, n) => {
    const tasks = await waiting(opened, n)
    return async () => {
      for (const task of tasks) task.cancel()
      await opened.run(Loop.synchronize)
      await macrotask()
      return allCancelled(tasks)
    }
  }),
  grows("close", "waiting tasks ended by closing", 2_000, async (opened, n) => {
    const tasks = await waiting(opened, n)
    return async () => {
      await opened.close()
      return allCancelled(tasks)
    }
  }),
  grows("fromAio", "fibers in an async function", 1_000, ({ run }, n) => {
    const call = fromAio(async (i: number) => {
      await macrotask()
      return i
    })
    return () =>
      run(
        Effect.map(Effect.forEach(range(n), call, { concurrency: "unbounded" }), (values) =>
          check(
            values.reduce((sum, value) => sum + value, 0),
            n
          )
        )
      )
  }),
  grows("toAio", "Effects called by promise code", 1_000, async ({ run }, n) => {
    const call = await run(toAio((i: number) => Effect.as(Effect.yieldNow(), i)))
    return async () => {
      let sum = 0
      for (const value of await Promise.all(range(n).map(call))) sum += value
      return check(sum, n)
    }
  })
]
