/**
 * The connections of one server of Node and the requests in flight on them, seen by its events alone. It changes nothing of
 * what the server does, until it is told to.
 */
import type { EventEmitter } from "node:events"
import { pathOf } from "../request/requestName.js"
import type { Home, Leftover } from "../../ports.js"
import { Companion } from "./Companion.js"
import type { Belongs, Connection, Life } from "./Connection.js"
import { Conversation } from "./Conversation.js"
import { enterExchange } from "../request/requestOfCall.js"
import {
  type Exchange,
  Http1Exchange,
  Http2Exchange,
  type Outcome,
  type RequestPhase,
  type Watcher
} from "./Exchange.js"
import { Handshake } from "./Handshake.js"
import { Http2Connection } from "./Http2Connection.js"
import { HttpConnection } from "./HttpConnection.js"
import {
  type Http2Session,
  type IncomingMessage,
  isSecure,
  type Listener,
  type NetServer,
  type ServerHttp2Stream,
  type ServerResponse,
  type Socket,
  speechOf,
  type WebSocketLike
} from "../kinds.js"
import type { ServerSettings, Times } from "../ServerOptions.js"
import { asksForWebSocket, GOING_AWAY } from "./webSocket.js"

/** How requests have gone since the server was told to close, and how many WebSockets were there. */
export interface Count {
  readonly inFlight: number
  readonly answered: number
  readonly gone: number
  readonly cut: number
  readonly conversations: number
}

/** What the phases have said so far; what comes later is told at once. */
type Said = "nothing" | "lameDuck" | "finish" | "late" | "tell" | "cut"

const order: ReadonlyArray<Said> = ["nothing", "lameDuck", "finish", "late", "tell", "cut"]

/** So many are not worth a look for those that have ended. */
const MOST_UNCHECKED = 64

/** The socket under one of TLS. */
const below = (socket: Socket): Socket | undefined =>
  (socket as { readonly _parent?: unknown })._parent as Socket | undefined

export class Connections implements Watcher, Belongs {
  /**
   * By their sockets or sessions: of each, what it is now. Until the server closes, those that have ended are found when there
   * are twice as many as there were: a listener for each costs more memory than all else that is kept of one that is idle.
   */
  readonly #all = new Map<Life, Connection>()
  #checkAt = MOST_UNCHECKED
  /** Requests that are not over, or are served by somebody still. */
  readonly #exchanges = new Map<Exchange, Connection>()
  readonly #companions: Array<Companion> = []
  readonly #listeners: Array<readonly [string, Listener]> = []
  readonly #secure: boolean
  readonly #speech: ReturnType<typeof speechOf>
  /** The connection whose event is being emitted. */
  #arriving: Connection | undefined
  #said: Said = "nothing"
  #arrived = 0
  #over = 0
  #count = { inFlight: 0, answered: 0, gone: 0, cut: 0, conversations: 0 }

