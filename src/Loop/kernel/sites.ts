/** Debug mode: where handles, Futures and tasks were created. */

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & {
  captureStackTrace?: (holder: object, above: unknown) => void
  stackTraceLimit?: number | undefined
}

/** Has the stack of who has called `above`, as text that is made when it is read; `most` frames of it, if that is given. */
const stackAbove = (above: object | undefined, most?: number): { readonly stack?: string } => {
  const holder: { readonly stack?: string } = {}
  const limit = V8Error.stackTraceLimit
  if (most !== undefined) V8Error.stackTraceLimit = most
  V8Error.captureStackTrace?.(holder, above as object)
  V8Error.stackTraceLimit = limit
  return holder
}

/** The frames of a stack, innermost first, as text. */
const framesOf = (stack: string | undefined): string | undefined => stack?.split("\n").slice(1).join("\n")

const sites = new WeakMap<object, string>()

/** What was given to the border to be run later, and the frame of who gave it: its text is made when it is asked for. */
const given = new WeakMap<object, { readonly stack?: string }>()

/** How often that is remembered while no loop was in debug mode: programs wrap their functions before they open a loop. */
let early = 1_000
let debugging = false

/** Some loop of this thread is in debug mode: from now on, whoever gives work is remembered. */
export const beginDebugging = (): void => {
  debugging = true
}

/**
 * Remembers who gave `work` to `above`, a function of the library that runs it later: a fiber that starts a task leaves no
 * frame of the program. Two microseconds, so not without end where nobody debugs.
 */
export const rememberGiver = (work: object, above: object): void => {
  if (!debugging && early-- <= 0) return
  given.set(work, stackAbove(above, 1))
}

/** The frame of who gave `work`, if that was remembered and is the program. */
export const giverOf = (work: object): string | undefined => programFrame(framesOf(given.get(work)?.stack))

/**
 * This library's own folder, as stack frames show it: whatever loads the sources or has put source maps to them, frames are
 * compared with a frame. A bundle has no such folder: there the library's frames cannot be told from the program's.
 */
const ownFolder = ((): string | undefined => {
  const holder = stackAbove(undefined)
  return /([^\s()]*)kernel\/sites\.[jt]s:\d+:\d+/.exec(holder.stack ?? "")?.[1]?.replace(/Loop\/$/, "")
})()

/** Whether a frame is of the program: not of this library, not of Effect, not of Node. */
const isProgram = (frame: string): boolean =>
  !/node_modules\/(?:effect|@effect\/[^/]+)\/|\(?node:/.test(frame) &&
  (ownFolder === undefined || !frame.includes(ownFolder))

/** The innermost frame of the program. */
export const programFrame = (stack: string | undefined): string | undefined =>
  stack?.split("\n").find(isProgram)?.trim().replace(/^at /, "")

/** Whether the program has called `above`, and not this library, Effect or Node. True where there is no stack. */
export const calledByProgram = (above: object): boolean =>
  isProgram(framesOf(stackAbove(above, 1).stack) ?? "")

/**
 * Debug mode: remembers where `object` was created. `above` is the function whose caller counts as the creator.
 * The stack is kept beside the object, not in it, so that the normal mode pays nothing.
 */
export const rememberSite = (object: object, above: object): void => {
  const frames = framesOf(stackAbove(above).stack)
  if (frames !== undefined) sites.set(object, frames)
}

/** `object` was created where `other` was, if that is remembered. */
export const shareSite = (object: object, other: object): void => {
  const frames = sites.get(other)
  if (frames !== undefined) sites.set(object, frames)
}

/** The creation stack, innermost frame first, if it was remembered. */
export const siteOf = (object: object): string | undefined => sites.get(object)

/** The creation point in the program, ` created at file:line`, or nothing. */
export const createdAt = (object: object): string => {
  const place = placeOf(object)
  return place === "" ? "" : ` created at ${place}`
}

/** The same as `file:line`. */
export const placeOf = (object: object): string => {
  const stack = sites.get(object)
  const frame = programFrame(stack) ?? stack?.split("\n")[0]
  if (frame === undefined) return ""
  const place = /\(?((?:file:\/\/)?[^()\s]+:\d+):\d+\)?$/.exec(frame)
  return (place?.[1] ?? frame.trim()).replace(/^file:\/\//, "")
}
