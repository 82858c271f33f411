/**
 * A client that has gone away: its connection was closed, or its stream reset, before it had the whole answer.
 *
 * Node tells of it by the `close` of the answer. Not so on Node 20 and 22 of an answer that waits behind another one of its
 * connection (pipelining): that has no socket yet, and nothing is told of it. Hence the socket's own `close`, with one
 * listener for all that wait there.
 */
import type { Socket } from "node:net"
import type { NodeRequest, NodeResponse } from "./ServerRequest.js"

/** Whether the answer cannot reach its client any more, and has not. */
export const isGone = (request: NodeRequest, response: NodeResponse): boolean => {
  if ("stream" in response && response.stream !== undefined) {
    const { stream } = response
    // Node says of a stream that was reset that its writing has finished.
    return stream.aborted || (stream.destroyed && !response.writableEnded)
  }
  return (
    !response.writableFinished &&
    ((response as { destroyed?: boolean }).destroyed === true || request.socket.destroyed)
  )
}

/** The answers that wait on a socket. */
const waiting = new WeakMap<Socket, Set<() => void>>()

const onSocket = (socket: Socket, tell: () => void): (() => void) => {
  let all = waiting.get(socket)
  if (all === undefined) {
    const there = (all = new Set())
    waiting.set(socket, all)
    socket.once("close", () => {
      for (const one of [...there]) one()
    })
  }
  all.add(tell)
  return () => void all.delete(tell)
}

/** Calls `tell` when nothing more can be sent: the client has gone, or has the whole answer. The result takes that back. */
export const whenClosed = (request: NodeRequest, response: NodeResponse, tell: () => void): (() => void) => {
  response.once("close", tell)
  const queued = !("stream" in response) && response.socket === null
  const unlisten = queued ? onSocket(request.socket, tell) : undefined
  return () => {
    response.off("close", tell)
    unlisten?.()
  }
}
