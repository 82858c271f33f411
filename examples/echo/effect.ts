// The server as Effect: each client is a fiber with a Scope, and echoing is a Stream that runs into a Sink.
import { Effect, Stream } from "effect"
import { Net } from "effect-aio"

export const effectServer = Effect.map(
  Net.listen({ host: "127.0.0.1", drain: "1 second" }, (client) => Stream.run(client.stream, client.sink)),
  ({ port }) => port
)
