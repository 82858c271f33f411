/** Where in the program a task was created, for reports. */
import { functionName } from "../kernel/describe.js"
import type { Task } from "../kernel/Task.js"

/** This library's own folder, as stack frames show it. */
const own = new URL("../../", import.meta.url).pathname

/** The innermost frame of the program: not of this library, not of Effect's run loop, not of Node. */
const programFrame = (stack: string | undefined): string | undefined =>
  stack
    ?.split("\n")
    .find((frame) => !/node_modules\/effect\/|\(?node:/.test(frame) && !frame.includes(own))
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
