/** A server, of whatever kind, as a thing that listens and can be closed: what of it is Node's, and what is its own. */
import { isThenable } from "../kernel/adopt.js"
import { bindError } from "../network/failures.js"
import type { Home } from "../ports.js"
import { addressOf, placeText, type ServerAddress } from "./address.js"
import { type AnyServer, type HttpServer, isNodeServer, type NetServer } from "./kinds.js"
import { type Cancel, listenAt } from "./listen.js"
import type { Place } from "./ServerOptions.js"

/** One that listens. */
export interface Opened {
  /** The server of Node in it, which has the connections. */
  readonly node: NetServer | undefined
  readonly address: ServerAddress | undefined
  /** Stops listening, and nothing else. Calls back once when it has closed, with what went wrong. */
  close(then: (error: unknown) => void, sessions?: ReadonlyArray<object>): void
  /** Nothing is connected any more: what has a close of its own is closed now. */
  afterDrain(): void
  /** Ends what was connected before anybody looked: what Node takes to be idle, or all. */
  endUnknown(which: "idle" | "all"): void
  /** Nobody looks at it any more. */
  end(): void
}

/** What a try to open one has come to. */
export type Opening = { readonly opened: Opened } | { readonly error: unknown }

const NOT_RUNNING = "ERR_SERVER_NOT_RUNNING"

/** A second close, or one of what never listened, has not failed. */
const unlessClosed = (error: unknown): unknown =>
  (error as { readonly code?: unknown } | null | undefined)?.code === NOT_RUNNING
    ? undefined
    : (error ?? undefined)

/** Runs `f` while these methods do nothing. */
const heldBack = (methods: ReadonlyArray<readonly [of: object, name: string]>, f: () => void): void => {
  const shadowed = methods.filter(([of, name]) => name in of && !Object.hasOwn(of, name))
  for (const [of, name] of shadowed) Object.defineProperty(of, name, { value: () => {}, configurable: true })
  try {
    f()
  } finally {
    for (const [of, name] of shadowed) delete (of as Record<string, unknown>)[name]
  }
}

/**
 * Stops listening. At the same moment Node's close of HTTP destroys what it takes to be idle, and from Node 24 on that of HTTP/2
 * closes all sessions: each version something else. Here that is a phase of its own, which looks first whether a request has
 * arrived.
 */
const stopListening = (
  server: NetServer,
  sessions: ReadonlyArray<object>,
  then: (error: unknown) => void
): void => {
  const closes = sessions.map((session) => [session, "close"] as const)
  try {
    heldBack([[server, "closeIdleConnections"], ...closes], () => {
      server.close((error?: unknown) => then(unlessClosed(error)))
    })
  } catch (error) {
    then(unlessClosed(error))
  }
}

/** Errors of a server that listens: one that cannot accept lives on, and says so. */
const hearErrors = (loop: Home, name: () => string, server: NetServer): (() => void) => {
  let told: unknown
  const listener = (exception: NodeJS.ErrnoException): void => {
    if (server.listenerCount("error") > 1 || exception.code === told) return
    told = exception.code
    loop.callExceptionHandler({ kind: "late", message: `${name()} has an error, and goes on`, exception })
  }
  server.on("error", listener)
  return () => void server.off("error", listener)
}

const openedNode = (loop: Home, server: NetServer, name: () => string): Opened => ({
  node: server,
  address: addressOf(server),
  close: (then, sessions = []) => stopListening(server, sessions, then),
  afterDrain: () => {},
  endUnknown: (which) => {
    const { closeAllConnections: all, closeIdleConnections: idle } = server as Partial<HttpServer>
    ;(which === "idle" ? idle : all)?.call(server)
  },
  end: hearErrors(loop, name, server)
})

/** Calls a close that may take a callback, give a promise, emit `close`, or throw. Calls back once. */
const closeOf = (server: AnyServer, then: (error: unknown) => void): void => {
  let called = false
  const once = (error?: unknown): void => {
    if (called) return
    called = true
    then(unlessClosed(error))
  }
  try {
    const close = server.close as (callback: (error?: unknown) => void) => unknown
    const { once: on } = server as { readonly once?: unknown }
    if (typeof on === "function") on.call(server, "close", () => once())
    const returned = close.call(server, once)
    if (isThenable(returned)) Promise.resolve(returned).then(() => once(), once)
    else if (close.length === 0 && typeof on !== "function") once()
  } catch (error) {
    once(error)
  }
}

