/**
 * The servers and connections of a loop, as one capability. Step 3 of the closing stops the servers; what still talks then
 * is what tasks use, which are told to stop in step 4; step 8 aborts what is left.
 */
import { Capability, perLoop } from "../closing/Capability.js"
import type { Home, Leftover } from "../ports.js"

/** How much of the network a loop has, as a part of its statistics. */
export interface NetworkNumbers {
  /** Servers that accept connections. */
  readonly servers: number
  /** Connections and endpoints that are not closed. */
  readonly transports: number
}

/** What is open, to the closing of the loop. */
export interface Held {
  /** Ends it at once, waiting for nothing. Never throws. */
  abort(): void
  describe(): Leftover
  /** Whether it keeps the process. */
  hold?(process: boolean): void
}

/** A server, to the closing of the loop. */
export interface Serving {
  close(): void
  /** Whether it keeps the process. */
  hold(process: boolean): void
  describe(): Leftover
}

export class Network extends Capability {
  /** The numbers of a loop that has used no network. */
  static readonly none: NetworkNumbers = { servers: 0, transports: 0 }
  readonly step = "servers"
  /** Those that accept. */
  readonly servers = new Set<Serving>()
  /** Those that were not told of their end. */
  readonly transports = new Set<Held>()
  /** Connections that are being made. */
  readonly starting = new Set<Held>()

  #following = false

  constructor(loop: Home) {
    super(loop)
    loop._onStarted(() => this.#follow())
    this.#follow()
  }

  /** A connection or endpoint is there from now on. */
  opens(transport: Held): void {
    this.transports.add(transport)
    if (!this.#following) transport.hold?.(false)
  }

  /** A server accepts from now on. */
  serves(server: Serving): void {
    this.servers.add(server)
    if (!this.#following) server.hold(false)
  }

  override numbers(): NetworkNumbers {
    return { servers: this.servers.size, transports: this.transports.size }
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.servers, ...this.starting, ...this.transports].map((held) => held.describe())
  }

  override quiet(): boolean {
    return this.servers.size === 0
  }

  override close(then: () => void): void {
    for (const server of [...this.servers]) server.close()
    then()
  }

  protected override letGo(): void {
    for (const server of [...this.servers]) server.close()
    for (const held of [...this.starting, ...this.transports]) held.abort()
  }

  /** What is open keeps the process while the loop runs, and not while it stands still. */
  #follow(): void {
    if (this.#following || this.released || !this.loop.isRunning()) return
    this.#following = true
    this.#hold(true)
    this.loop._onStopped(() => {
      this.#following = false
      // A loop that is being stopped for good goes on at once.
      this.#follow()
      if (!this.#following) this.#hold(false)
    })
  }

  #hold(process: boolean): void {
    for (const server of this.servers) server.hold(process)
    for (const transport of this.transports) transport.hold?.(process)
  }
}

/** The capability of a loop, made when it is first asked for. */
export const networkOf = perLoop<Network>(Network)
