// A client: it asks, at a steady rate, and writes down in the ledger what was answered. It holds no shards. It is there until it
// is told to end, as a service is.
import * as Socket from "@effect/platform/Socket"
import { Console, Effect, Schedule } from "effect"
import { acquireAio, fromAio, Loop, toAio } from "effect-aio"
import { noteAsked } from "../../ledger.js"
import { type Ask, runLoad } from "../../load.js"
import { Orders } from "../../three/orders.js"
import { options } from "../options.js"
import { openPool, queryOf } from "../pool.js"
import { clientLayer } from "./cluster.js"

const { database, load, name } = options()

const main = Effect.gen(function* () {
  const pool = yield* acquireAio({
    name: "pool of the ledger",
    open: () => openPool(database, `${name}-ledger`),
    close: (pool) => pool.end()
  })
  const clientOf = yield* Orders.client
  // A message that could not be stored is not on its way; nor may one be whose connection to a runner broke while it was told,
  // which is a defect here. It is asked again with its key, which makes one of all that came through.
  const ask: Ask = yield* toAio((order: string, kind: "Pay" | "Quote", message: string) => {
    const send = clientOf(order)[kind]
    return send({ message }).pipe(
      Effect.catchAllDefect((defect) =>
        Socket.isSocketError(defect) ? Effect.fail(defect) : Effect.die(defect)
      ),
      Effect.retry({
        while: ({ _tag }) => _tag === "PersistenceError" || _tag === "SocketError",
        schedule: Schedule.spaced("500 millis")
      })
    )
  })
  yield* Console.log(`${name} asks`)
  const asked = yield* fromAio(() => runLoad(ask, load, name), { name: "load" })
  yield* fromAio(() => noteAsked(queryOf(pool), asked), { name: "note" })
  yield* Console.log(`${name} has asked ${asked.length}`)
  yield* Effect.never
})

Loop.run(Effect.scoped(Effect.provide(main, clientLayer)), { name })
