// The platform's HTTP server on a loop, on Effect 3.
import * as HttpServer from "@effect/platform/HttpServer"
import { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Context, Deferred, Effect, Exit, Layer, Option, Schedule, Scope, Stream } from "effect"
import { once } from "node:events"
import { createServer } from "node:http"
import { connect } from "node:net"
import { expect, it } from "vitest"
import { Loop, type Report } from "../../../src/index.js"
import { LoopHttpServer } from "../../../src/platform/index.js"
import { httpCases, type Running } from "../../support/platform/httpCases.js"
import { track } from "../../support/trackedLoops.js"

const appOf = (log: Array<string>, released: Deferred.Deferred<void>) => {
  const say = (text: string) => Effect.sync(() => log.push(text))
  const stuck = Effect.zipRight(say("stuck"), Effect.never).pipe(
    Effect.onInterrupt(() => say("interrupted")),
    Effect.ensuring(say("finalizer"))
  )
  const events = Stream.concat(
    Stream.interruptWhenDeferred(Stream.schedule(Stream.repeatValue("tick "), Schedule.spaced(5)), released),
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
        const write = yield* socket.writer
        yield* Effect.ensuring(Effect.ignore(socket.runRaw((data) => write(data))), say("socket ended"))
        return HttpServerResponse.empty()
      }
      default:
        return HttpServerResponse.empty({ status: 404 })
    }
  })
}

/** What the app needs, which must be there as long as it serves. */
class Service extends Context.Tag("test/Service")<Service, true>() {}

httpCases({
  serve: (options, use) => {
    const log: Array<string> = []
    const reports: Array<Report> = []
    const said: Running["reports"] = () =>
      reports.map(({ kind, message }) => `${kind}: ${message.replaceAll(/\s+/g, " ")}`)
    const program = Effect.gen(function* () {
      track(yield* Loop)
      const released = yield* Deferred.make<void>()
      const service = Layer.scoped(
        Service,
        Effect.acquireRelease(Effect.succeed(true as const), () =>
          Effect.sync(() => log.push("service released"))
        )
      )
      const app = Effect.zipRight(Service, appOf(log, released))
      const web = HttpServer.serve(app).pipe(
        Layer.provide(service),
        Layer.provideMerge(LoopHttpServer.layer(createServer, options))
      )
      const scope = yield* Scope.make()
      const { address } = Context.get(yield* Layer.buildWithScope(web, scope), HttpServer.HttpServer)
      const closing = yield* Effect.cached(Scope.close(scope, Exit.void))
      const running = {
        port: address._tag === "TcpAddress" ? address.port : 0,
        close: () => Effect.runPromise(closing),
        reports: said,
        log,
        release: () => void Effect.runSync(Deferred.succeed(released, undefined))
      }
      yield* Effect.ensuring(
        Effect.promise(() => use(running)),
        Effect.zipRight(Deferred.succeed(released, undefined), closing)
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
            Effect.zipRight(
              Effect.sync(() => loop.close()),
              Effect.scoped(LoopHttpServer.make(createServer))
            )
          )
          const error = Exit.isFailure(exit) ? Option.getOrThrow(Cause.failureOption(exit.cause)) : undefined
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
        const answer = fetch(`http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}/early`, {
          headers: { connection: "close" }
        })
        yield* Effect.promise(() => come)
        // One that has left by then is not served.
        const left = connect(address._tag === "TcpAddress" ? address.port : 0, "127.0.0.1", () =>
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
