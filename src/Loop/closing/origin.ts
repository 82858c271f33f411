/** Where in the program a task was created, or a call was made, for reports. */
import { functionName } from "../kernel/describe.js"
import { giverOf, programFrame } from "../kernel/sites.js"
import type { Task } from "../kernel/Task.js"

/** `Error` as V8 has it. */
const V8Error = Error as ErrorConstructor & { captureStackTrace?: (holder: object, above: unknown) => void }

/**
 * Where a task was created, as far as it is known. A fiber that starts one leaves no frame of the program: then it is where
 * its function was given to the border. Where that is not known either, the function stands in.
 */
export const originOf = (task: Task<unknown>): string => {
  const coroutine = task.getCoro()
  const giver = typeof coroutine === "function" ? giverOf(coroutine) : undefined
  const frame = programFrame(task.sourceTraceback) ?? giver
  if (frame !== undefined) return frame
  const body = functionName(coroutine)
  return task.sourceTraceback === undefined
    ? `${body} (open the loop with debug: true to see where)`
    : `${body}, started by a fiber`
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
