/** Reading bytes as they come: the receiving half of a connection or pipe. `StreamWriter.ts` is the other. */
import { Buffer } from "node:buffer"
import { ByteQueue } from "./ByteQueue.js"
import { BaseEventLoop, runningLoop } from "../kernel/BaseEventLoop.js"
import { describeValue } from "../kernel/describe.js"
import { InvalidStateError } from "../kernel/errors.js"
import { IncompleteReadError, LimitOverrunError } from "../errors.js"
import type { Future } from "../kernel/Future.js"
import { type Attempt, Read } from "./Read.js"

/** How many bytes a reader lets wait before it holds the sender up; it may come to twice as many. */
export const defaultLimit = 64 * 1024

const newline = Buffer.from("\n")
const nothing = Buffer.alloc(0)

/** A `limit`, checked. Throws `TypeError` or `RangeError`. */
export const checkLimit = (what: string, limit: unknown): number => {
  if (typeof limit !== "number")
    throw new TypeError(`${what}: limit is a number, not ${describeValue(limit)}`)
  if (!(limit >= 1)) throw new RangeError(`${what}: limit is in bytes from 1 on, not ${limit}`)
  return limit
}

/** The sender of what a reader is fed with: it can be held up. */
export interface Pausable {
  pauseReading(): void
  resumeReading(): void
}