  constructor(
    readonly loop: Home,
    private readonly node: NetServer,
    readonly server: string,
    private readonly settings: ServerSettings,
    private readonly times: Times,
    /** Something has ended. */ private readonly changed: () => void
  ) {
    this.#secure = isSecure(node)
    this.#speech = speechOf(node)
    this.#listen("connection", (socket: Socket) => {
      this.#add(this.#secure ? new Handshake(this, socket) : this.#first(socket))
    })
    if (this.#secure) {
      this.#listen("secureConnection", (socket: Socket) => {
        const handshake = this.#handshakeOf(socket)
        const connection = this.#first(socket)
        if (handshake !== undefined) this.#all.delete(handshake.life)
        this.#add(connection)
      })
    }
    if (this.#speech === "http2") {
      this.#listen("session", (session: Http2Session) => this.#session(session))
      this.#listen("stream", (stream: ServerHttp2Stream, headers: Record<string, string>) =>
        this.#stream(stream, headers)
      )
    }
    if (this.#speech !== "raw") {
      for (const name of ["request", "checkContinue", "checkExpectation"]) {
        this.#beside(name, (request: IncomingMessage, answer: ServerResponse) => {
          enterExchange(request, answer)
          this.#request(request, answer)
        })
      }
      for (const name of ["upgrade", "connect"]) {
        this.#beside(name, (request: IncomingMessage, socket: Socket) => this.#upgrade(request, socket))
      }
    }
    settings.webSockets?.on("connection", this.#webSocket)
  }

  /** Looks no more. */
  end(): void {
    for (const [name, listener] of this.#listeners) this.node.off(name, listener)
    for (const companion of this.#companions) companion.end()
    const { webSockets } = this.settings
    ;(webSockets as Partial<EventEmitter> | undefined)?.off?.("connection", this.#webSocket)
  }

  time(): number {
    return this.loop.time()
  }

  /** Whether nothing is connected and nobody serves any more. */
  get quiet(): boolean {
    return this.#all.size === 0 && this.#exchanges.size === 0
  }

  get arrived(): number {
    return this.#arrived
  }

  get happened(): number {
    return this.#arrived + this.#over
  }

  get count(): Count {
    return this.#count
  }

  /** The sessions of HTTP/2. */
  get sessions(): ReadonlyArray<Http2Session> {
    return [...this.#all.values()].flatMap((one) => (one instanceof Http2Connection ? [one.session] : []))
  }

  held(): ReadonlyArray<Leftover> {
    this.#check()
    const served = [...this.#exchanges.keys()].filter(({ isOver }) => isOver)
    return [
      ...[...this.#all.values()].flatMap((connection) => connection.describe()),
      ...served.map((exchange) => exchange.describe())
    ]
  }

  /** The phase of each request that is not over, or is served by somebody still. */
  phases(): ReadonlyArray<RequestPhase> {
    return [...this.#exchanges.keys()].map(({ phase }) => phase)
  }

  /** Takes all of them, and those that come, one step further. */
  say(what: Exclude<Said, "nothing">): void {
    this.#said = what
    if (what === "lameDuck") {
      this.#check()
      for (const life of this.#all.keys()) life.once("close", () => this.#closed(life))
      this.#count.inFlight = this.#exchanges.size
    }
    if (what === "finish") {
      this.#count.conversations = [...this.#all.values()].filter((one) => one instanceof Conversation).length
      for (const exchange of this.#exchanges.keys()) exchange.tellClosing()
    }
    if (what === "late") for (const exchange of this.#exchanges.keys()) exchange.endEvents()
    for (const connection of [...this.#all.values()]) connection[what]()
    if (what === "finish") for (const one of this.#unknownWebSockets()) one.close(...GOING_AWAY)
    if (what === "cut") for (const one of this.#unknownWebSockets()) one.terminate()
    if (what === "tell" || what === "cut") {
      const reason = what === "tell" ? "drain over" : "server closed"
      for (const exchange of this.#exchanges.keys()) exchange.interrupt(reason)
    }
  }

  look(): void {
    for (const connection of [...this.#all.values()]) connection.look()
  }

  over(exchange: Exchange, outcome: Outcome): void {
    this.#over++
    const connection = this.#exchanges.get(exchange)
    if (connection instanceof HttpConnection) connection.end(exchange as Http1Exchange)
    if (connection instanceof Http2Connection) connection.end(exchange as Http2Exchange)
    if (this.#said !== "nothing") this.#count[outcome]++
  }

  ended(exchange: Exchange): void {
    this.#exchanges.delete(exchange)
    this.changed()
  }

  /** Those that were there before anybody looked. */
  #unknownWebSockets(): ReadonlyArray<WebSocketLike> {
    const known = new Set([...this.#all.values()].map((one) => one instanceof Conversation && one.webSocket))
    return [...(this.settings.webSockets?.clients ?? [])].filter((one) => !known.has(one))
  }

  #listen(name: string, listener: Listener): void {
    this.#listeners.push([name, listener])
    // Before those of the program, which may answer or end what comes.
    this.node.prependListener(name, listener)
  }

  #beside(name: string, listener: Listener): void {
    this.#companions.push(new Companion(this.node, name, listener))
  }

  /** What a socket that has just come is the connection of. */
  #first(socket: Socket): Connection {
    if (this.#speech === "raw") return this.#conversation(socket)
    return new HttpConnection(this, socket)
  }

  #conversation(socket: Socket, upgrade = "", webSocket = false): Conversation {
    const { loop, times } = this
    const { goodbye } = this.settings
    return new Conversation(this, socket, { upgrade, webSocket, goodbye, idle: times.idle, loop })
  }

  #add(connection: Connection): void {
    const { life } = connection
    const isNew = !this.#all.has(life)
    if (isNew) this.#arrived++
    this.#all.set(life, connection)
    this.#arriving = connection
    if (this.#said === "nothing") return this.#checkNowAndThen()
    if (isNew) life.once("close", () => this.#closed(life))
    // One that was accepted as the server stopped accepting is like the others.
    for (const step of order.slice(1, order.indexOf(this.#said) + 1)) {
      connection[step as Exclude<Said, "nothing">]()
    }
  }

  #checkNowAndThen(): void {
    if (this.#all.size < this.#checkAt) return
    this.#check()
    this.#checkAt = Math.max(MOST_UNCHECKED, 2 * this.#all.size)
  }

  /** Those that have ended without a word. */
  #check(): void {
    for (const life of [...this.#all.keys()]) if (life.destroyed) this.#closed(life)
  }

  #closed(life: Life): void {
    const connection = this.#all.get(life)
    if (connection === undefined) return
    if (connection instanceof Conversation) {
      connection.close()
      if (connection.isCut) this.#count.cut++
    }
    this.#all.delete(life)
    if (connection.exchanges.length > 0) {
      setImmediate(() => connection.exchanges.forEach((exchange) => exchange.connectionClosed()))
    }
    this.changed()
  }

  #handshakeOf(socket: Socket): Connection | undefined {
    const parent = below(socket)
    const known = parent === undefined ? undefined : this.#all.get(parent)
    if (known !== undefined) return known
    const { remoteAddress, remotePort } = socket
    if (remoteAddress === undefined) return undefined
    const isSame = ({ socket: other }: Connection): boolean =>
      other.remoteAddress === remoteAddress && other.remotePort === remotePort
    return [...this.#all.values()].find((one) => one instanceof Handshake && isSame(one))
  }

  #request(request: IncomingMessage, answer: ServerResponse): void {
    // The compatible API of HTTP/2 makes a request of each stream, which is known already.
    if (request.httpVersionMajor !== 1) return
    const { socket } = request
    let connection = this.#all.get(socket)
    if (connection === undefined) {
      // Who emits a request by hand may have no connection for it.
      if (typeof (socket as Partial<Socket> | null | undefined)?.destroySoon !== "function") return
      this.#add((connection = new HttpConnection(this, socket)))
    }
    if (!(connection instanceof HttpConnection) || answer.closed) return
    const exchange = new Http1Exchange(this, connection, request, answer)
    this.#began(exchange, connection)
    connection.begin(exchange)
  }

  /** One that has just come is that of the connection whose event it is; others were there before anybody looked. */
  #session(session: Http2Session): Http2Connection {
    const arriving = this.#arriving
    const socket = arriving?.socket ?? session.socket
    const connection = new Http2Connection(this, socket as Socket, session)
    if (arriving !== undefined) this.#all.delete(arriving.life)
    this.#add(connection)
    this.#arriving = undefined
    return connection
  }

  #stream(stream: ServerHttp2Stream, headers: Record<string, string>): void {
    const { session } = stream
    if (session === undefined) return
    const known = this.#all.get(session)
    const connection = known instanceof Http2Connection ? known : this.#sessionBefore(session)
    const exchange = new Http2Exchange(this, connection, stream, headers)
    this.#began(exchange, connection)
    connection.begin(exchange)
  }

  #sessionBefore(session: Http2Session): Http2Connection {
    this.#arriving = undefined
    return this.#session(session)
  }

  #began(exchange: Exchange, connection: Connection): void {
    this.#exchanges.set(exchange, connection)
    if (this.#said === "nothing") return
    this.#count.inFlight++
    if (this.#said !== "lameDuck") exchange.tellClosing()
  }

  #upgrade(request: IncomingMessage, socket: Socket): void {
    const name = `${request.headers.upgrade ?? request.method ?? "?"} ${pathOf(request.url ?? "?")} of `
    const conversation = this.#conversation(socket, name, asksForWebSocket(request.headers))
    this.#add(conversation)
  }

  readonly #webSocket = (webSocket: WebSocketLike, request: IncomingMessage): void => {
    const conversation = this.#all.get(request.socket)
    if (conversation instanceof Conversation) conversation.webSocket = webSocket
  }
}
