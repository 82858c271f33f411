/** The parent's ends of a child's pipes, as a Stream and a Sink of Effect. Each is used once. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import { pulled, sinkOf } from "../../effect.js"
import type { Child } from "./Child.js"
import { InvalidStateError, type LoopClosedError } from "../kernel/errors.js"
import { BrokenPipeError } from "../errors.js"
import { Bell } from "../fiber/Bell.js"
import type { Home } from "../ports.js"

/** One pipe, as its user sees it. */
export interface Pipe {
  readonly loop: Home
  readonly child: Child
  readonly socket: Socket
  /** What a person calls it, such as `stdout of pid 12: sort -n`. */
  readonly name: string
  /** Whether the child may read from it and write to it. */
  readonly bothWays: boolean
  /** Whether the process is being ended, or is about to be: its Scope or the loop closes. */
  readonly ending: () => boolean
  /** Reports once if others of the process's pipes are full and unread while this one `waits`; the result ends that. */
  readonly watchUnread: (waits: () => boolean) => () => void
}

/** A bell that rings at events of a pipe, from when it is made until `off`. */
class PipeBell extends Bell {
  readonly #ring = (): void => this.ring()

  constructor(
    private readonly pipe: Pipe,
    private readonly events: ReadonlyArray<string>
  ) {
    super(pipe.loop)
    for (const event of events) pipe.socket.on(event, this.#ring)
  }

  off(): void {
    for (const event of this.events) this.pipe.socket.off(event, this.#ring)
  }
}

/**
 * One run of a Stream of what comes through a pipe. Node reads ahead until its buffer is full, 64 KiB or less; then the
 * child has to wait.
 *
 * Legal states: reading; at the end; cut off, by the loop's close or that of the process's Scope.
 */
class PipeStream {
  readonly #bell: PipeBell
  readonly #stopAsking: () => void

  constructor(private readonly pipe: Pipe) {
    this.#bell = new PipeBell(pipe, ["readable", "end", "close"])
    this.#stopAsking = pipe.watchUnread(() => this.#bell.awaited)
  }

  readonly pull: Effect.Effect<ReadonlyArray<Uint8Array> | undefined, LoopClosedError> = Effect.suspend(
    () => {
      const { child, loop, name, socket } = this.pipe
      const bytes: unknown = socket.read()
      if (bytes instanceof Uint8Array) return Effect.succeed([bytes])
      const error = socket.errored as NodeJS.ErrnoException | null
      // A socket is "reset" where the child has left something unread in it; what it has written has arrived before.
      if (socket.readableEnded || error?.code === "ECONNRESET") {
        // What the loop's closing has made an end of is no whole.
        return loop._closing.begun && child.told
          ? Effect.fail(loop._closedError(`the end of ${name} was not reached`))
          : Effect.succeed(undefined)
      }
      if (loop.isClosed()) return Effect.fail(loop._closedError(`the end of ${name} was not reached`))
      if (error !== null) return Effect.die(error)
      if (socket.destroyed) {
        return Effect.die(
          new InvalidStateError(`${name} was read after the Scope of the process had closed; read it inside`)
        )
      }
      return Effect.flatMap(this.#bell.next(), () => this.pull)
    }
  )

  left(): void {
    this.#stopAsking()
    this.#bell.off()
    const { bothWays, socket } = this.pipe
    if (!socket.readableEnded && !(bothWays && socket.writable)) socket.destroy()
  }
}

/**
 * One run of a Sink for what goes into a pipe, no faster than the child reads.
 *
 * Legal states: writing; ending; ended or broken.
 */
class PipeSink {
  readonly #bell: PipeBell

  constructor(private readonly pipe: Pipe) {
    this.#bell = new PipeBell(pipe, ["drain", "finish", "close"])
  }

  readonly write = (
    items: ReadonlyArray<Uint8Array | string>
  ): Effect.Effect<void, BrokenPipeError | LoopClosedError> =>
    Effect.forEach(
      items,
      (item) =>
        Effect.suspend(() => {
          const { socket } = this.pipe
          if (socket.destroyed || !socket.writable) return this.#broken()
          return socket.write(item) ? Effect.void : this.#drained
        }),
      { discard: true }
    )

  readonly #drained: Effect.Effect<void, BrokenPipeError | LoopClosedError> = Effect.suspend(() => {
    const { socket } = this.pipe
    // The child took it all and has ended, in one turn.
    if (socket.writableFinished) return Effect.void
    if (socket.destroyed) return this.#broken()
    return socket.writableNeedDrain
      ? Effect.flatMap(this.#bell.next(), () => (this.pipe.loop.isClosed() ? this.#broken() : this.#drained))
      : Effect.void
  })

  readonly end: Effect.Effect<void, BrokenPipeError | LoopClosedError> = Effect.suspend(() => {
    this.pipe.socket.end()
    return this.#finished
  })

  readonly #finished: Effect.Effect<void, BrokenPipeError | LoopClosedError> = Effect.suspend(() => {
    const { loop, socket } = this.pipe
    if (socket.writableFinished) return Effect.void
    if (socket.destroyed || loop.isClosed()) return this.#broken()
    return Effect.flatMap(this.#bell.next(), () => this.#finished)
  })

  /**
   * The Sink is left: the child must not wait for more. What is in the buffer of this process still is dropped.
   *
   * Not at once: who leaves it for an error or an interruption may be about to leave the Scope of the process or the loop
   * as well, and a child that finds the end of its input before it is ended takes what it has got for all of it.
   */
  left(): void {
    this.#bell.off()
    const { bothWays, ending, socket } = this.pipe
    if (socket.writableFinished) return
    setImmediate(() => {
      if (ending()) return
      if (bothWays) socket.end()
      else socket.destroy()
    })
  }

  #broken(): Effect.Effect<never, BrokenPipeError | LoopClosedError> {
    const { child, loop, name, socket } = this.pipe
    if (loop.isClosed()) return Effect.fail(loop._closedError(`${name} was not written to its end`))
    const { readerGone, returncode } = child
    const cause = socket.errored ?? readerGone
    return Effect.fail(
      new BrokenPipeError(
        `${name} has no reader: ` +
          (returncode === null ? "the process has closed it" : `the process has ended with ${returncode}`),
        cause === undefined ? undefined : { cause }
      )
    )
  }
}

/** The first user of a pipe gets it, the next one is told. */
const opening = <A extends { left(): void }>(
  pipe: Pipe,
  users: Set<string>,
  use: "read" | "written",
  open: (pipe: Pipe) => A
): Effect.Effect<A, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      if (users.has(use)) {
        return Effect.die(
          new InvalidStateError(
            `${pipe.name} can be ${use} once: split one Stream (Stream.broadcast, Stream.tee) or join several into it`
          )
        )
      }
      users.add(use)
      return Effect.sync(() => open(pipe))
    }),
    (opened) => Effect.sync(() => opened.left())
  )

/** The Stream of what the child writes to a pipe. */
export const pipeStream = (pipe: Pipe, users: Set<string>): Stream.Stream<Uint8Array, LoopClosedError> =>
  pulled(
    Effect.map(
      opening(pipe, users, "read", (of) => new PipeStream(of)),
      ({ pull }) => pull
    )
  )

/** The Sink for what the child reads from a pipe. */
export const pipeSink = (
  pipe: Pipe,
  users: Set<string>
): Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError> =>
  sinkOf(opening(pipe, users, "written", (of) => new PipeSink(of)))
