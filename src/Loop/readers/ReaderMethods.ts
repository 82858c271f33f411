/** The loop's methods for readers and writers, and their documentation. `Readers.ts` is what they do. */
import type { WatchHandle } from "../kernel/WatchHandle.js"
import type { Watchable } from "./fdOf.js"

/**
 * Callbacks that run when a file descriptor or stream is ready.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReaderMethods {
  /**
   * Runs `callback(...args)` as a callback of the loop whenever a file descriptor or stream can be read, in the
   * async-local state of this call, until the Handle is cancelled or `removeReader` is called. Level-triggered: it runs
   * again as long as there is something to read, which an end or an error is too. A second reader of the same target on
   * this loop replaces the first; a writer, other loops and Effects that wait are not disturbed. asyncio: `add_reader`.
   *
   * A number is a file descriptor: a pipe, socket, terminal, eventfd, timerfd, inotify, pidfd. It is neither read nor
   * closed, nor is its blocking mode changed. Of an object, `fileno()` or `fd` is watched, but a stream of Node
   * (`net.Socket`, `Readable`, `process.stdin`) as a stream: ready when `read()` gives something, has ended or is
   * destroyed.
   *
   * Throws {@link FdError} for what the system refuses (`EBADF` not open, `EPERM` a regular file),
   * {@link FdPollUnavailableError} for descriptors where `koffi` is not there, `RangeError` for numbers that are no
   * descriptor, `TypeError` for objects without one, {@link InvalidStateError} for a descriptor of a transport of this
   * loop, {@link LoopClosedError}. Nothing is registered then.
   *
   * **Gotchas**
   * - A wake may be spurious, because others may read first: expect EAGAIN.
   * - Remove the reader before you close the descriptor: one that was closed is silent, and its number may come back as
   *   another file. A destroyed stream is ready once more, then silent.
   * - A descriptor keeps the process alive while it is watched, unless `unref()` says otherwise; a stream does so by
   *   itself.
   * - A reader stops the flow of a stream; removing it restores that, but `process.stdin` is left paused.
   * - A thread that `terminate()` ends leaves two descriptors of the library's own open.
   *
   * @example
   * import { PassThrough } from "node:stream"
   *
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const stream = new PassThrough()
   *   const line = loop.createFuture<string>()
   *   loop.addReader(stream, () => {
   *     line.setResult(String(stream.read()))
   *     loop.removeReader(stream)
   *   })
   *   stream.write("hello")
   *   console.log(await line) // => hello
   * })
   * await loop.close()
   */
  addReader<Args extends ReadonlyArray<unknown>>(
    fd: Watchable,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle

  /**
   * Takes the reader of a target back, and what is queued of it; true if there was one. From then on the descriptor is
   * watched no more, and may be closed or used again. False on a closed loop. Throws `TypeError`, `RangeError` and
   * {@link InvalidStateError} as `addReader` does.
   */
  removeReader(fd: Watchable): boolean

  /**
   * `addReader` for when something can be written. What has lost its reader is ready: the write says so. A stream is
   * ready as long as it does not ask to wait for `drain`. Remove the writer when there is nothing to write: it runs
   * in every turn otherwise. asyncio: `add_writer`.
   *
   * @example
   * import { PassThrough } from "node:stream"
   *
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const stream = new PassThrough()
   *   const written = loop.createFuture<void>()
   *   loop.addWriter(stream, () => {
   *     stream.write("hello")
   *     loop.removeWriter(stream)
   *     written.setResult(undefined)
   *   })
   *   await written
   * })
   * await loop.close()
   */
  addWriter<Args extends ReadonlyArray<unknown>>(
    fd: Watchable,
    callback: (...args: Args) => unknown,
    ...args: Args
  ): WatchHandle

  /** `removeReader` for the writer of a target. */
  removeWriter(fd: Watchable): boolean

  /**
   * Marks a file descriptor or object, to be closed when the loop is, after readers and writers have been dropped: a
   * number by `close(2)`, an object by its own `destroy` or `close`. Marking twice is the same. What goes wrong is
   * reported as `late`, also that a number is closed already, because it may be somebody else's by then. Throws as
   * `addReader` does for what has no descriptor. trio-asyncio: `autoclose`.
   *
   * @example
   * import * as fs from "node:fs"
   *
   * const loop = SyncLoop.make()
   * const fd = fs.openSync("/dev/null", "r")
   * loop.autoclose(fd)
   * await loop.close()
   */
  autoclose(fd: Watchable): void

  /** Takes the mark of `autoclose` back. Throws {@link InvalidStateError} for what is not marked. */
  noAutoclose(fd: Watchable): void
}
