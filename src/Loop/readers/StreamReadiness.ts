/**
 * Readiness of Node's streams, as streams: Node reads their descriptors before anybody else could. Ready to read is what
 * has something buffered, has ended or has failed; ready to write is what does not ask to wait for `drain`.
 */
import type { NodeStream } from "./fdOf.js"
import { type OnReady, READ, type Readiness, WRITE } from "./Readiness.js"
import { returnFlow, takeFlow } from "./StreamFlow.js"

/** No `error` listener: an error of a stream that nobody else listens to stays as uncaught as it was. */
const readerEvents = ["readable", "end", "close"] as const
const writerEvents = ["drain", "finish", "close"] as const

/** One side of one stream. */
abstract class StreamSide {
  /** The destruction was told: a destroyed stream is ready once more, and then as silent as a closed descriptor. */
  #told = false

  constructor(
    readonly stream: NodeStream,
    readonly event: number,
    private readonly names: ReadonlyArray<string>,
    private readonly listener: () => void
  ) {
    for (const name of names) stream.on(name, listener)
  }

  /** Somebody new watches the stream. */
  renew(): void {
    this.#told = false
  }

  /** An event of the stream came. */
  signal(): void {}

  /** Whether the stream is ready now. True once only for a stream that is destroyed. */
  isReady(): boolean {
    if (this.stream.destroyed !== true) return this.hasSome()
    if (this.#told) return false
    return (this.#told = true)
  }

  /** Whether a stream that is not destroyed is ready. */
  protected abstract hasSome(): boolean

  detach(): void {
    for (const name of this.names) this.stream.removeListener(name, this.listener)
  }
}

class ReaderSide extends StreamSide {
  /** An event came since the last look: a stream that does not say how much it holds is ready once for each. */
  #signalled = false

  constructor(stream: NodeStream, listener: () => void) {
    takeFlow(stream)
    super(stream, READ, readerEvents, listener)
  }

  protected hasSome(): boolean {
    const signalled = this.#signalled
    this.#signalled = false
    const { errored, readableEnded, readableLength } = this.stream
    if (readableLength === undefined ? signalled : readableLength > 0) return true
    return readableEnded === true || (errored ?? null) !== null || hasEnd(this.stream)
  }

  override signal(): void {
    this.#signalled = true
  }

  override detach(): void {
    returnFlow(this.stream, () => super.detach())
  }
}

class WriterSide extends StreamSide {
  constructor(stream: NodeStream, listener: () => void) {
    super(stream, WRITE, writerEvents, listener)
  }

  /** A stream that was ended counts as ready: a write tells the writer so. */
  protected hasSome(): boolean {
    return this.stream.writableNeedDrain !== true
  }
}

/** The end has come and waits for a `read` that finds nothing. Node says so by its `readable` event only. */
const hasEnd = (stream: object): boolean => {
  const state: unknown = "_readableState" in stream ? stream._readableState : undefined
  return typeof state === "object" && state !== null && "ended" in state && state.ended === true
}

/** The sides of a stream that are watched. */
interface WatchedStream {
  reader: ReaderSide | undefined
  writer: WriterSide | undefined
}

/** Legal states: paused, running (and then, while something is ready, looking at it in every turn), closed. */
export class StreamReadiness implements Readiness<NodeStream> {
  readonly #onReady: OnReady<NodeStream>
  readonly #watched = new Map<NodeStream, WatchedStream>()
  /** The sides that were ready when they were last looked at, or are new. */
  readonly #hot = new Set<StreamSide>()
  #paused = true
  #holds = true
  /** Takes the next turn back. */
  #cancelTurn: (() => void) | undefined

  constructor(onReady: OnReady<NodeStream>) {
    this.#onReady = onReady
  }

  watch(stream: NodeStream, events: number): void {
    let watched = this.#watched.get(stream)
    if (watched === undefined) {
      watched = { reader: undefined, writer: undefined }
      this.#watched.set(stream, watched)
    }
    if ((events & READ) !== 0) {
      watched.reader ??= new ReaderSide(stream, () => this.#happened(stream, READ))
      this.#renew(watched.reader)
    }
    if ((events & WRITE) !== 0) {
      watched.writer ??= new WriterSide(stream, () => this.#happened(stream, WRITE))
      this.#renew(watched.writer)
    }
  }

  keep(stream: NodeStream, events: number): void {
    const watched = this.#watched.get(stream)
    if (watched === undefined) return
    if ((events & READ) === 0) {
      this.#drop(watched.reader)
      watched.reader = undefined
    }
    if ((events & WRITE) === 0) {
      this.#drop(watched.writer)
      watched.writer = undefined
    }
    if (events === 0) this.#watched.delete(stream)
  }

  resume(): void {
    this.#paused = false
    this.#turnSoon()
  }

  pause(): void {
    this.#paused = true
    this.#cancelTurn?.()
    this.#cancelTurn = undefined
  }

  /** Holds the process by the turns only: a stream holds it by itself, or does not. */
  hold(process: boolean): void {
    if (this.#holds === process) return
    this.#holds = process
    this.#cancelTurn?.()
    this.#cancelTurn = undefined
    this.#turnSoon()
  }

  close(): void {
    this.pause()
    for (const stream of [...this.#watched.keys()]) this.keep(stream, 0)
  }

  #renew(side: StreamSide): void {
    side.renew()
    this.#hot.add(side)
    this.#turnSoon()
  }

  #drop(side: StreamSide | undefined): void {
    if (side === undefined) return
    this.#hot.delete(side)
    side.detach()
  }

  /** Inside an event of the stream, which comes only where something is ready. */
  #happened(stream: NodeStream, event: number): void {
    const watched = this.#watched.get(stream)
    const side = event === READ ? watched?.reader : watched?.writer
    if (side === undefined) return
    side.signal()
    this.#hot.add(side)
    this.#turnSoon()
  }

  /** Looks at what may be ready in the next turn, once, while there is something. */
  #turnSoon(): void {
    if (this.#paused || this.#hot.size === 0 || this.#cancelTurn !== undefined) return
    if (this.#holds) {
      const immediate = setImmediate(this.#turn)
      this.#cancelTurn = () => clearImmediate(immediate)
    } else {
      // An immediate that is unref'd waits until something else comes; a timer does not.
      const timer = setTimeout(this.#turn, 1).unref()
      this.#cancelTurn = () => clearTimeout(timer)
    }
  }

  readonly #turn = (): void => {
    this.#cancelTurn = undefined
    for (const side of [...this.#hot]) {
      // What was told of before it in this turn may have let go of it.
      if (!this.#hot.has(side)) continue
      if (side.isReady()) this.#onReady(side.stream, side.event)
      else this.#hot.delete(side)
    }
    this.#turnSoon()
  }
}
