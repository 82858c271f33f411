/** Async-local state, and what a program may give for it, checked before anything is scheduled. */
import { describeValue } from "./describe.js"

/** Async-local state as it was when something was scheduled. Opaque to the kernel. */
export interface Context {
  /** Runs `f` with this async-local state; what `f` changes in it does not leak out. */
  run<A>(f: () => A): A
}

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
