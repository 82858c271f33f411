/**
 * One pipe as a transport: what comes and what happens to it is told to its owner. `SubprocessTransport.ts` is such an owner,
 * for the pipes of a child process, and `connectPipe.ts` of network has another one.
 */
import type { Context } from "../kernel/Context.js"
import { NodeTransport } from "./NodeTransport.js"
import type { PipeOwner, Wire } from "./Transport.js"
import type { Home } from "../ports.js"

/** What Node says when the other end has gone. */
const gone = new Set(["EPIPE", "ECONNRESET", "ECONNABORTED", "ERR_STREAM_DESTROYED"])

/**
 * A pipe, or the parent's end of a socket that a child has.
 *
 * Legal states: made (nothing is told yet), open (reading or paused; writing or its stream ended), closing, lost. Reading
 * takes what is there in a callback of the loop: as long as that does not run, or it is paused, the sender is held up.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   const ended = loop.createFuture<void>()
 *   const protocol: SubprocessProtocol = {
 *     pipeDataReceived: (_fd, data) => console.log(data.toString()), // => hello
 *     connectionLost: () => ended.setResult(undefined)
 *   }
 *   const [transport] = await loop.subprocessExec(() => protocol, "cat")
 *   const stdin = transport.getPipeTransport(0)
 *   stdin?.write("hello")
 *   stdin?.writeEof()
 *   await ended
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class PipeTransport extends NodeTransport {
  readonly #owner: PipeOwner
  /** @internal */ protected readonly _reads: boolean
  /** @internal */ protected readonly _writes: boolean
  /** @internal A child takes its input when it reads: who writes hears of what the system has not said yet. */
  protected readonly _atOnce = false
  #made = false
  #polling = false

  /** @internal `direction` is what the other end lets this one do. */
  constructor(
    loop: Home,
    socket: Wire,
    direction: { readonly reads: boolean; readonly writes: boolean },
    owner: PipeOwner,
    context: Context | undefined
  ) {
    super(loop, socket, context)
    this.#owner = owner
    this._reads = direction.reads
    this._writes = direction.writes
    socket.on("readable", this.#poll)
    // The end of the stream comes before its close.
    if (direction.reads && owner.eofReceived !== undefined) socket.once("end", this.#ended)
    this._attach()
  }

  /** @internal The owner has been told of the connection: from now on it is told of data. */
  _begin(): void {
    this.#made = true
    this.#poll()
  }

  /** @internal `abort`, of which the owner hears although Node may have no turn any more to close it: the loop closes. */
  _abandon(): void {
    this.abort()
    this._lose()
  }

  getExtraInfo(name: string, fallback?: unknown): unknown {
    return name === "pipe" ? this._socket : fallback
  }

  /** @internal */
  protected get _title(): readonly [kind: string, name: string] {
    return ["PipeTransport", this.#owner.toString()]
  }

  /** @internal */
  protected _read(): void {
    this.#poll()
  }

  /** @internal */
  protected _tellPause(): void {
    this._call(() => this.#owner.pauseWriting())
  }

  /** @internal */
  protected _tellResume(): void {
    this._call(() => this.#owner.resumeWriting())
  }

  /** @internal */
  protected _tellLost(error: Error | null): void {
    this.#owner.connectionLost(error)
  }

  /** @internal */
  protected override _socketClosed(): void {
    this._socket.off("readable", this.#poll)
    super._socketClosed()
  }

  /** @internal What was written may have been dropped without an error: Node closes the input of a process that has ended. */
  protected _reason(error: Error | undefined, unwritten: number): Error | null {
    const code = (error as NodeJS.ErrnoException | undefined)?.code
    if (error !== undefined && !gone.has(code ?? "")) return error
    return error !== undefined || unwritten > 0 ? this.#owner.brokenPipe(error) : null
  }

  readonly #ended = (): void => {
    this._tell(function eofReceived() {
      if (this._closing) return
      try {
        this.#owner.eofReceived?.()
      } finally {
        this.close()
      }
    })
  }

  /** Queues a callback that reads, as something may be there. At most one is queued. */
  readonly #poll = (): void => {
    if (!this._reads || !this.#made || this._paused || this.#polling || this._closing) return
    this.#polling = true
    this._tell(function dataReceived() {
      this.#polling = false
      if (this._paused || this._closing) return
      // At the end of the stream, this is also what lets Node notice.
      const data = this._socket.read() as Buffer | null
      if (data === null) return
      // Node 26 gives less than all of it, and says nothing of the rest.
      if (this._socket.readableLength > 0) this.#poll()
      if (data.length > 0) this.#owner.dataReceived(data)
    })
  }
}
