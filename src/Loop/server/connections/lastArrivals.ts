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

/** After so many looks it is enough in any case. */
const MOST = 25

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
 * Calls `f` when no more connections come; soon in any case. `happened` counts what comes, and the answers, since whoever has got
 * one may come again.
 */
export const afterLastArrivals = (server: NetServer, happened: () => number, f: () => void): void => {
  if (server.listening) keepNone(server)
  let seen = happened()
  let quiet = 0
  let looks = 0
  const look = (): void => {
    const now = happened()
    quiet = now === seen ? quiet + 1 : 0
    seen = now
    if (quiet >= QUIET || ++looks >= MOST) return f()
    setTimeout(() => setImmediate(look), STEP)
  }
  setImmediate(look)
}
