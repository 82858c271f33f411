import type { Cause } from "effect"
import { Data, Effect, type Scope, Stream } from "effect"
import * as http from "node:http"
import * as http2 from "node:http2"
import { describe, expectTypeOf, it } from "vitest"
import { Tag } from "../../src/effect.js"
import {
  type HttpResponse,
  type Loop,
  type RequestHandler,
  Server,
  type ServerRequest
} from "../../src/index.js"

class Db extends Tag<Db, { readonly rows: number }>()("types/Server/Db") {}
class Files extends Tag<Files, { readonly root: string }>()("types/Server/Files") {}
class NotFound extends Data.TaggedError("NotFound")<{ readonly id: number }> {}
class Broken extends Data.TaggedError("Broken")<{ readonly at: number }> {}

declare const needs: Effect.Effect<{ readonly body: string }, NotFound, Db | Scope.Scope | Server.Request>
declare const streams: Effect.Effect<{ body: Stream.Stream<Uint8Array, Broken, Files> }, NotFound, Db>

describe("Server.handler", () => {
  it("needs what the Effect does, but for the request and its Scope, and gives what Node's servers call", () => {
    expectTypeOf(Server.handler(needs)).toEqualTypeOf<
      Effect.Effect<RequestHandler, never, Db | Loop | Scope.Scope>
    >()
    expectTypeOf(Server.handler(() => needs)).toEqualTypeOf<
      Effect.Effect<RequestHandler, never, Db | Loop | Scope.Scope>
    >()
    expectTypeOf(Server.handler(Effect.succeed({}))).toEqualTypeOf<
      Effect.Effect<RequestHandler, never, Loop | Scope.Scope>
    >()
    const _listens = (handler: RequestHandler) => {
      http.createServer(handler)
      http2.createServer(handler)
      http2.createSecureServer({}, handler)
      http.createServer().on("request", handler).on("checkContinue", handler)
    }
  })

  it("a Stream of the body needs and fails, too", () => {
    expectTypeOf(Server.handler(streams)).toEqualTypeOf<
      Effect.Effect<RequestHandler, never, Db | Files | Loop | Scope.Scope>
    >()
    Server.handler(streams, {
      onFailure: (cause, request) => {
        expectTypeOf(cause).toEqualTypeOf<Cause.Cause<NotFound | Broken>>()
        expectTypeOf(request).toEqualTypeOf<ServerRequest>()
        return { status: 404 }
      }
    })
    // @ts-expect-error nobody is left to run it
    Server.handler(streams, { onFailure: () => ({ body: Stream.make("x"), status: "404" }) })
  })

  it("a function may give one of several Effects", () => {
    const several = (request: ServerRequest) =>
      request.path === "/a" ? needs : request.path === "/b" ? streams : Effect.succeed({ status: 404 })
    expectTypeOf(Server.handler(several)).toEqualTypeOf<
      Effect.Effect<RequestHandler, never, Db | Files | Loop | Scope.Scope>
    >()
  })

  it("a function has the request, and the response of node:http unless it says which", () => {
    Server.handler((request, response) => {
      expectTypeOf(request).toEqualTypeOf<ServerRequest>()
      expectTypeOf(response).toEqualTypeOf<HttpResponse>()
      return Effect.sync(() => void response.end("x"))
    })
    Server.handler((_, response: http2.Http2ServerResponse) =>
      Effect.sync(() => {
        response.stream.respond()
      })
    )
  })

  it("an answer is nothing, or an object of three parts", () => {
    Server.handler(
      Effect.succeed({ status: 200, headers: { a: "b", c: ["d"], e: 1, f: undefined }, body: [1] })
    )
    Server.handler(Effect.void)
    // @ts-expect-error a string is a body, and no answer
    Server.handler(Effect.succeed("hello"))
    // @ts-expect-error its status is a number
    Server.handler(Effect.succeed({ status: "ok" }))
    // @ts-expect-error an answer of nothing that is known
    Server.handler(Effect.succeed({ boddy: "hello" }))
  })
})
