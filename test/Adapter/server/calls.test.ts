/** `toAio(fn, { scoped: true })` in the handling of a request, in the shapes in which frameworks hand it to their handlers. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import * as http from "node:http"
import { type Future, isCancelledError, Loop, Server, toAio } from "../../../src/index.js"
import { servingsOf } from "../../../src/Loop/server/request/requests.js"
import { ask, exchange, head, httpServer, rawClient, until } from "../../support/requests.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

const quiet = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>) => {
  const { exceptionHandler, reports } = collecting()
  return Effect.map(scoped(Effect.scoped(body), { exceptionHandler }), (value) => {
    expect(reports).toEqual([])
    return value
  })
}

type Handler = (...args: ReadonlyArray<unknown>) => Promise<unknown>

/** How a framework calls its handlers, and what it does with what they give. */
const frameworks: Readonly<
  Record<
    string,
    (handler: Handler, request: http.IncomingMessage, response: http.ServerResponse) => Promise<unknown>
  >
> = {
  "Node and Express": (handler, request, response) => handler(request, response, () => {}),
  Fastify: (handler, raw, response) => handler({ raw, params: {} }, { raw: response }),
  Koa: (handler, req, res) =>
    handler({ req, res, request: { req }, response: { res } }, () => Promise.resolve()),
  Hono: (handler, incoming, outgoing) => {
    class Context {
      readonly env = { incoming, outgoing }
      get res(): never {
        throw new Error("who asks for the response makes one")
      }
    }
    return handler(new Context(), () => Promise.resolve())
  }
}

/** Waits for ever, and says that it was interrupted. */
const waits = (log: Array<unknown>) =>
  Effect.onInterrupt(Effect.never as Effect.Effect<string>, () =>
    Effect.promise(async () => {
      await new Promise((resolve) => setTimeout(resolve, 2))
      log.push("interrupted")
    })
  )

describe("toAio with scoped, as the handler of a framework", () => {
  for (const [name, call] of Object.entries(frameworks)) {
    it.live(
      `T11 ${name}: is interrupted and joined when its client goes away, which is no failure of the framework's`,
      () =>
        quiet(
          Effect.gen(function* () {
            const log: Array<unknown> = []
            const handler = yield* toAio((..._: ReadonlyArray<unknown>) => waits(log), {
              scoped: true,
              promise: true
            })
            let served: http.ServerResponse | undefined
            const { port } = yield* httpServer((request, response) => {
              served = response
              const promise = call(handler, request, response)
              expect(promise.constructor).toBe(Promise)
              promise.then(
                (value) => log.push(value instanceof Response ? value.status : value),
                (error: unknown) => log.push(error)
              )
            })
            const client = yield* rawClient(port)
            client.write(head("GET /user/7?a=1"))
            const loop = yield* Loop
            yield* until(() => loop.statistics().effects === 1)
            expect(servingsOf(served as object).map((serving) => serving.name)).toEqual([
              "GET /user/7 from 127.0.0.1"
            ])
            yield* Effect.promise(() => client.destroy())
            yield* until(() => log.length === 2)
            expect(log).toEqual(["interrupted", name === "Hono" ? 503 : undefined])
            expect(servingsOf(served as object)).toEqual([])
          })
        )
    )

    it.live(
      `T11 ${name}: is interrupted when the drain of its server is over, and answered for with 503`,
      () =>
        quiet(
          Effect.gen(function* () {
            const log: Array<unknown> = []
            const scope = yield* Scope.make()
            const handler = yield* Scope.extend(
              toAio((..._: ReadonlyArray<unknown>) => waits(log), { scoped: true, promise: true }),
              scope
            )
            const server = http.createServer((request, response) => {
              void call(handler, request, response).then((value) => {
                log.push(typeof value)
                // What Hono's server does with a Response.
                if (value instanceof Response) {
                  void value
                    .text()
                    .then((text) =>
                      response.writeHead(value.status, Object.fromEntries(value.headers)).end(text)
                    )
                }
              })
            })
            const { port } = yield* Scope.extend(
              Server.scoped(server, { host: "127.0.0.1", drain: "10 millis", answer: "2 seconds" }),
              scope
            )
            const asked = yield* Effect.fork(exchange(port, head("GET /")))
            const loop = yield* Loop
            yield* until(() => loop.statistics().effects === 1)
            yield* Scope.close(scope, Exit.void)
            expect(yield* Fiber.join(asked)).toMatch(
              /^HTTP\/1\.1 503 [^]*connection: close[^]*Service Unavailable/i
            )
            expect(log).toEqual(["interrupted", name === "Hono" ? "object" : "undefined"])
          })
        )
    )
  }

  it.live(
    "T11 rejects with what it has failed with, and gives what it gives; without promise it is a Future",
    () =>
      quiet(
        Effect.gen(function* () {
          const boom = new Error("boom")
          const fails = yield* toAio(() => Effect.fail(boom), { scoped: true, promise: true })
          const gives = yield* toAio((n: number) => Effect.succeed(n), { promise: true })
          const plain = yield* toAio((n: number) => Effect.succeed(n), { scoped: true })
          expect(yield* Effect.promise(() => fails().catch((error: unknown) => error))).toBe(boom)
          expect([gives(1).constructor, yield* Effect.promise(() => gives(2))]).toEqual([Promise, 2])
          const future: Future<number> = plain(3)
          expect(typeof future.cancel).toBe("function")
          expect(yield* Effect.promise(async () => await future)).toBe(3)
          expect(() => toAio(() => Effect.void, { promise: 7 as never })).toThrow(TypeError)
        })
      )
  )

  it.live("T11 has a Scope of its own for each call, which closes with it", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<string> = []
        const handler = yield* toAio(
          (name: string) =>
            Effect.as(
              Effect.addFinalizer(() => Effect.sync(() => log.push(`closes ${name}`))),
              name
            ),
          { scoped: true }
        )
        yield* Effect.promise(async () => await handler("a"))
        log.push("after a")
        yield* Effect.promise(async () => await handler("b"))
        expect(log).toEqual(["closes a", "after a", "closes b"])
      })
    )
  )

  it.live("T11 of a request whose client has gone already never runs", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const handler = yield* toAio((..._: ReadonlyArray<unknown>) => waits(log), {
          scoped: true,
          promise: true
        })
        const { port } = yield* httpServer((request, response) => {
          request.socket.once("close", () =>
            setImmediate(() => void handler(request, response).then((value) => log.push(value)))
          )
        })
        const client = yield* rawClient(port)
        client.write(head("GET /"))
        yield* Effect.sleep(5)
        yield* Effect.promise(() => client.destroy())
        yield* until(() => log.length === 1)
        expect(log).toEqual([undefined])
      })
    )
  )
})

