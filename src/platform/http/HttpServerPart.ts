/** What the modules of HTTP servers have, and the platform's types in it, as the installed line has them. */
import type * as Config from "effect/Config"
import type * as Effect from "effect/Effect"
import type { LazyArg } from "effect/Function"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { Server } from "node:http"
import type { Http2SecureServer, Http2Server } from "node:http2"
import type { OfLine } from "../../effect/Seam.js"
import type { Loop } from "../../Loop/Loop.js"
import type { HttpServerOptions } from "./HttpServerOptions.js"

/* eslint-disable @typescript-eslint/ban-ts-comment, @typescript-eslint/consistent-type-imports -- each of these names is there on one line only, and used on that one.
   As doc comments they stay in the declarations. */
/** @ts-ignore Effect 3 only */
type HttpServer3 = import("@effect/platform/HttpServer").HttpServer
/** @ts-ignore Effect 3 only */
type ServeError3 = import("@effect/platform/HttpServerError").ServeError
/** @ts-ignore Effect 3 only */
type HttpPlatform3 = import("@effect/platform/HttpPlatform").HttpPlatform
/** @ts-ignore Effect 3 only */
type Generator3 = import("@effect/platform/Etag").Generator
/** @ts-ignore Effect 3 only */
type HttpClient3 = import("@effect/platform/HttpClient").HttpClient
/** @ts-ignore Effect 3 only */
type NodeContext3 = import("@effect/platform-node/NodeContext").NodeContext
/** @ts-ignore Effect 3 only */
type Wrap3<A> = Config.Config.Wrap<A>
/** @ts-ignore Effect 3 only */
type ConfigError3 = import("effect/ConfigError").ConfigError
/** @ts-ignore Effect 4 only */
type HttpServer4 = import("effect/http/HttpServer").HttpServer
/** @ts-ignore Effect 4 only */
type HttpService4 = import("effect/http/HttpServer").HttpServer["Service"]
/** @ts-ignore Effect 4 only */
type ServeError4 = import("effect/http/HttpServerError").ServeError
/** @ts-ignore Effect 4 only */
type HttpPlatform4 = import("effect/http/HttpPlatform").HttpPlatform
/** @ts-ignore Effect 4 only */
type Generator4 = import("effect/http/Etag").Generator
/** @ts-ignore Effect 4 only */
type HttpClient4 = import("effect/http/HttpClient").HttpClient
/** @ts-ignore Effect 4 only */
type NodeServices4 = import("@effect/platform-node/NodeServices").NodeServices
/** @ts-ignore Effect 4 only */
type Wrap4<A> = Config.Wrap<A>
/** @ts-ignore Effect 4 only */
type ConfigError4 = Config.ConfigError
/* eslint-enable */

/** The platform's key of the server. */
export type HttpServer = OfLine<HttpServer3, HttpServer4>

/** The server itself. */
export type HttpService = OfLine<HttpServer3, HttpService4>

/** It cannot listen: its `cause` is a `BindError`, which names the address and what helps. */
export type ServeError = OfLine<ServeError3, ServeError4>

/** What the platform has beside the server: `NodeContext` or `NodeServices`, tags of files, and more. */
export type HttpServices = OfLine<
  HttpPlatform3 | Generator3 | NodeContext3,
  HttpPlatform4 | Generator4 | NodeServices4
>

export type HttpClient = OfLine<HttpClient3, HttpClient4>

/** Options of which each may be a Config, or all together. */
export type Wrap<A> = OfLine<Wrap3<A>, Wrap4<A>>

export type ConfigError = OfLine<ConfigError3, ConfigError4>

/** Makes a server of Node, which does not listen yet. */
export type MakeServer = LazyArg<OfLine<Server, Server | Http2Server | Http2SecureServer>>

/** The module of a line. */
export interface HttpServerPart {
  readonly make: (
    evaluate: MakeServer,
    options: HttpServerOptions,
    createdAt: () => string
  ) => Effect.Effect<HttpService, ServeError, Scope.Scope | Loop>
  readonly layerServer: (
    evaluate: MakeServer,
    options: HttpServerOptions,
    createdAt: () => string
  ) => Layer.Layer<HttpServer, ServeError, Loop>
  readonly layer: (
    evaluate: MakeServer,
    options: HttpServerOptions,
    createdAt: () => string
  ) => Layer.Layer<HttpServer | HttpServices, ServeError, Loop>
  readonly layerConfig: (
    evaluate: MakeServer,
    options: Wrap<HttpServerOptions>,
    createdAt: () => string
  ) => Layer.Layer<HttpServer | HttpServices, ServeError | ConfigError, Loop>
  readonly layerTest: Layer.Layer<HttpServer | HttpServices | HttpClient, ServeError, Loop>
}
