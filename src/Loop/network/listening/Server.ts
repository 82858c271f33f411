/** What accepts connections, and lets go of them. `createServer.ts` makes one. */
import type { Socket } from "node:net"
import { addressText, type SocketAddress } from "../Address.js"
import type { Context } from "../../kernel/Context.js"
import { InvalidStateError } from "../../kernel/errors.js"
import { Future, readAsFuture } from "../../kernel/Future.js"
import { Handle } from "../../kernel/Handle.js"
import { type Held, networkOf } from "../Network.js"
import type { Home, Leftover } from "../../ports.js"
import { checkProtocol, SocketTransport } from "../SocketTransport.js"
import type { Source } from "../Source.js"
import type { TLSSocket } from "node:tls"

/**
 * Where a server listens.
 *
 * @category models
 * @since 0.2.0
 */
export interface ServerSocket {
  /** The address; `undefined` for a unix socket. */
  readonly host: string | undefined
  /** The port, also where any was asked for; `undefined` for a unix socket. */
  readonly port: number | undefined
  /** The path of a unix socket. */
  readonly path: string | undefined
  readonly family: 4 | 6 | "unix"
}

/** Something that listens, and gives what it has accepted. */
export interface Listener {
  readonly address: SocketAddress | string
  /** Accepts no more. At once, and never throws. */
  close(): void
  ref(): void
  unref(): void
}

/** How a server comes to listen; each is opened once. */
export interface ServerPlan {
  /** Opens all listeners, or none: `done` is called once, later, unless the result, which takes it back, is called before. */
  readonly open: (
    accept: Accept,
    done: (listeners: ReadonlyArray<Listener> | undefined, error?: Error) => void
  ) => () => void
  readonly factory: () => unknown
  /** The method that makes the server, for reports. */
  readonly what: string
  /** Where it is to listen, for reports. */
  readonly name: string
}

/** What listeners tell a server. */
export interface Accept {
  /** A connection came. `tls` where it has that, on top of `raw`; `path` where it is one of a unix socket. */
  accepted(
    source: Source,
    of: { readonly tls?: TLSSocket; readonly raw?: Socket | undefined; readonly path?: string }
  ): void
  /** A connection came whose handshake is yet to be. */
  arriving(socket: Socket): void
  /** A connection could not be accepted. */
  failed(error: Error, address: string): void
}

/** A connection that is no transport yet. */
interface Arriving extends Held {
  /** Its socket was closed. */
  closed(): void
}

/** A start that is waited for: what is cancelled takes it back. */
class Starting extends Future<void> {
  static {
    readAsFuture(this)
  }
}

/** A wait for ever, whose cancelling closes the server. */
class Forever extends Future<never> {
  static {
    readAsFuture(this)
  }
}

/**
 * A server of connections. asyncio: `Server`; exported as `AioServer`, for `Server` is the Effect form.
 *
 * Legal states: made, starting, serving, closed. Closing it ends no connection: `waitClosed` waits for them, `closeClients`
 * and `abortClients` end them. A server that is dropped goes on serving; the closing of the loop stops it, before tasks are
 * cancelled, and aborts what connections are left in the end.
 *
 * @example
 * const loop = SyncLoop.make()
 * await loop.runUntilComplete(async () => {
 *   await using server = await loop.createServer(() => ({}), { host: "127.0.0.1", port: 0 })
 *   console.log(server.isServing(), server.sockets[0]?.host) // => true 127.0.0.1
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.2.0
 */
export class Server {
  readonly #loop: Home
  readonly #plan: ServerPlan
  readonly #context: Context | undefined
  readonly #createdAt: number
  readonly #connections = new Set<SocketTransport>()
  /** Accepted, and not a transport yet: its protocol is to be made, or it is in its TLS handshake. */
  readonly #arriving = new Map<Socket, Arriving>()
  readonly #waits = new Set<Future<void>>()
  readonly #starts = new Set<Future<void>>()
  /** A start that the closing of the loop takes back. */
  readonly #starting: Held = { abort: () => this.close(), describe: () => this.describe() }
  #listeners: ReadonlyArray<Listener> = []
  #state: "made" | "starting" | "serving" | "closed" = "made"
  #takeBack: (() => void) | undefined
  #forever: Future<never> | undefined

  /** @internal */
  constructor(loop: Home, plan: ServerPlan, context: Context | undefined) {
    this.#loop = loop
    this.#plan = plan
    this.#context = context
    this.#createdAt = loop.time()
  }

