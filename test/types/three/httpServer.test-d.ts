import type * as Etag from "@effect/platform/Etag"
import type { HttpClient } from "@effect/platform/HttpClient"
import type { HttpPlatform } from "@effect/platform/HttpPlatform"
import * as HttpServer from "@effect/platform/HttpServer"
import type { ServeError } from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { NodeContext } from "@effect/platform-node/NodeContext"
import type { ConfigError } from "effect/ConfigError"
import * as Config from "effect/Config"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import { describe, expectTypeOf, it } from "vitest"
import type { Loop } from "../../../src/index.js"
import { LoopHttpServer } from "../../../src/platform/index.js"

type Services = HttpPlatform | Etag.Generator | NodeContext

describe("LoopHttpServer", () => {
  it("gives what the platform's own gives, and needs a loop", () => {
    expectTypeOf(LoopHttpServer.layer(createServer, { port: 0 })).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer | Services, ServeError, Loop>
    >()
    expectTypeOf(LoopHttpServer.layerServer(createServer)).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer, ServeError, Loop>
    >()
    expectTypeOf(LoopHttpServer.layerConfig(createServer, { port: Config.port("PORT") })).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer | Services, ServeError | ConfigError, Loop>
    >()
    expectTypeOf(LoopHttpServer.make(createServer)).toEqualTypeOf<
      Effect.Effect<HttpServer.HttpServer, ServeError, Scope.Scope | Loop>
    >()
    expectTypeOf(LoopHttpServer.layerTest).toEqualTypeOf<
      Layer.Layer<HttpServer.HttpServer | Services | HttpClient, ServeError, Loop>
    >()
  })

  it("leaves an app nothing to need but the loop", () => {
    const web = HttpServer.serve(HttpServerResponse.text("hello"))
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
