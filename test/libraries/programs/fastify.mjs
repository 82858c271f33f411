import { Effect } from "effect"
import Fastify from "fastify"
import { acquireAio } from "effect-aio"
import { serve } from "./_serve.mjs"

// recipe: Fastify closes by itself; without `return503OnClosing` it answers what comes on a connection that is open
const open = (routes) =>
  acquireAio({
    name: "server",
    open: async () => {
      const app = routes(Fastify({ return503OnClosing: false, forceCloseConnections: "idle" }))
      await app.listen({ port: 0 })
      return app
    },
    close: (app) => app.close()
  })
// end

serve((handle) =>
  Effect.map(
    open((app) => app.get("/", () => handle().then((text) => text))),
    (app) => app.server.address().port
  )
)
