/**
 * The file of a unix socket: whether it stands in the way, and what becomes of it.
 *
 * A stale one, which nobody listens on any more, is removed, as asyncio does. Differs: one that somebody listens on is left to
 * him, and so is what has taken the place of ours meanwhile.
 */
import { existsSync, linkSync, lstatSync, renameSync, type Stats, unlinkSync } from "node:fs"
import { connect } from "node:net"
import { dirname } from "node:path"
import { bindError } from "./failures.js"

const statOf = (path: string): Stats | undefined => {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

/** A name that no file has (Linux), or a pipe of Windows. */
const isFile = (path: string): boolean => process.platform !== "win32" && !path.startsWith("\0")

/** Removes a stale socket. `done` is called once, later: with an error where something else is there. */
export const freePath = (path: string, done: (error?: Error) => void): void => {
  const there = isFile(path) ? statOf(path) : undefined
  const inUse = (why: string): void =>
    done(bindError(path, Object.assign(new Error(why), { code: "EADDRINUSE" }), why))
  if (there === undefined) {
    // libuv would say that it is not permitted.
    const none = isFile(path) && !existsSync(dirname(path))
    const why = "its folder does not exist"
    const error = none ? bindError(path, Object.assign(new Error(why), { code: "ENOENT" }), why) : undefined
    return process.nextTick(done, error)
  }
  if (!there.isSocket()) {
    const what = there.isDirectory() ? "a folder" : "a file that is no socket"
    return process.nextTick(inUse, `${what} is there: use another path`)
  }
  const probe = connect({ path })
  probe.once("connect", () => {
    probe.destroy()
    inUse("another server listens there")
  })
  probe.once("error", ({ code, message }: NodeJS.ErrnoException) => {
    if (code === "ENOENT") return done()
    if (code !== "ECONNREFUSED")
      return inUse(`a socket is there, and it cannot be said whether it is in use: ${message}`)
    try {
      // Another one may have taken its place since.
      if (sameFile(statOf(path), there)) unlinkSync(path)
      done()
    } catch (error) {
      done(bindError(path, error, "a stale socket is there, and cannot be removed"))
    }
  })
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
