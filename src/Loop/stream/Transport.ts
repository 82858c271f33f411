/** What transports are to programs, and what they tell their owner: types only. `PipeTransport.ts` is one. */
import type { Duplex } from "node:stream"

/** What a transport is over: a socket, or another stream of Node, of which only the halves that it has are used. */
export interface Wire extends Duplex {
  /** Sockets have it: ends what is written, and destroys it when the system has taken that. */
  destroySoon?(): void
  /** Sockets have these: whether it keeps the process. */
  ref?(): unknown
  unref?(): unknown
}

/**
 * What all transports have. asyncio: `BaseTransport`.
 *
 * @category models
 * @since 0.1.0
 */
export interface BaseTransport {
  /** Closes the transport: what waits to be written still is, what comes is dropped. Idempotent. */
  close(): void
  /** Whether the transport was closed, or the other end has gone. */
  isClosing(): boolean
  /** The information under this name, else `fallback`. A pipe has `"pipe"`, its `net.Socket`. */
  getExtraInfo(name: string, fallback?: unknown): unknown
}

/**
 * A transport that receives. asyncio: `ReadTransport`.
 *
 * @category models
 * @since 0.1.0
 */
export interface ReadTransport extends BaseTransport {
  /** Whether it is neither paused nor closing. */
  isReading(): boolean
  /** No data is told from here on; the sender is held up once the system's buffer is full. Idempotent. */
  pauseReading(): void
  /** Data is told again. */
  resumeReading(): void
}

/**
 * A transport that sends. asyncio: `WriteTransport`.
 *
 * @category models
 * @since 0.1.0
 */
export interface WriteTransport extends BaseTransport {
  /**
   * Sends a string, as UTF-8, or bytes, as soon as the other end takes them. Dropped once it is closing. Throws
   * `TypeError` for anything else, InvalidStateError after `writeEof()`.
   */
  write(data: string | Uint8Array): void
  /** `write` for each item. */
  writelines(data: Iterable<string | Uint8Array>): void
  /** Ends the stream once everything is written. Idempotent. */
  writeEof(): void
  /** Whether `writeEof` can be called. */
  canWriteEof(): boolean
  /** Closes the transport at once: what waits to be written is dropped. */
  abort(): void
  /** The number of bytes that wait to be written. */
  getWriteBufferSize(): number
  /** Above `high` bytes the protocol's `pauseWriting` is called, at `low` bytes `resumeWriting`. */
  getWriteBufferLimits(): { readonly low: number; readonly high: number }
  /**
   * Sets these limits. By default `high` is 65536, and `low` a quarter of it. Throws `RangeError` unless `high >= low
   * >= 0`.
   */
  setWriteBufferLimits(limits?: {
    readonly low?: number | undefined
    readonly high?: number | undefined
  }): void
}

/** Who is told what happens to a pipe: by the loop, in the context that the transport was given, but `pauseWriting`. */
export interface PipeOwner {
  /** Data came. */
  dataReceived(data: Buffer): void
  /** Nothing more comes; the pipe is closed after that. Asked for where it is there. */
  eofReceived?(): void
  /** The pipe is closed: the last call. `null`: it ended, or was closed. */
  connectionLost(error: Error | null): void
  /** Called inside `write`, as asyncio does: the sender is told to stop before it goes on. */
  pauseWriting(): void
  resumeWriting(): void
  /** The error of what could not be written, because the other end has gone. */
  brokenPipe(cause: Error | undefined): Error
  toString(): string
}
