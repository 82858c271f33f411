// Two servers in one Scope: one that answers, and one that says how it is. What they use is below them, and closed after them.
//
//     npm run http                     serve; try curl -N .../events, curl .../users/7, curl .../forever, then kill -TERM
//     npm run http -- --once           as a child process under load, which is told to end; what became of every request
//
// Begin here, then routes.ts (what a request does), database.ts (what they use), once.ts (the clients).
import { createServer } from "node:http"
import { parseArgs } from "node:util"
import { Cause, Console, Deferred, Effect, Option, Stream } from "effect"
import { Loop, type ScopedServer, Server } from "effect-aio"
import { NoSuchUser, openDatabase } from "./database.js"
import { once } from "./once.js"
import { routes } from "./routes.js"

const { values } = parseArgs({
  options: {
    once: { type: "boolean", default: false },
    port: { type: "string", default: "0" },
    control: { type: "string", default: "0" }
  }
})

/** Prints each phase of the site, the last one too: so it is there before the site, and ends after it. */
const printPhases = Effect.gen(function* () {
  const site = yield* Deferred.make<ScopedServer>()
  const began = performance.now()
  const print = Effect.gen(function* () {
    const { phase } = yield* Deferred.await(site)
    yield* phase.changes.pipe(
      Stream.runForEach((name) => Console.log(`phase ${name} at ${Math.round(performance.now() - began)} ms`))
    )
  })
  yield* Effect.forkScoped(print)
  return (server: ScopedServer) => Deferred.succeed(site, server)
})

// What is opened first is closed last.
const main = Effect.gen(function* () {
  const database = yield* openDatabase
  const follow = yield* printPhases

  // Each request is a fiber of its own; a failure that it has no answer for is 500, and reported.
  const handler = yield* Server.handler(routes(database), {
    name: "site",
    onFailure: (cause) => {
      const error = Option.getOrUndefined(Cause.failureOption(cause))
      return error instanceof NoSuchUser ? { status: 404, body: { error: error.message } } : undefined
    }
  })
  const site = yield* Server.scoped(createServer(handler), {
    name: "site",
    host: "127.0.0.1",
    port: Number(values.port),
    lameDuck: "300 millis",
    drain: "1 second",
    answer: "500 millis"
  })
  yield* follow(site)

  // Kubernetes asks here: it is told that the site is not ready as soon as that begins to close.
  const control = yield* Server.scoped(
    createServer((request, response) => site.probe(request, response)),
    { name: "control", host: "127.0.0.1", port: Number(values.control), lameDuck: "300 millis" }
  )
  yield* Console.log(`site at http://127.0.0.1:${site.port}, control at http://127.0.0.1:${control.port}`)
  return yield* Effect.never
}).pipe(Effect.scoped)

void (values.once ? Loop.run(once, { name: "clients" }) : Loop.run(main, { name: "http" }))
