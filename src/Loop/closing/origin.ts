/** Where in the program a task was created, or a call was made, for reports. */
import { functionName } from "../kernel/describe.js"
import { programFrame } from "../kernel/sites.js"
import type { Task } from "../kernel/Task.js"

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & { captureStackTrace?: (holder: object, above: unknown) => void }

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
