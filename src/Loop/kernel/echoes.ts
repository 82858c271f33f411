/**
 * Which errors libraries throw when the signal that we aborted, or the `cancel` that we called, has stopped them (J11). What
 * is an echo of this library's own errors says Loop/closing/told.ts.
 *
 * The table is data. Each line was seen with the package of that version, stopped in the middle of a call, in the way that
 * the line names; a library that throws an `AbortError`, or the reason of the signal, needs none. What only looks like an
 * abort (a deadline of the library's own, such as mongodb's MongoOperationTimeoutError) is not in it.
 */
import { isAbortError } from "./errors.js"

/** How the aborts of one library look. All that is given has to be so. */
export interface KnownAbort {
  readonly library: string
  readonly version: string
  /** Where in the package, or the server, the error is made. */
  readonly source: string
  /** What brings it about. */
  readonly by: string
  /** The name of the error or of its class. */
  readonly name?: string
  readonly code?: string | number
  readonly message?: string
  /** How the message begins. */
  readonly begins?: string
}

// Names of classes do not survive a minifier, messages do: where a message is of the abort alone, it is enough.
// prettier-ignore
export const knownAborts: ReadonlyArray<KnownAbort> = [
  { library: "axios", version: "1.21.1", by: "its signal", source: "lib/cancel/CanceledError.js", name: "CanceledError", code: "ERR_CANCELED" },
  { library: "openai", version: "6.49.0", by: "its signal", source: "core/error.js, APIUserAbortError", message: "Request was aborted." },
  { library: "@anthropic-ai/sdk", version: "1.14.0", by: "its signal", source: "core/error.js, APIUserAbortError", message: "Request was aborted." },
  { library: "@grpc/grpc-js", version: "1.14.7", by: "call.cancel()", source: "build/src/call.js", code: 1, begins: "1 CANCELLED" },
  { library: "undici", version: "7.30.2", by: "an emitter as its signal, body.destroy()", source: "lib/core/errors.js, RequestAbortedError", code: "UND_ERR_ABORTED" },
  { library: "undici", version: "7.30.2", by: "client.destroy()", source: "lib/core/errors.js, ClientDestroyedError", code: "UND_ERR_DESTROYED" },
  { library: "mongodb", version: "7.9.0", by: "client.close()", source: "lib/error.js, made in lib/cmap/connection_pool.js", name: "MongoClientClosedError" },
  { library: "pg", version: "8.23.1", by: "pg_cancel_backend", source: "PostgreSQL 15, query_canceled", code: "57014" },
  { library: "pg", version: "8.23.1", by: "pg_cancel_backend, where only the message is passed on", source: "PostgreSQL 15, tcop/postgres.c", message: "canceling statement due to user request" },
  { library: "pg", version: "8.23.1", by: "client.end()", source: "lib/client.js", message: "Connection terminated" },
  { library: "ioredis", version: "6.0.0", by: "redis.disconnect()", source: "built/utils/index.js", message: "Connection is closed." }
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
