/** What the exception handler is given: one shape for every error and warning that nobody else is told of. */
import type { Handle } from "./Handle.js"
import type { Future } from "./Future.js"
import type { Task } from "./Task.js"

/**
 * - `callback`: an exception in a callback
 * - `background`: a background effect failed
 * - `unretrieved`: a failed Future or Task whose outcome nobody ever read
 * - `late`: an outcome that arrived after its receiver had gone
 * - `slowJoin`: a wait for cancelled work takes long
 * - `slowCallback`: a callback, or other code, held the thread for long (debug mode, or `slowTurn`)
 * - `slowTask`: tasks have made no progress for long, where the loop was asked to look (`slowTask`)
 * - `circle`: tasks wait for each other, and none of them can go on
 * - `leftover`: what had not stopped when a deadline passed
 * - `connection`: a protocol or the handler of a connection failed, or a server could not accept; it costs a connection at the most
 * - `request`: what handles the requests of a server has failed
 *
 * @category models
 * @since 0.1.0
 */
export type ReportKind =
  | "callback"
  | "background"
  | "unretrieved"
  | "late"
  | "slowJoin"
  | "slowCallback"
  | "slowTask"
  | "circle"
  | "leftover"
  | "connection"
  | "request"

/**
 * One report. `message` says what happened; the other fields name the things involved. Programs may make reports of
 * their own, without a `kind`: those are logged and crash nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface Report {
  readonly kind?: ReportKind
  readonly message: string
  readonly exception?: unknown
  readonly handle?: Handle
  readonly future?: Future<unknown>
  readonly task?: Task<unknown>
  /** The connection that it is about, and its protocol. */
  readonly transport?: object
  readonly protocol?: object
  /** Debug mode: where the handle, future or task was created, innermost frame first. */
  readonly sourceTraceback?: string
  /** For reports about the exception handler itself: what it was given. */
  readonly context?: Report
}
