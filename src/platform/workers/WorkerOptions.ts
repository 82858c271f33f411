/** What may be said of workers, checked before anything is started. */
import type { DurationInput } from "../../effect/Seam.js"
import { checkOptions, optionNames } from "../../Loop/network/checks.js"
import { describeValue, ownName } from "../../Loop/kernel/describe.js"
import { millis } from "../../Loop/Settings.js"
import type { WorkerSettings } from "../../Loop/worker/OwnedWorker.js"

/**
 * How the workers of a layer end, and are named. Durations are milliseconds or anything Effect's Duration takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface WorkerOptions {
  /**
   * How long a worker that was told to end may take before its thread is terminated, its process gets SIGKILL. May be infinite.
   * Default 1 second. (The platform's own layers: 5 seconds.)
   */
  readonly grace?: DurationInput | undefined
  /**
   * What the workers are called in reports where Node does not know the file that they run, as it does for a child process and for
   * a thread with a name of its own. Default: the file that is named in the source of the spawning function, or that function.
   */
  readonly name?: string | undefined
}

/** @internal Options that were checked. */
export interface CheckedOptions {
  /** In milliseconds. */
  readonly grace: number
  readonly name: string | undefined
}

const known = optionNames(["grace", "name"])

/** Throws `TypeError` or `RangeError` that names the option. @internal */
export const checkWorkerOptions = (what: string, options: WorkerOptions): CheckedOptions => {
  checkOptions(what, options, known)
  const { grace, name } = options
  if (name !== undefined && typeof name !== "string")
    throw new TypeError(`${what}: name is a string, not ${describeValue(name)}`)
  return { grace: millis(`${what}: grace`, grace, 1_000), name }
}

/** A file that is named in a function's source. */
const literal = /["'`]([^"'`\n]*\.[cm]?[jt]sx?)["'`]/

/** How a worker that `spawn` starts is named and ended. @internal */
export const settingsFor = ({ grace, name }: CheckedOptions, spawn: unknown): WorkerSettings => {
  if (name !== undefined) return { grace, name }
  const source = typeof spawn === "function" ? Function.prototype.toString.call(spawn) : ""
  return { grace, name: literal.exec(source)?.[1] ?? ownName(spawn) ?? "worker" }
}
