/** Writing bytes: the sending half of a connection or pipe. `StreamReader.ts` is the other. */
import type { FlowControl } from "./FlowControl.js"
import type { Future } from "../kernel/Future.js"
import type { StartTlsOptions } from "./StartTlsOptions.js"
import type { StreamReader } from "./StreamReader.js"
import type { WriteTransport } from "./Transport.js"

/**
 * Bytes for the other end of a connection or pipe. asyncio: `StreamWriter`.
 *
 * `write` never waits; `drain` does, while more than a certain amount (64 KiB) has not been taken: write, then drain.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const sort = await loop.createSubprocessExec("sort", [], { stdin: "pipe", stdout: "pipe" })
 *   for (const name of ["b", "a"]) {
 *     sort.stdin.write(`${name}\n`)
 *     await sort.stdin.drain()
 *   }
 *   sort.stdin.close()
 *   console.log(sort.stdin.transport.isClosing()) // => true
 *   console.log((await sort.stdout.read()).toString().split("\n")[0]) // => a
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class StreamWriter {
  #transport: WriteTransport
  readonly #flow: FlowControl
  readonly #reader: StreamReader | null

  /**
   * Makes the writer of a transport whose protocol tells when to write, a {@link StreamReaderProtocol}. `reader` is the
   * other half, where there is one: its failure is that of a drain, too.
   */
  constructor(transport: WriteTransport, protocol: FlowControl, reader: StreamReader | null = null) {
    this.#transport = transport
    this.#flow = protocol
    this.#reader = reader
  }

  /** The transport that sends. */
  get transport(): WriteTransport {
    return this.#transport
  }

  /**
   * Sends a string, as UTF-8, or bytes, as soon as the other end takes them. Once the other end has gone, or after
   * `close()`, it is dropped, and `drain` tells. Throws `TypeError` for anything else, InvalidStateError after
   * `writeEof()`.
   *
   * **Gotchas** Bytes are not copied: do not change them before they are written.
   */
  write(data: string | Uint8Array): void {
    this.#transport.write(data)
  }

  /** `write` for each item. */
  writelines(data: Iterable<string | Uint8Array>): void {
    this.#transport.writelines(data)
  }

  /**
   * Done when more may be written: at once, unless too much waits to be taken. Fails with BrokenPipeError once the other
   * end has gone, or this end was closed. Of many that need not wait, one now and then takes a trip round the loop, so that
   * a loop of writes does not keep out everything else. Cancelling it ends the waiting and nothing else.
   */
  drain(): Future<void> {
    const failure = this.#reader?.exception()
    if (failure === undefined) return this.#flow.drain(this.#transport.isClosing())
    return this.#flow.failed(failure)
  }

  /** Ends the stream once everything is written. The connection stays, to be read. */
  writeEof(): void {
    this.#transport.writeEof()
  }

  /** Whether `writeEof` can be called: what can only be read has no end to write. */
  canWriteEof(): boolean {
    return this.#transport.canWriteEof()
  }

  /** Closes the stream once everything is written. Idempotent. `waitClosed` waits for that. */
  close(): void {
    this.#transport.close()
  }

  /** Whether this end was closed, or the other end has gone. */
  isClosing(): boolean {
    return this.#transport.isClosing()
  }

  /** Done when the stream is closed. Fails with BrokenPipeError if something could not be written. */
  waitClosed(): Future<void> {
    return this.#flow.waitClosed()
  }

  /**
   * Gives the connection TLS: done when the handshake is, and everything before it was written. Until then, do not write.
   * The end that serves is that of a server's handler, unless `serverSide` says otherwise. asyncio: `start_tls` (3.11).
   *
   * Fails with {@link ConnectError} if the handshake fails: the connection is closed then. Throws InvalidStateError where
   * it is closing, or no connection. Cancelling it closes the connection.
   *
   * **Gotchas** What the reader holds by then came without TLS, from whomever: read it before, and trust none of it.
   */
  startTls(options: StartTlsOptions = {}): Future<void> {
    return this.#flow._startTls(this.#transport, options, (transport) => (this.#transport = transport))
  }

  /** The transport's information under this name, else `fallback`. */
  getExtraInfo(name: string, fallback?: unknown): unknown {
    return this.#transport.getExtraInfo(name, fallback)
  }

  toString(): string {
    return `<StreamWriter transport=${String(this.#transport)}>`
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }
}
