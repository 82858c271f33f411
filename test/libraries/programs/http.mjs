import { Effect } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import { acquireAio } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: answers that are begun end, and their connections with them; what is idle is closed
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
  const server = createServer((request, response) => void handle().then((text) => response.end(text)))
  return Effect.map(listen(server), () => server.address().port)
})
