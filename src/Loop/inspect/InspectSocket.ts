/**
 * The socket through which a thread can be seen, for as long as one of its loops wants that: a file that only its user may open, in a
 * folder that only its user may enter. It runs no code of who connects.
 */
import { chmodSync, lstatSync, mkdirSync, readdirSync, unlinkSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"
import { join } from "node:path"
import { threadId } from "node:worker_threads"
import { Conversation } from "./Conversation.js"
import { lives } from "./lives.js"
import { ofSocketName, socketFolder, socketName } from "./socketPath.js"

/** How long a socket's path may be, in bytes, on every system. Some versions of Node cut a longer one, and listen somewhere else. */
const LONGEST = 103

/** So many may look at once. */
const VIEWERS = 8

const remove = (path: string): void => {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else has.
  }
}

/** Throws where others could enter it, or put something else in its place. */
const checkFolder = (folder: string): void => {
  const { mode, uid } = lstatSync(folder)
  const isFolder = (mode & 0o170000) === 0o040000
  if (isFolder && uid === process.getuid?.() && (mode & 0o077) === 0) return
  throw new Error(`${folder} is not a folder of this user's alone: remove it, or set XDG_RUNTIME_DIR`)
}

/** The user's folder without what processes have left there that could not remove it. */
const openFolder = (): string => {
  const folder = socketFolder()
  if (folder === undefined) throw new Error(`there are no such sockets on ${process.platform}`)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  checkFolder(folder)
  for (const name of readdirSync(folder)) {
    const of = ofSocketName(name)
    if (of !== undefined && !lives(of.pid)) remove(join(folder, name))
  }
  return folder
}

/** Legal states: listening, shut. */
class InspectSocket {
  readonly #server: Server
  readonly #path: string
  readonly #viewers = new Set<Socket>()

  constructor(onError: (error: unknown) => void) {
    this.#path = join(openFolder(), socketName(process.pid, threadId))
    if (Buffer.byteLength(this.#path) > LONGEST)
      throw new Error(`${this.#path} is longer than ${LONGEST} bytes: set XDG_RUNTIME_DIR to a shorter one`)
    remove(this.#path)
    this.#server = createServer((socket) => {
      this.#viewers.add(socket)
      socket.once("close", () => this.#viewers.delete(socket))
      new Conversation(socket)
    })
    this.#server.maxConnections = VIEWERS
    this.#server.on("error", onError)
    // Also in a worker of node:cluster, which would share the socket of its primary.
    this.#server.listen({ path: this.#path, exclusive: true }).unref()
    try {
      chmodSync(this.#path, 0o600)
    } catch {
      // It is not there: the server will say why.
    }
  }

  shut(): void {
    this.#server.close()
    for (const socket of this.#viewers) socket.destroy()
    remove(this.#path)
  }
}

let wanted = 0
let open: InspectSocket | undefined

/** Opens it where it is not open. What it returns is called once, by the loop that wants it no more. */
export const openSocket = (onError: (error: unknown) => void): (() => void) => {
  try {
    open ??= new InspectSocket(onError)
  } catch (error) {
    onError(error)
  }
  wanted++
  return () => {
    if (--wanted > 0) return
    open?.shut()
    open = undefined
  }
}
