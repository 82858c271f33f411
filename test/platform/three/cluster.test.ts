// The orders of examples/cluster on the engine of their line, in memory.
import { Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Loop } from "effect-aio"
import * as TestRunner from "@effect/cluster/TestRunner"
import { describe, expect, it } from "vitest"
import { Orders, ordersLayer } from "../../../examples/cluster/three/orders.js"

describe("examples/cluster on a loop", () => {
  it("S1 lets what runs end when its runner stops: its promise is not cancelled", async () => {
    const log: Array<string> = []
    const program = Effect.gen(function* () {
      let charging = (): void => {}
      let charged = (): void => {}
      const asked = new Promise<void>((resolve) => (charging = resolve))
      const answer = new Promise<void>((resolve) => (charged = resolve))
      const orders = ordersLayer({
        runner: "runner-1",
        query: async (sql, [run] = []) => {
          log.push(sql.startsWith("insert into runs") ? "began" : "ended")
          return [{ run }]
        },
        charge: (_, signal) => {
          signal.addEventListener("abort", () => log.push("cancelled"))
          charging()
          return answer
        }
      })
      const scope = yield* Scope.make()
      const cluster = yield* Layer.buildWithScope(TestRunner.layer, yield* Effect.scope)
      yield* Layer.buildWithScope(Layer.provide(orders, Layer.succeedContext(cluster)), scope)
      const clientOf = yield* Effect.provide(Orders.client, cluster)
      const asking = yield* Effect.fork(clientOf("order-1").Pay({ message: "m" }))
      yield* Effect.promise(() => asked)
      const closing = yield* Effect.fork(
        Effect.zipRight(
          Scope.close(scope, Exit.void),
          Effect.sync(() => log.push("closed"))
        )
      )
      yield* Effect.yieldNow()
      log.push("charged")
      charged()
      yield* Fiber.join(closing)
      yield* Fiber.interrupt(asking)
    })
    await Effect.runPromise(Loop.scoped(Effect.scoped(program)))
    expect(log).toEqual(["began", "charged", "ended", "closed"])
  })
})
