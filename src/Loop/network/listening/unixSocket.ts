/**
 * The file of a unix socket. A server that was killed leaves it behind, and nobody can listen there until it is removed. It is
 * removed only if it is a socket to which nobody answers: a file of somebody else is never touched.
 */
import { lstatSync, unlinkSync, type Stats } from "node:fs"
import { connect } from "node:net"
import { dirname } from "node:path"

/** So many bytes of a path the system takes; it would cut off what is more. */
export const LONGEST_PATH = process.platform === "linux" ? 107 : 103

/** Names without a file, of Linux. */
export const isAbstract = (path: string): boolean => path.startsWith("\0")

/** The file, or the link, that is there. */
export const statOf = (path: string): Stats | undefined => {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

/** Why nobody can listen at a path where something is; `undefined` where that is a socket. */
export const whyOccupied = (path: string): string | undefined => {
  const stat = statOf(path)
  if (stat === undefined || stat.isSocket()) return undefined
  const kind = stat.isDirectory() ? "a directory" : stat.isSymbolicLink() ? "a link" : "a file"
  return `it is ${kind} and no socket, and is kept; choose another path, or move it away`
}

/** Whether the folder of a path is missing, which the system tells as a missing permission. */
export const isFolderMissing = (path: string): boolean => statOf(dirname(path)) === undefined

/**
 * Removes the file of a socket that nobody listens at. Calls back with true where there is nothing any more; with false
 * where somebody answers, or where that cannot be told. The result ends the look.
 */
export const removeIfStale = (path: string, then: (removed: boolean) => void): (() => void) => {
  const before = statOf(path)
  const socket = connect({ path })
  const answer = (removed: boolean): void => {
    socket
      .removeAllListeners()
      .on("error", () => {})
      .destroy()
    then(removed)
  }
  socket.once("connect", () => answer(false))
  socket.once("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return answer(true)
    const now = statOf(path)
    // Somebody else may have removed it as well, and listen there by now.
    const same = before !== undefined && now?.ino === before.ino && now.dev === before.dev && now.isSocket()
    if (error.code !== "ECONNREFUSED" || !same) return answer(false)
    try {
      unlinkSync(path)
      answer(true)
    } catch {
      answer(false)
    }
  })
  return () =>
    void socket
      .removeAllListeners()
      .on("error", () => {})
      .destroy()
}
