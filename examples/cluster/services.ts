// What serves a message: promise code, which knows nothing of Effect or of a cluster. It hears by its signal that nobody waits.
import { randomUUID } from "node:crypto"
import { beginRun, endRun, type Query, type Run } from "./ledger.js"

export interface Services {
  readonly runner: string
  /** The ledger's database, by a promise driver such as `pg`. */
  readonly query: Query
  /** Takes the money: a request to somebody else's server. */
  readonly charge: (message: string, signal: AbortSignal) => Promise<void>
}

export interface Answer {
  /** The run that has made the payment: an earlier one, where this message has been served before. */
  readonly run: string
  readonly runner: string
}

/** A bank, by HTTP. */
export const bankAt =
  (url: string): Services["charge"] =>
  async (message, signal) => {
    const response = await fetch(new URL(message, url), { method: "POST", signal })
    const text = await response.text()
    if (!response.ok) throw new Error(`the bank says ${response.status} ${text}`)
  }

/** Serves one message. It may be called again with the same one, by another runner, after this one was killed. */
export const serve = async (
  { charge, query, runner }: Services,
  kind: Run["kind"],
  message: string,
  signal: AbortSignal
): Promise<Answer> => {
  const run = { run: randomUUID(), message, kind, runner }
  await beginRun(query, run)
  await charge(message, signal)
  return { run: await endRun(query, run), runner }
}
