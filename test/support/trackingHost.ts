/** Loops that move only when told to, and still know which task awaits: for tests of tasks, of either kind. */
import { afterEach, expect } from "vitest"
import { AsyncContexts } from "../../src/Loop/host/AsyncContext.js"
import { enter } from "../../src/Loop/kernel/current.js"
import { BaseEventLoop, type EventLoopOptions } from "../../src/Loop/kernel/BaseEventLoop.js"
import type { Report } from "../../src/Loop/kernel/Report.js"
import type { Task } from "../../src/Loop/kernel/Task.js"
import { ManualHost } from "./loops.js"
import { empty } from "./closedLoops.js"

/** A manual host with the async-local state of Node. Every call of `abort` is counted. */
export class TrackingHost extends ManualHost {
  readonly #contexts = new AsyncContexts(() => undefined)
  override readonly contexts = this.#contexts
  aborts = 0
  override abort(): AbortController {
    this.aborts++
    return new AbortController()
  }
  override close(): void {
    super.close()
    this.#contexts.release()
  }
  /** `settle`, then the clock moves as `advance` does, with real microtasks. */
  async pass(ms: number): Promise<void> {
    const end = this.time + ms
    await this.settle()
    while (this.armed !== undefined && this.armed.when <= end) {
      const { fire, when } = this.armed
      this.time = Math.max(this.time, when)
      this.armed = undefined
      fire()
      await this.settle()
    }
    this.time = end
  }
}

let opened: Array<{ readonly loop: BaseEventLoop; readonly host: TrackingHost }> = []

/** A running loop on a `TrackingHost`; closed after the test, which has to leave it empty and without reports. */
export const trackingLoop = (
  options: EventLoopOptions = {}
): { readonly loop: BaseEventLoop; readonly host: TrackingHost } => {
  const host = new TrackingHost()
  const loop = new BaseEventLoop(host, options)
  loop._start()
  opened.push({ loop, host })
  return { loop, host }
}

afterEach(() => {
  const loops = opened
  opened = []
  try {
    for (const { loop } of loops) if (!loop.isClosed()) expect(loop.statistics()).toMatchObject(empty)
    for (const { loop } of loops) loop.close()
    for (const { host } of loops) expect(host.reports).toEqual([])
  } finally {
    for (const { loop } of loops) loop.close()
  }
})

/** A coroutine written once, as a generator of Futures. */
export type Script<A> = (task: Task<unknown>) => Generator<unknown, A, any>

/** Runs a script as the two kinds of coroutine. A yielded Future is awaited in the async function. */
export const kinds: ReadonlyArray<readonly [string, <A>(script: Script<A>) => Script<A>]> = [
  ["generator", (script) => script],
  [
    "async function",
    <A>(script: Script<A>) =>
      (async (task: Task<unknown>) => {
        const steps = script(task)
        let step = steps.next()
        while (step.done !== true) {
          let value: unknown
          try {
            value = await step.value
          } catch (error) {
            step = steps.throw(error)
            continue
          }
          step = steps.next(value)
        }
        return step.value
        // The types of the two kinds differ; what their task gives does not.
      }) as unknown as Script<A>
  ]
]

/** What a call throws. */
export const thrown = (f: () => unknown): unknown => {
  try {
    f()
  } catch (error) {
    return error
  }
  throw new Error("it did not throw")
}

/** A `trackingLoop` that keeps its reports, and a log. */
export const reportingLoop = (options?: EventLoopOptions) => {
  const { loop, host } = trackingLoop(options)
  const reports: Array<Report> = []
  loop.setExceptionHandler((_, report) => void reports.push(report))
  const log: Array<unknown> = []
  return { loop, host, reports, log }
}

/** Runs `f` as a callback of `loop` would. */
export const inside = <A>(loop: BaseEventLoop, f: () => A): A =>
  enter(loop, undefined, undefined, f, undefined)
