/**
 * Two connected sockets, of which a child is given one: for a pipe that has both its stdout and its stderr.
 *
 * `spawn` makes a pipe of its own for each, and cannot be told to use one twice. A shell in between (`exec "$@" 2>&1`)
 * would hide why a program cannot be started, and costs 0.6 ms on top of a spawn of 2.6; joining two sockets through a
 * listening one costs no more than the pipe that it replaces. On Linux its name is abstract and leaves nothing in a file
 * system; elsewhere it is a file in a directory of its own. As others might get hold of the name, the first bytes prove
 * who has connected.
 */
import { Buffer } from "node:buffer"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer, connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

const LENGTH = 16

/** Two sockets that are being connected. */
export interface SocketPair {
  /** Takes the connecting back: whatever is open is closed, and nobody is called. Without effect once somebody was. */
  destroy(): void
}

const nothing = (): void => {}

/** Node's `crypto` by its global name, which loads it with the first pair; an import would, with the library. */
const random = (): Buffer => crypto.getRandomValues(Buffer.allocUnsafe(LENGTH))

/** Calls `then` once, from an event: with an error, or with the parent's end and the child's, both paused and empty. */
export const socketPair = (
  then: (error: Error | undefined, ours?: Socket, theirs?: Socket) => void
): SocketPair => {
  const token = random()
  const abstract = process.platform === "linux"
  const folder = abstract ? undefined : mkdtempSync(join(tmpdir(), "effect-aio-"))
  const path = folder === undefined ? `\0effect-aio-${random().toString("hex")}` : join(folder, "s")
  const arrived = new Set<Socket>()
  let done = false
  const finish = (kept?: Socket): void => {
    done = true
    server.close()
    for (const socket of arrived) if (socket !== kept) socket.destroy()
    arrived.clear()
    if (kept === undefined) theirs.destroy()
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
  }
  const fail = (error: Error): void => {
    if (done) return
    finish()
    then(error)
  }
  const server = createServer((socket) => {
    arrived.add(socket)
    const read = (): void => {
      const first: unknown = socket.read(LENGTH)
      if (!(first instanceof Buffer) || done) return
      if (!first.equals(token)) return void socket.destroy()
      socket.off("readable", read)
      socket.off("error", nothing)
      theirs.off("error", fail)
      finish(socket)
      then(undefined, socket, theirs)
    }
    socket.on("error", nothing)
    socket.on("readable", read)
  })
  server.on("error", fail)
  server.listen(path)
  const theirs = connect(path)
  theirs.on("error", fail)
  theirs.write(token)
  return {
    destroy() {
      if (!done) finish()
    }
  }
}
