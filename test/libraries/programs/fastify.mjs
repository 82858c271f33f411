import { Effect } from "effect"
import Fastify from "fastify"
import { Server } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: as it is; its own close, and the `onClose` hooks, run when nothing is in flight any more, so that nothing is refused
const listen = (app) => Server.scoped(app, { port: 0, host: "127.0.0.1" })
// end

serve((handle) => {
  const app = Fastify()
  app.get("/", () => handle().then((text) => text))
  return Effect.map(listen(app), ({ port }) => port)
})
