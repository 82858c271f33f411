/** The platform's HTTP server of Effect 3, on its own and on a loop. `platformHttp.four.mjs` has that of Effect 4. */
import { createServer, type Server as HttpServer } from "node:http"
import * as Server from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type EventLoop, Loop } from "effect-aio"
import { LoopHttpServer } from "effect-aio/platform"

/** It says hello to whoever asks, and listens. */
export interface Serving {
  readonly server: HttpServer
  readonly close: () => Promise<void>
}

const where = { port: 0, host: "127.0.0.1" }

const serve = async (
  layerOf: (server: HttpServer) => Layer.Layer<Server.HttpServer, unknown>
): Promise<Serving> => {
  const server = createServer()
  const web = Layer.provide(Server.serve(HttpServerResponse.text("hello")), layerOf(server))
  const scope = await Effect.runPromise(Scope.make())
  await Effect.runPromise(Layer.buildWithScope(web, scope))
  return { server, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

/** The platform's own. */
export const platform = (): Promise<Serving> => serve((server) => NodeHttpServer.layer(() => server, where))

/** That of a loop. */
export const onLoop = (loop: EventLoop): Promise<Serving> =>
  serve((server) =>
    Layer.provide(
      LoopHttpServer.layer(() => server, where),
      Layer.succeed(Loop, loop)
    )
  )
