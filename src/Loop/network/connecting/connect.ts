/** What `Net.connect` does on a loop. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { ConnectError, ResolveError } from "../../errors.js"
import { fromFuture } from "../../fiber/Outcome.js"
import { awaitDone, awaitFuture } from "../../fiber/Wait.js"
import type { LoopClosedError, QueueFullError } from "../../kernel/errors.js"
import type { Home } from "../../ports.js"
import { Connection } from "./Connection.js"
import { type ConnectionOptions, connectStream, type UnixConnectionOptions } from "./createConnection.js"

/** A connection that the caller's Scope owns. Interrupted before it is there, whatever was begun is taken back. */
export const connect = (
  loop: Home,
  options: ConnectionOptions | UnixConnectionOptions
): Effect.Effect<Connection, ConnectError | ResolveError | LoopClosedError | QueueFullError, Scope.Scope> =>
  Effect.catchTag(
    awaitFuture(
      loop,
      () => connectStream(loop, "Net.connect", options, (socket, path) => new Connection(loop, socket, path)),
      (made) =>
        Effect.flatMap(
          fromFuture(made, (error) => error as ConnectError | ResolveError),
          (connection) =>
            Effect.as(
              Effect.addFinalizer((exit) => connection._release(Exit.isFailure(exit))),
              connection
            )
        ),
      (made) => {
        // It came at the same moment.
        if (made._peek() === "value") return made._value()._release(true)
        made.cancel()
        return awaitDone(loop, made)
      }
    ),
    // Nobody else has the Future.
    "CancelledError",
    Effect.die
  )
