/** HTTP servers of @effect/platform-node on a loop, for Effect 4. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { toIncomingMessage } from "@effect/platform-node/NodeHttpServerRequest"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpServer from "effect/http/HttpServer"
import { ServeError } from "effect/http/HttpServerError"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import type { HttpServerResponse } from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { createServer } from "node:http"
import { Server } from "../../Adapter/Server.js"
import type { Loop } from "../../Loop/Loop.js"
import { serves } from "../../Loop/server/request/requests.js"
import { FiberServing } from "../http/FiberServing.js"
import type { HttpServerOptions } from "../http/HttpServerOptions.js"
import { answerOf, listeningAlready } from "../http/listeningAlready.js"

/** Of HTTP/1 or HTTP/2. */
type NodeServer = ReturnType<Parameters<typeof NodeHttpServer.make>[0]>

type App = Effect.Effect<HttpServerResponse, unknown, HttpServerRequest | Scope.Scope>

/**
 * An app whose fibers are known to the server that closes: they are interrupted when the time of its drain is over. The platform
 * runs an app that is no router where nothing interrupts it.
 */
const known = (app: App): App =>
  Effect.withFiber((fiber) => {
    const request = Context.getUnsafe(fiber.context, HttpServerRequest)
    const message = toIncomingMessage(request)
    const answer = answerOf(message)
    if (answer !== undefined) serves(answer, new FiberServing(fiber, message))
    return Effect.interruptible(app)
  })

export const make = (
  evaluate: LazyArg<NodeServer>,
  options: HttpServerOptions,
  createdAt: () => string
): Effect.Effect<HttpServer.HttpServer["Service"], ServeError, Scope.Scope | Loop> =>
  Effect.gen(function* () {
    // What the platform has opened for it closes after it: WebSockets that nobody has closed would hold it.
    const platforms = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
    const server = yield* Effect.sync(evaluate)
    const scoped = yield* Effect.mapError(
      Server._scoped(server, options, createdAt),
      (cause) => new ServeError({ cause })
    )
    const inner = yield* Effect.provideService(
      NodeHttpServer.make(() => listeningAlready(server), {}),
      Scope.Scope,
      platforms
    )
    return HttpServer.make({
      address: inner.address,
      serve: (app, middleware) =>
        Effect.andThen(
          middleware === undefined ? inner.serve(known(app)) : inner.serve(known(app), middleware),
          // What serves needs what its Scope has: the server has closed before that is gone.
          Effect.addFinalizer(() => scoped._close)
        )
    })
  })

export const layerServer = (
  evaluate: LazyArg<NodeServer>,
  options: HttpServerOptions,
  createdAt: () => string
) => Layer.effect(HttpServer.HttpServer, make(evaluate, options, createdAt))

export const layer = (evaluate: LazyArg<NodeServer>, options: HttpServerOptions, createdAt: () => string) =>
  Layer.merge(layerServer(evaluate, options, createdAt), NodeHttpServer.layerHttpServices)

export const layerConfig = (
  evaluate: LazyArg<NodeServer>,
  options: Config.Wrap<HttpServerOptions>,
  createdAt: () => string
) =>
  Layer.merge(
    Layer.effect(
      HttpServer.HttpServer,
      Effect.flatMap(Config.unwrap(options), (given) => make(evaluate, given, createdAt))
    ),
    NodeHttpServer.layerHttpServices
  )

export const layerTest = HttpServer.layerTestClient.pipe(
  Layer.provide(
    Layer.provide(
      Layer.fresh(FetchHttpClient.layer),
      Layer.succeed(FetchHttpClient.RequestInit, { keepalive: false })
    )
  ),
  Layer.provideMerge(layer(createServer, { port: 0 }, () => "LoopHttpServer.layerTest"))
)
