/** What may be said when a loop is opened, checked before anything is opened. */
import { type DurationInput, toMillis } from "../effect.js"
import { describeValue } from "./kernel/describe.js"
import { DEFAULT_SLOW_JOIN, type EventLoopOptions, limitsOf } from "./kernel/LoopOptions.js"

/**
 * How a loop is opened. Durations are milliseconds or anything Effect's Duration takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface LoopOptions extends EventLoopOptions {
  /**
   * How long closing may take altogether before leftovers are reported and left. Default 10 seconds; with scoped servers at
   * least 4 seconds more than their phases.
   */
  readonly closeDeadline?: DurationInput | undefined
  /** After how long a wait for cancelled work is reported. Default 1 second. */
  readonly slowJoin?: DurationInput | undefined
  /**
   * How long an interrupted Effect waits for the aio work that it cancelled before that is abandoned and reported, where
   * the call says nothing else. Default: for as long as it takes.
   */
  readonly grace?: DurationInput | undefined
  /** Whether async-local state is captured and restored. Default true; see `docs/async-context.md`. */
  readonly asyncContext?: boolean | undefined
  /**
   * Whether a small process beside this one, of some 50 MB, starts the loop's child processes. Default false.
   *
   * **When to use** Where a process of some hundred megabytes starts many: the system copies the tables of its memory for each, and
   * nothing else runs meanwhile: about 1 millisecond for 100 MB, 20 to 40 for 500. With the helper a start takes 1 to 3, whatever
   * there is, and this process can go on meanwhile. The helper begins with the first start, which takes some 60 milliseconds more, and
   * ends with the loop.
   *
   * **Details** What is given an open file, a socket or `fds` is started without it. It has the user, `umask`, niceness and limits
   * that this process had when it began; environment and directory are those of the call. Once this process has become another
   * user's, it is not asked any more. Where the helper is killed, its children are killed, that is reported, and the next start
   * makes another. Where this process is killed (SIGKILL), the helper kills them, which nobody does without it.
   *
   * **Gotchas** The parent of the children is the helper (`process.ppid`, `ps`): whoever waits for them by number must not look for
   * them among those of this process. That a child has exited is heard of up to a millisecond later. On Windows and in a single
   * executable application there is none.
   */
  readonly spawnHelper?: boolean | undefined
  /**
   * Whether `npx effect-aio` can look at the loop through a unix socket, without the inspector. Default false.
   *
   * **When to use** Where the inspector must not be opened, because other users of the machine could run code through it meanwhile,
   * or is taken by a debugger.
   *
   * **Details** The loops of a thread that are opened with it share one socket, of mode 0600 in a folder of mode 0700, under
   * `XDG_RUNTIME_DIR` or the system's folder for temporary files. It tells what `dump()` tells and cancels what it is asked to; no code is run by it.
   * It keeps no process alive, and is gone when the last of the loops is closed. All loops of the thread are seen by it. Where it cannot be opened,
   * on Windows for one, that is reported and the loop goes on.
   */
  readonly inspect?: boolean | undefined
  /**
   * Whether the loop writes Effect's metrics: how late the thread is, what waits and runs, joins and what was left; all with the
   * label `loop`. Default false, which costs nothing. See `docs/metrics.md` for their names.
   */
  readonly metrics?: boolean | MetricsOptions | undefined
  /**
   * From how long on code that holds the thread is reported, named after the callback or the task whose code it is: also what a task
   * does after an `await`, a timer of Node's or a callback of its I/O. Real time, 1 ms at the least. Default: none is, outside of
   * debug mode. Costs something for each callback and promise of the process: `docs/metrics.md`.
   */
  readonly slowTurn?: DurationInput | undefined
  /**
   * After how long tasks that have made no progress are reported, once for each wait, with whom they wait for. Default: none are.
   * Tasks that wait for a timer are not, nor those with `slowTask: false`. See `docs/metrics.md`.
   */
  readonly slowTask?: DurationInput | undefined
  /**
   * Whether what crosses the border has a span: calls of `fromAio`, `runAioCoroutine` and `fromCallback`, below the span of the
   * fiber; Effects of `runEffect`, `runEffectTask` and functions of `toAio`, below that of the fiber that has called the aio code.
   * With how long it has waited to begin, and how long it has run, in milliseconds. Default false. See `docs/metrics.md`.
   */
  readonly tracing?: boolean | undefined
  /** Whether a failed Future that nobody looked at is logged or crashes the loop. Default `"report"`. */
  readonly unretrieved?: "report" | "crash" | undefined
}

/**
 * What a loop is to do for its metrics.
 *
 * @category models
 * @since 0.2.0
 */
export interface MetricsOptions {
  /**
   * How often what is counted by looking is brought up to date: all gauges, and what the loop itself counts. `Loop.sampleMetrics`
   * does it at once. Real time, also under a TestClock. Default 1 second; Infinity leaves it to `Loop.sampleMetrics`.
   */
  readonly interval?: DurationInput | undefined
  /**
   * The label of a task's name. It is for names that say whom the work is for: `(name) => name.replace(/\d+/g, "N")`. One that
   * throws, or gives no string, has the task counted as `(other)`. Default: the name as it is.
   */
  readonly taskLabel?: ((name: string) => string) | undefined
  /** How many labels of tasks get a series of their own, those that were seen first; the rest is `(other)`. Default 50. */
  readonly taskLabels?: number | undefined
}

