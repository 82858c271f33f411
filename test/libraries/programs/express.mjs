import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import express from "express"
import { acquireAio } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: as for node:http, whose server it is
const close = async (server) => {
  server.prependListener("request", (_, response) => response.setHeader("Connection", "close"))
  const sweep = setInterval(() => server.closeIdleConnections(), 50)
  server.close()
  await once(server, "close")
  clearInterval(sweep)
}
const listen = (server) =>
  acquireAio({ name: "server", open: () => once(server.listen(0), "listening"), close: () => close(server) })
// end

serve((handle) => {
  const app = express().get("/", (_, response) => void handle().then((text) => response.send(text)))
  const server = createServer(app)
  return Effect.map(listen(server), () => server.address().port)
})