describe("toAio with scoped, deeper in the handling of a request", () => {
  it.live(
    "T11 is interrupted with the request of a scoped server, which it has by its async-local state",
    () =>
      quiet(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const load = yield* toAio((_: number) => waits(log), { scoped: true, name: "load" })
          const server = http.createServer((_, response) => {
            void (async () => {
              await new Promise((resolve) => setTimeout(resolve, 1))
              expect(servingsOf(response)).toEqual([])
              const promise = load(7)
              log.push(servingsOf(response).map((serving) => serving.name))
              await promise.catch((error: unknown) => log.push(isCancelledError(error) && error.reason))
            })()
          })
          const { port } = yield* Server.scoped(server, { host: "127.0.0.1" })
          const client = yield* rawClient(port)
          client.write(head("GET /user/7"))
          yield* until(() => log.length === 1)
          yield* Effect.promise(() => client.destroy())
          yield* until(() => log.length === 3)
          expect(log).toEqual([["load for GET /user/7 from 127.0.0.1"], "interrupted", "client gone"])
        })
      )
  )

  it.live(
    "T11 is nobody's where the request is answered, what it has begun goes on, and other storages are as they were",
    () =>
      quiet(
        Effect.gen(function* () {
          const storage = new AsyncLocalStorage<string>()
          const log: Array<unknown> = []
          const load = yield* toAio(() => Effect.as(Effect.sleep(1), "loaded"), {
            scoped: true,
            name: "load"
          })
          const server = http.createServer((request, response) => {
            storage.run(request.url ?? "", () => {
              response.end("answered")
              setTimeout(() => {
                const promise = load()
                log.push(servingsOf(response), storage.getStore())
                void promise.then((value) => log.push(value))
              }, 5)
            })
          })
          const { port } = yield* Server.scoped(server, { host: "127.0.0.1" })
          yield* ask(port, "GET /a")
          yield* until(() => log.length === 3)
          expect(log).toEqual([[], "/a", "loaded"])
        })
      )
  )

  it.live("T11 of the loop, without scoped, goes on when the client has gone", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const handler = yield* toAio((..._: ReadonlyArray<unknown>) => Effect.as(Effect.sleep(20), "done"))
        const { port } = yield* httpServer((request, response) => {
          void handler(request, response).then((value) => log.push(value))
        })
        const client = yield* rawClient(port)
        client.write(head("GET /"))
        yield* Effect.sleep(5)
        yield* Effect.promise(() => client.destroy())
        yield* until(() => log.length === 1)
        expect(log).toEqual(["done"])
      })
    )
  )
})
