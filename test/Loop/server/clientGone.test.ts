// Clients that go away, servers that close and handlers that finish, in any order; what each of them is told.
// Covers: gone, RequestFiber, whenClosing, requestName, instead
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import * as http from "node:http"
import * as http2 from "node:http2"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type CancelledError, Loop, type Report, Server, type ServerRequest } from "../../../src/index.js"
import {
  exchange,
  head,
  http2Server,
  httpServer,
  RawClient,
  rawClient,
  until
} from "../../support/requests.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

const quiet = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>) => {
  const { exceptionHandler, reports } = collecting()
  return Effect.map(scoped(Effect.scoped(body), { exceptionHandler }), (value) => {
    expect(reports satisfies ReadonlyArray<Report>).toEqual([])
    return value
  })
}

const reasonOf = (request: ServerRequest): unknown => (request.signal.reason as CancelledError).reason

/** Waits for ever, and says why it has ended. */
const waiting = (log: Array<unknown>) => (request: ServerRequest) =>
  Effect.onInterrupt(Effect.never as Effect.Effect<void>, () =>
    Effect.promise(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      log.push(`${request.path}: ${String(reasonOf(request))}`)
    })
  )

describe("a client that goes away", () => {
  it.live("T8 interrupts the request with that as the reason, is waited for, and is nobody's failure", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const handle = yield* Server.handler(waiting(log))
        const { port } = yield* httpServer((request, response) => {
          void handle(request, response).then(() => log.push("the promise fulfils"))
        })
        const client = yield* rawClient(port)
        client.write(head("GET /slow"))
        const loop = yield* Loop
        yield* until(() => loop.statistics().effects === 1)
        yield* Effect.promise(() => client.destroy())
        yield* until(() => log.length === 2)
        expect(log).toEqual(["/slow: client gone", "the promise fulfils"])
        expect(loop.statistics().effects).toBe(0)
      })
    )
  )

  it.live(
    "T8 aborts the signal before the fiber is interrupted, and also one that is first read after that",
    () =>
      quiet(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const handle = yield* Server.handler((request) =>
            Effect.suspend(() => {
              if (request.path === "/early") {
                request.signal.addEventListener("abort", () =>
                  log.push("aborted", (request.signal.reason as Error).name)
                )
              }
              return Effect.onInterrupt(Effect.never as Effect.Effect<void>, () =>
                Effect.sync(() => log.push("interrupted", reasonOf(request)))
              )
            })
          )
          const { port } = yield* httpServer(handle)
          const loop = yield* Loop
          for (const path of ["/early", "/late"]) {
            const client = yield* rawClient(port)
            client.write(head(`GET ${path}`))
            yield* until(() => loop.statistics().effects === 1)
            yield* Effect.promise(() => client.destroy())
            yield* until(() => loop.statistics().effects === 0)
          }
          expect(log).toEqual([
            "aborted",
            "AbortError",
            "interrupted",
            "client gone",
            "interrupted",
            "client gone"
          ])
        })
      )
  )

  it.live(
    "T8 takes with it all requests that it has sent at once, those whose answers wait for their turn too",
    () =>
      quiet(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const handle = yield* Server.handler((request) =>
            request.method === "POST"
              ? Effect.zipRight(Stream.runDrain(request.body), waiting(log)(request))
              : waiting(log)(request)
          )
          const { port } = yield* httpServer(handle)
          const client = yield* rawClient(port)
          const many = Array.from({ length: 12 }, (_, i) => head(`GET /${i}`)).join("")
          client.write(many + head("POST /read", "Content-Length: 2") + "ab")
          const loop = yield* Loop
          yield* until(() => loop.statistics().effects === 13)
          yield* Effect.sleep(5)
          yield* Effect.promise(() => client.destroy())
          yield* until(() => log.length === 13)
          expect(new Set(log)).toEqual(
            new Set([...Array.from({ length: 12 }, (_, i) => `/${i}: client gone`), "/read: client gone"])
          )
        })
      )
  )

  it.live("T8 leaves alone an Effect that goes on after its whole answer was sent", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const handle = yield* Server.handler((request, response) =>
          Effect.gen(function* () {
            response.end("answered")
            yield* Effect.promise(() => new Promise((resolve) => response.once("close", resolve)))
            yield* Effect.sleep(2)
            log.push(request.signal.aborted)
          })
        )
        const { port } = yield* httpServer(handle)
        yield* exchange(port, head("GET /", "Connection: close"))
        yield* until(() => log.length === 1)
        expect(log).toEqual([false])
      })
    )
  )

  it.live("T8 is noticed at the next write of a Stream that is uninterruptible", () =>
    quiet(
      Effect.gen(function* () {
        let ended = 0
        const handle = yield* Server.handler(() =>
          Effect.uninterruptible(
            Effect.succeed({
              body: Stream.ensuring(
                Stream.mapEffect(Stream.repeatValue("x".repeat(1000)), (text) =>
                  Effect.as(Effect.sleep(1), text)
                ),
                Effect.sync(() => ended++)
              )
            })
          )
        )
        const { port } = yield* httpServer(handle)
        const client = yield* rawClient(port)
        client.write(head("GET /"))
        yield* Effect.promise(() => client.until(/xxx/))
        yield* Effect.promise(() => client.destroy())
        yield* until(() => ended === 1)
      })
    )
  )

  it.live("T8 resets one stream of HTTP/2, and the others of its session go on", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const handle = yield* Server.handler((request) =>
          request.path === "/other" ? Effect.succeed({ body: "other" }) : waiting(log)(request)
        )
        const { port } = yield* http2Server((request, response) => {
          void handle(request, response).then(() => log.push(`${request.url} ended`))
        })
        const session = yield* Effect.acquireRelease(
          Effect.sync(() => http2.connect(`http://127.0.0.1:${port}`)),
          (session) => Effect.sync(() => session.destroy())
        )
        const slow = session.request({ ":path": "/slow" })
        slow.on("error", () => {})
        const loop = yield* Loop
        yield* until(() => loop.statistics().effects === 1)
        slow.close(http2.constants.NGHTTP2_CANCEL)
        yield* until(() => log.length === 2)
        const other = session.request({ ":path": "/other" })
        let data = ""
        other.on("data", (chunk: Buffer) => (data += String(chunk)))
        yield* until(() => data === "other" && log.length === 3)
        expect(log).toEqual(["/slow: client gone", "/slow ended", "/other ended"])
      })
    )
  )
})

