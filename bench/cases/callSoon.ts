import { defaultScheduler } from "effect/Scheduler"
import { ours } from "../loops.js"
import { type Case, type Contender, peer, type Prepared, python } from "../case.js"

type Schedule = (callback: () => void) => unknown

/** All at once. */
const batch = (schedule: Schedule, n: number) => (): Promise<number> =>
  new Promise((resolve) => {
    let count = 0
    const callback = (): void => {
      if (++count === n) resolve(count)
    }
    for (let i = 0; i < n; i++) schedule(callback)
  })

/** Each from the one before. */
const chain = (schedule: Schedule, n: number) => (): Promise<number> =>
  new Promise((resolve) => {
    let count = 0
    const callback = (): void => {
      if (++count === n) resolve(count)
      else schedule(callback)
    }
    schedule(callback)
  })

/** One at a time, from an idle loop: how long until it runs. */
const single = (schedule: Schedule, n: number) => async (): Promise<Float64Array> => {
  const latencies = new Float64Array(n)
  for (let i = 0; i < n; i++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    await new Promise<void>((resolve) => {
      const start = performance.now()
      schedule(() => {
        latencies[i] = performance.now() - start
        resolve()
      })
    })
  }
  return latencies
}

const resolved = Promise.resolve()

const contenders = (shape: (schedule: Schedule, n: number) => Prepared["go"]): ReadonlyArray<Contender> => [
  ...ours(({ loop }, n) => shape((callback) => loop.callSoon(callback), n)),
  peer("setImmediate", (n) => shape(setImmediate, n)),
  peer("process.nextTick", (n) => shape(process.nextTick, n)),
  peer("queueMicrotask", (n) => shape(queueMicrotask, n)),
  peer("promise.then", (n) => shape((callback) => resolved.then(callback), n)),
  peer("Effect's default scheduler (bare functions, no handle)", (n) =>
    shape((callback) => defaultScheduler.scheduleTask(callback, 0), n)
  )
]

export const callSoon: ReadonlyArray<Case> = [
  {
    name: "batch",
    what: "callbacks",
    n: 200_000,
    contenders: contenders(batch),
    programs: python("call_soon_batch")
  },
  {
    name: "chain",
    what: "callbacks",
    n: 100_000,
    contenders: contenders(chain),
    programs: python("call_soon_chain")
  },
  {
    name: "single",
    what: "callbacks from idle",
    n: 5_000,
    measures: "latency",
    contenders: contenders(single),
    programs: python("call_soon_single")
  }
]
