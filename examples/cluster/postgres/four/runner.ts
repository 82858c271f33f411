// A runner: one process, one loop, a share of the orders. SIGTERM hands them over: the engine lets what runs end, and gives its
// shards back, while the loop still serves; then the loop closes, and names what has not ended.
import * as SqlClient from "effect/sql/SqlClient"
import { Console, Effect, Layer, Schedule } from "effect"
import { acquireAio, Loop } from "effect-aio"
import { bankAt } from "../../services.js"
import { ordersLayer } from "../../four/orders.js"
import { options } from "../options.js"
import { openPool, queryOf } from "../pool.js"
import { runnerLayer } from "./cluster.js"

const { bank, database, name, patience } = options()

/** The engine waits for its storage for ever, and begins again when it is back. This gives up when that takes too long. */
const watchStorage = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  let seen = Date.now()
  const look = Effect.matchEffect(Effect.timeout(sql`select 1`, "2 seconds"), {
    onSuccess: () => Effect.sync(() => void (seen = Date.now())),
    onFailure: (error) =>
      Date.now() - seen < patience
        ? Effect.void
        : Effect.fail(new Error(`the storage has been away for ${patience} ms`, { cause: error }))
  })
  yield* Effect.repeat(look, Schedule.spaced("1 second"))
})

const main = Effect.gen(function* () {
  const pool = yield* acquireAio({
    name: "pool of the ledger",
    open: () => openPool(database, `${name}-ledger`),
    close: (pool) => pool.end()
  })
  const orders = ordersLayer({ runner: name, query: queryOf(pool), charge: bankAt(bank) })
  const cluster = yield* Loop.named("cluster", Layer.build(Layer.provideMerge(orders, runnerLayer)))
  // The loop's own work: where it fails the program is told to stop, and has `closeDeadline` for what waits for the storage.
  const loop = yield* Loop
  loop.runEffectTask(Effect.provide(watchStorage, cluster), { name: "storage" })
  yield* Console.log(`${name} serves`)
  yield* Effect.never
})

Loop.run(Effect.scoped(main), { name })