describe("a request in reports", () => {
  it.live("T8 is named without its query, in one line, and by its unix socket", () =>
    quiet(
      Effect.gen(function* () {
        const folder = mkdtempSync(join(tmpdir(), "effect-aio-"))
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true })))
        const handle = yield* Server.handler((request) =>
          Effect.succeed({ body: `${request}|${request.remoteAddress}` })
        )
        const path = join(folder, "s")
        yield* httpServer(handle, path)
        expect(yield* exchange(path, head("GET /user/7?token=1", "Connection: close"))).toMatch(
          /\r\nGET \/user\/7 from unix\|unix$/
        )
        const { port } = yield* httpServer(handle)
        const long = yield* exchange(port, head(`GET /${"a".repeat(2000)}`, "Connection: close"))
        expect(long).toMatch(/\r\nGET \/a+\S+ from 127\.0\.0\.1\|127\.0\.0\.1$/)
      })
    )
  )
})

describe("request.closing", () => {
  it.live(
    "T8 completes when the scoped server of the request begins to close, for a last word; never without one",
    () =>
      quiet(
        Effect.gen(function* () {
          const handle = yield* Server.handler((request) =>
            Effect.succeed({
              headers: { "content-type": "text/event-stream" },
              body: Stream.concat(
                Stream.make("data: hello\n\n"),
                Stream.fromEffect(Effect.as(request.closing, "data: bye\n\n"))
              )
            })
          )
          const scope = yield* Scope.make()
          const { port } = yield* Scope.extend(
            Server.scoped(http.createServer(handle), { host: "127.0.0.1", drain: "5 seconds" }),
            scope
          )
          const client = yield* rawClient(port)
          client.write(head("GET /events"))
          yield* Effect.promise(() => client.until(/hello/))
          const before = Date.now()
          yield* Scope.close(scope, Exit.void)
          expect(yield* Effect.promise(() => client.closed())).toMatch(/hello[^]*bye\n\n\r\n0\r\n\r\n$/)
          expect(Date.now() - before).toBeLessThan(4000)

          // Nobody will say so: it waits until the client has gone.
          const other = yield* httpServer(handle)
          const lonely = yield* rawClient(other.port)
          lonely.write(head("GET /events"))
          yield* Effect.promise(() => lonely.until(/hello/))
          yield* Effect.promise(() => lonely.destroy())
        })
      )
  )
})

