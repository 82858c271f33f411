/**
 * Readers and writers: callbacks and Effects that wait until a file descriptor or stream is ready.
 *
 * Legal states: open, released. While the loop stands still nothing is watched, so that what is ready then does not spin;
 * it is found when the loop runs again.
 */
import * as Effect from "effect/Effect"
import { Autoclose } from "./Autoclose.js"
import { fdBackend } from "./fdBackend.js"
import {
  checkWatchable,
  closableIn,
  descriptorIn,
  type NodeStream,
  type Side,
  type Watchable,
  watchedIn
} from "./fdOf.js"
import { FdPoller } from "./FdPoller.js"
import { describeValue } from "../kernel/describe.js"
import { InvalidStateError, LoopClosedError, type QueueFullError } from "../kernel/errors.js"
import { FdError, FdPollUnavailableError } from "../errors.js"
import { Future } from "../kernel/Future.js"
import { checkCallback } from "../kernel/Handle.js"
import type { WatchHandle } from "../kernel/WatchHandle.js"
import { Registrations } from "./Registrations.js"
import { StreamReadiness } from "./StreamReadiness.js"
import { awaitFuture } from "../fiber/Wait.js"
import { Capability, perLoop } from "../closing/Capability.js"
import type { Home, Leftover } from "../ports.js"

/** How much the readers and writers of a loop are, as a part of its statistics. */
export interface ReaderNumbers {
  /** File descriptors and streams with a reader. */
  readonly readers: number
  /** File descriptors and streams with a writer. */
  readonly writers: number
}

export class Readers extends Capability {
  /** The numbers of a loop that has had no readers and writers. */
  static readonly none: ReaderNumbers = { readers: 0, writers: 0 }
  readonly step = "watchers"
  readonly #autoclose = new Autoclose(this.loop)
  #fds: Registrations<number> | undefined
  #streams: Registrations<NodeStream> | undefined
  #following = false

  constructor(loop: Home) {
    super(loop)
    loop._onStarted(() => this.follow())
  }

  add(
    what: string,
    side: Side,
    source: unknown,
    callback: (...args: Array<never>) => unknown,
    args: ReadonlyArray<unknown>
  ): WatchHandle {
    const target = watchedIn(what, source, side)
    checkCallback(what, callback, this.loop.getDebug())
    this.#accept(what, source, target)
    const handle =
      typeof target === "number"
        ? this.#numbers().add(target, side, source, callback, args)
        : this.#objects().add(target, side, source, callback, args)
    this.follow()
    return handle
  }

  remove(what: string, side: Side, source: unknown): boolean {
    const target = this.#registered(what, side, source)
    if (this.released) return false
    this.#refuseTransport(source, target)
    return (
      (typeof target === "number" ? this.#fds?.remove(target, side) : this.#streams?.remove(target, side)) ??
      false
    )
  }

  /** Pending until the side is ready. A failure that is the descriptor's is the Future's; all else is thrown. */
  wait(what: string, side: Side, source: unknown): Future<void> {
    const target = watchedIn(what, source, side)
    this.#accept(what, source, target)
    const future = new Future<void>(this.loop, () => {
      if (typeof target === "number") this.#fds?.forgo(target, side, future)
      else this.#streams?.forgo(target, side, future)
      return false
    })
    try {
      if (typeof target === "number") this.#numbers().wait(target, side, future)
      else this.#objects().wait(target, side, future)
    } catch (error) {
      if (!isFailure(error)) throw error
      future._settleError(error)
    }
    this.follow()
    return future
  }

  autoclose(source: Watchable): void {
    const fd = closableIn("autoclose", source)
    this.#accept("autoclose", source, fd)
    this.#autoclose.mark(source, fd)
  }

  noAutoclose(source: Watchable): void {
    checkWatchable("noAutoclose", source)
    this.#autoclose.unmark(source, typeof source === "number" ? source : descriptorIn(source))
  }

  /** Watches while the loop runs, and not while it stands still. */
  follow(): void {
    if (this.#following || this.released || !this.loop.isRunning()) return
    this.#following = true
    this.#fds?.resume()
    this.#streams?.resume()
    this.loop._onStopped(() => {
      this.#following = false
      // A loop that is being stopped for good goes on at once.
      this.follow()
      if (this.#following) return
      this.#fds?.pause()
      this.#streams?.pause()
    })
  }

  override numbers(): ReaderNumbers {
    return {
      readers: (this.#fds?.readers ?? 0) + (this.#streams?.readers ?? 0),
      writers: (this.#fds?.writers ?? 0) + (this.#streams?.writers ?? 0)
    }
  }

  override held(): ReadonlyArray<Leftover> {
    return [...(this.#fds?.held() ?? []), ...(this.#streams?.held() ?? [])]
  }

  protected override letGo(): void {
    this.#fds?.release()
    this.#streams?.release()
    this.#autoclose.closeAll()
  }

  #numbers(): Registrations<number> {
    if (this.#fds === undefined) {
      const backend = fdBackend()
      this.#fds = new Registrations(this.loop, (onReady) => new FdPoller(backend, onReady))
      if (this.#following) this.#fds.resume()
    }
    return this.#fds
  }

  #objects(): Registrations<NodeStream> {
    if (this.#streams === undefined) {
      this.#streams = new Registrations(this.loop, (onReady) => new StreamReadiness(onReady))
      if (this.#following) this.#streams.resume()
    }
    return this.#streams
  }

  #accept(what: string, source: unknown, target: number | NodeStream | undefined): void {
    this.refuse(what)
    this.#refuseTransport(source, target)
  }

  #refuseTransport(source: unknown, target: number | NodeStream | undefined): void {
    const { _transportFds: transports } = this.loop
    if (transports.size === 0) return
    const fd =
      typeof target === "number"
        ? target
        : typeof source === "object" && source !== null
          ? descriptorIn(source)
          : undefined
    const transport = fd === undefined ? undefined : transports.get(fd)
    if (transport === undefined) return
    throw new InvalidStateError(`file descriptor ${fd} is used by transport ${describeValue(transport)}`)
  }

  /** The target of what is removed, which may have lost its descriptor since it was added. */
  #registered(what: string, side: Side, source: unknown): number | NodeStream {
    try {
      return watchedIn(what, source, side)
    } catch (error) {
      const target = typeof source === "object" ? this.#fds?.targetOf(source, side) : undefined
      if (target === undefined) throw error
      return target
    }
  }
}

/** The readers and writers of a loop. */
export const readersOf = perLoop(Readers)

/** The failures that are the descriptor's, or the absence of a backend. */
type Failure = FdError | FdPollUnavailableError

const isFailure = (error: unknown): error is Failure =>
  error instanceof FdError || error instanceof FdPollUnavailableError

/** Waits once, in Effect. Interrupted, it leaves nothing registered. */
export const untilReady = (
  loop: Home,
  side: Side,
  source: Watchable
): Effect.Effect<void, Failure | LoopClosedError | QueueFullError> =>
  awaitFuture(
    loop,
    () => readersOf(loop).wait(side === "reader" ? "Loop.readable" : "Loop.writable", side, source),
    (future) => {
      if (future._peek() === "value") return Effect.void
      const error = future._error()
      return isFailure(error) || error instanceof LoopClosedError ? Effect.fail(error) : Effect.die(error)
    },
    (future) => Effect.sync(() => void future.cancel())
  )