const noMore: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * Bytes as they come, read in the pieces that the program asks for. asyncio: `StreamReader`.
 *
 * Legal states: open (at most one read waits); at its end, when `feedEof` was called and the rest can be read; failed,
 * when every read fails with the same error. While twice `limit` or more wait to be read, the sender is held up.
 *
 * Every read gives a Future and takes nothing out of the stream until it is done: a read that is cancelled, also by a
 * deadline, loses no bytes. Wrong arguments are thrown as `TypeError` or `RangeError`.
 *
 * Differs: what a cancelled `read()` to the end has collected is lost in asyncio (CPython 3.11,
 * `Lib/asyncio/streams.py`), from where the limit, its double and the other reads are taken.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const printf = await loop.createSubprocessExec("printf", ["ok\\nERROR 1\\n"], { stdout: "pipe" })
 *   for await (const line of printf.stdout) {
 *     if (line.includes("ERROR")) console.log(line.toString()) // => ERROR 1
 *   }
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class StreamReader {
  readonly #loop: BaseEventLoop
  readonly #limit: number
  readonly #bytes = new ByteQueue()
  #transport: Pausable | undefined
  #paused = false
  #eof = false
  #failure: { readonly error: unknown } | undefined
  /** The read that waits. */
  #waiting: Read<unknown> | undefined
  /** What the attempt that has just succeeded took out of the queue. */
  #took: Buffer = nothing
  /** The number of reads that took something: only the last of them can be undone. */
  #taken = 0

  /**
   * Makes a reader that is fed by hand. `limit` is in bytes, 65536 by default; the loop is the running one unless it is
   * named. Throws NoRunningLoopError where there is neither.
   */
  constructor(
    options: { readonly limit?: number | undefined; readonly loop?: BaseEventLoop | undefined } = {}
  ) {
    this.#limit = checkLimit("new StreamReader()", options.limit ?? defaultLimit)
    if (options.loop !== undefined && !(options.loop instanceof BaseEventLoop))
      throw new TypeError(`new StreamReader(): loop is an EventLoop, not ${describeValue(options.loop)}`)
    this.#loop = options.loop ?? runningLoop("new StreamReader()")
  }

  /**
   * Up to `n` bytes, as soon as there are any; without `n`, everything up to the end. An empty Buffer is the end.
   * Fails with {@link InvalidStateError} while another read waits.
   */
  read(n: number = -1): Future<Buffer> {
    if (typeof n !== "number") throw new TypeError(`read takes a number of bytes, not ${describeValue(n)}`)
    if (n < 0) return this.#begin("read", this.#untilEnd())
    const count = Math.floor(n)
    if (!(count > 0) && n !== 0) throw new RangeError(`read takes a whole number of bytes, not ${n}`)
    return this.#begin("read", new Some(this, count))
  }

  /** Exactly `n` bytes, whatever the limit is. Fails with {@link IncompleteReadError} if the end comes first. */
  readexactly(n: number): Future<Buffer> {
    if (typeof n !== "number")
      throw new TypeError(`readexactly takes a number of bytes, not ${describeValue(n)}`)
    if (!Number.isInteger(n) || n < 0)
      throw new RangeError(`readexactly takes a whole number of bytes from 0 on, not ${n}`)
    return this.#begin("readexactly", {
      next: () => {
        if (this.#bytes.size >= n) return this.#take(n)
        if (this.#eof) throw new IncompleteReadError({ partial: this.#takeAll(), expected: n })
        return undefined
      }
    })
  }

  /**
   * The next line, with its newline; the last one may have none. An empty Buffer is the end. Fails with
   * {@link LimitOverrunError} for a line that is longer than the limit, of which what has come is dropped.
   */
  readline(): Future<Buffer> {
    return this.#begin(
      "readline",
      this.#line((line) => line)
    )
  }

  /**
   * Everything up to the separator, and the separator: a string or bytes, a newline by default; of several, the one that
   * ends first. Fails with {@link IncompleteReadError} if the end comes first, and with {@link LimitOverrunError} if there
   * is more than the limit before it, which then is still there to be read in another way.
   */
  readuntil(separator: string | Uint8Array | ReadonlyArray<string | Uint8Array> = newline): Future<Buffer> {
    const until = this.#until(checkSeparators(separator))
    return this.#begin("readuntil", { next: until })
  }

  /** Whether the end has come and everything was read. */
  atEof(): boolean {
    return this.#eof && this.#bytes.size === 0
  }

  /** The error that every read fails with, since `setException`. */
  exception(): unknown {
    return this.#failure?.error
  }

  /** Line by line, as `readline` gives them, to the end. A loop over it that is left goes on with another. */
  [Symbol.asyncIterator](): {
    next(): Future<IteratorResult<Buffer, undefined>>
    [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined>
  } {
    const next = (): Future<IteratorResult<Buffer, undefined>> =>
      this.#begin(
        "readline",
        this.#line((line) => (line.length === 0 ? noMore : { done: false, value: line }))
      )
    return {
      next,
      [Symbol.asyncIterator]() {
        return this
      }
    }
  }

  /**
   * For the sending side: adds bytes, which must not be changed any more. Throws {@link InvalidStateError} after the end.
   */
  feedData(data: Uint8Array): void {
    if (!(data instanceof Uint8Array)) throw new TypeError(`feedData takes bytes, not ${describeValue(data)}`)
    if (this.#eof) throw new InvalidStateError("feedData() after feedEof(): the stream has ended")
    this.#bytes.push(asBuffer(data))
    this.#retry()
    this.#pauseIfFull()
  }

  /** For the sending side: no more comes. */
  feedEof(): void {
    this.#eof = true
    this.#retry()
  }

  /** For the sending side: lets the read that waits, and all that follow, fail with `error`. */
  setException(error: unknown): void {
    this.#failure = { error }
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?._attempt.undo?.()
    waiting?._settleError(error)
  }

  /**
   * For the sending side: says what is held up while too much waits. Throws {@link InvalidStateError} the second time.
   */
  setTransport(transport: Pausable): void {
    if (this.#transport !== undefined)
      throw new InvalidStateError("setTransport(): it has a transport already")
    this.#transport = transport
  }

  /** @internal Another transport sends from now on, over the same connection: held up where the one before was. */
  _setTransport(transport: Pausable): void {
    this.#transport = transport
    if (this.#paused) transport.pauseReading()
    else transport.resumeReading()
  }

  /** @internal Whether a read waits. */
  get _waits(): boolean {
    return this.#waiting !== undefined
  }

  toString(): string {
    const words = [
      ...(this.#bytes.size > 0 ? [`${this.#bytes.size} bytes`] : []),
      ...(this.#eof ? ["eof"] : []),
      ...(this.#limit !== defaultLimit ? [`limit=${this.#limit}`] : []),
      ...(this.#waiting !== undefined ? [`waiting=${this.#waiting._what}`] : []),
      ...(this.#failure !== undefined ? [`exception=${describeValue(this.#failure.error)}`] : []),
      ...(this.#transport !== undefined ? [`transport=${describeValue(this.#transport)}`] : []),
      ...(this.#paused ? ["paused"] : [])
    ]
    return `<${["StreamReader", ...words].join(" ")}>`
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal */
  _forgo(read: Read<unknown>): void {
    if (this.#waiting === read) this.#waiting = undefined
    read._attempt.undo?.()
    this.#pauseIfFull()
  }

  /** @internal Up to `count` bytes, as soon as there are any, or the end. */
  _takeSome(count: number): Buffer | undefined {
    return count > 0 && this.#bytes.size === 0 && !this.#eof ? undefined : this.#take(count)
  }

  /** @internal */
  _putBack(taken: Buffer, turn: number): void {
    if (this.#taken === turn) this.#bytes.unshift(taken)
  }

  #begin<A>(what: string, attempt: Attempt<A>): Future<A> {
    const read = new Read<A>(this.#loop, this, what, attempt)
    if (this.#failure !== undefined) read._settleError(this.#failure.error)
    else if (this.#waiting !== undefined) {
      const other = this.#waiting._what
      read._settleError(
        new InvalidStateError(`${what}() called while another read, ${other}(), is already waiting for data`)
      )
    } else if (!this.#settle(read)) {
      this.#waiting = read
      // Waiting for data from a sender that is held up would never end.
      this.#resume()
    }
    return read
  }

  /** Tries it: false where it needs more. */
  #settle<A>(read: Read<A>): boolean {
    try {
      const value = read._attempt.next()
      if (value === undefined) return false
      const took = this.#took
      this.#took = nothing
      this.#resumeIfEmpty()
      read._give(value, took, ++this.#taken)
    } catch (error) {
      this.#resumeIfEmpty()
      read._settleError(error)
    }
    return true
  }

  #retry(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    if (!this.#settle(waiting)) this.#waiting = waiting
  }

  #take(n: number): Buffer {
    return (this.#took = this.#bytes.take(n))
  }

  /** Everything up to the end: takes out of the queue what comes as it comes, so that the sender is never held up. */
  #untilEnd(): Attempt<Buffer> {
    let blocks: Array<Buffer> = []
    return {
      next: () => {
        if (this.#bytes.size > 0) blocks.push(this.#takeAll())
        if (!this.#eof) return undefined
        const all = blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks)
        blocks = []
        return (this.#took = all)
      },
      undo: () => {
        for (const block of blocks.reverse()) this.#bytes.unshift(block)
        blocks = []
      }
    }
  }

  /**
   * A search that goes on where it stopped. It gives the bytes that it takes, or `undefined` where it needs more. The
   * separators are in the order of their lengths.
   */
  #until(separators: ReadonlyArray<Buffer>): () => Buffer | undefined {
    const longest = (separators[separators.length - 1] as Buffer).length
    let searched = 0
    return () => {
      let start = -1
      let end = Infinity
      for (const separator of separators) {
        const at = this.#bytes.indexOf(separator, searched)
        if (at < 0 || at + separator.length >= end) continue
        start = at
        end = at + separator.length
      }
      if (start < 0) {
        // Here a longer one may have begun; a shorter one has not ended before it.
        searched = Math.max(0, this.#bytes.size + 1 - longest)
        if (searched > this.#limit) throw this.#overrun(searched, false)
        if (this.#eof) throw new IncompleteReadError({ partial: this.#takeAll(), expected: null })
        return undefined
      }
      if (start > this.#limit) throw this.#overrun(start, true)
      return this.#take(end)
    }
  }

  #line<A>(wrap: (line: Buffer) => A): Attempt<A> {
    const until = this.#until([newline])
    const line = (): Buffer | undefined => {
      try {
        return until()
      } catch (error) {
        if (error instanceof IncompleteReadError) return error.partial as Buffer
        if (error instanceof LimitOverrunError) {
          const whole = this.#bytes.indexOf(newline, error.consumed) === error.consumed
          this.#bytes.take(whole ? error.consumed + 1 : this.#bytes.size)
        }
        throw error
      }
    }
    return {
      next: () => {
        const taken = line()
        return taken === undefined ? undefined : wrap((this.#took = taken))
      }
    }
  }

  #overrun(consumed: number, found: boolean): LimitOverrunError {
    return new LimitOverrunError({ consumed, limit: this.#limit, found })
  }

  #takeAll(): Buffer {
    return this.#bytes.take(this.#bytes.size)
  }

  /** Holds the sender up where too much waits. A read that waits for more than the limit gets it. */
  #pauseIfFull(): void {
    if (this.#paused || this.#waiting !== undefined || this.#bytes.size <= 2 * this.#limit) return
    if (this.#transport === undefined) return
    this.#paused = true
    this.#transport.pauseReading()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#transport?.resumeReading()
  }

  #resumeIfEmpty(): void {
    if (this.#bytes.size <= this.#limit) this.#resume()
  }
}

/** `read(n)`, which servers call for each message. */
class Some implements Attempt<Buffer> {
  constructor(
    private readonly reader: StreamReader,
    private readonly count: number
  ) {}

  next(): Buffer | undefined {
    return this.reader._takeSome(this.count)
  }
}

/** What `readuntil` looks for, in the order of the lengths. Throws `TypeError` or `RangeError`. */
const checkSeparators = (given: unknown): ReadonlyArray<Buffer> => {
  const all: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  if (all.length === 0) throw new RangeError("readuntil takes at least one separator")
  return all
    .map((separator) => {
      if (typeof separator !== "string" && !(separator instanceof Uint8Array))
        throw new TypeError(
          `readuntil takes a string, bytes or an array of them, not ${describeValue(separator)}`
        )
      if (separator.length === 0) throw new RangeError("readuntil takes a separator of at least one byte")
      return typeof separator === "string" ? Buffer.from(separator) : asBuffer(separator)
    })
    .sort((a, b) => a.length - b.length)
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
