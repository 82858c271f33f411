// The server as a coroutine for each client, with a reader and a writer: asyncio's streams.
import { Effect } from "effect"
import { acquireAio, type ClientConnected, Loop } from "effect-aio"

const echo: ClientConnected = async (reader, writer) => {
  for (;;) {
    const data = await reader.read(65536)
    if (data.length === 0) break
    writer.write(data)
    await writer.drain()
  }
  writer.close()
  await writer.waitClosed()
}

export const streamServer = Effect.gen(function* () {
  const loop = yield* Loop
  const server = yield* acquireAio({
    name: "echo by streams",
    open: () => loop.startServer(echo, { host: "127.0.0.1" }),
    close: (server) => {
      server.close()
      server.closeClients()
      return server.waitClosed()
    }
  })
  return server.sockets[0]?.port ?? 0
})
