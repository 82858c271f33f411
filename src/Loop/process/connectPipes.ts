/** This process's ends of the pipes of a child that the helper starts: connections to it, each of which says whose it is. */
import { connect, type Socket } from "node:net"
import { headerOf } from "./helperProgram.js"

const nothing = (): void => {}

/** Where the helper listens, and the secret by which it knows this process. */
export interface Address {
  readonly path: string
  readonly token: Buffer
}

/** Connections that are being made. */
export interface Connecting {
  /** Takes them back: whatever is open is closed, and nobody is called. */
  destroy(): void
  /** Whoever has them listens to their errors from now on: until then nobody need. */
  handOver(): void
}

/**
 * Connects for each of the child's numbers, of which there is one at least. Calls `then` once, from an event, when all of them
 * are, or with an error and all of them closed. What each gets to read is the child's.
 */
export const connectPipes = (
  { path, token }: Address,
  id: number,
  fds: ReadonlyArray<number>,
  then: (error: Error | undefined, pipes: ReadonlyMap<number, Socket>) => void
): Connecting => {
  const pipes = new Map<number, Socket>()
  let left = fds.length
  const destroy = (): void => {
    left = 0
    for (const pipe of pipes.values()) {
      pipe.off("error", fail)
      pipe.on("error", nothing)
      pipe.destroy()
    }
  }
  const fail = (error: Error): void => {
    if (left === 0) return
    destroy()
    then(error, new Map())
  }
  for (const fd of fds) {
    // Of its stdin nothing is read, as where Node makes the pipe.
    const pipe = connect({ path, readable: fd !== 0 })
    // Nor of the others before the child is there to listen: who waits for its start would come after its output.
    pipe.pause()
    pipes.set(fd, pipe)
    pipe.on("error", fail)
    pipe.once("connect", () => {
      pipe.write(headerOf(token, id, fd))
      if (--left === 0) then(undefined, pipes)
    })
  }
  return {
    destroy,
    handOver() {
      for (const pipe of pipes.values()) pipe.off("error", fail)
    }
  }
}
