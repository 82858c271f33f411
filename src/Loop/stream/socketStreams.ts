/**
 * A socket of Node as a Stream and a Sink of Effect. What an end means, and which error it is, says the
 * room whose socket it is.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import { pulled, sinkOf } from "../../effect.js"
import { InvalidStateError } from "../kernel/errors.js"
import { Bell } from "../fiber/Bell.js"
import type { Home } from "../ports.js"

/** A socket, as what uses it sees it. */
export interface StreamedSocket {
  readonly loop: Home
  readonly socket: Socket
  /** What a person calls it, such as `stdout of pid 12: sort -n`. */
  readonly name: string
}

/** How a Stream of it ends. */
export interface Reading<E> extends StreamedSocket {
  /** Asked where nothing is there to be read: its end (`undefined`) or its failure; none of them where more may come. */
  readonly over: () => Effect.Effect<ReadonlyArray<Uint8Array> | undefined, E> | undefined
  /** The Stream is left, at its end or before. */
  readonly left: () => void
  /** Whether it may be read again where a Stream of it was left. Default: once. */
  readonly again?: boolean | undefined
  /** Told of a run: by its bell it can be asked whether it waits, and made to look again. The result ends that. */
  readonly watch?: ((bell: Bell) => () => void) | undefined
}

/** What is written to it. */
export interface Writing<E> extends StreamedSocket {
  /** What strings are turned into bytes by. Default: UTF-8. */
  readonly encoding?: BufferEncoding | undefined
  /** Nothing can be written any more, and not all was taken. */
  readonly broken: () => Effect.Effect<never, E>
}

/** How a Sink of it ends. */
export interface Sinking<E> extends Writing<E> {
  /** The Sink is left, when it has written everything or before. */
  readonly left: () => void
}

/** A bell that rings at events of a socket, from when it is made until `off`. */
class SocketBell extends Bell {
  readonly #ring = (): void => this.ring()

  constructor(
    private readonly of: StreamedSocket,
    private readonly events: ReadonlyArray<string>
  ) {
    super(of.loop)
    for (const event of events) of.socket.on(event, this.#ring)
  }

  off(): void {
    for (const event of this.events) this.of.socket.off(event, this.#ring)
  }
}

/**
 * One run of a Stream. Node reads ahead until its buffer is full, 64 KiB or less; then the other side has to wait.
 *
 * Legal states: reading; over.
 */
class SocketStream<E> {
  readonly #bell: SocketBell
  readonly #stopWatching: (() => void) | undefined

  constructor(private readonly from: Reading<E>) {
    this.#bell = new SocketBell(from, ["readable", "end", "close"])
    this.#stopWatching = from.watch?.(this.#bell)
  }

  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array> | undefined, E> = Effect.suspend(() => {
    const bytes: unknown = this.from.socket.read()
    if (bytes instanceof Uint8Array) return Effect.succeed([bytes])
    return this.from.over() ?? Effect.flatMap(this.#bell.next(), () => this.pull)
  })

  left(): void {
    this.#stopWatching?.()
    this.#bell.off()
    this.from.left()
  }
}

/**
 * Writes no faster than the other side reads, for any number of fibers: what one of them writes stays together.
 *
 * Legal states: writing; ending; ended or broken.
 */
export class SocketWriter<E> {
  /** One for each fiber that waits; a bell knows of one only. */
  readonly #waits = new Set<Bell>()
  readonly #events = ["drain", "finish", "close"]
  readonly #ring = (): void => {
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const bell of waits) bell.ring()
  }

  constructor(private readonly to: Writing<E>) {
    for (const event of this.#events) to.socket.on(event, this.#ring)
  }

  readonly write = (items: ReadonlyArray<Uint8Array | string>): Effect.Effect<void, E> =>
    Effect.forEach(
      items,
      (item) =>
        Effect.suspend(() => {
          const { encoding, socket } = this.to
          if (socket.destroyed || !socket.writable) return this.to.broken()
          return socket.write(item, encoding) ? Effect.void : this.#drained
        }),
      { discard: true }
    )

  readonly #drained: Effect.Effect<void, E> = Effect.suspend(() => {
    const { broken, loop, socket } = this.to
    // The other side took it all and has gone, in one turn.
    if (socket.writableFinished) return Effect.void
    if (socket.destroyed) return broken()
    return socket.writableNeedDrain
      ? Effect.flatMap(this.#next(), () => (loop.isClosed() ? broken() : this.#drained))
      : Effect.void
  })

  readonly end: Effect.Effect<void, E> = Effect.suspend(() => {
    this.to.socket.end()
    return this.#finished
  })

  readonly #finished: Effect.Effect<void, E> = Effect.suspend(() => {
    const { broken, loop, socket } = this.to
    if (socket.writableFinished) return Effect.void
    if (socket.destroyed || loop.isClosed()) return broken()
    return Effect.flatMap(this.#next(), () => this.#finished)
  })

  /** The next event from this call on: the fiber may yield before it waits. */
  #next(): Effect.Effect<void> {
    const bell = new Bell(this.to.loop)
    this.#waits.add(bell)
    return Effect.ensuring(
      bell.next(),
      Effect.sync(() => this.#waits.delete(bell))
    )
  }

  off(): void {
    for (const event of this.#events) this.to.socket.off(event, this.#ring)
  }
}

/** One run of a Sink. */
class SocketSink<E> extends SocketWriter<E> {
  constructor(private readonly sinking: Sinking<E>) {
    super(sinking)
  }

  left(): void {
    this.off()
    this.sinking.left()
  }
}

/** The first user of a direction gets it; the next one is told, or has it `again`, after that one. */
const opening = <A extends { left(): void }>(
  { name }: StreamedSocket,
  users: Set<string>,
  use: "read" | "written",
  open: () => A,
  again = false
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      if (users.has(use)) {
        return Effect.die(
          new InvalidStateError(
            `${name} can be ${use} ${again ? "by one at a time" : "once"}: split one Stream (Stream.broadcast, Stream.tee) or join several into it`
          )
        )
      }
      users.add(use)
      return Effect.sync(open)
    }),
    (opened) =>
      Effect.sync(() => {
        opened.left()
        if (again) users.delete(use)
      })
  )

/** The Stream of what comes through a socket. */
export const socketStream = <E>(from: Reading<E>, users: Set<string>): Stream.Stream<Uint8Array, E> =>
  pulled(
    Effect.map(
      opening(from, users, "read", () => new SocketStream(from), from.again),
      ({ pull }) => pull
    )
  )

/** The Sink for what goes into a socket; its end is the end of what the other side reads. */
export const socketSink = <E>(
  to: Sinking<E>,
  users: Set<string>
): Sink.Sink<void, Uint8Array | string, never, E> =>
  sinkOf(opening(to, users, "written", () => new SocketSink(to)))
