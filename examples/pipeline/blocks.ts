// Cuts a trace into blocks that can be parsed on their own. A trace is one line, {"traceEvents":[{...},{...}]}, perhaps
// followed by the next one: there is nothing to cut at but the borders of its events, which only a reader of braces and
// strings can tell ("},{" may also stand in a string, or between the arguments of one event).
import { Data, Effect, Stream } from "effect"

/** Some megabytes of events, with commas between them. */
export interface Block {
  readonly number: number
  /** Where in the trace it begins, in bytes. */
  readonly at: number
  /** Nobody else has its buffer: it may move to another thread. */
  readonly bytes: Uint8Array<ArrayBuffer>
}

export class NotATrace extends Data.TaggedError("NotATrace")<{ readonly at: number; readonly why: string }> {
  override get message(): string {
    return `this is no trace: ${this.why} (at byte ${this.at})`
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const SPACE = 0x20

const notATrace = (at: number, why: string) => Effect.fail(new NotATrace({ at, why }))

/** How deep the array of events is. */
const IN_EVENTS = 2

/** An event that is longer than this is none: something is wrong with the braces. */
const LONGEST_EVENT = 16 * 2 ** 20

/**
 * Legal states: between blocks, when nothing is held; in a block, which holds what came from its first event on. Every
 * byte is looked at once and copied once.
 */
class Splitter {
  #depth = 0
  #inString = false
  #escaped = false
  #inBlock = false
  #block: Uint8Array<ArrayBuffer>
  #length = 0
  /** Where the last event of the block ends. */
  #border = 0
  #number = 0
  /** Where the block begins in the trace. */
  #at = 0
  /** How much has been seen before this chunk. */
  #seen = 0

  constructor(private readonly size: number) {
    this.#block = this.#room(0)
  }

  /** The blocks that end in this chunk. */
  push(chunk: Uint8Array): Effect.Effect<ReadonlyArray<Block>, NotATrace> {
    const done: Array<Block> = []
    // What belongs to the block that is being filled begins here.
    let from = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inString = false
      } else if (byte === QUOTE) this.#inString = true
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (!this.#inBlock && this.#depth === IN_EVENTS) {
          this.#inBlock = true
          this.#at = this.#seen + i
          from = i
        }
        this.#depth++
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth--
        if (this.#depth === IN_EVENTS) {
          this.#border = this.#length + i + 1 - from
          if (this.#border >= this.size) {
            this.#append(chunk.subarray(from, i + 1))
            done.push(this.#take())
          }
        } else if (this.#inBlock && this.#depth < IN_EVENTS) {
          // The end of this trace. Another one may follow.
          this.#append(chunk.subarray(from, i))
          done.push(this.#take())
        } else if (this.#depth < 0) return notATrace(this.#seen + i, "it closes what it never opened")
      } else if (this.#depth === 0 && byte !== undefined && byte > SPACE) {
        return notATrace(this.#seen + i, 'it does not begin with {"traceEvents":[')
      }
    }
    if (this.#inBlock) this.#append(chunk.subarray(from))
    this.#seen += chunk.length
    if (this.#length - this.#border > LONGEST_EVENT) {
      return notATrace(this.#at + this.#border, "what begins here has no end")
    }
    return Effect.succeed(done)
  }

  /** Whether the trace was complete. */
  end(): Effect.Effect<void, NotATrace> {
    if (this.#depth > 0) return notATrace(this.#seen, "it ends in the middle")
    if (this.#number === 0) return notATrace(this.#seen, "it has no events")
    return Effect.void
  }

  #append(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#block.length) {
      const longer = this.#room(this.#length + bytes.length)
      longer.set(this.#block.subarray(0, this.#length))
      this.#block = longer
    }
    this.#block.set(bytes, this.#length)
    this.#length += bytes.length
  }

  #take(): Block {
    const bytes = this.#block.subarray(0, this.#border)
    this.#block = this.#room(0)
    this.#length = 0
    this.#border = 0
    this.#inBlock = false
    return { number: ++this.#number, at: this.#at, bytes }
  }

  /** A block is cut at the first border after `size`, and most events are short. */
  #room(atLeast: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(Math.max(Math.ceil(this.size * 1.1), 2 * atLeast))
  }
}

/** Turns the bytes of a trace into its blocks, of about `size` bytes. */
export const blocks =
  (size: number) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Block, E | NotATrace, R> =>
    Stream.suspend(() => {
      const splitter = new Splitter(size)
      return bytes.pipe(
        Stream.mapConcatEffect((chunk) => splitter.push(chunk)),
        Stream.concat(Stream.drain(Stream.suspend(() => Stream.fromEffect(splitter.end()))))
      )
    })
