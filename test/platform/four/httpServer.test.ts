// The platform's HTTP server on a loop, on Effect 4.
import * as HttpServer from "effect/http/HttpServer"
import { HttpServerRequest } from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { Cause, Context, Deferred, Effect, Exit, Layer, Option, Schedule, Scope, Stream } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import * as http2 from "node:http2"
import { connect } from "node:net"
import { expect, it } from "vitest"
import { Loop, type Report } from "../../../src/index.js"
import { LoopHttpServer } from "../../../src/platform/index.js"
import { httpCases, type Running } from "../../support/platform/httpCases.js"
import { track } from "../../support/trackedLoops.js"

const appOf = (log: Array<string>, released: Deferred.Deferred<void>) => {
  const say = (text: string) => Effect.sync(() => log.push(text))
  const stuck = Effect.andThen(say("stuck"), Effect.never).pipe(
    Effect.onInterrupt(() => say("interrupted")),
    Effect.ensuring(say("finalizer"))
  )
  const events = Stream.concat(
    Stream.interruptWhen(
      Stream.schedule(Stream.forever(Stream.make("tick ")), Schedule.spaced(5)),
      Deferred.await(released)
    ),
    Stream.make("bye")
  )
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest
    switch (request.url.split("?")[0]) {
      case "/hello":
        return HttpServerResponse.text("hello")
      case "/echo":
        return HttpServerResponse.stream(request.stream)
      case "/fail":
        return yield* Effect.fail("on purpose")
      case "/slow":
        yield* say("slow")
        yield* Deferred.await(released)
        return HttpServerResponse.text("slow answer")
      case "/stuck":
        return yield* stuck
      case "/deaf":
        yield* say("deaf")
        yield* Effect.uninterruptible(Deferred.await(released))
        return HttpServerResponse.text("deaf")
      case "/events":
        yield* say("events")
        return HttpServerResponse.stream(Stream.encodeText(Stream.ensuring(events, say("events ended"))), {
          contentType: "text/event-stream"
        })
      case "/socket": {
        const socket = yield* request.upgrade
        yield* say("socket")
        const { write } = yield* socket.writer
        const { pull } = yield* socket.reader
        const echo = Effect.flatMap(pull, (chunks) => Effect.forEach(chunks, (data) => write(data)))
        yield* Effect.ensuring(Effect.ignore(Effect.forever(echo)), say("socket ended"))
        return HttpServerResponse.empty()
      }
      default:
        return HttpServerResponse.empty({ status: 404 })
    }
  })
}

/** What the app needs, which must be there as long as it serves. */
class Service extends Context.Service<Service, true>()("test/Service") {}

httpCases({
  serve: (options, use) => {
    const log: Array<string> = []
    const reports: Array<Report> = []
    const said: Running["reports"] = () =>
      reports.map(({ kind, message }) => `${kind}: ${message.replaceAll(/\s+/g, " ")}`)
    const program = Effect.gen(function* () {
      track(yield* Loop)
      const released = yield* Deferred.make<void>()
      const service = Layer.effect(
        Service,
        Effect.acquireRelease(Effect.succeed(true as const), () =>
          Effect.sync(() => log.push("service released"))
        )
      )
      const app = Effect.andThen(Service, appOf(log, released))
      const web = HttpServer.serve(app).pipe(
        Layer.provide(service),
        Layer.provideMerge(LoopHttpServer.layer(createServer, options))
      )
      const scope = yield* Scope.make()
      const { address } = Context.get(yield* Layer.buildWithScope(web, scope), HttpServer.HttpServer)
      const closing = yield* Effect.cached(Scope.close(scope, Exit.void))
      const running = {
        port: "port" in address ? address.port : 0,
        close: () => Effect.runPromise(closing),
        reports: said,
        log,
        release: () => void Effect.runSync(Deferred.succeed(released, undefined))
      }
      yield* Effect.ensuring(
        Effect.promise(() => use(running)),
        Effect.andThen(Deferred.succeed(released, undefined), closing)
      )
    })
    return Effect.runPromise(
      Loop.scoped(program, { exceptionHandler: (_, report) => void reports.push(report) })
    )
  },
  failure: (options) =>
    Effect.runPromise(
      Loop.scoped(
        Effect.map(Effect.flip(Effect.scoped(LoopHttpServer.make(createServer, options))), (error) => ({
          tag: error._tag,
          cause: error.cause
        }))
      ).pipe(Effect.orDie)
    ),
  onClosedLoop: () =>
    Effect.runPromise(
      Loop.scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const exit = yield* Effect.exit(
            Effect.andThen(
              Effect.sync(() => loop.close()),
              Effect.scoped(LoopHttpServer.make(createServer))
            )
          )
          const error = Exit.isFailure(exit)
            ? Option.getOrThrow(Cause.findErrorOption(exit.cause))
            : undefined
          return { tag: error?._tag ?? "", cause: error?.cause }
        })
      ).pipe(Effect.orDie)
    )
})

