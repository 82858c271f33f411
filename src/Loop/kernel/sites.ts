/** Debug mode: where handles, Futures and tasks were created. */

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & {
  captureStackTrace?: (holder: object, above: unknown) => void
  stackTraceLimit?: number | undefined
}

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
  const holder: { readonly stack?: string } = {}
  const limit = V8Error.stackTraceLimit
  V8Error.stackTraceLimit = 1
  V8Error.captureStackTrace?.(holder, above)
  V8Error.stackTraceLimit = limit
  given.set(work, holder)
}

/** The frame of who gave `work`, if that was remembered and is the program. */
export const giverOf = (work: object): string | undefined =>
  programFrame(given.get(work)?.stack?.split("\n").slice(1).join("\n"))

/**
 * This library's own folder, as stack frames show it: whatever loads the sources or has put source maps to them, frames are
 * compared with a frame. A bundle has no such folder: there the library's frames cannot be told from the program's.
 */
const ownFolder = ((): string | undefined => {
  const holder: { readonly stack?: string } = {}
  V8Error.captureStackTrace?.(holder, undefined)
  return /([^\s()]*)kernel\/sites\.[jt]s:\d+:\d+/.exec(holder.stack ?? "")?.[1]?.replace(/Loop\/$/, "")
})()

/** The innermost frame of the program: not of this library, not of Effect's run loop, not of Node. */
export const programFrame = (stack: string | undefined): string | undefined =>
  stack
    ?.split("\n")
    .find(
      (frame) =>
        !/node_modules\/effect\/|\(?node:/.test(frame) &&
        (ownFolder === undefined || !frame.includes(ownFolder))
    )
    ?.trim()
    .replace(/^at /, "")

/**
 * Debug mode: remembers where `object` was created. `above` is the function whose caller counts as the creator.
 * The stack is kept beside the object, not in it, so that the normal mode pays nothing.
 */
export const rememberSite = (object: object, above: object): void => {
  const holder: { stack?: string } = {}
  V8Error.captureStackTrace?.(holder, above)
  if (holder.stack !== undefined) sites.set(object, holder.stack.split("\n").slice(1).join("\n"))
}

/** The creation stack, innermost frame first, if it was remembered. */
export const siteOf = (object: object): string | undefined => sites.get(object)

/** The creation point in the program, ` created at file:line`, or nothing. */
export const createdAt = (object: object): string => {
  const stack = sites.get(object)
  const frame = programFrame(stack) ?? stack?.split("\n")[0]
  if (frame === undefined) return ""
  const place = /\(?((?:file:\/\/)?[^()\s]+:\d+):\d+\)?$/.exec(frame)
  return ` created at ${(place?.[1] ?? frame.trim()).replace(/^file:\/\//, "")}`
}
