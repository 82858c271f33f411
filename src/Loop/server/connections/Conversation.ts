/**
 * A connection whose words nobody here understands: one of `node:net` or `tls`, or one that HTTP has handed over with an
 * upgrade. All that can be seen is who spoke last. Who is owed an answer is waited for; where the last word was the server's
 * and a while has passed in silence, leave is taken. Who goes on asking is not heard any more, so that silence comes; who only
 * sends, or is only sent to, may finish.
 *
 * Legal states: open; leaving, when it takes leave; left, when the last word is said and the other side is to close.
 */
import type { Home } from "../../ports.js"
import { Companion } from "./Companion.js"
import { Connection, type Belongs } from "./Connection.js"
import type { Socket, WebSocketLike } from "../kinds.js"
import type { ServerOptions } from "../ServerOptions.js"
import { CLOSE_1001, GOING_AWAY } from "./webSocket.js"

export interface Manners {
  /** The name and the path of what was upgraded; empty for what was not. */
  readonly upgrade: string
  readonly webSocket: boolean
  readonly goodbye: ServerOptions["goodbye"]
  /** So many milliseconds of silence are enough. */
  readonly idle: number
  readonly loop: Home
}

export class Conversation extends Connection {
  /** The same connection, as a library has wrapped it. */
  webSocket: WebSocketLike | undefined
  readonly #manners: Manners
  readonly #watched: ReadonlyArray<Companion>
  readonly #drained = new AbortController()
  /** `bytesWritten` when something was read last: the client has spoken last while it is that. */
  #writtenAtRead: number
  /** What was read and written at the last look, and when that changed. */
  #words = -1
  #since = 0
  #state: "open" | "leaving" | "left" = "open"
  #finishing = false
  #told = false
  #paused = false
  #cut = false
  /** What had been read and written when it was to finish. */
  #readBefore = 0
  #writtenBefore = 0
  /** When the last word was said. */
  #leftAt = 0

  constructor(belongs: Belongs, socket: Socket, manners: Manners) {
    super(belongs, socket)
    this.#manners = manners
    // An upgrade is a word of the client. Of a connection nobody has said anything.
    this.#writtenAtRead = manners.upgrade === "" ? -1 : socket.bytesWritten
    const heard = (): void => void (this.#writtenAtRead = socket.bytesWritten)
    this.#watched = [new Companion(socket, "data", heard), new Companion(socket, "readable", heard)]
  }

  /** It has closed. */
  close(): void {
    for (const companion of this.#watched) companion.end()
  }

  /** Whether leave was taken, or nothing was there to take leave of. */
  get isCut(): boolean {
    return this.#cut
  }

  finish(): void {
    this.#finishing = true
    const { goodbye, loop } = this.#manners
    if (goodbye !== undefined) {
      this.#state = "leaving"
      const failed = (exception: unknown): void =>
        loop.callExceptionHandler({ kind: "late", message: `goodbye of ${this.remote} failed`, exception })
      const left = (): void => this.#leave(() => this.#end())
      const said = async (): Promise<void> => {
        await goodbye(this.socket, this.#drained.signal)
      }
      void said().catch(failed).then(left)
      return
    }
    // What has come is answered; what is still to come is not heard until the goodbye is.
    if (this.#manners.webSocket) this.#pause()
    this.#readBefore = this.socket.bytesRead
    this.#writtenBefore = this.socket.bytesWritten
    this.look()
  }

  late(): void {
    const { bytesRead, bytesWritten } = this.socket
    // A dialogue that goes on: what has come is answered, and no more is heard.
    if (this.#state === "open" && bytesRead > this.#readBefore && bytesWritten > this.#writtenBefore)
      this.#pause()
  }

  override look(): void {
    if (!this.#finishing || this.socket.destroyed) return
    const now = this.belongs.time()
    // Node reads ahead where nobody listens: that is no word.
    const words = this.socket.bytesWritten + (this.#paused ? 0 : this.socket.bytesRead)
    if (words !== this.#words) {
      this.#words = words
      this.#since = now
    }
    const quiet = now - this.#since
    if (this.#state === "left") {
      // It has all that it can have; that it does not close as well is its affair. A WebSocket has an answer to give.
      const patience = this.#manners.idle * (this.#manners.webSocket ? 4 : 2)
      if (now - this.#leftAt >= patience && this.socket.writableLength === 0) this.destroy()
      return
    }
    if (this.#state === "leaving") return
    const waits = this.#told ? 0 : this.#manners.idle
    if (this.#owesNothing() && quiet >= waits) this.#goodbye()
  }

  override tell(): void {
    this.#told = true
    this.#drained.abort()
    // The last moment for a word that is always in place; others are said between two answers.
    if (this.#manners.webSocket && this.#state === "open") this.#goodbye()
    else this.look()
  }

  cut(): void {
    this.#cut = this.#state !== "left" || this.socket.writableLength > 0
    if (this.webSocket !== undefined) this.webSocket.terminate()
    this.destroy()
  }

  override describe(): ReturnType<Connection["describe"]> {
    return super.describe().map((row) => ({ ...row, name: `${this.#manners.upgrade}${this.remote}` }))
  }

  protected state(): [string, string] {
    if (this.socket.writableLength > 0) return [this.#state, "its client, which does not read"]
    if (this.#state === "left") return ["said goodbye", "its client"]
    if (this.#state === "leaving") return ["leaving", "its goodbye"]
    return this.#owesNothing() ? ["talking", "its client"] : ["talking", "an answer of the program"]
  }

  /** Whether the last word was the server's, or nobody has spoken. */
  #owesNothing(): boolean {
    return this.socket.bytesWritten > this.#writtenAtRead
  }

  #pause(): void {
    this.#paused = true
    if (this.webSocket?.pause === undefined) this.socket.pause()
    else this.webSocket.pause()
  }

  #resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.webSocket?.resume === undefined) this.socket.resume()
    else this.webSocket.resume()
  }

  #goodbye(): void {
    this.#leave(() => {
      if (this.webSocket !== undefined) this.webSocket.close(...GOING_AWAY)
      else if (this.#manners.webSocket) this.socket.write(CLOSE_1001)
      else return this.#end()
      // Its answer to that is to be heard.
      this.#resume()
    })
  }

  /** Nothing more is said, and what comes from now on is refused: no handler sees what it could not answer. */
  #end(): void {
    const { socket } = this
    this.close()
    socket.end()
    socket.removeAllListeners("data").removeAllListeners("readable")
    socket.on("data", () => {}).resume()
  }

  #leave(say: () => void): void {
    this.#state = "left"
    this.#leftAt = this.belongs.time()
    if (this.socket.destroyed) return
    // What the program goes on to write finds it ended, which is no accident.
    this.socket.on("error", () => {})
    say()
  }
}
