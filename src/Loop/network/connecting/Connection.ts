/** A TCP, TLS or unix connection as Effect code sees it: a Stream and a Sink, owned by a Scope. */
import * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import { callback } from "../../../effect.js"
import { ConnectionResetError } from "../../errors.js"
import type { Bell } from "../../fiber/Bell.js"
import { afterGrace } from "../../fiber/SlowJoin.js"
import { Waiting } from "../../fiber/Wait.js"
import { describeValue } from "../../kernel/describe.js"
import { InvalidStateError, type LoopClosedError } from "../../kernel/errors.js"
import type { Home, Leftover } from "../../ports.js"
import { socketSink, socketStream, SocketWriter, type Writing } from "../../stream/socketStreams.js"
import { addressText, localOf, remoteOf, type SocketAddress } from "../Address.js"
import { type Held, networkOf } from "../Network.js"

/** What either direction fails with. */
type Lost = ConnectionResetError | LoopClosedError

/**
 * One connection, from `Net.connect` or to the handler of `Net.listen`. It belongs to a Scope, which closes it.
 *
 * What comes waits until it is read, and then holds the other side up; what is written waits where the other side does not
 * read. The directions end one by one: after `end` the other side finds the end of what it reads, and what it says can
 * still be read.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const echo = yield* Net.listen({ host: "127.0.0.1" }, ({ sink, stream }) => Stream.run(stream, sink))
 *   const { end, stream, write } = yield* Net.connect({ host: "127.0.0.1", port: echo.port })
 *   yield* write("to ")
 *   yield* write("and fro")
 *   yield* end
 *   return yield* Stream.mkString(Stream.decodeText(stream))
 * })
 * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => to and fro
 *
 * @category models
 * @since 0.2.0
 */
export class Connection {
  /** Node's own: for its options (`setKeepAlive`), and for what TLS says of it. It is read and written here, not there. */
  readonly socket: Socket
  /** The other end: an address, or the path of a unix socket. */
  readonly remoteAddress: SocketAddress | string
  /** This end. */
  readonly localAddress: SocketAddress | string
  /**
   * Reads what comes, in chunks as they come, until the other side has ended it. In a handler of `Net.listen` also until the
   * server closes: what has come by then is read, and the Stream ends. Left early, the connection can still be written to, and
   * the Stream may be run again, which goes on with the next chunk: what was not used of the last one is gone, so run one
   * Stream of lines or messages to its end where they have to be kept. By one at a time. Fails with
   * {@link ConnectionResetError} where the connection broke before its end.
   */
  readonly stream: Stream.Stream<Uint8Array, Lost>
  /**
   * Writes bytes and strings (as UTF-8), no faster than they are taken. When the Stream that was run into it has ended, so does
   * what the other side reads, once all of it was handed to the system. Left before, by an error or an interruption, the
   * connection is destroyed: what was written is not the whole. Used once; `write` is for more than one Stream. Fails with
   * {@link ConnectionResetError} where not everything could be written.
   */
  readonly sink: Sink.Sink<void, Uint8Array | string, never, Lost>
  /** Ends what the other side reads, once all that was written was handed to the system. What it says can still be read. */
  readonly end: Effect.Effect<void, Lost>
  /**
   * Completes when the server of this connection has begun to close; never on a connection of `Net.connect`. The Stream ends
   * by itself then: this is for handlers that wait for something else.
   */
  readonly closing: Effect.Effect<void>
  readonly #writer: SocketWriter<Lost>
  readonly #told = new AbortController()
  readonly #since: number
  /** The system has closed the socket, which says that it is `closed` some turns earlier. */
  #gone: boolean
  /** Its own errors: who fails with one of them has lost the other side. */
  readonly #losses = new WeakSet<object>()
  /** Rings where the Stream is to look again. */
  #bell: Bell | undefined

