// What a request does. Each runs in a fiber and a Scope of its own: what it has acquired is released when it has been answered,
// when its client has gone, or when there is no time for it any more.
import type { ServerResponse } from "node:http"
import { Effect, Stream } from "effect"
import type { ServerRequest } from "effect-aio"
import type { Database } from "./database.js"

/** The request's body, counted as it comes: none of it is kept. */
const count = (request: ServerRequest) => {
  let bytes = 0
  return Effect.map(
    Stream.runForEach(request.body, (chunk) => Effect.sync(() => (bytes += chunk.length))),
    () => ({ body: { bytes } })
  )
}

/** A stream of events, until its client goes away or the server closes; then it says goodbye. */
const events = (request: ServerRequest) => {
  const goodbye = Stream.fromEffect(Effect.as(request.closing, "event: bye\ndata: see you\n\n"))
  const ticks = Stream.mapEffect(Stream.repeatValue("data: tick\n\n"), (tick) =>
    Effect.as(Effect.sleep(100), tick)
  )
  const both = Stream.merge(Stream.interruptWhen(ticks, request.closing), goodbye)
  return Effect.succeed({ headers: { "content-type": "text/event-stream" }, body: both })
}

/** Never answers, and uses the database when it is told to end: that is still open then. */
const forever = (database: Database, request: ServerRequest, response: ServerResponse) =>
  Effect.onInterrupt(Effect.never as Effect.Effect<void>, () =>
    Effect.zipRight(
      database.note(request.name),
      Effect.sync(() => {
        // After its client has gone, nobody reads this.
        response
          .writeHead(503, { connection: "close" })
          .end(`no time left: ${String(request.signal.reason)}\n`)
      })
    )
  )

export const routes = (database: Database) => (request: ServerRequest, response: ServerResponse) => {
  const [, first, id = ""] = request.path.split("/")
  if (first === "users") return Effect.map(database.find(id), (user) => ({ body: user }))
  if (first === "count") return count(request)
  if (first === "events") return events(request)
  if (first === "forever") return forever(database, request, response)
  return Effect.succeed({ status: 404, body: { error: `nothing at ${request.path}` } })
}
