/**
 * The moment before a server stops accepting. A connection that the system has accepted for it and that it has not taken is
 * reset by its close: that client sees ECONNRESET, where one that comes a moment later is refused. So the system is told first
 * to keep none waiting, then those that it has kept are taken, and the server stops accepting when no more come: who is sent
 * away meanwhile asks again after a second, as TCP does by itself, and is refused then.
 */
import type { NetServer } from "../kinds.js"

/** Milliseconds between two looks whether anything has happened. */
const STEP = 2

/** So many looks without it are enough. */
const QUIET = 3

/** After so many milliseconds it is enough in any case. */
const MOST = 50

/** The same for a server that was given time to be left: longer than that is not waited for those who do not heed it. */
const MOST_OF_A_DUCK = 1_000

/** Turns of Node in which none came, after which none is kept: the events of the first may be older than what has come. */
const EMPTY = 2

/** So many may have been kept: as many as Node asks the system to keep where the program does not say. */
const KEPT = 511

const cell = new Int32Array(new SharedArrayBuffer(4))

/** Holds the thread up for so long. The system keeps one client waiting meanwhile, and sends the others away. */
const holdUp = (ms: number): void => void Atomics.wait(cell, 0, 0, ms)

/** What a server listens by. It is listened to once more, with another length of its queue: Node has no public way to that. */
interface ListeningHandle {
  listen(backlog: number): number
}

/** Has the system keep none waiting, where it can be told. A unix socket would refuse with another error than at its end. */
const keepNone = (server: NetServer): void => {
  const { _handle: handle } = server as { readonly _handle?: Partial<ListeningHandle> | null }
  if (typeof server.address() === "string" || typeof handle?.listen !== "function") return
  handle.listen(0)
}

/** What is seen of the clients of a server, as counts that only grow. */
export interface Arrivals {
  /** Connections that came. */
  readonly arrived: number
  /** The same, and answers that have ended: whoever has got one may come again. */
  readonly happened: number
}

/**
 * Calls `f` when those have been taken that the system has kept. Node takes one in a turn, and on a busy machine a turn takes its
 * time: what counts is how many came, and no clock says that it has been enough before there were as many as can have been kept.
 */
const afterKept = (arrivals: Arrivals, f: () => void): void => {
  const until = performance.now() + MOST_OF_A_DUCK
  const before = arrivals.arrived
  let seen = before
  let empty = 0
  const look = (): void => {
    const now = arrivals.arrived
    empty = now === seen ? empty + 1 : 0
    seen = now
    if (empty >= EMPTY || (now - before >= KEPT && performance.now() >= until)) return f()
    setImmediate(look)
  }
  setImmediate(look)
}

/**
 * Calls `f` when no more connections come; soon in any case, where a lame duck of so many milliseconds was asked for as long
 * after it. Clients that never stop are sent away one by one, whenever two of them ask at once, and so it gets quiet.
 */
export const afterLastArrivals = (
  server: NetServer,
  lameDuck: number,
  arrivals: Arrivals,
  f: () => void
): void => {
  if (server.listening) keepNone(server)
  afterKept(arrivals, () => {
    const until = performance.now() + Math.max(MOST, Math.min(lameDuck, MOST_OF_A_DUCK))
    let seen = arrivals.happened
    let quiet = 0
    const look = (): void => {
      const now = arrivals.happened
      quiet = now === seen ? quiet + 1 : 0
      seen = now
      if (quiet >= QUIET || performance.now() >= until) return f()
      if (lameDuck === 0) return void setTimeout(() => setImmediate(look), STEP)
      // Who has been asked to leave, and comes again at once, would go on finding the server quick enough. It is slow now.
      holdUp(STEP)
      setImmediate(look)
    }
    setImmediate(look)
  })
}
