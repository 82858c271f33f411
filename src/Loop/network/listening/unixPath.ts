/**
 * The file of a unix socket: whether it stands in the way, and what becomes of it.
 *
 * A stale one, which nobody listens on any more, is removed, as asyncio does. Differs: one that somebody listens on is left to
 * him, and so is what has taken the place of ours meanwhile.
 */
import { linkSync, renameSync, type Stats, unlinkSync } from "node:fs"
import { bindError } from "../failures.js"
import { isAbstract, isFolderMissing, removeIfStale, statOf, whyOccupied } from "./unixSocket.js"

/** Neither a name that no file has (Linux) nor a pipe of Windows. */
const isFile = (path: string): boolean => process.platform !== "win32" && !isAbstract(path)

/** Removes a stale socket. `done` is called once, later: with an error where something else is there. */
export const freePath = (path: string, done: (error?: Error) => void): void => {
  const fail = (code: string, why: string): void =>
    done(bindError(path, Object.assign(new Error(why), { code }), why))
  if (!isFile(path)) return process.nextTick(done)
  const occupied = whyOccupied(path)
  if (occupied !== undefined) return process.nextTick(fail, "EADDRINUSE", occupied)
  if (statOf(path) !== undefined) {
    removeIfStale(path, (removed) => {
      if (removed) done()
      else fail("EADDRINUSE", "a server listens there; end it, or choose another path")
    })
  } else if (isFolderMissing(path)) process.nextTick(fail, "ENOENT", "there is no such folder; make it first")
  else process.nextTick(done)
}

const sameFile = (one: Stats | undefined, other: Stats | undefined): boolean =>
  one !== undefined && other !== undefined && one.ino === other.ino && one.dev === other.dev

let asides = 0

/** The file of a socket that listens. */
export class UnixFile {
  readonly #path: string
  readonly #cleanup: boolean
  readonly #node: boolean
  readonly #ours: Stats | undefined

  /** `node`: Node removes it with the socket, whatever is there by then. */
  constructor(path: string, cleanup: boolean, node: boolean) {
    this.#path = path
    this.#cleanup = cleanup
    this.#node = node
    this.#ours = isFile(path) ? statOf(path) : undefined
  }

  /** Calls `close`, and removes the file if it is ours and that is wanted. Never throws. */
  closeWith(close: () => void): void {
    const there = this.#ours === undefined ? undefined : statOf(this.#path)
    const ours = sameFile(there, this.#ours)
    if (!this.#node) {
      close()
      if (ours && this.#cleanup) quietly(() => unlinkSync(this.#path))
    } else if (there === undefined || (ours && this.#cleanup)) close()
    else {
      const aside = `${this.#path}.${process.pid}.${++asides}`
      const kept = quietly(() => linkSync(this.#path, aside))
      close()
      if (kept) quietly(() => renameSync(aside, this.#path))
    }
  }
}

const quietly = (f: () => void): boolean => {
  try {
    f()
    return true
  } catch {
    return false
  }
}
