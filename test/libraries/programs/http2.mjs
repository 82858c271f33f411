import { Effect } from "effect"
import { createServer } from "node:http2"
import { Server } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: as for node:http; its sessions say GOAWAY, and end when their streams have
const listen = (server) => Server.scoped(server, { port: 0 })
// end

serve((handle) => {
  const server = createServer().on(
    "stream",
    (stream) => void handle().then((text) => (stream.respond(), stream.end(text)))
  )
  return Effect.map(listen(server), ({ port }) => port)
})
