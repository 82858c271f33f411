// The same without a server: one runner, its messages in memory, its ledger in PGlite. Whoever begins with the engine begins here,
// and its tests can.
import { setTimeout as sleep } from "node:timers/promises"
import * as MessageStorage from "@effect/cluster/MessageStorage"
import * as TestRunner from "@effect/cluster/TestRunner"
import { PGlite } from "@electric-sql/pglite"
import { Effect, Layer } from "effect"
import { acquireAio, fromAio, toAio } from "effect-aio"
import { check } from "../check.js"
import { createLedger, type Ledger, noteAsked, type Query, readLedger } from "../ledger.js"
import { type Ask, type Load, runLoad } from "../load.js"
import type { Services } from "../services.js"
import { Orders, ordersLayer } from "./orders.js"

/** Asks a runner in memory, and holds what it has answered against the ledger. */
export const memory = (load: Load) =>
  Effect.gen(function* () {
    const database = yield* acquireAio({
      name: "ledger",
      open: () => PGlite.create(),
      close: (database) => database.close()
    })
    const query: Query = async (sql, values = []) => (await database.query(sql, [...values])).rows
    yield* fromAio(() => createLedger(query), { name: "create the ledger" })

    const services: Services = {
      runner: "runner-1",
      query,
      charge: (_, signal) => sleep(20, undefined, { signal })
    }
    const cluster = yield* Layer.build(Layer.provideMerge(ordersLayer(services), TestRunner.layer))

    const clientOf = yield* Effect.provide(Orders.client, cluster)
    const ask: Ask = yield* toAio((order: string, kind: "Pay" | "Quote", message: string) =>
      clientOf(order)[kind]({ message })
    )
    const asked = yield* fromAio(() => runLoad(ask, load, "client-1"), { name: "load" })
    yield* fromAio(() => noteAsked(query, asked), { name: "note" })

    const driver = yield* Effect.provide(MessageStorage.MemoryDriver, cluster)
    const stored: Ledger["stored"] = Array.from(driver.requests.values()).flatMap(({ envelope, replies }) =>
      envelope._tag === "Request"
        ? [{ message: (envelope.payload as { readonly message: string }).message, replies: replies.length }]
        : []
    )
    const ledger = yield* fromAio(() => readLedger(query, stored), { name: "read the ledger" })
    return { ledger, verdict: check(ledger, { killed: {}, stopped: {}, outages: [], unsure: {} }) }
  }).pipe(Effect.scoped)
