/**
 * A server that listens, and its end, in phases (S6):
 *
 *     listening   takes what comes
 *     lameDuck    not ready any more, and takes what comes: answers are the last on their connections
 *     draining    takes no connections; what is idle ends, what is in flight may finish
 *     answering   the time of the drain is over: handlers are interrupted, and may still answer
 *     closed      what was left then was destroyed, and named
 *
 * Each is left for a later one only, and as soon as nothing is left that it waits for. `close` may be asked for in any of
 * them, and `destroy`, which goes to the last one at once.
 */
import { after, afterGrace } from "../fiber/SlowJoin.js"
import { logAs } from "../host/Reporter.js"
import { tableOf } from "../closing/table.js"
import { blameless } from "../fiber/links.js"
import { guardedRow } from "../closing/row.js"
import type { Home, Leftover } from "../ports.js"
import type { Connections, Count } from "./connections/Connections.js"
import type { RequestPhase } from "./connections/Exchange.js"
import type { Opened } from "./openServer.js"
import { afterLastArrivals } from "./connections/lastArrivals.js"
import { sumOf, type Times } from "./ServerOptions.js"

/**
 * How far the end of a server is.
 *
 * @category models
 * @since 0.1.0
 */
export type ServerPhase = "listening" | "lameDuck" | "draining" | "answering" | "closed"

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`

/** After everything was destroyed, so many milliseconds are left to say that it has closed. */
const LAST_WORD = 100

/** How a closing went, in words. */
const resultOf = ({ answered, conversations, cut, gone, inFlight }: Count): string => {
  const others = conversations === 0 ? "" : `; ${plural(conversations, "other connection")} ended`
  const all = Math.max(inFlight, answered + gone + cut)
  if (all === 0) return (cut === 0 ? "nothing was in flight" : `${cut} cut off`) + others
  const were = `${plural(all, "request")} ${all === 1 ? "was" : "were"} in flight`
  if (gone + cut === 0) return `${were}, all answered${others}`
  const parts = [`${answered} answered`]
  if (gone > 0) parts.push(`${gone} left by their clients`)
  if (cut > 0) parts.push(`${cut} cut off`)
  return `${were}, ${parts.join(", ")}${others}`
}

export interface ServerParts {
  readonly loop: Home
  /** For reports and the log. */
  readonly name: string
  readonly times: Times
  readonly opened: Opened
  /** What is connected; undefined where nothing can be seen. */
  readonly connections: Connections | undefined
  readonly createdAt: () => string
}

export class ListeningServer {
  readonly name: string
  readonly opened: Opened
  readonly times: Times
  /** How long all phases may take, in milliseconds. */
  readonly most: number
  readonly #parts: ServerParts
  readonly #loop: Home
  readonly #phaseListeners = new Set<(phase: ServerPhase) => void>()
  readonly #closeListeners: Array<() => void> = []
  #phase: ServerPhase = "listening"
  readonly #openedAt: number
  /** When phase 1 began. */
  #since = 0
  #asked = false
  #stopped = false
  /** Its own `close` has called back. */
  #hasClosed = false
  #timers: Array<() => void> = []

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.#loop = parts.loop
    this.#openedAt = parts.loop.time()
    this.name = parts.name
    this.opened = parts.opened
    this.times = parts.times
    this.most = sumOf(parts.times)
  }

  get phase(): ServerPhase {
    return this.#phase
  }

  /** Whether it is to be sent requests: it is not told to close, and the program has not closed it itself. */
  get ready(): boolean {
    return this.#phase === "listening" && this.opened.node?.listening !== false
  }

  /** Calls `f` with each phase that comes. */
  onPhase(f: (phase: ServerPhase) => void): void {
    this.#phaseListeners.add(f)
  }

  /** Phase 1, at once; `close` waits until it has had its time. */
  lameDuck(): void {
    if (this.#phase !== "listening") return
    this.#since = this.#loop.time()
    this.#enter("lameDuck")
    this.#parts.connections?.say("lameDuck")
  }

  /** All phases; `then` is called when it has closed. */
  close(then: () => void): void {
    if (this.#phase === "closed") return then()
    this.#closeListeners.push(then)
    if (this.#asked) return
    this.#asked = true
    this.lameDuck()
    const left = this.times.lameDuck - (this.#loop.time() - this.#since)
    if (left > 0) this.#after(left, () => this.#stop())
    else this.#stop()
  }

  /** At once, waiting for nothing. */
  destroy(): void {
    if (this.#phase === "closed") return
    this.lameDuck()
    if (!this.#stopped) this.#closeItself()
    this.#parts.connections?.say("cut")
    this.opened.endUnknown("all")
    this.#end()
  }

  /** For how long what it waits for has time of its own. */
  patience(): number {
    if (!this.#asked || this.#phase === "closed") return 0
    return Math.max(0, this.#since + this.most - this.#loop.time())
  }

  /** How far each of its requests is. */
  requests(): ReadonlyArray<RequestPhase> {
    return this.#parts.connections?.phases() ?? []
  }

  held(): ReadonlyArray<Leftover> {
    const rows = this.#parts.connections?.held() ?? []
    const closes = this.#phase !== "listening"
    const own = guardedRow("server", () => ({
      what: "server",
      name: this.name,
      age: this.#loop.time() - (closes ? this.#since : this.#openedAt),
      state: this.#phase,
      waitingOn: rows.length > 0 ? "what is in flight" : closes ? "its close to call back" : "connections",
      createdAt: this.#parts.createdAt(),
      blamed: closes && rows.length === 0
    }))
    return [own, ...rows.map((row) => (closes || row.what === "request" ? row : blameless(row)))]
  }

  /** Phases 2 and 3. */
  #stop(): void {
    const { connections } = this.#parts
    this.#enter("draining")
    // What has arrived by now, and is in no event yet, is taken and seen first.
    this.#afterArrivals(() => {
      if (this.#phase === "closed") return
      this.#closeItself()
      setImmediate(() => {
        if (this.#phase === "closed") return
        connections?.say("finish")
        this.#after(this.times.idle, () => connections?.say("late"))
        this.#lookAgain()
        this.#check()
      })
    })
    this.#after(Math.max(this.times.drain, this.times.idle), () => this.#answer())
  }

  #afterArrivals(f: () => void): void {
    const { connections, opened } = this.#parts
    if (connections === undefined || opened.node === undefined) setImmediate(f)
    else afterLastArrivals(opened.node, this.times.lameDuck, connections, f)
  }

  #closeItself(): void {
    this.#stopped = true
    this.opened.close((error) => {
      this.#hasClosed = true
      if (error !== undefined) {
        this.#loop.callExceptionHandler({
          kind: "late",
          message: `closing ${this.name} failed`,
          exception: error
        })
      }
      this.#check()
    }, this.#parts.connections?.sessions)
  }

  /** Phase 5. */
  #answer(): void {
    this.#enter("answering")
    this.#parts.connections?.say("tell")
    this.#after(this.times.answer, () => this.#cut())
    this.#check()
  }

  /** Phase 6. */
  #cut(): void {
    const rows = this.held()
    const blamed = rows.filter((row) => row.blamed)
    if (blamed.length > 0) {
      this.#loop.callExceptionHandler({
        kind: "leftover",
        message:
          `${blamed.length} left over on ${this.name} after its drain of ${this.times.drain}ms and ` +
          `${this.times.answer}ms to answer:\n${tableOf(rows)}`
      })
    }
    this.#parts.connections?.say("cut")
    this.opened.endUnknown("all")
    this.#after(LAST_WORD, () => this.#end())
    // They say that they have closed in the next turns, and are counted then.
    setImmediate(() => setImmediate(() => this.#check()))
  }

  /** Called whenever something has ended. */
  readonly changed = (): void => this.#check()

  #check(): void {
    if (!this.#stopped || this.#phase === "closed" || this.#parts.connections?.quiet === false) return
    if (this.#hasClosed) this.#end()
    else this.opened.afterDrain()
  }

  #lookAgain(): void {
    const every = Math.min(100, Math.max(10, this.times.idle / 4))
    const look = (): void => {
      const { connections } = this.#parts
      connections?.look()
      // What is open now was there before anybody looked. Asked earlier, Node destroys what is not sent yet.
      if (connections?.quiet === true && !this.#hasClosed) this.opened.endUnknown("idle")
      if (this.#phase !== "closed") this.#timers.push(after(this.#loop, every, look))
    }
    look()
  }

  #after(ms: number, f: () => void): void {
    this.#timers.push(
      afterGrace(this.#loop, ms, () => {
        if (this.#phase !== "closed") f()
      })
    )
  }

  #enter(phase: ServerPhase): void {
    this.#phase = phase
    for (const listener of this.#phaseListeners) listener(phase)
  }

  #end(): void {
    if (this.#phase === "closed") return
    for (const stop of this.#timers) stop()
    this.#timers = []
    const { connections } = this.#parts
    connections?.end()
    this.opened.end()
    const took = Math.round(this.#loop.time() - this.#since)
    const result = connections === undefined ? "" : `: ${resultOf(connections.count)}`
    logAs(
      this.#loop._base,
      "info",
      `${this.name} closed in ${took} ms${result}`,
      { loop: this.#loop.name },
      undefined
    )
    this.#enter("closed")
    for (const then of this.#closeListeners.splice(0)) then()
  }
}
