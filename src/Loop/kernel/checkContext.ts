/** What a program may give as `context`, checked before anything is scheduled. */
import { describeValue } from "./describe.js"
import type { Context } from "./ports.js"

/**
 * The async-local state that was given to `what`, or `undefined` for that of the caller. Throws `TypeError` for what
 * cannot be entered. An AsyncLocalStorage can only be entered with a store of its own, although it has a `run`.
 */
export const checkContext = (what: string, given: unknown): Context | undefined => {
  if (given === undefined || given === null) return undefined
  let enters: boolean
  try {
    enters =
      (typeof given === "object" || typeof given === "function") &&
      typeof (given as Partial<Context>).run === "function" &&
      !("getStore" in given)
  } catch {
    enters = false
  }
  if (!enters) {
    throw new TypeError(
      `the context of ${what} is what copyContext() gives, or has a run(f) that calls f, not ${describeValue(given)}`
    )
  }
  return given as Context
}
