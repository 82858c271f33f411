/** What may be said when an executor is made, checked before anything is. */
import { availableParallelism } from "node:os"
import type { ResourceLimits } from "node:worker_threads"
import type { DurationInput } from "../../effect.js"
import { describeValue } from "../kernel/describe.js"
import { count, Limiter } from "./Limiter.js"
import { millis } from "../Settings.js"

/**
 * How an executor is made. Durations are milliseconds or anything Effect's Duration takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecutorOptions {
  /** How many worker threads the executor may have. Default: as many as the machine can run at once. */
  readonly maxWorkers?: number | undefined
  /** How many jobs may run at once: a number, or a Limiter that other executors have too. Default: no limit. */
  readonly limiter?: number | Limiter | undefined
  /** After how long without a job a worker thread ends. Real time. Default 10 seconds. */
  readonly idleTimeout?: DurationInput | undefined
  /** How long a running job that is cancelled has to end by itself, before its thread is terminated. Default 1 second. */
  readonly grace?: DurationInput | undefined
  /** The name of its worker threads, each with a number. Default `executor-1`, and so on. */
  readonly name?: string | undefined
  /** How much memory each worker thread may use. See `resourceLimits` of Node's Worker. */
  readonly resourceLimits?: ResourceLimits | undefined
}

/** The options, checked. @internal */
export interface ExecutorSettings {
  readonly name: string
  readonly maxWorkers: number
  readonly limiter: Limiter | undefined
  /** In milliseconds. */
  readonly idleTimeout: number
  /** In milliseconds. */
  readonly grace: number
  readonly resourceLimits: ResourceLimits | undefined
}

let executors = 0

/** The most threads: more than any system starts, and each has a slot of memory from the beginning. */
const MOST = 65_536

const workersOf = (maxWorkers: unknown): number => {
  if (maxWorkers === undefined) return availableParallelism()
  const workers = count("maxWorkers", maxWorkers)
  if (workers <= MOST) return workers
  throw new RangeError(
    `maxWorkers is at most ${MOST}, not ${workers}; jobs for which no thread is free wait in line`
  )
}

const limiterOf = (limiter: unknown): Limiter | undefined => {
  if (limiter === undefined || limiter instanceof Limiter) return limiter
  if (typeof limiter === "number") return Limiter.make(count("limiter", limiter))
  throw new TypeError(`limiter is a number or a Limiter, not ${describeValue(limiter)}`)
}

/** Checks the options. Throws a `TypeError` or `RangeError` that names the option. @internal */
export const executorSettings = (options: ExecutorOptions): ExecutorSettings => {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`the options of an executor are an object, not ${describeValue(options)}`)
  }
  const { grace, idleTimeout, limiter, maxWorkers, name, resourceLimits } = options
  if (name !== undefined && typeof name !== "string") {
    throw new TypeError(`name is a string, not ${describeValue(name)}`)
  }
  if (resourceLimits !== undefined && (typeof resourceLimits !== "object" || resourceLimits === null)) {
    throw new TypeError(`resourceLimits is an object, not ${describeValue(resourceLimits)}`)
  }
  return {
    maxWorkers: workersOf(maxWorkers),
    limiter: limiterOf(limiter),
    idleTimeout: millis("idleTimeout", idleTimeout, 10_000),
    grace: millis("grace", grace, 1_000),
    name: name ?? `executor-${++executors}`,
    resourceLimits
  }
}
