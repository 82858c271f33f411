import { Effect } from "effect"
import { once } from "node:events"
import { WebSocketServer } from "ws"
import { acquireAio } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: clients are heard no more, get the answers that are due and 1001, and half a second to say goodbye
const close = async (server, answered) => {
  server.close()
  for (const client of server.clients) client.pause()
  await answered()
  for (const client of server.clients) client.removeAllListeners("message").close(1001)
  for (const client of server.clients) client.resume()
  const left = setTimeout(() => server.clients.forEach((client) => client.terminate()), 500)
  await Promise.all([...server.clients].map((client) => once(client, "close")))
  clearTimeout(left)
}
// end

serve((handle) => {
  const open = new Set()
  const answer = (client) => {
    const answering = handle().then((text) => client.send(text))
    open.add(answering)
    return answering.finally(() => open.delete(answering))
  }
  const answered = async () => {
    while (open.size > 0) await Promise.allSettled(open)
  }
  return acquireAio({
    name: "server",
    open: async () => {
      const server = new WebSocketServer({ port: 0 }).on("connection", (client) =>
        client.on("message", () => void answer(client))
      )
      await once(server, "listening")
      return server
    },
    close: (server) => close(server, answered)
  }).pipe(Effect.map((server) => server.address().port))
})
