/** The parent's ends of a child's pipes, as a Stream and a Sink of Effect. Each is used once. */
import * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import type * as Stream from "effect/Stream"
import type { Child } from "./Child.js"
import { InvalidStateError, type LoopClosedError } from "../kernel/errors.js"
import { BrokenPipeError } from "../errors.js"
import { socketSink, socketStream, type StreamedSocket } from "../stream/socketStreams.js"

/** One pipe, as its user sees it. */
export interface Pipe extends StreamedSocket {
  readonly child: Child
  /** Whether the child may read from it and write to it. */
  readonly bothWays: boolean
  /** Whether the process is being ended, or is about to be: its Scope or the loop closes. */
  readonly ending: () => boolean
  /** Reports once if others of the process's pipes are full and unread while this one `waits`; the result ends that. */
  readonly watchUnread: (waits: () => boolean) => () => void
}

/** The Stream of what the child writes to a pipe. */
export const pipeStream = (pipe: Pipe, users: Set<string>): Stream.Stream<Uint8Array, LoopClosedError> =>
  socketStream(
    {
      ...pipe,
      over: () => over(pipe),
      left: () => readerLeft(pipe),
      watch: (bell) => pipe.watchUnread(() => bell.awaited)
    },
    users
  )

/** The Sink for what the child reads from a pipe. */
export const pipeSink = (
  pipe: Pipe,
  users: Set<string>
): Sink.Sink<void, Uint8Array | string, never, BrokenPipeError | LoopClosedError> =>
  socketSink({ ...pipe, broken: () => broken(pipe), left: () => writerLeft(pipe) }, users)

/** Its end, or how it is cut off: by the loop's close, or by that of the process's Scope. */
export const over = ({
  child,
  loop,
  name,
  socket
}: Pick<Pipe, "child" | "loop" | "name" | "socket">):
  Effect.Effect<undefined, LoopClosedError> | undefined => {
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
  return socket.destroyed
    ? Effect.die(
        new InvalidStateError(`${name} was read after the Scope of the process had closed; read it inside`)
      )
    : undefined
}

/** Nobody reads it any more. */
export const readerLeft = ({ bothWays, socket }: Pipe): void => {
  if (!socket.readableEnded && !(bothWays && socket.writable)) socket.destroy()
}

/**
 * The child must not wait for more. What is in the buffer of this process still is dropped.
 *
 * Not at once: who leaves the Sink for an error or an interruption may be about to leave the Scope of the process or the loop
 * as well, and a child that finds the end of its input before it is ended takes what it has got for all of it.
 */
export const writerLeft = ({ bothWays, ending, socket }: Pipe): void => {
  if (socket.writableFinished) return
  setImmediate(() => {
    if (ending()) return
    if (bothWays) socket.end()
    else socket.destroy()
  })
}

/** What it fails with that not all was taken. */
export const broken = ({
  child,
  loop,
  name,
  socket
}: Pipe): Effect.Effect<never, BrokenPipeError | LoopClosedError> => {
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
