/** What serves the connections of `Net.listen`: one fiber and one Scope for each. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { createServer as createNetServer, type Server as NetServer, type Socket } from "node:net"
import { getBuiltinModule } from "node:process"
import type { TlsOptions } from "node:tls"
import { describeValue } from "../kernel/describe.js"
import { isLoopClosedError } from "../kernel/errors.js"
import type { Future } from "../kernel/Future.js"
import { Connection } from "../network/connecting/Connection.js"
import type { EffectOptions, Home } from "../ports.js"
import type { ServerOptions } from "./ServerOptions.js"

/**
 * Where `Net.listen` listens, and how it closes: as {@link ServerOptions} says, but for the goodbye, which is that of the handler.
 *
 * @category models
 * @since 0.2.0
 */
export interface ListenOptions extends Omit<ServerOptions, "goodbye" | "webSockets"> {
  /** TLS, with the certificate and key, and whatever else `tls.createServer` takes. */
  readonly ssl?: TlsOptions | undefined
}

/**
 * What `Net.listen` does with a connection.
 *
 * @category models
 * @since 0.2.0
 */
export type ConnectionHandler<E, R> = (connection: Connection) => Effect.Effect<unknown, E, R>

/** Throws for what is no handler, and for options that are for others; the server looks at the rest. */
export const checkListen = (options: ListenOptions, handler: unknown): ListenOptions => {
  if (typeof handler !== "function") {
    throw new TypeError(`Net.listen takes a function of a connection, not ${describeValue(handler)}`)
  }
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`Net.listen takes an object of options, not ${describeValue(options)}`)
  }
  for (const name of ["goodbye", "webSockets"]) {
    if (name in options) throw new TypeError(`Net.listen has no option ${name}: its handler takes leave`)
  }
  const { ssl } = options
  if (ssl !== undefined && (typeof ssl !== "object" || ssl === null)) {
    throw new TypeError(`Net.listen's ssl is an object with key and cert, not ${describeValue(ssl)}`)
  }
  return options
}

/** Starts the fiber of a connection, with what its handler needs. */
interface Starting<R> {
  readonly loop: Home
  readonly start: <A, E>(effect: Effect.Effect<A, E, R>, options: EffectOptions) => Future<A>
}

/** One that is served. */
interface Served {
  readonly connection: Connection
  readonly future: Future<unknown>
}

/** So many milliseconds a client that is still sending has to notice that its connection was ended. */
const LINGER = 250

/**
 * The server, and how it takes leave of a connection: what has come is read to its end, and the handler may finish; when the
 * drain is over it is interrupted.
 */
export class ConnectionServer<E, R> {
  readonly server: NetServer
  readonly #starter: Starting<Exclude<R, Scope.Scope>>
  readonly #handler: ConnectionHandler<E, R>
  readonly #path: string | undefined
  readonly #served = new Map<Socket, Served>()

  constructor(
    starter: Starting<Exclude<R, Scope.Scope>>,
    handler: ConnectionHandler<E, R>,
    ssl: TlsOptions | undefined,
    path: string | undefined
  ) {
    this.#starter = starter
    this.#handler = handler
    this.#path = path
    const options = { allowHalfOpen: true, noDelay: true }
    this.server =
      ssl === undefined
        ? createNetServer(options, (socket) => this.#serve(socket))
        : getBuiltinModule("node:tls").createServer({ ...options, ...ssl }, (socket) => this.#serve(socket))
    // A handshake that failed has cost its connection, and nobody else.
    this.server.on("tlsClientError", () => {})
  }

  readonly goodbye = (socket: Socket, drained: AbortSignal): Promise<void> => {
    const served = this.#served.get(socket)
    if (served === undefined) return Promise.resolve()
    const { connection, future } = served
    connection._close()
    const over = (): void => void future.cancel("the server closes, and its drain is over")
    if (drained.aborted) over()
    else drained.addEventListener("abort", over, { once: true })
    return new Promise((resolve) => {
      future.addDoneCallback(() => {
        drained.removeEventListener("abort", over)
        resolve()
      })
    })
  }

  #serve(socket: Socket): void {
    const { loop, start } = this.#starter
    const connection = new Connection(loop, socket, this.#path)
    const name = String(connection)
    // What the handler needs is in the Context that it is started with.
    const program = Effect.scoped(
      Effect.flatMap(
        Effect.addFinalizer((exit) => connection._release(Exit.isFailure(exit), LINGER)),
        () => this.#handler(connection)
      )
    ) as Effect.Effect<unknown, E, Exclude<R, Scope.Scope>>
    let future: Future<unknown>
    try {
      future = start(program, { name })
    } catch {
      // The loop is closing: nobody is there to serve it.
      return void socket.destroy()
    }
    this.#served.set(socket, { connection, future })
    future.addDoneCallback(() => {
      this.#served.delete(socket)
      if (future.cancelled()) return
      const exception = future.exception()
      // A client that goes is no failure of its handler, nor is a loop that closes.
      if (exception === undefined || connection._isLoss(exception) || isLoopClosedError(exception)) return
      loop.callExceptionHandler({
        kind: "connection",
        message: `the handler of ${name} failed, and the connection was closed`,
        exception
      })
    })
  }
}
