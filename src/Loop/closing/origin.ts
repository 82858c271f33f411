/** Where in the program a task was created, or a call was made, for reports. */
import { functionName } from "../kernel/describe.js"
import type { Task } from "../kernel/Task.js"

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & { captureStackTrace?: (holder: object, above: unknown) => void }

let own: string | undefined

/** This library's own folder, as stack frames show it. A bundle has none: there nothing can be told apart. */
const ownFolder = (): string => {
  if (own === undefined) {
    try {
      own = new URL("../../", import.meta.url).pathname
    } catch {
      own = "\0"
    }
  }
  return own
}

/** The innermost frame of the program: not of this library, not of Effect's run loop, not of Node. */
export const programFrame = (stack: string | undefined): string | undefined =>
  stack
    ?.split("\n")
    .find((frame) => !/node_modules\/effect\/|\(?node:/.test(frame) && !frame.includes(ownFolder()))
    ?.trim()
    .replace(/^at /, "")

/**
 * Where a task was created, as far as it is known. A fiber that starts one leaves no frame of the program: then, and
 * without debug mode, the function that it runs stands in.
 */
export const originOf = (task: Task<unknown>): string => {
  const body = functionName(task.getCoro())
  if (task.sourceTraceback === undefined) return `${body} (open the loop with debug: true to see where)`
  return programFrame(task.sourceTraceback) ?? `${body}, started by a fiber`
}

/**
 * Where the caller of `above` stands, as text for a report, which is made when it is asked for: what is remembered until
 * then costs a call of the program next to nothing.
 */
export const callSite = (above: object): (() => string) => {
  const holder: { readonly stack?: string } = {}
  V8Error.captureStackTrace?.(holder, above)
  return () => programFrame(holder.stack?.split("\n").slice(1).join("\n")) ?? "a place that is not known"
}
