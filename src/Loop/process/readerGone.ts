/**
 * Noticing that a child, and everybody it has given it to, has closed its stdin. Node does not read from that pipe, and so
 * hears of it with the next write that fails. asyncio reads from it for this reason alone (CPython 3.11,
 * `Lib/asyncio/unix_events.py`, `_UnixWritePipeTransport`), which its being a pair of sockets allows.
 */
import type { Socket } from "node:net"

/** What is used of a socket's handle, which Node's types do not have; it is the same from Node 20 to 26. */
interface Handle {
  /** Called with an ArrayBuffer for data, with nothing at the end and for errors. */
  onread: (data: ArrayBuffer | undefined) => void
  readStart(): number
  readStop(): number
}

const isHandle = (u: unknown): u is Handle =>
  typeof u === "object" && u !== null && "onread" in u && "readStart" in u && "readStop" in u

/** What the next write would fail with. */
const brokenPipe = (): Error =>
  Object.assign(new Error("EPIPE: the other end of the pipe was closed"), { code: "EPIPE" })

/**
 * Calls `f` once, from an event, when the other end of a pipe that is only written to has gone. What a child writes into
 * its stdin is dropped.
 */
export const onReaderGone = (pipe: Socket, f: (why: Error) => void): void => {
  const handle: unknown = "_handle" in pipe ? pipe._handle : undefined
  // The named pipes of Windows tell in a way of their own, which nobody has tried here.
  if (process.platform === "win32" || !isHandle(handle)) return
  handle.onread = (data) => {
    if (data !== undefined) return
    handle.readStop()
    f(brokenPipe())
  }
  handle.readStart()
}
