/** What a connection is told to: types only. `SocketTransport.ts` tells it. */
import type { SocketTransport } from "./SocketTransport.js"

/**
 * What protocols of connections have in common. Every method may be missing, and does nothing then.
 *
 * `connectionMade` is the first and `connectionLost` the last, each once. All are called by the loop, one after the other,
 * in the async-local state of the call that made the connection or the server; `pauseWriting` inside `write`, as in
 * asyncio. What one throws, or an async one fails with, goes to the exception handler. asyncio: `BaseProtocol`.
 *
 * @category models
 * @since 0.2.0
 */
export interface BaseProtocol {
  /** The connection is there. */
  connectionMade?(transport: SocketTransport): unknown
  /** It is closed. `null`: it was closed here, or the other end has ended it. */
  connectionLost?(error: Error | null): unknown
  /** More waits to be written than the limit. */
  pauseWriting?(): unknown
  /** What waits to be written has gone down to the lower limit. */
  resumeWriting?(): unknown
  /**
   * The other end sends no more. True keeps the connection, to be written to and closed by the program; else it is closed
   * once what waits is written. A connection with TLS is closed in any case.
   */
  eofReceived?(): boolean | null | undefined | void
}

/**
 * A protocol that is given what comes, as it comes. asyncio: `Protocol`.
 *
 * @category models
 * @since 0.2.0
 */
export interface Protocol extends BaseProtocol {
  /** Data came. They are the protocol's own. A failure closes the connection with that error. */
  dataReceived?(data: Buffer): unknown
}

/**
 * A protocol into whose own buffer is put what comes: one that has `getBuffer`. asyncio: `BufferedProtocol`.
 *
 * @category models
 * @since 0.2.0
 */
export interface BufferedProtocol extends BaseProtocol {
  /** Where to put what has come, about so many bytes: not empty. Less is filled if it is shorter, and it is asked again. */
  getBuffer?(sizeHint: number): Uint8Array
  /** So many bytes are there now, at the beginning of that buffer. */
  bufferUpdated?(length: number): unknown
}
