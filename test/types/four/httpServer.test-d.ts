import type { NodeServices } from "@effect/platform-node/NodeServices"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import type * as Etag from "effect/http/Etag"
import type { HttpClient } from "effect/http/HttpClient"
import type { HttpPlatform } from "effect/http/HttpPlatform"
import * as HttpServer from "effect/http/HttpServer"
import type { ServeError } from "effect/http/HttpServerError"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import { createSecureServer } from "node:http2"
import { describe, expectTypeOf, it } from "vitest"
import type { Loop } from "../../../src/index.js"
import { LoopHttpServer } from "../../../src/platform/index.js"

type Services = HttpPlatform | Etag.Generator | NodeServices

describe("LoopHttpServer", () => {
  it("gives what the platform's own gives, and needs a loop", () => {
    expectTypeOf(LoopHttpServer.layer(createServer, { port: 0 })).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer | Services, ServeError, Loop>
    >()
    expectTypeOf(LoopHttpServer.layerServer(() => createSecureServer())).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer, ServeError, Loop>
    >()
    expectTypeOf(LoopHttpServer.layerConfig(createServer, { port: Config.Number("PORT") })).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer | Services, ServeError | Config.ConfigError, Loop>
    >()
    expectTypeOf(LoopHttpServer.make(createServer)).toEqualTypeOf<
      Effect.Effect<HttpServer.HttpServer["Service"], ServeError, Scope.Scope | Loop>
    >()
    expectTypeOf(LoopHttpServer.layerTest).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer | Services | HttpClient, ServeError, Loop>
    >()
  })

  it("leaves an app nothing to need but the loop", () => {
    const web = HttpServer.serve(Effect.succeed(HttpServerResponse.text("hello")))
    expectTypeOf(Layer.provide(web, LoopHttpServer.layer(createServer))).toEqualTypeOf<
      Layer.Layer<never, ServeError, Loop>
    >()
  })

  it("takes what makes a server, and the options of Server.scoped", () => {
    // @ts-expect-error it is called when the Layer is built
    LoopHttpServer.layer(createServer())
    // @ts-expect-error drain stands for it
    LoopHttpServer.layer(createServer, { gracefulShutdownTimeout: 1 })
    // @ts-expect-error WebSockets are the platform's
    LoopHttpServer.layer(createServer, { webSockets: undefined as never })
  })
})
