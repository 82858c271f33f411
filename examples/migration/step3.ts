// Step 3 of 5: the leaves are Effects, and so is the outermost function. What is in between is still promise code.
//
//   - a function of a promise library becomes an Effect with `fromAio`: its errors have a type, it can be interrupted.
//   - what is opened and closed becomes a scoped Effect with `acquireAio`. Nothing leaks when a later thing fails to
//     open, and the opposite order comes by itself.
//   - where promise code calls a migrated Effect, it gets a `toAio` function in place of a promise function. The
//     AbortSignal that it passes interrupts the fiber, and what it awaits is done when the fiber is.
//   - the poller is a fiber of the Scope, which waits for its end. When it fails, the program fails.
import { Console, Data, Effect, Fiber } from "effect"
import { acquireAio, currentSignal, fromAio, Loop, toAio } from "effect-aio"
import { closes } from "./closes.js"
import { JobQueue, listen, openLedger, pay, poll } from "./promises.js"
import { feed, isOnce, openWorld, report, type Job } from "./world.js"

class PaymentFailed extends Data.TaggedError("PaymentFailed")<{ readonly cause: unknown }> {}

// A leaf. The promise function gets the signal of the task that it runs in.
const payment = fromAio({
  name: "payment",
  try: (bank: string, job: Job) => pay(bank, job, currentSignal()),
  catch: (cause) => new PaymentFailed({ cause })
})

const work = Effect.gen(function* () {
  const world = yield* acquireAio({ open: openWorld, close: (world) => world.close() })
  const service = Effect.gen(function* () {
    const ledger = yield* closes(
      "ledger",
      acquireAio({ open: () => openLedger(world.ledger), close: (ledger) => ledger.close() })
    )
    // The queue is as it was, and does not know that its attempts are fibers.
    const attempt = yield* toAio((job: Job, _signal: AbortSignal) => payment(world.bank, job), {
      name: "payment",
      signal: (_job, signal) => signal
    })
    const queue = yield* closes(
      "jobs",
      acquireAio({ open: () => new JobQueue(attempt, ledger.append), close: (queue) => queue.close() })
    )
    const server = yield* closes(
      "server",
      acquireAio({
        open: () => listen({ add: (job) => queue.add(job), status: () => queue }),
        close: (server) => server.close()
      })
    )
    yield* Console.log(`listening on ${server.url}`)

    const poller = fromAio(
      async () => {
        for await (const job of poll(world.spool, currentSignal())) queue.add(job)
      },
      { name: "poller" }
    )
    const clients = fromAio(() => feed(world, server.url, currentSignal()), { name: "clients" })
    const polling = yield* closes("poller", Effect.forkScoped(poller()))
    yield* Effect.raceFirst(isOnce ? clients() : Effect.never, Fiber.join(polling))
  })
  yield* Effect.scoped(service)
  if (isOnce) yield* fromAio(report)(world)
})

void Loop.run(Effect.scoped(work), { name: "payments", closeDeadline: "10 seconds" })
