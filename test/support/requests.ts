/** Servers of tests that must be closed at their end, and clients that do what no library does. */
import { Effect, type Scope } from "effect"
import { once } from "node:events"
import * as http from "node:http"
import * as http2 from "node:http2"
import * as net from "node:net"

/** A server that listens on a port of its own, until the Scope closes: then whatever of it is left is cut off. */
const listening = <S extends net.Server>(
  make: () => S,
  path?: string
): Effect.Effect<{ readonly server: S; readonly port: number }, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = make()
      const sockets = new Set<net.Socket>()
      server.on("connection", (socket: net.Socket) => {
        sockets.add(socket)
        socket.once("close", () => sockets.delete(socket))
      })
      server.listen(path === undefined ? { port: 0, host: "127.0.0.1" } : { path })
      await once(server, "listening")
      const address = server.address()
      return { server, sockets, port: typeof address === "object" && address !== null ? address.port : 0 }
    }),
    ({ server, sockets }) =>
      Effect.promise(async () => {
        for (const socket of sockets) socket.destroy()
        await new Promise((resolve) => server.close(resolve))
      })
  )

export const httpServer = (listener: http.RequestListener, path?: string) =>
  listening(() => http.createServer(listener), path)

export const http2Server = (
  listener: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void
) => listening(() => http2.createServer(listener) as http2.Http2Server & net.Server)

/** A connection on which a test writes and reads what it likes. */
export class RawClient {
  received = ""
  ended = false
  constructor(readonly socket: net.Socket) {
    socket.setEncoding("latin1")
    socket.on("data", (data: string) => (this.received += data))
    socket.on("end", () => (this.ended = true))
    socket.on("error", () => {})
  }

  static async to(target: number | string): Promise<RawClient> {
    const socket =
      typeof target === "number" ? net.connect(target, "127.0.0.1") : net.connect({ path: target })
    await once(socket, "connect")
    return new RawClient(socket)
  }

  write(text: string): void {
    this.socket.write(text, "latin1")
  }

  /** Waits until what has come fits. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.received)) {
      if (this.socket.destroyed) throw new Error(`closed before ${String(pattern)}: ${this.received}`)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    return this.received
  }

  /** Waits until the connection is closed, and gives all that has come. */
  async closed(): Promise<string> {
    if (!this.socket.destroyed) await once(this.socket, "close")
    return this.received
  }

  async destroy(): Promise<void> {
    this.socket.destroy()
    await this.closed()
  }
}

/** A connection that is gone when the Scope closes. */
export const rawClient = (target: number | string): Effect.Effect<RawClient, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => RawClient.to(target)),
    (client) => Effect.promise(() => client.destroy())
  )

/** The head of a request without a body. */
export const head = (line: string, ...headers: ReadonlyArray<string>): string =>
  [`${line} HTTP/1.1`, "Host: test", ...headers, "", ""].join("\r\n")

/** Waits until something is so. */
export const until = (is: () => boolean): Effect.Effect<void> =>
  Effect.promise(async () => {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 2))
  })

/** One request on a connection of its own: the whole answer as text. */
export const exchange = (target: number | string, request: string) =>
  Effect.promise(async () => {
    const client = await RawClient.to(target)
    client.write(request)
    return await client.closed()
  })

/** `exchange` of a request that asks for the connection to be closed. */
export const ask = (target: number | string, line: string, ...headers: ReadonlyArray<string>) =>
  exchange(target, head(line, "Connection: close", ...headers))
