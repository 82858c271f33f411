/**
 * Whether a call comes from the machinery: this library, Effect, or Node. What these time is their own, whoever's code has
 * called them: Effect's scheduler gives way to I/O by `setTimeout(f, 0)`, which must not wait for the clock that it drives.
 */

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & {
  captureStackTrace?: (holder: object, above: unknown) => void
  stackTraceLimit?: number | undefined
}

/** The frame of who has called `above`. */
const callerOf = (above: unknown): string => {
  const holder: { readonly stack?: unknown } = {}
  const limit = V8Error.stackTraceLimit
  V8Error.stackTraceLimit = 1
  V8Error.captureStackTrace?.(holder, above)
  V8Error.stackTraceLimit = limit
  return typeof holder.stack === "string" ? (holder.stack.split("\n")[1] ?? "") : ""
}

/** This library's own folder, as stack frames show it. A bundle has none: there it cannot be told from the program. */
const ownFolder = ((): string | undefined => {
  const holder: { readonly stack?: unknown } = {}
  V8Error.captureStackTrace?.(holder, undefined)
  return typeof holder.stack === "string"
    ? /([^\s()]*)testing\/(?:ownFrames|index)\.[jt]s:\d+:\d+/.exec(holder.stack)?.[1]
    : undefined
})()

/** Whether `above` was called by the machinery. */
export const calledByMachinery = (above: unknown): boolean => {
  const frame = callerOf(above)
  return (
    /node_modules\/(?:effect|@effect\/[^/]+)\/|[( ]node:/.test(frame) ||
    (ownFolder !== undefined && frame.includes(ownFolder))
  )
}
