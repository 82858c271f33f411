/** What may be said of an HTTP server of the platform. */
import { describeValue } from "../../Loop/kernel/describe.js"
import { type ServerOptions, settingsOf } from "../../Loop/server/ServerOptions.js"

/**
 * Where it listens, and the times of its phases: those of `Server.scoped`. WebSockets are the platform's own.
 *
 * @category models
 * @since 0.2.0
 */
export type HttpServerOptions = Omit<ServerOptions, "webSockets" | "goodbye">

/** Throws `TypeError` or `RangeError` that names the option. */
export const checkHttpServer = (what: string, evaluate: unknown, options: unknown): void => {
  if (typeof evaluate !== "function") {
    throw new TypeError(`${what} takes a function that makes a server, not ${describeValue(evaluate)}`)
  }
  settingsOf(options as ServerOptions)
}
