/** Connections as Effects: owned by a Scope, read as a Stream, written through a Sink. asyncio's forms are methods of the loop. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BindError, ConnectError, ResolveError } from "../Loop/errors.js"
import type { LoopClosedError, QueueFullError } from "../Loop/kernel/errors.js"
import { workName } from "../Loop/kernel/describe.js"
import { Loop } from "../Loop/Loop.js"
import { connect as connectOn } from "../Loop/network/connecting/connect.js"
import type { Connection } from "../Loop/network/connecting/Connection.js"
import type { ConnectionOptions, UnixConnectionOptions } from "../Loop/network/connecting/createConnection.js"
import {
  checkListen,
  type ConnectionHandler,
  ConnectionServer,
  type ListenOptions
} from "../Loop/server/ConnectionServer.js"
import type { NetServer } from "../Loop/server/kinds.js"
import { type ScopedServer, Server } from "./Server.js"
import { captureFor } from "./visit/owned.js"

/**
 * Connects to a server of TCP (`host`, `port`) or of a unix socket (`path`), with TLS or without (`ssl`). The connection belongs
 * to the caller's Scope: closing that hands what was written to the system, and closes it; where the Scope closes for a
 * failure or an interruption, it is closed at once.
 *
 * Interrupting it takes back what was begun, and waits for nothing. There is no limit but those of the system: for one of
 * your own see `Effect.timeout`.
 *
 * Fails with {@link ResolveError} where the host is not known, {@link ConnectError} where no connection comes about,
 * LoopClosedError on a loop that closes. Throws `TypeError` or `RangeError`, as a defect, for options that are wrong.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const { port } = yield* Net.listen({ host: "127.0.0.1" }, ({ sink, stream }) => Stream.run(stream, sink))
 *   const { end, stream, write } = yield* Net.connect({ host: "127.0.0.1", port })
 *   yield* write("hello")
 *   yield* end
 *   return yield* Stream.mkString(Stream.decodeText(stream))
 * })
 * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => hello
 */
const connect = (
  options: ConnectionOptions | UnixConnectionOptions
): Effect.Effect<
  Connection,
  ConnectError | ResolveError | LoopClosedError | QueueFullError,
  Loop | Scope.Scope
> => Effect.flatMap(Loop, (loop) => connectOn(loop, options))

/**
 * Listens, and runs `handler` for each connection, in a fiber and a Scope of its own, with the services of where it was called.
 * The connection is closed when the handler has ended, its finalizers included; a failure is reported (`connection`), costs
 * that connection, and nobody else.
 *
 * The server belongs to the caller's Scope, and closes in the phases of `Server.scoped`: it stops accepting; the Streams of its
 * connections end after what has come by then, and their handlers may finish (`drain`); those that have not are interrupted
 * (`answer`). All have ended before the Scope goes on to what was acquired earlier, which they may use until then.
 *
 * Fails with {@link BindError} where it cannot listen, and with LoopClosedError on a loop that closes. Throws `TypeError` or
 * `RangeError` for options that are wrong.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const server = yield* Net.listen({ host: "127.0.0.1" }, ({ stream, write }) =>
 *     Stream.runForEach(Stream.splitLines(Stream.decodeText(stream)), (line) => write(`${line.toUpperCase()}\n`))
 *   )
 *   const { end, stream, write } = yield* Net.connect({ host: "127.0.0.1", port: server.port })
 *   yield* write("one\ntwo\n")
 *   yield* end
 *   return yield* Stream.runCollect(Stream.splitLines(Stream.decodeText(stream)))
 * })
 * console.log(...(await Effect.runPromise(Loop.scoped(Effect.scoped(program))))) // => ONE TWO
 */
const listen = <E, R>(
  options: ListenOptions,
  handler: ConnectionHandler<E, R>
): Effect.Effect<
  ScopedServer<NetServer>,
  BindError | LoopClosedError,
  Loop | Scope.Scope | Exclude<R, Scope.Scope>
> => {
  const { ssl, ...where } = checkListen(options, handler)
  return Effect.flatMap(
    captureFor<Exclude<R, Scope.Scope>>(workName(handler), { scoped: true }),
    (starter) => {
      const serving = new ConnectionServer(starter, handler, ssl, where.path)
      return Server.scoped(serving.server, { ...where, goodbye: serving.goodbye })
    }
  )
}

/**
 * Connections and servers of TCP, TLS and unix sockets, for Effect code.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const { port } = yield* Net.listen({ host: "127.0.0.1" }, ({ sink, stream }) => Stream.run(stream, sink))
 *   const { sink, stream } = yield* Net.connect({ host: "127.0.0.1", port })
 *   yield* Stream.run(Stream.make("to ", "and fro"), sink)
 *   return yield* Stream.mkString(Stream.decodeText(stream))
 * })
 * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => to and fro
 *
 * @category network
 * @since 0.2.0
 */
export const Net = { connect, listen }
