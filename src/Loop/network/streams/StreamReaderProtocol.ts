/** The protocol behind a StreamReader and a StreamWriter: what comes is fed to the one, and the other is told to wait. */
import { addressText, type SocketAddress } from "../Address.js"
import { isCancelledError } from "../../kernel/errors.js"
import { describeValue } from "../../kernel/describe.js"
import { ConnectionResetError } from "../../errors.js"
import { type BaseEventLoop, runningLoop } from "../../kernel/BaseEventLoop.js"
import type { Future } from "../../kernel/Future.js"
import type { Task } from "../../kernel/Task.js"
import { isHome } from "../../closing/Capability.js"
import { startTls } from "../connecting/createConnection.js"
import { SocketTransport } from "../SocketTransport.js"
import { FlowControl } from "../../stream/FlowControl.js"
import { NodeTransport } from "../../stream/NodeTransport.js"
import { StreamReader } from "../../stream/StreamReader.js"
import { StreamWriter } from "../../stream/StreamWriter.js"
import type { StartTlsOptions } from "../../stream/StartTlsOptions.js"
import type { BaseTransport, ReadTransport, WriteTransport } from "../../stream/Transport.js"

/**
 * What a server of streams calls for each connection: a coroutine, which becomes a task of its own, or a function.
 *
 * @category models
 * @since 0.2.0
 */
export type ClientConnected = (reader: StreamReader, writer: StreamWriter) => unknown

/**
 * Makes streams of a connection or pipe, where a program opens that for a protocol. asyncio: `StreamReaderProtocol`.
 *
 * What comes is fed to the reader. A StreamWriter that is made with this protocol waits in `drain` and `waitClosed`. With
 * `clientConnected`, that is called for the connection, in a task: one that fails is reported once, and its connection is
 * closed; so it is where the task is cancelled, which is nobody's mistake.
 *
 * Differs: the error that the connection itself was lost with is not reported when the task fails with it: a client that
 * goes is no accident of the server.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const server = await loop.startServer((_reader, writer) => {
 *     writer.write("hello\n")
 *     writer.close()
 *   }, { host: "127.0.0.1" })
 *   const reader = new StreamReader()
 *   const options = { host: "127.0.0.1", port: server.sockets[0]?.port }
 *   const [transport] = await loop.createConnection(() => new StreamReaderProtocol(reader), options)
 *   console.log((await reader.readline()).toString().trim()) // => hello
 *   transport.close()
 *   server.close()
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.2.0
 */
export class StreamReaderProtocol extends FlowControl {
  readonly #loop: BaseEventLoop
  readonly #reader: StreamReader
  readonly #clientConnected: ClientConnected | undefined
  #transport: BaseTransport | undefined
  /** The errors that are the connection's own: it was not this program that ended it. */
  readonly #losses = new WeakSet<object>()

  /** The loop is the running one unless it is named. Throws NoRunningLoopError where there is neither. */
  constructor(
    reader: StreamReader,
    clientConnected?: ClientConnected,
    options: { readonly loop?: BaseEventLoop | undefined } = {}
  ) {
    if (!(reader instanceof StreamReader))
      throw new TypeError(`new StreamReaderProtocol() takes a StreamReader, not ${describeValue(reader)}`)
    if (clientConnected !== undefined && typeof clientConnected !== "function")
      throw new TypeError(
        `new StreamReaderProtocol(): clientConnected is a function, not ${describeValue(clientConnected)}`
      )
    const loop = options.loop ?? runningLoop("new StreamReaderProtocol()")
    super(
      loop,
      () => this.#transport instanceof NodeTransport && this.#transport._broken(),
      () => this.#resetError()
    )
    this.#loop = loop
    this.#reader = reader
    this.#clientConnected = clientConnected
  }

  /** The connection is there. */
  connectionMade(transport: ReadTransport): void {
    this.#transport = transport
    this.#reader.setTransport(transport)
    if (this.#clientConnected !== undefined && transport instanceof NodeTransport)
      this.#serve(this.#clientConnected, transport)
  }

  /** Feeds the reader. */
  dataReceived(data: Buffer): void {
    this.#reader.feedData(data)
  }

  /** Nothing more comes: the reader ends, and the connection stays to be written to. */
  eofReceived(): boolean {
    this.#reader.feedEof()
    return true
  }

  /** The connection is closed: the reader ends, or fails with what it was lost for, and so does every wait. */
  override connectionLost(error: Error | null): void {
    if (error === null) this.#reader.feedEof()
    else {
      this.#losses.add(error)
      this.#reader.setException(error)
    }
    super.connectionLost(error)
  }

  /** @internal All that was written before goes first, without TLS. */
  override _startTls(
    transport: WriteTransport,
    options: StartTlsOptions,
    replace: (secure: WriteTransport) => void
  ): Future<void> {
    const loop = this.#loop
    if (!(transport instanceof SocketTransport) || !isHome(loop))
      return super._startTls(transport, options, replace)
    const serverSide = options.serverSide ?? this.#clientConnected !== undefined
    const { high, low } = transport.getWriteBufferLimits()
    // From now on what comes is TLS.
    transport.pauseReading()
    const secured = async (): Promise<void> => {
      try {
        if (transport.getWriteBufferSize() > 0) {
          transport.setWriteBufferLimits({ high: 0 })
          await this.drain(false)
          transport.setWriteBufferLimits({ high, low })
        }
        // Which end it is decides what `ssl` has to be, and is known here only; `startTls` looks at it again.
        const secure = await startTls(loop, transport, this, { ...options, serverSide } as StartTlsOptions)
        secure.setWriteBufferLimits({ high, low })
        this.#transport = secure
        replace(secure)
      } finally {
        this.#reader._setTransport(this.#transport as SocketTransport)
      }
    }
    return loop.createTask(secured, { name: `startTls of ${String(transport)}` })
  }

  #serve(handler: ClientConnected, transport: NodeTransport): void {
    const peer = transport.getExtraInfo("peername") as SocketAddress | string | undefined
    const name = typeof peer === "object" ? `client ${addressText(peer)}` : `client of ${String(transport)}`
    const writer = new StreamWriter(transport, this, this.#reader)
    const task: Task<unknown> = this.#loop.createTask(() => handler(this.#reader, writer), {
      name,
      // A client may be silent for as long as it likes.
      slowTask: false
    })
    task.addDoneCallback(() => {
      if (!task.cancelled()) {
        const exception = task.exception()
        if (exception === undefined) return
        if (!this.#isLoss(exception) && !isCancelledError(exception))
          this.#loop.callExceptionHandler({
            kind: "connection",
            message: `Unhandled exception in the handler of ${name}`,
            exception,
            task,
            transport: writer.transport,
            protocol: this
          })
      }
      writer.close()
    })
  }

  #isLoss(exception: unknown): boolean {
    return typeof exception === "object" && exception !== null && this.#losses.has(exception)
  }

  /** The error of a wait that has no end any more. */
  #resetError(): ConnectionResetError {
    const cause = this.#transport instanceof NodeTransport ? this.#transport._cause : undefined
    const error = new ConnectionResetError({ connection: String(this.#transport), cause })
    if (cause !== undefined) this.#losses.add(error)
    return error
  }
}
