/** What a signal is called, and which signals cannot be watched. */
import { constants } from "node:os"
import { describeValue } from "../kernel/describe.js"
import { SignalError } from "../errors.js"

const numbers = Object.entries(constants.signals) as ReadonlyArray<readonly [NodeJS.Signals, number]>

const undeliverable = (signal: unknown): boolean => signal === "SIGKILL" || signal === "SIGSTOP"

/**
 * A fault of the machine comes back at once when its handler returns, and JavaScript runs later than that: the process
 * would hang where it should have ended. V8's own handler, which WebAssembly needs, would be gone as well.
 */
const faults = new Set<NodeJS.Signals>(["SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV"])

/** Throws `TypeError` for what can be no signal. @internal */
export function checkSignalType(what: string, signal: unknown): asserts signal is string | number {
  if (typeof signal !== "string" && typeof signal !== "number") {
    throw new TypeError(`${what} takes the name or number of a signal, not ${describeValue(signal)}`)
  }
}

/**
 * The name of a signal, the same for all its names and its number (SIGIOT is SIGABRT). Throws SignalError for what is no
 * signal of this system; SIGKILL and SIGSTOP are signals.
 */
export const signalName = (what: string, signal: unknown): NodeJS.Signals => {
  checkSignalType(what, signal)
  const number = typeof signal === "number" ? signal : numbers.find(([name]) => name === signal)?.[1]
  const known = numbers.find(([, other]) => other === number)
  if (known === undefined) {
    throw new SignalError(
      signal,
      "this system has no such signal; names are like SIGHUP, and numbers start at 1"
    )
  }
  return known[0]
}

/** `signalName` for a signal that is to be watched. Throws SignalError for one that cannot be. */
export const watchableSignal = (what: string, signal: unknown): NodeJS.Signals => {
  const name = signalName(what, signal)
  if (undeliverable(name)) {
    throw new SignalError(name, "it cannot be caught: the system ends or stops the process without asking")
  }
  if (faults.has(name)) {
    throw new SignalError(
      name,
      "a fault of the machine cannot be handled in JavaScript, where it would hang the process"
    )
  }
  return name
}