/** Those, checked. @internal */
export interface MetricsSettings {
  /** Milliseconds. */
  readonly interval: number
  readonly taskLabel: ((name: string) => string) | undefined
  readonly taskLabels: number
}

/** @internal */
export interface Settings {
  readonly metrics: MetricsSettings | undefined
  /** Milliseconds; Infinity for never. */
  readonly slowTurn: number
  /** Milliseconds; Infinity for never. */
  readonly slowTask: number
  readonly options: LoopOptions
  /** Milliseconds. */
  readonly closeDeadline: number
  /** Milliseconds. */
  readonly slowJoin: number
  /** Milliseconds. */
  readonly grace: number
}

/** Milliseconds for a duration from 0 on, which may be infinite. @internal */
export const millis = (what: string, input: unknown, whenAbsent: number): number => {
  if (input === undefined) return whenAbsent
  const negative = typeof input === "string" ? input.trim().startsWith("-") : Number(input as number) < 0
  if (negative || Number.isNaN(input)) {
    throw new RangeError(`${what} is a duration from 0 on, not ${describeValue(input)}`)
  }
  try {
    return toMillis(what, input as DurationInput)
  } catch {
    throw new TypeError(`${what} takes milliseconds or a Duration, not ${describeValue(input)}`)
  }
}

/** Throws `TypeError` for an option that is given and is no such value. @internal */
export const checkOption = (
  what: string,
  input: unknown,
  type: "boolean" | "string" | "number" | "function"
): void => {
  if (input !== undefined && typeof input !== type) {
    throw new TypeError(`${what} is a ${type}, not ${describeValue(input)}`)
  }
}

/** Milliseconds for a duration from which on something is told: 1 at the least, or everything would be. */
const atLeastOne = (what: string, input: unknown): number => {
  const ms = millis(what, input, Infinity)
  if (ms < 1) throw new RangeError(`${what} is 1ms or more, not ${describeValue(input)}`)
  return ms
}

/** The shortest interval of metrics, in milliseconds: what looks more often than that has work of its own. */
const SHORTEST_INTERVAL = 10

const metricsOf = (given: unknown): MetricsSettings | undefined => {
  if (given === undefined || given === false) return undefined
  if (given !== true && (typeof given !== "object" || given === null)) {
    throw new TypeError(`metrics is a boolean or an object, not ${describeValue(given)}`)
  }
  const { interval, taskLabel, taskLabels = 50 }: MetricsOptions = given === true ? {} : given
  checkOption("metrics.taskLabel", taskLabel, "function")
  checkOption("metrics.taskLabels", taskLabels, "number")
  if (!Number.isInteger(taskLabels) || taskLabels < 0) {
    throw new RangeError(`metrics.taskLabels is a whole number from 0 on, not ${describeValue(taskLabels)}`)
  }
  const every = millis("metrics.interval", interval, 1_000)
  if (every < SHORTEST_INTERVAL) {
    throw new RangeError(`metrics.interval is ${SHORTEST_INTERVAL}ms or more, not ${describeValue(interval)}`)
  }
  return { interval: every, taskLabel, taskLabels }
}

/** Throws `TypeError` or `RangeError` that names the option. @internal */
export const settingsOf = (options: LoopOptions): Settings => {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`the options of a loop are an object, not ${describeValue(options)}`)
  }
  const { unretrieved } = options
  checkOption("name", options.name, "string")
  checkOption("debug", options.debug, "boolean")
  checkOption("asyncContext", options.asyncContext, "boolean")
  checkOption("tracing", options.tracing, "boolean")
  checkOption("spawnHelper", options.spawnHelper, "boolean")
  checkOption("inspect", options.inspect, "boolean")
  checkOption("exceptionHandler", options.exceptionHandler, "function")
  checkOption("cancel", options.cancel, "function")
  checkOption("cancelled", options.cancelled, "function")
  checkOption("queueLength", options.queueLength, "number")
  checkOption("slowCallbackDuration", options.slowCallbackDuration, "number")
  limitsOf(options)
  if (unretrieved !== undefined && unretrieved !== "report" && unretrieved !== "crash") {
    throw new RangeError(`unretrieved is "report" or "crash", not ${describeValue(unretrieved)}`)
  }
  return {
    options,
    closeDeadline: millis("closeDeadline", options.closeDeadline, 10_000),
    slowJoin: millis("slowJoin", options.slowJoin, DEFAULT_SLOW_JOIN),
    grace: millis("grace", options.grace, Infinity),
    metrics: metricsOf(options.metrics),
    slowTurn: atLeastOne("slowTurn", options.slowTurn),
    slowTask: atLeastOne("slowTask", options.slowTask)
  }
}
