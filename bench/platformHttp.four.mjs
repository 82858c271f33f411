/** `platformHttp.ts` for Effect 4. */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Server from "effect/http/HttpServer"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Loop } from "effect-aio"
import { LoopHttpServer } from "effect-aio/platform"

const where = { port: 0, host: "127.0.0.1" }

const serve = async (layerOf) => {
  const server = createServer()
  const web = Layer.provide(Server.serve(Effect.succeed(HttpServerResponse.text("hello"))), layerOf(server))
  const scope = await Effect.runPromise(Scope.make())
  await Effect.runPromise(Layer.buildWithScope(web, scope))
  return { server, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

export const platform = () => serve((server) => NodeHttpServer.layer(() => server, where))

export const onLoop = (loop) =>
  serve((server) =>
    Layer.provide(
      LoopHttpServer.layer(() => server, where),
      Layer.succeed(Loop, loop)
    )
  )
