// Step 4 of 5: the middle is Effect. The queue of promises is gone, and with it its AbortControllers, its timers, its
// counting and its lost errors: look at services.ts.
//
//   - timeouts, retries and pauses are `Effect.timeoutFail` and a `Schedule`; the limit is a semaphore.
//   - what runs in the background runs in a `FiberSet`, whose Scope interrupts it and waits for it.
//   - what one part needs from another comes from its Layer; the order of closing follows from that.
//   - the server is still promise code, with `toAio` functions as its handlers. The poller is still an async generator; to
//     those who read it, it is a Stream.
import { Console, Effect, Fiber, Stream } from "effect"
import { acquireAio, currentSignal, fromAio, Loop, runAioGenerator, toAio } from "effect-aio"
import { closes } from "./closes.js"
import { listen, poll } from "./promises.js"
import { Jobs, services, World } from "./services.js"
import { feed, isOnce, report } from "./world.js"

const service = Effect.gen(function* () {
  const world = yield* World
  const jobs = yield* Jobs
  const add = yield* toAio(jobs.add, { name: "add" })
  const status = yield* toAio(() => jobs.status, { name: "status" })
  const server = yield* closes(
    "server",
    acquireAio({ open: () => listen({ add, status }), close: (server) => server.close() })
  )
  yield* Console.log(`listening on ${server.url}`)

  const spooled = runAioGenerator(({ signal }) => poll(world.spool, signal), { name: "poller" })
  const clients = fromAio(() => feed(world, server.url, currentSignal()), { name: "clients" })
  const polling = yield* closes("poller", Effect.forkScoped(Stream.runForEach(spooled, jobs.add)))
  yield* (isOnce ? clients() : Effect.never).pipe(
    Effect.raceFirst(Fiber.join(polling)),
    Effect.raceFirst(jobs.failed)
  )
}).pipe(Effect.scoped, Effect.provide(services))

const main = Effect.gen(function* () {
  yield* service
  if (isOnce) yield* fromAio(report)(yield* World)
}).pipe(Effect.provide(World.layer))

void Loop.run(main, { name: "payments", closeDeadline: "10 seconds" })
