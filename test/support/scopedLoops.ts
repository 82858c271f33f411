/** Loops of Effect programs, checked at the end of their test (trackedLoops.ts), and what such tests need. */
import { Cause, Effect, HashMap, Layer, Logger, type Scope } from "effect"
import { type EventLoop, Loop, type LoopOptions, type Report } from "../../src/index.js"
import { track } from "./trackedLoops.js"

export { track } from "./trackedLoops.js"

/** `Loop.open`, checked. */
export const open = (options?: LoopOptions): Effect.Effect<EventLoop, never, Scope.Scope> =>
  Effect.map(Loop.open(options), track)

/** `Loop.layer`, checked. */
export const layer = (options?: LoopOptions): Layer.Layer<Loop> => Layer.scoped(Loop, open(options))

/** `Loop.scoped`, checked. */
export const scoped = <A, E, R>(effect: Effect.Effect<A, E, R>, options?: LoopOptions) =>
  Loop.scoped(
    Effect.flatMap(Loop, (loop) => {
      track(loop)
      return effect
    }),
    options
  )

/** Lets promises, passes and fibers run, in real time, until nothing more of them is ready. */
export const settle: Effect.Effect<void> = Effect.promise(async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
})

/** An exception handler that keeps what it is given, and does nothing else. */
export const collecting = () => {
  const reports: Array<Report> = []
  return { reports, exceptionHandler: (_: unknown, report: Report) => void reports.push(report) }
}

export interface Logged {
  readonly level: string
  readonly message: string
  readonly annotations: Record<string, unknown>
  readonly cause: string
}

/** A logger in place of all others, and what it was given. */
export const capturing = () => {
  const logged: Array<Logged> = []
  const logger = Logger.make<unknown, void>(({ annotations, cause, logLevel, message }) => {
    logged.push({
      level: logLevel.label,
      message: (Array.isArray(message) ? message : [message]).join(" "),
      annotations: Object.fromEntries(HashMap.toEntries(annotations)),
      cause: Cause.isEmpty(cause) ? "" : Cause.pretty(cause)
    })
  })
  return { logged, layer: Logger.replace(Logger.defaultLogger, logger) }
}

/** A promise that never settles, and heeds nothing. */
export const forever = (): Promise<never> => new Promise(() => {})
