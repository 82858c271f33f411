/**
 * A connection of HTTP/2: a session and its streams. GOAWAY tells its client to go elsewhere; what it had asked for by then is
 * still answered.
 */
import { Connection, type Belongs, type Life } from "./Connection.js"
import type { Http2Exchange } from "./Exchange.js"
import type { Http2Session, Socket } from "../kinds.js"

/** The greatest id of a stream: all that have come are served, and all that come. */
const ALL_STREAMS = 2 ** 31 - 1

const NO_ERROR = 0

export class Http2Connection extends Connection<Http2Exchange> {
  #used = false
  #finishing = false

  constructor(
    belongs: Belongs,
    socket: Socket,
    readonly session: Http2Session
  ) {
    super(belongs, socket)
  }

  override get life(): Life {
    return this.session
  }

  override begin(exchange: Http2Exchange): void {
    this.#used = true
    super.begin(exchange)
    if (this.#finishing) this.#goAway()
  }

  /** Says that it will go, and goes on serving: whoever hears it opens another connection, elsewhere. */
  override lameDuck(): void {
    if (this.#used && !this.#isOver()) this.session.goaway(NO_ERROR, ALL_STREAMS)
  }

  finish(): void {
    this.#finishing = true
    // One that has just been made may be sending its first request.
    if (this.#used) this.#goAway()
  }

  late(): void {
    this.#goAway()
  }

  cut(): void {
    for (const exchange of this.exchanges) exchange.cut()
    this.session.on("error", () => {})
    if (!this.session.destroyed) this.session.destroy()
  }

  protected state(): [string, string] {
    return this.#used ? ["going away", "its client"] : ["silent", "its client"]
  }

  #isOver(): boolean {
    return this.session.closed || this.session.destroyed
  }

  /** GOAWAY; it closes by itself when its streams have ended. */
  #goAway(): void {
    if (!this.#isOver()) this.session.close()
  }
}
