// The site on Effect 4, with effect/http-api, effect/process and @effect/platform-node.
import { createServer } from "node:http"
import { acquireAio, currentSignal, fromAio, Loop } from "effect-aio"
import { LoopChildProcessSpawner, LoopHttpServer } from "effect-aio/platform"
import { Context, Effect, Layer, Schema, Stream } from "effect"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { RatingsClient } from "../ratings.js"

// What it offers.
const Lines = Schema.Struct({ lines: Schema.Array(Schema.String) })
const Site = HttpApi.make("site").add(
  HttpApiGroup.make("studio").add(
    HttpApiEndpoint.get("rating", "/ratings/:id", {
      params: { id: Schema.NumberFromString },
      success: Schema.Struct({ stars: Schema.Number })
    }),
    HttpApiEndpoint.post("sort", "/sort", { payload: Lines, success: Lines }),
    HttpApiEndpoint.post("render", "/render", { success: Schema.String })
  )
)

// A promise library as a service: its calls are cancelled and joined with the request, its client closes after the server.
class Ratings extends Context.Service<Ratings, { readonly stars: (id: number) => Effect.Effect<number> }>()(
  "Ratings"
) {
  static readonly layer = Layer.effect(
    Ratings,
    Effect.gen(function* () {
      const client = yield* acquireAio({ open: () => new RatingsClient(), close: (client) => client.close() })
      const bind = yield* Loop.binder
      const stars = bind(fromAio((id: number) => client.stars(id, currentSignal())))
      return { stars: (id: number) => Effect.orDie(stars(id)) }
    })
  )
}

// What a request does. Commands are the platform's; they run on the loop.
const Studio = HttpApiBuilder.group(Site, "studio", (handlers) =>
  handlers
    .handle("rating", ({ params }) =>
      Effect.map(
        Effect.flatMap(Ratings, (ratings) => ratings.stars(params.id)),
        (stars) => ({ stars })
      )
    )
    .handle("sort", ({ payload }) =>
      Effect.gen(function* () {
        const spawner = yield* ChildProcessSpawner
        const stdin = Stream.encodeText(Stream.make(payload.lines.join("\n") + "\n"))
        return { lines: yield* spawner.lines(ChildProcess.make("sort", [], { stdin })) }
      }).pipe(Effect.orDie)
    )
    // A program that does not want to end: it gets SIGTERM, then SIGKILL, when the time of its request is over.
    .handle("render", () =>
      Effect.gen(function* () {
        const spawner = yield* ChildProcessSpawner
        const render = yield* spawner.spawn(
          ChildProcess.make("sh", ["-c", `trap "" TERM; while :; do sleep 1; done`])
        )
        console.log(`rendering in process ${render.pid}`)
        return `ended with ${yield* render.exitCode}`
      }).pipe(Effect.scoped, Effect.orDie)
    )
)

const Web = HttpRouter.serve(Layer.provide(HttpApiBuilder.layer(Site), Studio)).pipe(
  Layer.provide(LoopChildProcessSpawner.layer({ killGrace: "200 millis" })),
  Layer.provide(Loop.named("ratings", Ratings.layer))
)

export const site = (port: number): Effect.Effect<never, unknown, Loop> =>
  Layer.effectDiscard(
    Effect.map(HttpServer.HttpServer, ({ address }) =>
      console.log(`site at http://127.0.0.1:${"port" in address ? address.port : 0}`)
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
