// One echo server three times: as a protocol, as streams, as Effect. All of them live in one Scope.
//
//     node --import tsx examples/echo/main.ts             listen, until Ctrl-C: try nc 127.0.0.1 and a port
//     node --import tsx examples/echo/main.ts --once      ask each of them something, and end
//
// Begin here, then protocol.ts, streams.ts and effect.ts, which do the same, and client.ts.
import { Console, Effect } from "effect"
import { Loop } from "effect-aio"
import { ask } from "./client.js"
import { effectServer } from "./effect.js"
import { protocolServer } from "./protocol.js"
import { streamServer } from "./streams.js"

const main = Effect.gen(function* () {
  const servers = [
    ["protocol", yield* protocolServer],
    ["streams", yield* streamServer],
    ["effect", yield* effectServer]
  ] as const
  for (const [name, port] of servers) yield* Console.log(`${name} listens at port ${port}`)
  if (!process.argv.includes("--once")) return yield* Effect.never
  for (const [name, port] of servers) {
    yield* Console.log(`${name} answers: ${yield* ask(port, "hello, ", "world")}`)
  }
})

Loop.run(Effect.scoped(main))
