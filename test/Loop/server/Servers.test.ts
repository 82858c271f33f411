// The servers of a loop together: their budget, who closes with whom, and what is said meanwhile.
import { createServer, type ServerResponse } from "node:http"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { Loop, type LoopOptions, Server, type ServerOptions } from "../../../src/index.js"
import { serversOf } from "../../../src/Loop/server/Servers.js"
import { get, raw, turns } from "../../support/servers.js"
import { capturing, collecting, open, scoped } from "../../support/scopedLoops.js"

const host = "127.0.0.1"

/** What opening a server with these options comes to on a loop with those, and the loop's deadline then. */
const opened = (options: ServerOptions, loop?: LoopOptions) =>
  Effect.gen(function* () {
    const exit = yield* Effect.exit(Effect.scoped(Server.scoped(createServer(), { host, ...options })))
    const text = Exit.isFailure(exit) ? String(Cause.squash(exit.cause)) : "opened"
    return `${text}, ${(yield* Loop)._closeDeadline}`
  }).pipe((effect) => scoped(effect, loop))

/** A server whose answers wait for the test. */
const waiting = () => {
  const answers: Array<ServerResponse> = []
  const web = createServer((_, response) => void answers.push(response))
  const come = async (count: number) => {
    while (answers.length < count) await turns(1)
  }
  return { answers, come, web }
}

