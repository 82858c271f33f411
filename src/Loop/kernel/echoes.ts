/**
 * Which errors say nothing but that this library has cancelled: its own CancelledError that comes a second time, and what
 * libraries throw when the signal that we aborted, or the `cancel` that we called, has stopped them (J11).
 *
 * The table is data. Each line was read in the package of that version, at that place; a library that throws an
 * `AbortError` needs none.
 */
import { isAbortError, isCancelledError } from "./errors.js"

/** How the aborts of one library look. All that is given has to be so. */
export interface KnownAbort {
  readonly library: string
  readonly version: string
  /** Where in the package the error is made. */
  readonly source: string
  /** The name of the error or of its class. */
  readonly name?: string
  readonly code?: string | number
  readonly message?: string
  /** How the message begins. */
  readonly begins?: string
}

// prettier-ignore
export const knownAborts: ReadonlyArray<KnownAbort> = [
  { library: "axios", version: "1.21.1", source: "lib/cancel/CanceledError.js", name: "CanceledError", code: "ERR_CANCELED" },
  { library: "openai", version: "6.49.0", source: "core/error.js", name: "APIUserAbortError", message: "Request was aborted." },
  { library: "@anthropic-ai/sdk", version: "1.14.0", source: "core/error.js", name: "APIUserAbortError", message: "Request was aborted." },
  { library: "@grpc/grpc-js", version: "1.14.7", source: "build/src/call.js", code: 1, begins: "1 CANCELLED" },
  { library: "undici", version: "7.30.2", source: "lib/core/errors.js", code: "UND_ERR_ABORTED" },
  { library: "mongodb", version: "7.9.0", source: "lib/error.js", name: "MongoOperationTimeoutError" },
  { library: "mongodb", version: "7.9.0", source: "lib/error.js", name: "MongoClientClosedError" },
  { library: "pg", version: "8.23.1", source: "pg-protocol, DatabaseError; PostgreSQL's query_canceled", code: "57014" },
  { library: "pg", version: "8.23.1", source: "PostgreSQL, tcop/postgres.c", message: "canceling statement due to user request" },
  { library: "ioredis", version: "6.0.0", source: "built/constants.js", message: "Connection is closed." }
]

const matches = (error: object, known: KnownAbort): boolean => {
  const { code, message, name } = error as { code?: unknown; message?: unknown; name?: unknown }
  if (known.code !== undefined && known.code !== code) return false
  if (known.message !== undefined && known.message !== message) return false
  if (known.begins !== undefined && !(typeof message === "string" && message.startsWith(known.begins)))
    return false
  return known.name === undefined || known.name === name || known.name === error.constructor.name
}

/** Whether an error is the known abort of a library. Says nothing of who has aborted it: see `Task._isEcho`. */
export const isKnownAbort = (error: unknown): boolean => {
  try {
    return typeof error === "object" && error !== null && knownAborts.some((known) => matches(error, known))
  } catch {
    return false // A thrown value may be anything, also one that throws when it is asked.
  }
}

/** Whether an error is what a library answers an abort with. */
export const isAnswer = (error: unknown): boolean => isAbortError(error) || isKnownAbort(error)

/** How deep causes and reasons are looked at. */
const DEEP = 8

/**
 * Whether an error is a cancellation of this library's own, or an abort that has one as its reason or cause. Where it
 * arrives at a promise that nobody awaits it is no accident: whoever was to be told has been.
 */
export const isEcho = (error: unknown, depth = 0): boolean => {
  if (isCancelledError(error)) return true
  if (depth === DEEP || !isAbortError(error)) return false
  try {
    const { cause, reason } = error as { cause?: unknown; reason?: unknown }
    return isEcho(cause, depth + 1) || isEcho(reason, depth + 1)
  } catch {
    return false
  }
}
