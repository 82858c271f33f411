/**
 * A connection of HTTP/1.
 *
 * Legal states, by what is in flight and what was read: new (no whole request yet), busy (requests in flight), idle (all that
 * came was answered), half (idle, and a part of the next request has come). `#ending` is set when nothing more is served on it.
 */
import { Connection } from "./Connection.js"
import type { Http1Exchange } from "./Exchange.js"
import type { Belongs } from "./Connection.js"
import type { Socket } from "./kinds.js"

/** A last word to a request that nobody has answered. */
const REFUSAL = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

export class HttpConnection extends Connection {
  declare readonly exchanges: Set<Http1Exchange>
  /** `bytesRead` when the last answer had ended; undefined before the first. */
  #readAtRest: number | undefined
  #lame = false
  #finishing = false
  #ending = false
  #flushing = false

  constructor(belongs: Belongs, socket: Socket) {
    super(belongs, socket)
  }

  /** A request has come. */
  begin(exchange: Http1Exchange): void {
    this.exchanges.add(exchange)
    if (this.#lame) exchange.isLast()
  }

  /** An answer has ended. */
  end(exchange: Http1Exchange): void {
    this.exchanges.delete(exchange)
    if (this.exchanges.size > 0) return
    this.#readAtRest = this.socket.bytesRead
    // Its headers may have been sent before anybody knew that it was the last one. What has come meanwhile is served first.
    if (this.#finishing) setImmediate(() => this.#endIfIdle())
  }

  override lameDuck(): void {
    this.#lame = true
    for (const exchange of this.exchanges) exchange.isLast()
  }

  finish(): void {
    this.#finishing = true
    this.#endIfIdle()
  }

  late(): void {
    if (this.exchanges.size > 0 || this.socket.destroyed || this.#ending) return
    this.#ending = true
    if (this.#isHalf()) this.#refuse()
    else this.destroy()
  }

  cut(): void {
    const [first, ...more] = this.exchanges
    for (const exchange of this.exchanges) exchange.cut()
    if (first !== undefined && more.length === 0 && !first.headersSent && !this.#ending) this.#refuse()
    else this.destroy()
  }

  protected state(): [string, string] {
    if (this.#ending || this.#flushing) return ["ending", "its client, which does not read"]
    if (this.#isHalf()) return ["half sent", "its client, which does not send"]
    return [this.#readAtRest === undefined ? "silent" : "idle", "its client"]
  }

  /** Whether a part of a request has come. */
  #isHalf(): boolean {
    return this.socket.bytesRead > (this.#readAtRest ?? 0)
  }

  #endIfIdle(): void {
    if (this.exchanges.size > 0 || this.#readAtRest === undefined || this.socket.destroyed) return
    if (this.#isHalf() || this.#ending) return
    this.#ending = true
    this.socket.on("error", () => {})
    // It may hold the end of the last answer.
    this.socket.destroySoon()
  }

  /**
   * Past the response, which its handler has and may still write to: that finds its socket destroyed, and does not throw, as it
   * would if its headers had been sent for it.
   */
  #refuse(): void {
    const { socket } = this
    if (socket.writableLength > 0 || !socket.writable) return this.destroy()
    socket.on("error", () => {})
    socket.write(REFUSAL)
    this.#flushing = socket.writableLength > 0
    if (this.#flushing) this.destroy()
    else socket.destroySoon()
  }
}
