import { Effect } from "effect"
import { createServer } from "node:http"
import { WebSocketServer } from "ws"
import { Server } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: the server of HTTP has the Scope, and knows that of the WebSockets: clients get the answers that are due, and 1001
const listen = (server, webSockets) => Server.scoped(server, { port: 0, webSockets })
// end

serve((handle) => {
  const server = createServer()
  const webSockets = new WebSocketServer({ server }).on("connection", (client) =>
    client.on("message", () => void handle().then((text) => client.send(text)))
  )
  return Effect.map(listen(server, webSockets), ({ port }) => port)
})