const openedOther = (
  loop: Home,
  server: AnyServer,
  node: NetServer | undefined,
  name: () => string
): Opened => {
  const inner = node === undefined ? undefined : openedNode(loop, node, name)
  let begun = false
  let closed: (error: unknown) => void = () => {}
  const closeIt = (): void => {
    if (begun) return
    begun = true
    closeOf(server, closed)
  }
  return {
    node,
    address: inner?.address ?? addressOf(server as { readonly address?: () => unknown }),
    close: (then, sessions) => {
      closed = then
      // Its own close may refuse what is in flight: that comes when nothing is.
      if (inner === undefined) closeIt()
      else inner.close(() => {}, sessions)
    },
    afterDrain: closeIt,
    endUnknown: (which) => inner?.endUnknown(which),
    end: () => {
      inner?.end()
      closeIt()
    }
  }
}

const nodeIn = (...candidates: ReadonlyArray<unknown>): NetServer | undefined => candidates.find(isNodeServer)

/** What was said of where to listen, for whoever does it. */
const givenOf = (place: Place): object =>
  Object.fromEntries(
    (["port", "host", "path", "fd", "backlog", "ipv6Only"] as const)
      .filter((name) => place[name] !== undefined)
      .map((name) => [name, place[name]])
  )

const openOther = (
  loop: Home,
  server: AnyServer,
  place: Place,
  name: () => string,
  then: (opening: Opening) => void
): Cancel => {
  const inside = (): unknown => (server as { readonly server?: unknown }).server
  let cancelled: (() => void) | undefined
  let over = false
  const end = (opening: Opening): void => {
    if (over) return
    over = true
    if (cancelled === undefined) return then(opening)
    if ("error" in opening) return cancelled()
    const { opened } = opening
    opened.close(cancelled)
    opened.afterDrain()
  }
  const failed = (cause: unknown): void => {
    const isSystem = cause instanceof Error && typeof (cause as NodeJS.ErrnoException).syscall === "string"
    end({ error: isSystem ? bindError(placeText(place), cause) : cause })
  }
  const listens = (given: unknown): void => {
    const node = nodeIn(given, inside())
    const done = (): void => end({ opened: openedOther(loop, server, node, name) })
    if (node === undefined || node.listening) return done()
    node.once("error", failed)
    node.once("listening", () => {
      node.off("error", failed)
      done()
    })
  }
  try {
    const listen = server.listen as (where: object, callback: (error?: unknown) => void) => unknown
    let returned: unknown = undefined
    const called = (error?: unknown): void => {
      if (error !== undefined && error !== null) failed(error)
      else queueMicrotask(() => listens(returned))
    }
    const anywhere = place.path === undefined && place.fd === undefined ? { port: 0 } : {}
    returned = listen.call(server, { ...anywhere, ...givenOf(place) }, called)
    if (isThenable(returned)) Promise.resolve(returned).then(listens, failed)
    else if (listen.length < 2 || nodeIn(returned, inside()) !== undefined) listens(returned)
  } catch (error) {
    failed(error)
  }
  return (ended) => {
    if (over) ended()
    else cancelled = ended
  }
}

/** Opens it, or takes over what listens already. Calls `then` once, unless it is cancelled before. */
export const openServer = (
  loop: Home,
  server: AnyServer,
  place: Place,
  name: () => string,
  then: (opening: Opening) => void
): Cancel => {
  if (!isNodeServer(server)) return openOther(loop, server, place, name, then)
  if (server.listening) {
    const said = Object.keys(givenOf(place))
    if (said.length > 0) {
      then({
        error: new TypeError(`the server listens already: ${said.join(", ")} cannot be chosen any more`)
      })
    } else then({ opened: openedNode(loop, server, name) })
    return (ended) => ended()
  }
  return listenAt(server, place, (error) =>
    then(error === undefined ? { opened: openedNode(loop, server, name) } : { error })
  )
}
