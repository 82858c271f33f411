/** Servers and clients of `node:net` for the tests of connections. */
import { Effect, type Scope, Stream } from "effect"
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import type { Loop } from "../../src/index.js"
import { scoped } from "./scopedLoops.js"

/** A server of the test's own; gives its port. */
export const serving = (onSocket: (socket: Socket) => void, path?: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(async () => {
        const sockets = new Set<Socket>()
        const server = createServer({ allowHalfOpen: true }, (socket) => {
          sockets.add(socket)
          socket.on("error", () => {})
          onSocket(socket)
        })
        if (path === undefined) server.listen(0, "127.0.0.1")
        else server.listen(path)
        await once(server, "listening")
        return { server, sockets }
      }),
      ({ server, sockets }) =>
        Effect.promise(async () => {
          for (const socket of sockets) socket.destroy()
          server.close()
          await once(server, "close")
        })
    ),
    ({ server }) => portOf(server)
  )

const portOf = (server: Server): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

/** Says back what it hears. */
export const echo = (socket: Socket): void => void socket.pipe(socket)

/** All of it. */
export const text = <E, R>(stream: Stream.Stream<Uint8Array, E, R>) =>
  Stream.mkString(Stream.decodeText(stream))

/** A test in a loop and a Scope of its own. */
export const on =
  (effect: Effect.Effect<void, unknown, Loop | Scope.Scope>, options?: Parameters<typeof scoped>[1]) => () =>
    scoped(Effect.scoped(effect), options)

export const at = (port: number) => ({ host: "127.0.0.1", port })

/** A client of the test's own, and what it has heard. It ends its side when the other has. */
export const client = (port: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true })
      const heard = { text: "", ended: false, error: undefined as NodeJS.ErrnoException | undefined }
      socket.on("data", (data: Buffer) => void (heard.text += data.toString()))
      socket.on("end", () => {
        heard.ended = true
        socket.end()
      })
      socket.on("error", (error) => (heard.error = error))
      await once(socket, "connect")
      const closed = once(socket, "close")
      return { socket, heard, closed: Effect.promise(() => closed) }
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

/** Line by line. */
export const lines = (stream: Stream.Stream<Uint8Array, unknown>) =>
  Stream.splitLines(Stream.decodeText(stream))
