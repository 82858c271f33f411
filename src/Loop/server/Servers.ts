/**
 * The servers of a loop that have a Scope, as one capability: those of a loop that closes go through their phases side by
 * side, in step 3 of S1, or with the first one whose Scope closes.
 */
import type * as Scope from "effect/Scope"
import { Capability, perLoop } from "../closing/Capability.js"
import type { Home, Leftover } from "../ports.js"
import { addressText } from "./address.js"
import { Connections } from "./connections/Connections.js"
import { ListeningServer } from "./ListeningServer.js"
import type { Opened } from "./openServer.js"
import { type ServerSettings, sumOf, type Times, timesWithin } from "./ServerOptions.js"

/** Who owns a server. */
export type Owner = Scope.Scope

export class Servers extends Capability {
  readonly step = "servers"
  protected override readonly queues = false
  readonly #open = new Map<ListeningServer, Owner>()

  constructor(loop: Home) {
    super(loop)
  }

  /** The times of the phases of a server; throws `RangeError` where the loop was given less than they take. */
  timesOf({ times }: ServerSettings): Times {
    const { loop } = this
    // A default deadline grows with what was said, and leaves room for what was not.
    const most = loop._allowToClose(Infinity) ? Infinity : loop._closeDeadline
    const all = timesWithin(times, most)
    const sum = sumOf(all)
    if (!loop._allowToClose(sum)) {
      throw new RangeError(
        `the phases of a server take ${sum}ms (lameDuck ${all.lameDuck}, drain ${all.drain}, answer ${all.answer}), and the ` +
          `loop has a closeDeadline of ${loop._closeDeadline}ms: give it more, or leave it out, and it grows with them`
      )
    }
    return all
  }

  /** From here on it is the loop's to close, until it has closed. */
  add(
    opened: Opened,
    settings: ServerSettings,
    times: Times,
    owner: Owner,
    createdAt: () => string
  ): ListeningServer {
    const { loop } = this
    const { address, node } = opened
    const name = settings.name ?? `server ${addressText(node, address)}`
    const connections =
      node === undefined
        ? undefined
        : new Connections(loop, node, name, settings, times, () => server.changed())
    const server: ListeningServer = new ListeningServer({ loop, name, times, opened, connections, createdAt })
    this.#open.set(server, owner)
    server.onPhase((phase) => {
      if (phase === "closed") this.#open.delete(server)
    })
    if (loop._closing.since !== undefined) server.lameDuck()
    return server
  }

  /** Its Scope closes: it goes, and with it those of that Scope, or all where the loop is told to stop. */
  closeWith(server: ListeningServer, then: () => void): void {
    const owner = this.#open.get(server)
    if (owner === undefined) return then()
    for (const [other, its] of [...this.#open]) {
      if (other !== server && (its === owner || this.loop._closing.since !== undefined)) other.close(() => {})
    }
    server.close(then)
  }

  /** Whether all are ready. */
  get ready(): boolean {
    return [...this.#open.keys()].every(({ ready }) => ready)
  }

  override stopping(): void {
    for (const server of this.#open.keys()) server.lameDuck()
  }

  override patience(): number {
    return Math.max(0, ...[...this.#open.keys()].map((server) => server.patience()))
  }

  override requests(): Readonly<Record<string, number>> {
    const counts = { uploading: 0, "not answered": 0, answering: 0, over: 0 }
    for (const server of this.#open.keys()) for (const phase of server.requests()) counts[phase]++
    return counts
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.#open.keys()].flatMap((server) => server.held())
  }

  override quiet(): boolean {
    return this.#open.size === 0
  }

  override close(then: () => void): void {
    let left = this.#open.size
    for (const server of [...this.#open.keys()]) {
      server.close(() => {
        if (--left === 0) then()
      })
    }
  }

  protected override letGo(): void {
    for (const server of [...this.#open.keys()]) server.destroy()
  }
}

/** The capability of a loop, made when it is first asked for. */
export const serversOf = perLoop(Servers)
