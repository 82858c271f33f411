// 135,000 cities behind an HTTP API: a promise library, a callback server and a timer inside one Effect program.
//
//     npm run cities                 serve on port 3000 until Ctrl-C; -- --port 8080 takes another one, 0 a free one
//     npm run cities -- --once       serve on a free port, fire 1,000 requests at it, check the answers, and exit
//
// Begin here, then database.ts (promises into Effect), gate.ts (aio code), server.ts (callbacks into Effect), summary.ts.
import { parseArgs } from "node:util"
import { Console, Effect, Layer } from "effect"
import { fromAio, Loop } from "effect-aio"
import { Database } from "./database.js"
import { load } from "./load.js"
import { closes, reportAtExit } from "./report.js"
import { serve } from "./server.js"
import { keepFresh, refresh, Summary } from "./summary.js"

const { values } = parseArgs({
  options: {
    once: { type: "boolean", default: false },
    port: { type: "string", default: "3000" }
  }
})

// What is opened first is closed last: timer, background task, server, database; then the loop.
const program = Effect.gen(function* () {
  yield* load
  yield* refresh
  const server = yield* closes(
    "server",
    serve(values.once ? 0 : Number(values.port)),
    ({ traffic }) => `${traffic.requests} requests served, ${traffic.cutOff} cut off`
  )
  yield* keepFresh(values.once ? 500 : 10_000)
  yield* Console.log(`listening on ${server.url}`)
  if (!values.once) return yield* Effect.never
  const { once } = yield* fromAio(() => import("./once.js"))
  yield* once(server)
}).pipe(Effect.scoped, Effect.provide(Layer.merge(Database.layer, Summary.layer)))

const main = reportAtExit.pipe(Effect.zipRight(Console.log("opening the database")), Effect.zipRight(program))

void Loop.run(main, { name: "cities", closeDeadline: "10 seconds" })
