/**
 * Watches the set of a worker thread: by a handle of Node's own. koffi's must not be used there: it ends the process when
 * the thread is terminated while something is ready, or while it is open and koffi is in no other thread.
 *
 * The handle is that of a pipe, on the set in place of a pipe, with a buffer of no size: then libuv says that there would
 * be something to read, and reads nothing. No public interface of Node gives that; it is the same from Node 20 to 26.
 */
import * as net from "node:net"
import { fdError, type PollHandle } from "./FdPoller.js"
import { FdPollUnavailableError } from "../errors.js"

/** Calls of the C library, for descriptors that belong to a handle. */
export interface PipeCalls {
  pipe(both: Int32Array): number
  /** Gives a second number for what is behind a descriptor, which children do not inherit. */
  duplicate(fd: number): number
  close(fd: number): number
  errno(): number
}

/** What is used of Node's handle of a pipe. */
interface PipeHandle {
  onread: () => void
  open(fd: number): number
  useUserBuffer(buffer: Uint8Array): void
  readStart(): number
  readStop(): number
  ref(): void
  unref(): void
  close(): void
}

type PipeClass = new (type: number) => PipeHandle

const needed = ["open", "useUserBuffer", "readStart", "readStop", "ref", "unref", "close"]
const SOCKET = 0
const nothing = new Uint8Array(0)

const isPipeClass = (u: unknown): u is PipeClass =>
  typeof u === "function" && needed.every((name) => typeof u.prototype[name] === "function")

/** The class is Node's secret: it is found behind a socket, which is made on a pipe of our own and destroyed. */
const findClass = ({ close, pipe }: PipeCalls): PipeClass => {
  const both = new Int32Array(2)
  if (pipe(both) !== 0) throw new FdPollUnavailableError("the process has no file descriptor left")
  const [fd = -1, other = -1] = both
  const socket = new net.Socket({ fd, readable: false, writable: false })
  try {
    const found: unknown = "_handle" in socket ? socket._handle?.constructor : undefined
    if (isPipeClass(found)) return found
    throw new FdPollUnavailableError(
      `Node ${process.versions.node} has no handle for it in worker threads; use readers in the main thread`
    )
  } finally {
    socket.destroy()
    close(other)
  }
}

let pipeClass: PipeClass | undefined

/** Starts to poll a descriptor. Throws `FdError` where there is none left for it; `target` is what it is for. */
export const pipePoll = (calls: PipeCalls, fd: number, callback: () => void, target: number): PollHandle => {
  const Pipe = (pipeClass ??= findClass(calls))
  // A handle closes what it has, and the set is not the handle's.
  const own = calls.duplicate(fd)
  if (own < 0) throw fdError(target, calls.errno(), "fcntl")
  const handle = new Pipe(SOCKET)
  handle.open(own)
  handle.useUserBuffer(nothing)
  handle.onread = callback
  handle.readStart()
  return {
    start: () => void handle.readStart(),
    stop: () => void handle.readStop(),
    ref: () => handle.ref(),
    unref: () => handle.unref(),
    close: () => handle.close()
  }
}
