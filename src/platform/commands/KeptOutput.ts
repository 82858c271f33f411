/**
 * What a command writes and nobody reads. A child whose pipe is full waits for a reader; where its owner waits for the child,
 * neither goes on. So what is in a full pipe is taken out of it as soon as somebody waits for the child, and kept for who
 * reads it later.
 */
import type { Socket } from "node:net"
import { isFull } from "../../Loop/process/unread.js"

/** How many bytes of each pipe are kept. After that the child does wait, and the loop reports it. */
const MOST = 16 * 2 ** 20

/** Legal states: waiting for somebody who waits; keeping; read, from when on nothing is kept. */
class KeptPipe {
  #state: "waiting" | "keeping" | "read" = "waiting"
  readonly #chunks: Array<Uint8Array> = []
  #bytes = 0

  constructor(readonly socket: Socket) {}

  begin(): void {
    if (this.#state !== "waiting") return
    this.#state = "keeping"
    this.socket.on("readable", this.#take)
    this.#take()
  }

  read(): ReadonlyArray<Uint8Array> {
    this.#state = "read"
    this.socket.off("readable", this.#take)
    return this.#chunks.splice(0)
  }

  readonly #take = (): void => {
    while (isFull(this.socket)) {
      if (this.#bytes >= MOST) {
        this.socket.off("readable", this.#take)
        return
      }
      const bytes: unknown = this.socket.read()
      if (!(bytes instanceof Uint8Array)) return
      this.#chunks.push(bytes)
      this.#bytes += bytes.length
    }
  }
}

export class KeptOutput {
  readonly #pipes = new Map<number, KeptPipe>()

  /** `pipes` by their numbers; what is written to the others is another's. */
  constructor(pipes: Iterable<readonly [fd: number, socket: Socket]>) {
    for (const [fd, socket] of pipes) if (fd > 0) this.#pipes.set(fd, new KeptPipe(socket))
  }

  /** Somebody waits for the child. */
  begin(): void {
    for (const pipe of this.#pipes.values()) pipe.begin()
  }

  /** Somebody reads this pipe from now on, and waits for the child to write or close it: what was kept of it before. */
  read(fd: number): ReadonlyArray<Uint8Array> {
    const kept = this.#pipes.get(fd)?.read() ?? []
    this.begin()
    return kept
  }

  /** Nobody will ever read this pipe: what comes is dropped. */
  drop(fd: number): void {
    const pipe = this.#pipes.get(fd)
    if (pipe === undefined) return
    pipe.read()
    const drop = (): void => void pipe.socket.read()
    pipe.socket.on("readable", drop)
    drop()
  }
}
