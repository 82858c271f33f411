/**
 * A connection of HTTP/1.
 *
 * Legal states, by what is in flight and what was read: new (no whole request yet), busy (requests in flight), idle (all that
 * came was answered), half (idle, and a part of the next request has come). What it has been told is `#step`, each for a later
 * one only.
 */
import { Connection } from "./Connection.js"
import type { Http1Exchange } from "./Exchange.js"

/** A last word to a request that nobody has answered. */
const REFUSAL = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

export class HttpConnection extends Connection<Http1Exchange> {
  /** `bytesRead` when the last answer had ended; undefined before the first. */
  #readAtRest: number | undefined
  /** `lame`: its answers are the last; `finish`: it ends when it is idle; `end`: nothing more is served on it. */
  #step: "serve" | "lame" | "finish" | "end" = "serve"

  override begin(exchange: Http1Exchange): void {
    if (this.#step !== "serve") this.exchanges.at(-1)?.isLast(false)
    super.begin(exchange)
    if (this.#step !== "serve") exchange.isLast(true)
  }

  override end(exchange: Http1Exchange): void {
    super.end(exchange)
    if (this.exchanges.length > 0) return
    this.#readAtRest = this.socket.bytesRead
    // Its headers may have been sent before anybody knew that it was the last one. What has come meanwhile is served first.
    if (this.#step === "finish") setImmediate(() => this.#endIfIdle())
  }

  override lameDuck(): void {
    this.#step = "lame"
    this.exchanges.at(-1)?.isLast(true)
  }

  finish(): void {
    this.#step = "finish"
    this.#endIfIdle()
  }

  late(): void {
    if (this.exchanges.length > 0 || this.socket.destroyed || this.#step === "end") return
    this.#step = "end"
    if (this.#isHalf()) this.#refuse()
    else this.destroy()
  }

  cut(): void {
    const [first, ...more] = this.exchanges
    for (const exchange of this.exchanges) exchange.cut()
    if (first !== undefined && more.length === 0 && !first.headersSent && this.#step !== "end") this.#refuse()
    else this.destroy()
  }

  protected state(): [string, string] {
    if (this.#step === "end") return ["ending", "its client, which does not read"]
    if (this.#isHalf()) return ["half sent", "its client, which does not send"]
    return [this.#readAtRest === undefined ? "silent" : "idle", "its client"]
  }

  /** Whether a part of a request has come. */
  #isHalf(): boolean {
    return this.socket.bytesRead > (this.#readAtRest ?? 0)
  }

  #endIfIdle(): void {
    if (this.exchanges.length > 0 || this.#readAtRest === undefined || this.socket.destroyed) return
    if (this.#isHalf() || this.#step === "end") return
    this.#step = "end"
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
    this.#step = "end"
    if (socket.writableLength > 0 || !socket.writable) return this.destroy()
    socket.on("error", () => {})
    socket.write(REFUSAL)
    // It fits into what the system takes at once, or nobody reads it.
    if (socket.writableLength > 0) this.destroy()
    else socket.destroySoon()
  }
}
