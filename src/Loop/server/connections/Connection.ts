/**
 * One connection of a server, from its acceptance to its close, whatever it speaks. The phases tell it what to do; what that
 * means is said by its kind: HttpConnection, Http2Connection, Conversation, or Handshake of TLS.
 *
 * `finish` comes first, `late` and `tell` after it, `cut` at last. Each is called once at most, on one that is open.
 */
import type { Leftover } from "../../ports.js"
import type { Exchange } from "./Exchange.js"
import type { Socket } from "../kinds.js"

/** What a connection must know of where it belongs. */
export interface Belongs {
  time(): number
  /** For reports. */
  readonly server: string
}

/** A socket, or a session of HTTP/2: it says when it has ended. */
export interface Life {
  readonly destroyed: boolean
  once(event: "close", listener: () => void): unknown
}

/** Who is at the other end, for reports. */
const remoteOf = (socket: Socket): string => {
  const { destroyed, remoteAddress, remotePort } = socket
  if (remoteAddress === undefined) return destroyed ? "a client that has gone" : "a local client"
  const host = remoteAddress.startsWith("::ffff:") ? remoteAddress.slice(7) : remoteAddress
  return `${host.includes(":") ? `[${host}]` : host}:${remotePort ?? "?"}`
}

/** What is idle is most of what there is, and shares it. */
const none: ReadonlyArray<never> = []

export abstract class Connection<E extends Exchange = Exchange> {
  readonly startedAt: number
  #exchanges: ReadonlyArray<E> = none

  constructor(
    protected readonly belongs: Belongs,
    readonly socket: Socket
  ) {
    // A whole number takes no memory of its own.
    this.startedAt = Math.round(belongs.time())
  }

  /** What lives as long as it does. */
  get life(): Life {
    return this.socket
  }

  /** Who is at the other end. Not known any more when it is destroyed. */
  get remote(): string {
    return remoteOf(this.socket)
  }

  /** The requests that are in flight on it. */
  get exchanges(): ReadonlyArray<E> {
    return this.#exchanges
  }

  /** A request has come. */
  begin(exchange: E): void {
    this.#exchanges = this.#exchanges.length === 0 ? [exchange] : [...this.#exchanges, exchange]
  }

  /** Its answer has ended. */
  end(exchange: E): void {
    const left = this.#exchanges.filter((one) => one !== exchange)
    this.#exchanges = left.length === 0 ? none : left
  }

  /** What is in flight is the last: phase 1. */
  lameDuck(): void {}

  /** What is in flight is answered, and then it ends; what is idle ends now: phase 3. */
  abstract finish(): void

  /** The time for what is silent or half sent is over. */
  abstract late(): void

  /** Looks again, every now and then: how long nothing has happened can be seen in no other way. */
  look(): void {}

  /** The time of the drain is over: phase 5. The handlers of its requests are told beside it. */
  tell(): void {}

  /** Nothing is waited for any more: phase 6. True where something was cut off. */
  abstract cut(): void

  /** Rows for what of it would be cut off. */
  describe(): ReadonlyArray<Leftover> {
    if (this.exchanges.length > 0) return this.exchanges.map((exchange) => exchange.describe())
    const [state, waitingOn] = this.state()
    return [
      {
        what: "connection",
        name: this.remote,
        age: this.belongs.time() - this.startedAt,
        state,
        waitingOn,
        createdAt: this.belongs.server,
        blamed: true
      }
    ]
  }

  protected abstract state(): [state: string, waitingOn: string]

  protected destroy(): void {
    // What is written to it from now on finds it destroyed, which is no accident.
    this.socket.on("error", () => {})
    this.socket.destroy()
  }
}
