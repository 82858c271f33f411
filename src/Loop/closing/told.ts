/**
 * What exception handlers of this process were told of. A program ends with its Exit, and what that carries beside the
 * failure of the program itself was told of here, or is an echo of the loop's own cancelling: it is not told twice, and
 * does not decide the exit code.
 */
import { AioError, LoopCrash } from "../errors.js"
import { isAbortError, isCancelledError, LoopClosedError } from "../kernel/errors.js"
import type { Report } from "../kernel/Report.js"

/** Errors by identity. Those that are no objects are kept as they are, the newest only. */
class Errors {
  static readonly #kept = 100
  readonly #objects = new WeakSet<object>()
  readonly #others = new Set<unknown>()

  add(error: unknown): void {
    if (typeof error === "object" && error !== null) return void this.#objects.add(error)
    this.#others.add(error)
    if (this.#others.size <= Errors.#kept) return
    for (const oldest of this.#others) return void this.#others.delete(oldest)
  }

  has(error: unknown): boolean {
    const known = typeof error === "object" && error !== null ? this.#objects : this.#others
    return known.has(error as object) || (error instanceof AioError && this.has(error.cause))
  }
}

const late = new Errors()
const others = new Errors()

let leftOver = false

/** Whether a loop of this process has given something up that did not stop. */
export const isLeftOver = (): boolean => leftOver

/** Every loop shows its reports here before its exception handler gets them. */
export const remember = (report: Report): void => {
  if (report.kind === "leftover") leftOver = true
  if (!("exception" in report) || report.kind === undefined) return
  if (report.kind === "late") late.add(report.exception)
  else others.add(report.exception)
}

/** Whether an exception handler was told of it, as whatever it was. The crash itself always was. */
export const wasTold = (error: unknown): boolean =>
  late.has(error) || others.has(error) || error instanceof LoopCrash

/** How deep errors in errors are looked at. */
const DEEP = 8

/**
 * Whether an error says nothing but that this library has cancelled something, or closed its loop: its own error, one
 * that has it as the reason of its abort or as its cause, or a group of these.
 */
export const isEcho = (error: unknown, depth = 0): boolean => {
  try {
    if (isCancelledError(error) || error instanceof LoopClosedError) return true
    if (depth === DEEP || typeof error !== "object" || error === null) return false
    const within = (inner: unknown): boolean => isEcho(inner, depth + 1)
    if (error instanceof AggregateError) return error.errors.length > 0 && error.errors.every(within)
    if (error instanceof AioError) return within(error.cause)
    if (!isAbortError(error)) return false
    return ("reason" in error && within(error.reason)) || ("cause" in error && within(error.cause))
  } catch {
    return false // A thrown value may be anything, also one that throws when it is asked.
  }
}

/** Whether an error is no failure of the program: it came late and was told of, or is an echo. */
export const isAftermath = (error: unknown): boolean => late.has(error) || isEcho(error)
