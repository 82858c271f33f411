/**
 * The platform's HTTP server on a loop: `HttpServer.serve`, `HttpRouter`, `HttpApi`, middleware, WebSockets, uploads and what else
 * the platform has stay as they are, and its end is that of `Server.scoped`. In place of the platform's `NodeHttpServer`, with
 * the same names.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { callSite } from "../Loop/closing/origin.js"
import type { Loop } from "../Loop/Loop.js"
import { checkHttpServer, type HttpServerOptions } from "./http/HttpServerOptions.js"
import type {
  ConfigError,
  HttpClient,
  HttpServer,
  HttpServerPart,
  HttpServices,
  HttpService,
  MakeServer,
  ServeError,
  Wrap
} from "./http/HttpServerPart.js"
import { lazily, loading } from "./lazily.js"
import { partsOfLine } from "./onLine.js"

export type { HttpServerOptions } from "./http/HttpServerOptions.js"

const packages = "@effect/platform-node"

const load = (): Promise<HttpServerPart> => partsOfLine().httpServer()

/**
 * The server, listening, as the service `HttpServer` of the platform; closed in phases with the caller's Scope, or with that in
 * which something was served, whichever is first: what serves still has what its own Scope has.
 *
 * Fails with the platform's ServeError, whose `cause` is a `BindError`. Throws `TypeError` and `RangeError` for options that are none,
 * at once.
 *
 * @category constructors
 * @since 0.2.0
 */
export const make = (
  evaluate: MakeServer,
  options: HttpServerOptions = {}
): Effect.Effect<HttpService, ServeError, Scope.Scope | Loop> => {
  const name = "LoopHttpServer.make"
  const createdAt = callSite(make)
  checkHttpServer(name, evaluate, options)
  return Effect.flatMap(loading(name, packages, load), (part) => part.make(evaluate, options, createdAt))
}

/**
 * The server alone, without the services that the platform has beside it.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerServer = (
  evaluate: MakeServer,
  options: HttpServerOptions = {}
): Layer.Layer<HttpServer, ServeError, Loop> => {
  const name = "LoopHttpServer.layerServer"
  const createdAt = callSite(layerServer)
  checkHttpServer(name, evaluate, options)
  return lazily(name, packages, load, (part) => part.layerServer(evaluate, options, createdAt))
}

/**
 * The platform's `NodeHttpServer.layer` on a loop. When it closes, or its loop or process is told to stop, it goes through the
 * phases of `Server.scoped` (`docs/servers.md`): `lameDuck`, then it accepts no more, idle connections end at once, requests in
 * flight have `drain` (5 seconds), then their fibers are interrupted, which the platform answers with 503, and have `answer` (1
 * second); what is left is named, and destroyed. WebSockets are closed with 1001.
 *
 * A handler is interrupted when its client goes, as the platform has it. **Loop closed** fails with ServeError. Throws `TypeError`
 * and `RangeError` for options that are none, at once. Needs `@effect/platform-node`, which is loaded when the Layer is built.
 *
 * @example
 * import * as HttpServer from "@effect/platform/HttpServer"
 * import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
 * import { LoopHttpServer } from "effect-aio/platform"
 * import { createServer } from "node:http"
 *
 * const web = HttpServer.serve(HttpServerResponse.text("hello"))
 * const site = Layer.provideMerge(web, LoopHttpServer.layer(createServer, { host: "127.0.0.1", drain: "2 seconds" }))
 * const get = fromAio((url: string) => fetch(url, { signal: currentSignal() }).then((answer) => answer.text()))
 * const program = HttpServer.addressWith((address) =>
 *   get(`http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}/`)
 * )
 * console.log(await Effect.runPromise(Loop.scoped(Effect.provide(program, site)))) // => hello
 *
 * @category layers
 * @since 0.2.0
 */
export const layer = (
  evaluate: MakeServer,
  options: HttpServerOptions = {}
): Layer.Layer<HttpServer | HttpServices, ServeError, Loop> => {
  const name = "LoopHttpServer.layer"
  const createdAt = callSite(layer)
  checkHttpServer(name, evaluate, options)
  return lazily(name, packages, load, (part) => part.layer(evaluate, options, createdAt))
}

/**
 * The same with options of which each, or all, may be a Config. Options that are none are a defect.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerConfig = (
  evaluate: MakeServer,
  options: Wrap<HttpServerOptions>
): Layer.Layer<HttpServer | HttpServices, ServeError | ConfigError, Loop> => {
  const name = "LoopHttpServer.layerConfig"
  const createdAt = callSite(layerConfig)
  checkHttpServer(name, evaluate, {})
  return lazily(name, packages, load, (part) => part.layerConfig(evaluate, options, createdAt))
}

/**
 * For tests: a server at a free port, and the platform's HttpClient whose requests go to it.
 *
 * @category layers
 * @since 0.2.0
 */
export const layerTest: Layer.Layer<HttpServer | HttpServices | HttpClient, ServeError, Loop> = lazily(
  "LoopHttpServer.layerTest",
  packages,
  load,
  (part) => part.layerTest
)
