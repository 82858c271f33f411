/** Programs that are servers: each answer takes 200 ms, and the clients of run.mjs never stop asking. */
import { Effect } from "effect"
import { acquireAio, currentSignal, Loop, toAio } from "effect-aio"

export const answer = Effect.as(Effect.sleep(200), "hello")

/** Listens, says where, and goes on until it is told to stop. `listen` resolves with the port. */
export const serve = (open) =>
  Loop.run(
    Effect.gen(function* () {
      const handle = yield* toAio(() => answer)
      const port = yield* open(handle)
      yield* Effect.sync(() => console.log(`listening ${port}`))
      yield* Effect.never
    }).pipe(Effect.scoped)
  )

export { acquireAio, currentSignal }