  /** Where it listens: one entry for each address. Empty before it serves and once it is closed. */
  get sockets(): ReadonlyArray<ServerSocket> {
    return this.#listeners.map(({ address }) =>
      typeof address === "string"
        ? { host: undefined, port: undefined, path: address, family: "unix" }
        : { host: address.host, port: address.port, path: undefined, family: address.family }
    )
  }

  /** The loop that it belongs to. */
  getLoop(): object {
    return this.#loop
  }

  /** Whether it accepts connections. */
  isServing(): boolean {
    return this.#state === "serving"
  }

  /**
   * Begins to listen and to accept, where `startServing: false` has kept it from that. Done when it does. Fails with
   * {@link BindError}, {@link InvalidStateError} on a server that is closed; throws {@link LoopClosedError}. Idempotent; cancelling it closes what it has
   * opened.
   *
   * Differs: asyncio binds such a server when it is made, and only listens here. Node does both in one.
   */
  startServing(): Future<void> {
    networkOf(this.#loop).refuse("startServing")
    const start: Future<void> = new Starting(this.#loop, () => {
      this.#starts.delete(start)
      if (this.#starts.size === 0 && this.#state === "starting") this.#unstart()
      return false
    })
    if (this.#state === "closed") start._settleError(this.#closedError("startServing"))
    else if (this.#state === "serving") start._settleValue(undefined)
    else {
      this.#starts.add(start)
      if (this.#state === "made") this.#start()
    }
    return start
  }

  /**
   * Serves until it is cancelled, which closes the server. It is cancelled, too, when the server is closed otherwise. One
   * at a time. Connections go on, as in CPython 3.11: `waitClosed` waits for them.
   */
  serveForever(): Future<never> {
    networkOf(this.#loop).refuse("serveForever")
    const forever: Future<never> = new Forever(this.#loop, () => {
      if (this.#forever === forever) this.#forever = undefined
      this.close()
      return false
    })
    if (this.#state === "closed") forever._settleError(this.#closedError("serveForever"))
    else if (this.#forever !== undefined) {
      forever._settleError(
        new InvalidStateError(`serveForever() of ${this._name}: somebody else does that already`)
      )
    } else {
      this.#forever = forever
      const start = this.startServing()
      start._add({
        resumes: false,
        run: () => {
          if (start._peek() !== "error") return
          if (this.#forever === forever) this.#forever = undefined
          if (forever.done()) start._markRetrieved()
          else forever._settleAs(start)
        }
      })
    }
    return forever
  }

  /** Accepts no more, from now on: whoever connects is refused. What is connected is not touched. Idempotent. */
  close(): void {
    if (this.#state === "closed") return
    if (this.#state === "starting") this.#unstart()
    this.#state = "closed"
    for (const listener of this.#listeners) listener.close()
    this.#listeners = []
    networkOf(this.#loop).servers.delete(this)
    for (const start of [...this.#starts]) start._settleError(this.#closedError("startServing"))
    this.#starts.clear()
    const forever = this.#forever
    this.#forever = undefined
    forever?.cancel()
    this.#tellClosed()
  }

  /** Closes each connection, once what waits to be written is. asyncio 3.13. */
  closeClients(): void {
    for (const connection of [...this.#connections]) connection.close()
    // Nobody was told of them, and they have nothing to be sent.
    for (const socket of this.#arriving.keys()) socket.destroy()
  }

  /** Closes each connection at once: what waits to be written is dropped. asyncio 3.13. */
  abortClients(): void {
    for (const connection of [...this.#connections]) connection.abort()
    for (const socket of this.#arriving.keys()) socket.destroy()
  }

  /**
   * Done when the server is closed and its last connection, too; it does not close either. Cancelling it ends the waiting
   * and nothing else. As in CPython 3.12 and later.
   */
  waitClosed(): Future<void> {
    const wait: Future<void> = new Future<void>(this.#loop, () => {
      this.#waits.delete(wait)
      return false
    })
    if (this.#isOver()) wait._settleValue(undefined)
    else this.#waits.add(wait)
    return wait
  }

  /** `close`, and then `waitClosed`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.waitClosed()
  }

  toString(): string {
    return `<Server ${this._name} ${this.#state} connections=${this.#open}>`
  }

  toJSON(): unknown {
    return { _id: "Server", name: this._name, state: this.#state, connections: this.#open }
  }

  /** Connections that are there, or on their way to be told of. */
  get #open(): number {
    return this.#connections.size + this.#arriving.size
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal Where it listens, or is to. */
  get _name(): string {
    const at = this.#listeners.map(({ address }) => addressText(address)).join(", ")
    return at === "" ? this.#plan.name : at
  }

  /** @internal */
  attach(transport: SocketTransport): void {
    this.#connections.add(transport)
  }

  /** @internal */
  detach(transport: SocketTransport): void {
    this.#connections.delete(transport)
    this.#tellClosed()
  }

  /** @internal A connection that is no transport yet, from now until `arrived` or its close. */
  arriving(socket: Socket): void {
    const since = this.#loop.time()
    const held: Arriving = {
      closed: () => this.arrived(socket),
      abort: () => socket.destroy(),
      describe: () => ({
        what: "connection",
        name: `a client of ${this._name}`,
        age: this.#loop.time() - since,
        state: "arriving",
        waitingOn: "its TLS handshake, or its protocol",
        createdAt: this.#plan.what,
        blamed: false
      })
    }
    this.#arriving.set(socket, held)
    networkOf(this.#loop).starting.add(held)
    socket.on("error", nothing)
    socket.once("close", held.closed)
  }

  /** @internal It is a transport now, or closed. */
  arrived(socket: Socket): void {
    const held = this.#arriving.get(socket)
    if (held === undefined) return
    this.#arriving.delete(socket)
    networkOf(this.#loop).starting.delete(held)
    socket.off("error", nothing)
    socket.off("close", held.closed)
    this.#tellClosed()
  }

  /** @internal The loop runs, or stands still: what listens keeps the process meanwhile, or does not. */
  hold(process: boolean): void {
    for (const listener of this.#listeners) {
      if (process) listener.ref()
      else listener.unref()
    }
  }

  /** @internal The row of the server in a report. */
  describe(): Leftover {
    return {
      what: "server",
      name: this._name,
      age: this.#loop.time() - this.#createdAt,
      state: this.#state,
      waitingOn: `connections (${this.#open} open)`,
      createdAt: this.#plan.what,
      blamed: false
    }
  }

  #start(): void {
    const network = networkOf(this.#loop)
    this.#state = "starting"
    network.starting.add(this.#starting)
    this.#takeBack = this.#plan.open(this.#accept, (listeners, error) => {
      this.#takeBack = undefined
      network.starting.delete(this.#starting)
      if (listeners === undefined) {
        this.#state = "made"
        return this.#tellStarts((start) => start._settleError(error))
      }
      this.#listeners = listeners
      this.#state = "serving"
      network.serves(this)
      this.#tellStarts((start) => start._settleValue(undefined))
    })
  }

  #unstart(): void {
    this.#state = "made"
    networkOf(this.#loop).starting.delete(this.#starting)
    const takeBack = this.#takeBack
    this.#takeBack = undefined
    takeBack?.()
  }

  #tellStarts(tell: (start: Future<void>) => void): void {
    const starts = [...this.#starts]
    this.#starts.clear()
    this.#loop._afterQueued(() => {
      for (const start of starts) if (!start.done()) tell(start)
    })
  }

  readonly #accept: Accept = {
    accepted: (source, { path, raw, tls }) => {
      const { socket } = source
      this.arriving(socket)
      if (raw !== undefined) this.arrived(raw)
      const accept = (): void => {
        // It has ended before anybody was told of it.
        if (socket.destroyed) return
        try {
          const protocol = checkProtocol(
            `${this.#plan.what}, from its protocolFactory,`,
            this.#plan.factory()
          )
          const transport = new SocketTransport(this.#loop, source, protocol, this.#context, {
            owner: this,
            path,
            tls
          })
          this.arrived(socket)
          transport._begin()
        } catch (exception) {
          this.#loop.callExceptionHandler({
            kind: "connection",
            message: `A connection to ${this._name} was closed: its protocol could not be made`,
            exception
          })
          socket.destroy()
        }
      }
      if (this.#loop.isClosed()) socket.destroy()
      else this.#loop._push(new Handle(this.#loop, accept, undefined, this.#context))
    },
    arriving: (socket) => this.arriving(socket),
    failed: (exception, address) => {
      this.#loop.callExceptionHandler({
        kind: "connection",
        message: `A connection to ${address} could not be accepted; the server goes on`,
        exception
      })
    }
  }

  #isOver(): boolean {
    return this.#state === "closed" && this.#connections.size === 0 && this.#arriving.size === 0
  }

  #tellClosed(): void {
    if (!this.#isOver()) return
    const waits = [...this.#waits]
    this.#waits.clear()
    for (const wait of waits) wait._settleValue(undefined)
  }

  #closedError(what: string): InvalidStateError {
    return new InvalidStateError(`${what}() of ${this.#plan.name}: the server is closed`)
  }
}

const nothing = (): void => {}
