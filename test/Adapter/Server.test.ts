import { createServer, type ServerResponse } from "node:http"
import type * as net from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Stream, SubscriptionRef } from "effect"
import type { BindError } from "../../src/index.js"
import { ScopedServer, Server, toAio } from "../../src/index.js"
import { get, raw, turns } from "../support/servers.js"
import { layer, scoped } from "../support/scopedLoops.js"

const host = "127.0.0.1"
const hello = () => createServer((_, response) => void response.end("hello"))

const asked = (port: number, path = "/") =>
  Effect.promise(async () => {
    const client = await raw(port)
    client.send(get(path, "Connection: close"))
    return (await client.ended).text.split("\r\n\r\n")[1] ?? ""
  })

/** Its changes: a property of it on Effect 3, a function beside it on Effect 4. */
const changesOf = <A>(ref: SubscriptionRef.SubscriptionRef<A>): Stream.Stream<A> => {
  const { changes } = SubscriptionRef as { readonly changes?: (ref: unknown) => Stream.Stream<A> }
  return changes === undefined ? ref.changes : changes(ref)
}

const squashed = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "success"

describe("Server", () => {
  it.live("S6 listens as long as its Scope is open, at the address that it says", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(
        Effect.gen(function* () {
          const web = hello()
          const server = yield* Server.scoped(web, { host })
          expect(server).toBeInstanceOf(ScopedServer)
          expect(server.server).toBe(web)
          expect(server.address).toEqual({ host, port: server.port, family: "IPv4" })
          expect(server.name).toBe(`server http://${host}:${server.port}`)
          expect(yield* server.ready).toBe(true)
          expect(yield* asked(server.port)).toBe("hello")
          return server
        })
      )
      expect(yield* Effect.promise(() => raw(port).catch((error: unknown) => String(error)))).toContain(
        "ECONNREFUSED"
      )
    }).pipe(scoped)
  )

  it.live("S6 its phase can be followed to the end", () =>
    Effect.gen(function* () {
      const answers: Array<ServerResponse> = []
      const web = createServer((_, response) => void answers.push(response))
      const phases: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Server.scoped(web, { host, lameDuck: 30, drain: 30, idle: 10, answer: 1_000 })
          yield* Effect.forkDaemon(
            Stream.runForEach(
              Stream.takeUntil(changesOf(server.phase), (phase) => phase === "closed"),
              (phase) =>
                Effect.sync(() => {
                  phases.push(`${phase} ${server.isReady()}`)
                  if (phase === "answering") answers[0]?.end("at last")
                })
            )
          )
          yield* Effect.promise(async () => {
            const client = await raw(server.port)
            client.send(get("/"))
            while (answers.length === 0) await turns(1)
          })
        })
      )
      while (phases.length < 5) yield* Effect.promise(() => turns(1))
      expect(phases).toEqual([
        "listening true",
        "lameDuck false",
        "draining false",
        "answering false",
        "closed false"
      ])
    }).pipe(scoped)
  )

  it.live("S6 fails with a BindError, and what is wrong with its arguments is a defect", () =>
    Effect.gen(function* () {
      const { port } = yield* Server.scoped(hello(), { host })
      const error = yield* Effect.flip(Server.scoped(hello(), { host, port })) as Effect.Effect<BindError>
      expect(error._tag).toBe("BindError")
      expect([error.address, error.code]).toEqual([`${host}:${port}`, "EADDRINUSE"])
      const wrong = (server: unknown) =>
        Effect.map(Effect.exit(Server.scoped(server as net.Server)), squashed)
      expect(yield* wrong({ close: () => {} })).toBe(
        "TypeError: Server.scoped takes a server, something with listen and close; <Object> has no listen"
      )
      expect(yield* wrong({ handleUpgrade: () => {}, close: () => {} })).toContain(
        "give the server of HTTP that it shares, and this as `webSockets`"
      )
      expect(yield* wrong(Object.assign(() => {}, { listen: () => {} }))).toContain(
        "has no close: give the server that is made of it, createServer(app)"
      )
      expect(yield* wrong(undefined)).toContain("undefined has neither")
      const listening = yield* Server.scoped(hello(), { host })
      expect(squashed(yield* Effect.exit(Server.scoped(listening.server, { port: 1 })))).toBe(
        "TypeError: the server listens already: port cannot be chosen any more"
      )
      expect(() => Server.scoped(hello(), { port: -1 })).toThrow(RangeError)
      expect(() => Server.closing("answer" as never)).toThrow(TypeError)
      const pipe = yield* Server.scoped({ listen: () => {}, close: () => {} })
      expect(() => pipe.port).toThrow("listens at no port")
    }).pipe(Effect.scoped, scoped)
  )

  it.live("S5 S6 interrupted while it opens, it listens no more", () =>
    Effect.gen(function* () {
      for (const options of [{ host: "localhost" }, { host }, {}]) {
        for (const turns_ of [0, 1, 2, 5]) {
          const web = hello()
          const fiber = yield* Effect.fork(
            Effect.scoped(Effect.zipRight(Server.scoped(web, options), Effect.never))
          )
          yield* Effect.promise(() => turns(turns_))
          yield* Fiber.interrupt(fiber)
          expect(web.listening).toBe(false)
        }
      }
    }).pipe(scoped)
  )

  it.live("S6 closes before what was acquired before it, and after what came later", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const resource = (name: string) =>
        Effect.addFinalizer(() => Effect.sync(() => log.push(`${name} closed`)))
      const handler = () =>
        Effect.onInterrupt(
          Effect.sleep(50).pipe(Effect.zipRight(Effect.sync(() => log.push("answered")))),
          () => Effect.sync(() => log.push("interrupted"))
        )
      const begun = yield* Deferred.make<void>()
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* resource("database")
          const handle = yield* toAio(() => Effect.zipRight(Deferred.succeed(begun, undefined), handler()), {
            scoped: true
          })
          const server = yield* Server.scoped(
            createServer((_, response) => void handle().then(() => response.end("hello"))),
            { host }
          )
          yield* resource("worker")
          yield* Effect.forkDaemon(asked(server.port))
          yield* Deferred.await(begun)
        })
      )
      expect(log).toEqual(["worker closed", "answered", "database closed"])
    }).pipe(scoped)
  )

  it.live("S6 as a Layer it is a service, made of what other Layers give", () =>
    Effect.gen(function* () {
      const web = Effect.map(
        toAio((name: string) => Effect.succeed(`hello ${name}`)),
        (greet) =>
          createServer(
            (request, response) => void greet(request.url ?? "").then((text) => response.end(text))
          )
      )
      const program = Effect.flatMap(Server, ({ port }) => asked(port, "/you"))
      const all = Server.layer(web, { host }).pipe(Layer.provideMerge(layer()))
      expect(yield* Effect.provide(program, all)).toBe("hello /you")
    })
  )

  it("S6 an answer that no scoped server knows is never told that it closes", () => {
    expect(Server.closing({}).aborted).toBe(false)
  })

  it.live("S6 a signal that is asked for when the server has begun to close is aborted", () =>
    Effect.gen(function* () {
      const answers: Array<ServerResponse> = []
      const web = createServer((_, response) => void answers.push(response))
      const program = Effect.gen(function* () {
        const { port } = yield* Server.scoped(web, { host, idle: 10 })
        const client = yield* Effect.promise(() => raw(port))
        client.send(get("/"))
        while (answers.length === 0) yield* Effect.promise(() => turns(1))
        const answer = answers[0] as ServerResponse
        const before = Server.closing(answer)
        expect(before.aborted).toBe(false)
        before.addEventListener("abort", () => {
          expect(Server.closing(answer)).toBe(before)
          answer.end((before.reason as Error).message)
        })
        return { end: client.ended }
      })
      const { end } = yield* Effect.scoped(program)
      expect((yield* Effect.promise(() => end)).text).toMatch(/server http.* is closing$/)
    }).pipe(scoped)
  )
})
