// The server as callbacks: asyncio's Protocol. Nothing is between it and the transport: the fastest of the three.
import { Effect } from "effect"
import { acquireAio, Loop, type Protocol, type SocketTransport } from "effect-aio"

class Echo implements Protocol {
  #transport: SocketTransport | undefined

  connectionMade(transport: SocketTransport): void {
    this.#transport = transport
  }

  dataReceived(data: Buffer): void {
    this.#transport?.write(data)
  }

  // A client that does not read is not read from either.
  pauseWriting(): void {
    this.#transport?.pauseReading()
  }

  resumeWriting(): void {
    this.#transport?.resumeReading()
  }

  // No eofReceived: when the client has sent all, the connection is closed once that is written back.
}

export const protocolServer = Effect.gen(function* () {
  const loop = yield* Loop
  const server = yield* acquireAio({
    name: "echo by a protocol",
    open: () => loop.createServer(() => new Echo(), { host: "127.0.0.1" }),
    close: (server) => {
      server.close()
      server.closeClients()
      return server.waitClosed()
    }
  })
  return server.sockets[0]?.port ?? 0
})
