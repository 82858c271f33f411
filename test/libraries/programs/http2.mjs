import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http2"
import { acquireAio } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: a session that is closed says GOAWAY, and ends when its streams have
const listen = (server) => {
  const sessions = new Set()
  server.on("session", (session) => sessions.add(session.once("close", () => sessions.delete(session))))
  const close = async () => {
    server.close()
    for (const session of sessions) session.close()
    await once(server, "close")
  }
  return acquireAio({ name: "server", open: () => once(server.listen(0), "listening"), close })
}
// end

serve((handle) => {
  const server = createServer().on(
    "stream",
    (stream) => void handle().then((text) => (stream.respond(), stream.end(text)))
  )
  return Effect.map(listen(server), () => server.address().port)
})
