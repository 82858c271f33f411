import { Effect } from "effect"
import { createServer } from "node:http"
import { Server } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: a Scope is all that it takes
const listen = (server) => Server.scoped(server, { port: 0 })
// end

serve((handle) => {
  const server = createServer((request, response) => void handle().then((text) => response.end(text)))
  return Effect.map(listen(server), ({ port }) => port)
})
