/**
 * The pipes of a command as the platform has them: a Stream that is empty when it is read once more after its end, and a Sink
 * into which several Streams may be run. Errors are the platform's.
 */
import * as Effect from "effect/Effect"
import type * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { sinkOf } from "../../effect.js"
import { InvalidStateError } from "../../Loop/kernel/errors.js"
import { broken, over, type Pipe, readerLeft, writerLeft } from "../../Loop/process/pipeStreams.js"
import { socketStream, SocketWriter } from "../../Loop/stream/socketStreams.js"

/** How a pipe is written. */
export interface WriteOptions {
  /** Whether the end of what is written is the end of what the child reads. Default: yes. */
  readonly endOnDone?: boolean | undefined
  /** What strings are turned into bytes by. Default: UTF-8. */
  readonly encoding?: BufferEncoding | undefined
}

/** The pipe is closed, and not because it has ended. */
const wasClosed = (pipe: Pipe): Error | undefined => {
  const { loop, name, socket } = pipe
  const error = socket.errored as NodeJS.ErrnoException | null
  // The child has left something unread: that is an end, see `over`.
  if (!socket.destroyed || socket.readableEnded || loop.isClosed() || error?.code === "ECONNRESET")
    return undefined
  return (
    error ??
    new InvalidStateError(
      `${name} was closed before its end: by who left it before, or with the Scope of the process`
    )
  )
}

/** The Stream of what the command writes to a pipe. */
export const commandStream = <E>(
  pipe: Pipe,
  users: Set<string>,
  fail: (error: unknown) => E
): Stream.Stream<Uint8Array, E> =>
  Stream.suspend(() => {
    if (users.has("read")) {
      const message = `${pipe.name} is read already: split one Stream (Stream.broadcast)`
      return Stream.fail(fail(new InvalidStateError(message)))
    }
    return socketStream(
      {
        ...pipe,
        again: true,
        over: () => {
          const error = wasClosed(pipe)
          if (error !== undefined) return Effect.fail(fail(error))
          const end = over(pipe)
          return end && Effect.mapError(end, fail)
        },
        left: () => readerLeft(pipe),
        watch: (bell) => pipe.watchUnread(() => bell.awaited)
      },
      users
    )
  })

/** What cannot be written, because that was its end. */
const hasEnded = ({ name, socket }: Pipe): Error | undefined =>
  socket.writableEnded && socket.errored === null
    ? new InvalidStateError(`${name} was written to its end; with endOnDone: false (Effect 4) it has none`)
    : undefined

/** The Sink for what the command reads from a pipe. */
export const commandSink = <E>(
  pipe: Pipe,
  { encoding, endOnDone = true }: WriteOptions,
  fail: (error: unknown) => E
): Sink.Sink<void, Uint8Array | string, never, E> =>
  sinkOf(
    Effect.acquireRelease(
      Effect.sync(() => {
        const writer = new SocketWriter<E>({
          ...pipe,
          encoding,
          broken: () => {
            const ended = pipe.child.readerGone === undefined ? hasEnded(pipe) : undefined
            return ended === undefined ? Effect.mapError(broken(pipe), fail) : Effect.fail(fail(ended))
          }
        })
        return endOnDone ? writer : { write: writer.write, end: Effect.void, off: () => writer.off() }
      }),
      (writer) =>
        Effect.sync(() => {
          writer.off()
          if (endOnDone) writerLeft(pipe)
        })
    )
  )
