// An order, an entity of the cluster: at any time one runner has it, and serves its messages one after the other.
import * as ClusterSchema from "@effect/cluster/ClusterSchema"
import * as Entity from "@effect/cluster/Entity"
import * as Rpc from "@effect/rpc/Rpc"
import { Effect, Schedule, Schema } from "effect"
import { currentSignal, fromAio, Loop } from "effect-aio"
import { serve, type Services } from "../services.js"

const Answer = Schema.Struct({ run: Schema.String, runner: Schema.String })

/** Stored before it is sent: it is served at least once, and answered once, whoever is killed. Its key makes two of it one. */
const Pay = Rpc.make("Pay", {
  payload: { message: Schema.String },
  success: Answer,
  primaryKey: ({ message }) => message
}).annotate(ClusterSchema.Persisted, true)

/** Sent and not stored: it is served again as long as the client that has asked is there and waits. */
const Quote = Rpc.make("Quote", { payload: { message: Schema.String }, success: Answer })

export const Orders = Entity.make("Order", [Pay, Quote])

/** The orders of a runner, served by promises on its loop. */
export const ordersLayer = (services: Services) =>
  Orders.toLayer(
    Effect.gen(function* () {
      // Without `Loop` in what they need: the engine asks for handlers that fail as their schema says, and for nothing else.
      const bind = yield* Loop.binder
      const pay = bind(
        fromAio((message: string) => serve(services, "Pay", message, currentSignal()), { name: "Pay" })
      )
      const quote = bind(
        fromAio((message: string) => serve(services, "Quote", message, currentSignal()), { name: "Quote" })
      )
      return Orders.of({
        // An error would be an answer, and a defect restarts the whole entity: what may pass is tried again here.
        Pay: ({ payload }) => Effect.orDie(Effect.retry(pay(payload.message), Schedule.spaced("1 second"))),
        Quote: ({ payload }) =>
          Effect.orDie(Effect.retry(quote(payload.message), Schedule.spaced("1 second")))
      })
    })
  )