describe("Servers", () => {
  it.live("S6 the default deadline grows with the phases, and one that was given is not exceeded", () =>
    Effect.gen(function* () {
      expect(yield* opened({})).toBe("opened, 10000")
      expect(yield* opened({ drain: "30 seconds" })).toBe("opened, 35000")
      expect(yield* opened({ lameDuck: 20, drain: 9_000, idle: 1 })).toBe("opened, 14020")
      expect(yield* opened({}, { closeDeadline: 2_000 })).toBe("opened, 2000")
      expect(yield* opened({ drain: 1_500, answer: 500 }, { closeDeadline: 2_000 })).toBe("opened, 2000")
      expect(yield* opened({ drain: 30_000 }, { closeDeadline: Infinity })).toBe("opened, Infinity")
      expect(yield* opened({ drain: 1_500, answer: 501 }, { closeDeadline: 2_000 })).toBe(
        "RangeError: the phases of a server take 2001ms (lameDuck 0, drain 1500, answer 501), and the loop has a " +
          "closeDeadline of 2000ms: give it more, or leave it out, and it grows with them, 2000"
      )
    })
  )

  it.live("S6 servers of one Scope drain side by side, others with theirs", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const make = (name: string) =>
        Scope.extend(Server.scoped(createServer(), { host, name, lameDuck: 100 }), scope)
      const first = yield* make("first")
      const second = yield* make("second")
      const other = yield* Server.scoped(createServer(), { host, name: "other" })
      const loop = yield* Loop
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.promise(() => turns())
      expect([first, second, other].map((one) => one.isReady())).toEqual([false, false, true])
      const begun = loop.time()
      yield* Fiber.join(closing)
      expect(loop.time() - begun).toBeLessThan(190)
      expect(serversOf(loop).ready).toBe(true)
    }).pipe(Effect.scoped, scoped)
  )

  it.live(
    "S1 S6 a loop that closes takes its servers through their phases, side by side, before it cancels tasks",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const outside = yield* Scope.make()
        const { exceptionHandler, reports } = collecting()
        const first = waiting()
        const second = waiting()
        const ended = yield* Effect.scoped(
          Effect.gen(function* () {
            const loop = yield* open({ exceptionHandler })
            const make = (web: ReturnType<typeof createServer>) =>
              Server.scoped(web, { host, idle: 10 }).pipe(
                Scope.extend(outside),
                Effect.provideService(Loop, loop)
              )
            const servers = [yield* make(first.web), yield* make(second.web)]
            loop.createTask(() => loop.sleep(1e6).finally(() => log.push("task cancelled")))
            return yield* Effect.promise(async () => {
              const clients = await Promise.all(servers.map(({ port }) => raw(port)))
              for (const client of clients) client.send(get("/"))
              await Promise.all([first.come(1), second.come(1)])
              setTimeout(() => {
                log.push(servers.map((one) => String(one.isReady())).join(" "))
                for (const answer of [...first.answers, ...second.answers]) {
                  answer.on("close", () => log.push("answered")).end("whole")
                }
              }, 50)
              return clients.map((client) => client.ended)
            })
          })
        )
        const texts = yield* Effect.promise(() => Promise.all(ended))
        expect(texts.map(({ text }) => text.slice(-5))).toEqual(["whole", "whole"])
        expect(log).toEqual(["false false", "answered", "answered", "task cancelled"])
        expect(reports).toEqual([])
        yield* Scope.close(outside, Exit.void)
      })
  )

  it.live("S6 is not ready from when the loop is told to stop, and serves until its Scope comes to it", () =>
    Effect.gen(function* () {
      const { layer, logged } = capturing()
      const log: Array<string> = []
      const program = Effect.gen(function* () {
        const server = yield* Server.scoped(
          createServer((_, response) => void response.end("hello")),
          { host }
        )
        yield* Effect.addFinalizer(() =>
          Effect.promise(async () => {
            log.push(`ready ${server.isReady()}`)
            const client = await raw(server.port)
            client.send(get("/"))
            log.push((await client.ended).text.slice(-5))
          })
        )
        yield* Effect.never
      })
      const fiber = yield* Effect.fork(scoped(Effect.scoped(program)).pipe(Effect.provide(layer)))
      yield* Effect.promise(() => turns(30))
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(["ready false", "hello"])
      expect(logged.map(({ level, message }) => `${level} ${message.replace(/\d+/g, "n")}`)).toEqual([
        "INFO server http://n.n.n.n:n closed in n ms: n request was in flight, all answered"
      ])
    })
  )

  it.live("S6 nobody is warned of a phase that is within its time, and of what is over it once", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const { come, web } = waiting()
      const program = Effect.gen(function* () {
        const { port } = yield* Server.scoped(web, { host, drain: 150, answer: 100, idle: 10 })
        const client = yield* Effect.promise(() => raw(port))
        client.send(get("/never"))
        yield* Effect.promise(() => come(1))
        return client.ended
      })
      const ended = yield* scoped(
        Effect.map(Effect.scoped(program), (end) => ({ end })),
        { exceptionHandler, slowJoin: 20 }
      )
      yield* Effect.promise(() => ended.end)
      expect(reports.map(({ kind }) => kind)).toEqual(["leftover"])
    })
  )

  it.live("S6 what a loop holds that is closed at once is destroyed at once", () =>
    Effect.gen(function* () {
      const { come, web } = waiting()
      const { exceptionHandler, reports } = collecting()
      const outside = yield* Scope.make()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open({ exceptionHandler })
          const make = Server.scoped(web, { host }).pipe(
            Scope.extend(outside),
            Effect.provideService(Loop, loop)
          )
          const { port } = yield* make
          yield* Effect.promise(async () => {
            const client = await raw(port)
            client.send(get("/"))
            await come(1)
            loop.close()
            expect((await client.ended).text).toMatch(/^HTTP\/1.1 503/)
          })
          expect(web.listening).toBe(false)
          const again = yield* Effect.exit(
            Effect.scoped(Effect.provideService(Server.scoped(createServer()), Loop, loop))
          )
          expect(Exit.isFailure(again) && String(Cause.squash(again.cause))).toContain("LoopClosedError")
        })
      )
      yield* Scope.close(outside, Exit.void)
      expect(reports).toEqual([])
    })
  )

  it.effect("S6 L4 closes in real time where its clock stands still", () =>
    Effect.gen(function* () {
      const { come, web } = waiting()
      const { exceptionHandler, reports } = collecting()
      const program = Effect.gen(function* () {
        const { port } = yield* Server.scoped(web, { host, drain: 20, answer: 20, idle: 10 })
        const client = yield* Effect.promise(() => raw(port))
        client.send(get("/never"))
        yield* Effect.promise(() => come(1))
        return { end: client.ended }
      })
      const { end } = yield* scoped(Effect.scoped(program), { exceptionHandler })
      expect((yield* Effect.promise(() => end)).text).toMatch(/^HTTP\/1.1 503/)
      expect(reports.map(({ kind }) => kind)).toContain("leftover")
    })
  )

  it.live("C1 S6 a loop under a Layer that crashes takes its servers through their phases", () =>
    Effect.gen(function* () {
      const { answers, come, web } = waiting()
      const { exceptionHandler } = collecting()
      const program = Effect.gen(function* () {
        const loop = yield* Loop
        const server = yield* Server.scoped(web, { host, idle: 10 })
        const client = yield* Effect.promise(() => raw(server.port))
        client.send(get("/"))
        yield* Effect.promise(() => come(1))
        loop._crashWith(new Error("nobody owns it"), "a test")
        yield* Effect.promise(() => turns())
        answers[0]?.end("whole")
        const { text } = yield* Effect.promise(() => client.ended)
        expect(text).toMatch(/Connection: close[^]*whole/)
        expect(server.isReady()).toBe(false)
      })
      yield* Effect.scoped(
        Effect.flatMap(open({ exceptionHandler }), (loop) =>
          Effect.provideService(Effect.scoped(program), Loop, loop)
        )
      )
    })
  )

  it.live("S2 the deadline of the loop ends the phases, and the requests are in its table", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const { come, web } = waiting()
      const program = Effect.gen(function* () {
        const { port } = yield* Server.scoped(web, { host, drain: 200, answer: 100 })
        // What is closed before it has taken all of the time.
        yield* Effect.addFinalizer(() => Effect.sleep(250))
        const client = yield* Effect.promise(() => raw(port))
        client.send(get("/never"))
        yield* Effect.promise(() => come(1))
        return { end: client.ended }
      })
      const { end } = yield* scoped(Effect.scoped(program), { exceptionHandler, closeDeadline: 300 })
      yield* Effect.promise(() => end)
      expect(reports.map(({ kind, message }) => `${kind} ${message.includes("GET /never from")}`)).toEqual([
        "leftover true"
      ])
    })
  )
})