  /** @internal `remote` and `local` are the paths of a unix socket, which Node does not know. */
  constructor(
    private readonly loop: Home,
    socket: Socket,
    path: string | undefined
  ) {
    this.socket = socket
    this.#since = loop.time()
    // What it fails with is told to who reads and writes it.
    socket.on("error", () => {})
    const held: Held = { abort: () => this.abort(), describe: () => this.describe() }
    const open = networkOf(loop).transports
    this.#gone = socket.closed
    if (!this.#gone) {
      open.add(held)
      socket.once("close", () => {
        this.#gone = true
        open.delete(held)
      })
    }
    this.remoteAddress = remoteOf(socket) ?? path ?? "an unnamed socket"
    this.localAddress = localOf(socket) ?? path ?? "an unnamed socket"
    const to: Writing<Lost> = { loop, socket, name: this.toString(), broken: () => Effect.fail(this.#lost()) }
    this.#writer = new SocketWriter(to)
    this.end = this.#writer.end
    const users = new Set<string>()
    this.stream = socketStream<Lost>(
      {
        ...to,
        again: true,
        over: () => this.#over(),
        left: () => (this.#bell = undefined),
        watch: (bell) => {
          this.#bell = bell
          return () => {}
        }
      },
      users
    )
    this.sink = socketSink<Lost>({ ...to, left: () => this.#sinkLeft() }, users)
    const { signal } = this.#told
    this.closing = callback<void>((resume) => {
      const tell = (): void => resume(Effect.void)
      if (signal.aborted) return tell()
      signal.addEventListener("abort", tell, { once: true })
      return Effect.sync(() => signal.removeEventListener("abort", tell))
    })
  }

  /**
   * Writes bytes or a string (as UTF-8), and completes when more may be written: at once, unless the other side reads slowly.
   * Several fibers may write: what one call writes stays together. Fails with {@link ConnectionResetError} where the connection is broken, or was ended.
   */
  readonly write = (data: Uint8Array | string): Effect.Effect<void, Lost> =>
    Effect.suspend(() => {
      if (typeof data !== "string" && !(data instanceof Uint8Array)) {
        throw new TypeError(`write takes a string or bytes, not ${describeValue(data)}`)
      }
      return this.#writer.write([data])
    })

  toString(): string {
    return `the connection with ${addressText(this.remoteAddress)}`
  }

  toJSON(): unknown {
    return { _id: "Connection", remoteAddress: this.remoteAddress, localAddress: this.localAddress }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return `<Connection ${addressText(this.remoteAddress)}>`
  }

  /** @internal Ends it at once: what was not handed to the system yet is dropped. */
  abort(): void {
    this.socket.destroy()
  }

  /** @internal Whether an error says that the other side of this connection has gone. */
  _isLoss(error: unknown): boolean {
    return typeof error === "object" && error !== null && this.#losses.has(error)
  }

  /** @internal */
  describe(): Leftover {
    const { readableLength, writableLength } = this.socket
    const words = [
      ...(this.socket.destroyed ? ["closing"] : ["open"]),
      ...(writableLength > 0 ? [`${writableLength} bytes to write`] : []),
      ...(readableLength > 0 ? [`${readableLength} bytes unread`] : [])
    ]
    return {
      what: "connection",
      name: `with ${addressText(this.remoteAddress)}`,
      age: this.loop.time() - this.#since,
      state: words.join(", "),
      waitingOn: "",
      createdAt: "",
      blamed: false
    }
  }

  /**
   * @internal Its Scope closes: what was written is handed to the system, unless it is `hasFailed`, and the socket is closed. That
   * the other side does not read is waited for as long as `slowJoin`, and reported then. With `lingers`, what the other side still
   * sends is heard for so many milliseconds, and dropped: a socket that is closed over it is reset, and with it what was written.
   */
  _release(hasFailed: boolean, lingers = 0): Effect.Effect<void> {
    return callback<void>((resume) => {
      const { loop, socket } = this
      if (this.#gone) return resume(Effect.void)
      const waiting = new Waiting(loop, () => resume(Effect.void))
      const stops = [
        afterGrace(loop, loop._slowJoin, () => {
          loop.callExceptionHandler({
            kind: "late",
            message:
              `${this.toString()} was closed before the other side had taken what was written to it: ` +
              `${socket.writableLength} bytes were dropped after ${loop._slowJoin}ms`
          })
          socket.destroy()
        })
      ]
      socket.once("close", () => {
        for (const stop of stops) stop()
        waiting.run()
      })
      if (hasFailed) return void socket.destroy()
      const close = (): void => {
        for (const stop of stops.splice(0)) stop()
        if (lingers === 0 || socket.readableEnded) return void socket.destroy()
        stops.push(afterGrace(loop, lingers, () => socket.destroy()))
        socket.once("end", () => socket.destroy())
        socket.resume()
      }
      if (socket.writableFinished || (socket.writableLength === 0 && lingers === 0)) close()
      else socket.end(close)
    })
  }

  /** @internal The server closes: what has come is read, and no more. */
  _close(): void {
    this.#told.abort()
    this.#bell?.ring()
  }

  #over(): Effect.Effect<ReadonlyArray<Uint8Array> | undefined, Lost> | undefined {
    const { socket } = this
    if (socket.readableEnded) return Effect.succeed(undefined)
    if (socket.errored !== null || (this.loop.isClosed() && !socket.destroyed))
      return Effect.fail(this.#lost())
    if (socket.destroyed) {
      return this.loop._closing.begun
        ? Effect.fail(this.#lost())
        : Effect.die(
            new InvalidStateError(`${this.toString()} was read after its Scope had closed; read it inside`)
          )
    }
    return this.#told.signal.aborted ? this.#rest : undefined
  }

  /** What the system has already, after a turn of Node's in which it was asked; the end, where that is nothing. */
  readonly #rest: Effect.Effect<ReadonlyArray<Uint8Array> | undefined, Lost> = callback((resume) => {
    // One turn may be under way, with its sockets asked already.
    let turn = setImmediate(() => {
      turn = setImmediate(() => {
        const bytes: unknown = this.socket.read()
        resume(bytes instanceof Uint8Array ? Effect.succeed([bytes]) : Effect.succeed(undefined))
      })
    })
    return Effect.sync(() => clearImmediate(turn))
  })

  #sinkLeft(): void {
    if (!this.socket.writableFinished) this.socket.destroy()
  }

  #lost(): Lost {
    const { loop, socket } = this
    const cause = socket.errored
    if (cause === null && (loop.isClosed() || loop._closing.begun)) {
      return loop._closedError(`${this.toString()} was cut`)
    }
    const error = new ConnectionResetError({
      connection: `with ${addressText(this.remoteAddress)}`,
      ...(cause === null ? {} : { cause })
    })
    if (cause !== null) this.#losses.add(error)
    return error
  }
}
