// A client that knows nothing of how its server is written.
import { Effect, Stream } from "effect"
import { Net } from "effect-aio"

/** What the server at this port answers, when it was sent all of it. */
export const ask = (port: number, ...pieces: ReadonlyArray<string>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const connection = yield* Net.connect({ host: "127.0.0.1", port })
      yield* Stream.run(Stream.fromIterable(pieces), connection.sink)
      return yield* Stream.mkString(Stream.decodeText(connection.stream))
    })
  )
