// The site on Effect 3, with @effect/platform.
import { createServer } from "node:http"
import * as Command from "@effect/platform/Command"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpServer from "@effect/platform/HttpServer"
import { Context, Effect, Layer, Schema } from "effect"
import { acquireAio, currentSignal, fromAio, Loop } from "effect-aio"
import { LoopCommandExecutor, LoopHttpServer } from "effect-aio/platform"
import { RatingsClient } from "../ratings.js"

// What it offers.
const Lines = Schema.Struct({ lines: Schema.Array(Schema.String) })
const id = HttpApiSchema.param("id", Schema.NumberFromString)
const Site = HttpApi.make("site").add(
  HttpApiGroup.make("studio")
    .add(HttpApiEndpoint.get("rating")`/ratings/${id}`.addSuccess(Schema.Struct({ stars: Schema.Number })))
    .add(HttpApiEndpoint.post("sort", "/sort").setPayload(Lines).addSuccess(Lines))
    .add(HttpApiEndpoint.post("render", "/render").addSuccess(Schema.String))
)

// A promise library as a service: its calls are cancelled and joined with the request, its client closes after the server.
class Ratings extends Context.Tag("Ratings")<
  Ratings,
  { readonly stars: (id: number) => Effect.Effect<number> }
>() {
  static readonly layer = Layer.scoped(
    Ratings,
    Effect.gen(function* () {
      const client = yield* acquireAio({ open: () => new RatingsClient(), close: (client) => client.close() })
      const bind = yield* Loop.binder
      const stars = bind(fromAio((id: number) => client.stars(id, currentSignal())))
      return { stars: (id) => Effect.orDie(stars(id)) }
    })
  )
}

// What a request does. Commands are the platform's; they run on the loop.
const Studio = HttpApiBuilder.group(Site, "studio", (handlers) =>
  handlers
    .handle("rating", ({ path }) =>
      Effect.map(
        Effect.flatMap(Ratings, (ratings) => ratings.stars(path.id)),
        (stars) => ({ stars })
      )
    )
    .handle("sort", ({ payload }) =>
      Command.make("sort").pipe(
        Command.feed(payload.lines.join("\n") + "\n"),
        Command.lines,
        Effect.map((lines) => ({ lines })),
        Effect.orDie
      )
    )
    // A program that does not want to end: it gets SIGTERM, then SIGKILL, when the time of its request is over.
    .handle("render", () =>
      Effect.gen(function* () {
        const render = yield* Command.start(
          Command.make("sh", "-c", `trap "" TERM; while :; do sleep 1; done`)
        )
        console.log(`rendering in process ${render.pid}`)
        return `ended with ${yield* render.exitCode}`
      }).pipe(Effect.scoped, Effect.orDie)
    )
)

const Web = HttpApiBuilder.serve().pipe(
  Layer.provide(HttpApiBuilder.api(Site)),
  Layer.provide(Studio),
  Layer.provide(LoopCommandExecutor.layer({ killGrace: "200 millis" })),
  Layer.provide(Loop.named("ratings", Ratings.layer))
)

export const site = (port: number): Effect.Effect<never, unknown, Loop> =>
  Layer.effectDiscard(
    HttpServer.addressWith((address) =>
      Effect.sync(() => console.log(`site at http://127.0.0.1:${"port" in address ? address.port : 0}`))
    )
  ).pipe(
    Layer.merge(Web),
    Layer.provide(
      LoopHttpServer.layer(createServer, {
        host: "127.0.0.1",
        port,
        // While it is a lame duck, it still takes what comes: who keeps connections is told to let them go.
        lameDuck: "200 millis",
        drain: "500 millis",
        answer: "500 millis"
      })
    ),
    Layer.launch
  )
