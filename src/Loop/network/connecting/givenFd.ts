/** What a file descriptor is that a program gives as a socket, before anything takes it over: what is wrong is left as it is. */
import { fstatSync, readFileSync, readlinkSync } from "node:fs"

/** A socket's kind; `"stream"` where the system does not say more. */
export type FdKind = "tcp" | "unix" | "stream" | "datagram"

const linux = process.platform === "linux"

/** The rows of one of the system's tables of sockets. */
const table = (name: string): ReadonlyArray<ReadonlyArray<string>> => {
  try {
    const lines = readFileSync(`/proc/net/${name}`, "utf8").split("\n")
    return lines.slice(1).map((line) => line.trim().split(/\s+/))
  } catch {
    return []
  }
}

/** Num RefCount Protocol Flags Type St Inode Path */
const unixRow = (inode: string): ReadonlyArray<string> | undefined =>
  table("unix").find((row) => row[6] === inode)

const inodeOf = (fd: number): string | undefined => {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1]
  } catch {
    return undefined
  }
}

/** The kind of a descriptor, or the system's error for one that is no socket, with its `code`. */
export const kindOfFd = (fd: number): FdKind | Error => {
  try {
    if (!fstatSync(fd).isSocket())
      return Object.assign(new Error(`fd ${fd} is no socket`), { code: "ENOTSOCK" })
  } catch (error) {
    return error as Error
  }
  const inode = linux ? inodeOf(fd) : undefined
  if (inode === undefined) return "stream"
  const unix = unixRow(inode)
  if (unix !== undefined) return unix[4] === "0002" ? "datagram" : "unix"
  const isDatagram = ["udp", "udp6"].some((name) => table(name).some((row) => row[9] === inode))
  // A socket that is not bound yet stands in no table.
  return isDatagram
    ? "datagram"
    : ["tcp", "tcp6"].some((name) => table(name).some((row) => row[9] === inode))
      ? "tcp"
      : "stream"
}

/** The path that a unix socket is bound to, where the system says (Linux). */
export const pathOfFd = (fd: number | undefined): string | undefined => {
  const inode = fd === undefined || !linux ? undefined : inodeOf(fd)
  const path = inode === undefined ? undefined : unixRow(inode)?.slice(7).join(" ")
  if (path === undefined || path === "") return undefined
  return path.startsWith("@") ? `\0${path.slice(1)}` : path
}
