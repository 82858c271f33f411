// Step 5 of 5: all Effect. Promises are at the edge only: `fetch`, files, node:http, each behind `fromAio` or
// `acquireAio`.
//
//   - the server is a Scope, and each request a fiber that is interrupted when its client goes away; what it throws is
//     an answer, not the end of the process. What a client sends is decoded.
//   - the poller is a loop of Effects: a job is handed over and taken out of the directory, or neither.
//   - nothing of promises.ts is left but its leaves: `pay` and `openLedger`.
import { readdir, readFile, rm } from "node:fs/promises"
import type { IncomingMessage } from "node:http"
import { join } from "node:path"
import { Console, Effect, Fiber, Schema } from "effect"
import { currentSignal, fromAio, Loop } from "effect-aio"
import { closes } from "./closes.js"
import { bodyOf, serve, type Answer } from "./server.js"
import { Jobs, services, World } from "./services.js"
import { feed, isOnce, report } from "./world.js"

const Job = Schema.parseJson(Schema.Struct({ id: Schema.NonEmptyString, amount: Schema.Number }))
const decode = Schema.decode(Job)

const list = fromAio(readdir as (path: string) => Promise<Array<string>>, { name: "list" })
const read = fromAio((path: string) => readFile(path, { encoding: "utf8", signal: currentSignal() }), {
  name: "read"
})
const remove = fromAio((path: string) => rm(path), { name: "remove" })

/** Takes over what is in the spool. A file that is no job is named, and removed. */
const sweep = Effect.gen(function* () {
  const { spool } = yield* World
  const jobs = yield* Jobs
  for (const name of (yield* list(spool)).filter((name) => name.endsWith(".json")).sort()) {
    const path = join(spool, name)
    yield* read(path).pipe(
      Effect.flatMap(decode),
      Effect.flatMap((job) => Effect.uninterruptible(Effect.zipRight(jobs.add(job), remove(path)))),
      Effect.catchTag("ParseError", (error) =>
        Effect.zipRight(Console.error(`${name} is no job: ${error.message}`), remove(path))
      )
    )
  }
})

const poller = sweep.pipe(Effect.zipRight(Effect.sleep("20 millis")), Effect.forever)

const route = (request: IncomingMessage) =>
  Effect.gen(function* () {
    const jobs = yield* Jobs
    if (request.method !== "POST") return { status: 200, body: yield* jobs.status }
    yield* Effect.flatMap(Effect.flatMap(bodyOf(request), decode), jobs.add)
    return { status: 202, body: "accepted" }
  }).pipe(
    Effect.catchTag("ParseError", (error) => Effect.succeed<Answer>({ status: 400, body: error.message }))
  )

const service = Effect.gen(function* () {
  const world = yield* World
  const jobs = yield* Jobs
  const server = yield* closes("server", serve(route))
  yield* Console.log(`listening on ${server.url}`)
  const clients = fromAio(() => feed(world, server.url, currentSignal()), { name: "clients" })
  const polling = yield* closes("poller", Effect.forkScoped(poller))
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