it("keeps a request that comes before something is served, and answers it then", () =>
  Effect.runPromise(
    Loop.scoped(
      Effect.gen(function* () {
        track(yield* Loop)
        const web = createServer()
        const server = yield* LoopHttpServer.make(() => web, { host: "127.0.0.1" })
        const { address } = server
        const come = new Promise((resolve) => web.once("request", resolve))
        const answer = fetch(`http://127.0.0.1:${"port" in address ? address.port : 0}/early`, {
          headers: { connection: "close" }
        })
        yield* Effect.promise(() => come)
        // One that has left by then is not served.
        const left = connect("port" in address ? address.port : 0, "127.0.0.1", () =>
          left.write("GET /left HTTP/1.1\r\nHost: test\r\n\r\n")
        )
        yield* Effect.promise(async () => {
          await once(web, "request")
          left.destroy()
          await once(left, "close")
          await new Promise((resolve) => setTimeout(resolve, 20))
        })
        const served: Array<string> = []
        yield* server.serve(
          Effect.map(HttpServerRequest, ({ url }) => {
            served.push(url)
            return HttpServerResponse.text(url)
          })
        )
        expect(yield* Effect.promise(async () => (await answer).text())).toBe("/early")
        expect(served).toEqual(["/early"])
      }).pipe(Effect.scoped)
    )
  ))

it("S6 serves HTTP/2, answers what is in flight, and takes leave of its sessions", () =>
  Effect.runPromise(
    Loop.scoped(
      Effect.gen(function* () {
        track(yield* Loop)
        const log: Array<string> = []
        const scope = yield* Scope.make()
        const released = yield* Deferred.make<void>()
        const server = yield* Scope.provide(
          LoopHttpServer.make(() => http2.createServer(), { host: "127.0.0.1" }),
          scope
        )
        const app = Effect.gen(function* () {
          log.push(`asked for ${(yield* HttpServerRequest).url}`)
          yield* Deferred.await(released)
          return HttpServerResponse.text("hello over 2")
        })
        yield* Scope.provide(server.serve(app), scope)
        const { address } = server
        yield* Effect.promise(async () => {
          const session = http2.connect(`http://127.0.0.1:${"port" in address ? address.port : 0}`)
          const closed = new Promise((resolve) => session.once("close", resolve))
          session.once("goaway", () => log.push("goaway"))
          const stream = session.request({ ":path": "/two" })
          let text = ""
          stream.setEncoding("utf8").on("data", (data: string) => (text += data))
          const ended = new Promise((resolve) => stream.once("end", resolve))
          while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 2))
          const closing = Effect.runPromise(Scope.close(scope, Exit.void))
          while (!log.includes("goaway")) await new Promise((resolve) => setTimeout(resolve, 2))
          Effect.runSync(Deferred.succeed(released, undefined))
          await Promise.all([ended, closed, closing])
          expect([...log, text]).toEqual(["asked for /two", "goaway", "hello over 2"])
        })
      })
    )
  ))
