/**
 * The moment before a server stops accepting. A connection that the system has accepted for it and that it has not taken is
 * reset by its close: that client sees ECONNRESET, where one that comes a moment later is refused. So the system is told first
 * to keep none waiting, and it stops accepting when no more come: who is sent away meanwhile asks again after a second, as TCP
 * does by itself, and is refused then.
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

/**
 * Calls `f` when no more connections come; soon in any case, where a lame duck of so many milliseconds was asked for as long
 * after it. `happened` counts what comes, and the answers, since whoever has got one may come again: clients that never stop are
 * sent away one by one, whenever two of them ask at once, and so it gets quiet.
 */
export const afterLastArrivals = (
  server: NetServer,
  lameDuck: number,
  happened: () => number,
  f: () => void
): void => {
  if (server.listening) keepNone(server)
  const until = performance.now() + Math.max(MOST, Math.min(lameDuck, MOST_OF_A_DUCK))
  let seen = happened()
  let quiet = 0
  const look = (): void => {
    const now = happened()
    quiet = now === seen ? quiet + 1 : 0
    seen = now
    if (quiet >= QUIET || performance.now() >= until) return f()
    if (lameDuck === 0) return void setTimeout(() => setImmediate(look), STEP)
    // Who has been asked to leave, and comes again at once, would go on finding the server quick enough. It is slow now.
    holdUp(STEP)
    setImmediate(look)
  }
  setImmediate(look)
}
