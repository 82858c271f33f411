/** What may be said of a server when it is given a Scope, checked before anything is opened. */
import type { DurationInput } from "../../effect.js"
import { describeValue } from "../kernel/describe.js"
import { checkOption, millis } from "../Settings.js"
import type { Socket, WebSockets } from "./kinds.js"

/**
 * Where a server listens, and how it closes. Durations are milliseconds or anything Effect's Duration takes.
 *
 * @category models
 * @since 0.1.0
 */
export interface ServerOptions {
  /** The port, 0 for a free one. Default 0, where neither `path` nor `fd` is given. */
  readonly port?: number | undefined
  /** The address or name to listen at. Default: all addresses, as Node has it. */
  readonly host?: string | undefined
  /** A unix socket. A file that a server which is gone has left there is removed; any other is kept, and refused. */
  readonly path?: string | undefined
  /** A descriptor that this process was given, and that is bound already: 3 under systemd. */
  readonly fd?: number | undefined
  /** How many connections wait to be accepted. Default 511. */
  readonly backlog?: number | undefined
  /** Whether `::` takes no IPv4. Default false. */
  readonly ipv6Only?: boolean | undefined
  /** For reports and the log. Default: `server` and its address. */
  readonly name?: string | undefined

  /**
   * Phase 1: `ready` is false, connections and requests are still taken, answers say `Connection: close`. As long as whoever
   * sends requests needs to notice: a load balancer, Kubernetes. Default 0.
   */
  readonly lameDuck?: DurationInput | undefined
  /**
   * In phase 3, how long a connection that has not sent a whole request may still do so. Idle ones end at once. Default 250
   * milliseconds.
   */
  readonly idle?: DurationInput | undefined
  /**
   * Phase 4: requests in flight, uploads, streaming answers and WebSockets may finish. Default 5 seconds, or less where the loop
   * was given a short `closeDeadline`.
   */
  readonly drain?: DurationInput | undefined
  /**
   * Phase 5: handlers that were started as fibers are interrupted, and may still answer. Default 1 second, or less where the
   * loop was given a short `closeDeadline`.
   */
  readonly answer?: DurationInput | undefined
  /**
   * How to take leave of a connection that speaks no HTTP: an upgraded one, or any of `node:net` and `tls`. Called once, in
   * phase 3; what it returns is waited for. The signal aborts when the drain is over. Default: what was received is
   * answered; then a WebSocket is closed with 1001, another connection is ended.
   */
  readonly goodbye?: ((socket: Socket, signal: AbortSignal) => unknown) | undefined
  /** The server of WebSockets that shares this one, so that its sockets are closed with its own `close`. */
  readonly webSockets?: WebSockets | undefined
}

/** Where to listen, checked. */
export interface Place {
  readonly port: number | undefined
  readonly host: string | undefined
  readonly path: string | undefined
  readonly fd: number | undefined
  readonly backlog: number | undefined
  readonly ipv6Only: boolean | undefined
}

/** The times of the phases, in milliseconds. */
export interface Times {
  readonly lameDuck: number
  readonly idle: number
  readonly drain: number
  readonly answer: number
}

export interface ServerSettings extends Place {
  readonly name: string | undefined
  readonly goodbye: ServerOptions["goodbye"]
  readonly webSockets: WebSockets | undefined
  /** Those that were said. */
  readonly times: Partial<Times>
}

const integer = (what: string, input: unknown, most: number): number | undefined => {
  if (input === undefined) return undefined
  if (typeof input !== "number") throw new TypeError(`${what} is a number, not ${describeValue(input)}`)
  if (!Number.isInteger(input) || input < 0 || input > most) {
    throw new RangeError(`${what} is an integer from 0 to ${most}, not ${input}`)
  }
  return input
}

const text = (what: string, input: unknown): void => {
  checkOption(what, input, "string")
  if (input === "") throw new RangeError(`${what} is not the empty string`)
}

const MOST_PORTS = 65_535
const MOST = 2 ** 31 - 1

/** Throws `TypeError` or `RangeError` that names the option. */
export const settingsOf = (options: ServerOptions): ServerSettings => {
  if (typeof options !== "object" || options === null) {
    throw new TypeError(`the options of a server are an object, not ${describeValue(options)}`)
  }
  const { fd, goodbye, host, ipv6Only, name, path, port, webSockets } = options
  const ways = Object.entries({ port, path, fd }).filter(([, given]) => given !== undefined)
  if (ways.length > 1) {
    throw new TypeError(`a server listens in one way; given were ${ways.map(([way]) => way).join(" and ")}`)
  }
  text("host", host)
  text("path", path)
  text("name", name)
  checkOption("ipv6Only", ipv6Only, "boolean")
  checkOption("goodbye", goodbye, "function")
  if (host !== undefined && (path !== undefined || fd !== undefined)) {
    throw new TypeError("host goes with port, and not with path or fd")
  }
  if (webSockets !== undefined && typeof (webSockets as Partial<WebSockets> | null)?.on !== "function") {
    throw new TypeError(`webSockets is a server of WebSockets, not ${describeValue(webSockets)}`)
  }
  const times: { -readonly [Name in keyof Times]?: number } = {}
  for (const phase of ["lameDuck", "idle", "drain", "answer"] as const) {
    if (options[phase] === undefined) continue
    const ms = millis(phase, options[phase], 0)
    if (ms === Infinity) throw new RangeError(`${phase} has an end: a duration that is finite`)
    times[phase] = ms
  }
  return {
    port: integer("port", port, MOST_PORTS),
    host,
    path,
    fd: integer("fd", fd, MOST),
    backlog: integer("backlog", options.backlog, MOST),
    ipv6Only,
    name,
    goodbye,
    webSockets,
    times
  }
}

const defaults: Times = { lameDuck: 0, idle: 250, drain: 5_000, answer: 1_000 }

/** How long all phases may take. What is idle has its time while others drain. */
export const sumOf = ({ answer, drain, idle, lameDuck }: Times): number =>
  lameDuck + Math.max(drain, idle) + answer

/** Of a short deadline, this part is left to the phases of which nothing was said. */
const SHARE = 3 / 4

/** The times of a server on a loop that has `most` milliseconds to close: what was said is kept, what was not said fits in. */
export const timesWithin = (said: Partial<Times>, most: number): Times => {
  const all = { ...defaults, ...said }
  const wanted = sumOf(all)
  if (wanted <= most) return all
  const fixed = sumOf({ lameDuck: 0, idle: 0, drain: 0, answer: 0, ...said })
  const free = wanted - fixed
  const factor = free === 0 ? 0 : Math.max(0, most * SHARE - fixed) / free
  const fit = (phase: keyof Times): number => said[phase] ?? Math.floor(all[phase] * Math.min(1, factor))
  return {
    lameDuck: fit("lameDuck"),
    idle: said.idle ?? Math.min(defaults.idle, fit("drain")),
    drain: fit("drain"),
    answer: fit("answer")
  }
}