describe("a scoped server whose handlers are fibers", () => {
  it.live(
    "T8 interrupts them when its drain is over; they may answer, or are answered for, and the resource below is open",
    () =>
      quiet(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const scope = yield* Scope.make()
          const serve = Effect.gen(function* () {
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push("db closed")))
            const handle = yield* Server.handler((request, response) =>
              Effect.onInterrupt(Effect.never as Effect.Effect<void>, () =>
                Effect.sync(() => {
                  log.push(`${request.path}: ${String(reasonOf(request))}`)
                  if (request.path === "/last")
                    response.writeHead(503, { Connection: "close" }).end("a last word")
                })
              )
            )
            return yield* Server.scoped(http.createServer(handle), {
              host: "127.0.0.1",
              drain: "20 millis",
              answer: "2 seconds"
            })
          })
          const { port } = yield* Scope.extend(serve, scope)
          const asked = yield* Effect.forEach(["/last", "/none"], (path) =>
            Effect.fork(exchange(port, head(`GET ${path}`)))
          )
          const loop = yield* Loop
          yield* until(() => loop.statistics().effects === 2)
          yield* Scope.close(scope, Exit.void)
          const [last = "", none = ""] = yield* Effect.forEach(asked, (fiber) => Fiber.join(fiber))
          expect(last).toMatch(
            /^HTTP\/1\.1 503 [^]*a last word\r\n0\r\n\r\n$|^HTTP\/1\.1 503 [^]*a last word$/
          )
          expect(none).toMatch(/^HTTP\/1\.1 503 [^]*Service Unavailable$/)
          expect(log).toEqual(["/last: drain over", "/none: drain over", "db closed"])
        })
      )
  )
})

describe("a Stream of events that has not asked when its server closes", () => {
  it.live("T8 is interrupted when the server has ended its answer, and its client has it whole", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const scope = yield* Scope.make()
        const serve = Effect.gen(function* () {
          const handle = yield* Server.handler((request) =>
            Effect.succeed({
              headers: { "content-type": "text/event-stream" },
              body: Stream.concat(Stream.make("data: hello\n\n"), Stream.never).pipe(
                Stream.ensuring(Effect.sync(() => log.push(reasonOf(request))))
              )
            })
          )
          return yield* Server.scoped(http.createServer(handle), { host: "127.0.0.1", idle: "20 millis" })
        })
        const { port } = yield* Scope.extend(serve, scope)
        const client = yield* rawClient(port)
        client.write(head("GET /events"))
        yield* Effect.promise(() => client.until(/hello/))
        yield* Scope.close(scope, Exit.void)
        expect(yield* Effect.promise(() => client.closed())).toMatch(/hello\n\n\r\n0\r\n\r\n$/)
        expect(log).toEqual(["server closed"])
      })
    )
  )
})

describe("client gone, server closing and handler finishing at the same moment", () => {
  /** What is answered in the end, if anything, and how often each handler has ended. */
  const race = (first: "client" | "server" | "handler", second: "client" | "server" | "handler") =>
    Effect.gen(function* () {
      let ended = 0
      let finish = (): void => {}
      const scope = yield* Scope.make()
      const handle = yield* Scope.extend(
        Server.handler(() =>
          Effect.ensuring(
            Effect.as(
              Effect.promise(() => new Promise<void>((resolve) => (finish = resolve))),
              { body: "done" }
            ),
            Effect.sync(() => ended++)
          )
        ),
        scope
      )
      let promised = 0
      const { port } = yield* httpServer((request, response) => {
        void handle(request, response).then(() => promised++)
      })
      const client = yield* Effect.promise(() => RawClient.to(port))
      client.write(head("GET /"))
      const loop = yield* Loop
      yield* until(() => loop.statistics().effects === 1)
      const acts = {
        client: () => void client.destroy(),
        server: () => void Effect.runFork(Scope.close(scope, Exit.void)),
        handler: () => finish()
      }
      acts[first]()
      acts[second]()
      yield* until(() => promised === 1)
      yield* Effect.promise(() => client.destroy())
      yield* Scope.close(scope, Exit.void)
      expect([first, second, ended, promised, loop.statistics().effects]).toEqual([first, second, 1, 1, 0])
    })

  const all = ["client", "server", "handler"] as const
  for (const first of all) {
    for (const second of all) {
      if (first === second) continue
      it.live(`T8 ${first} first, then ${second}: it ends once, and nothing is left`, () =>
        quiet(race(first, second))
      )
    }
  }
})
