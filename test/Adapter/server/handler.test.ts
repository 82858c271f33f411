/** `Server.handler`: one fiber and one Scope a request. Its bodies and clients are those of test/Loop/server. */
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Data, Effect, Exit, Fiber, FiberRef, Layer, Scope, Stream } from "effect"
import { AsyncLocalStorage } from "node:async_hooks"
import type * as http from "node:http"
import {
  type CancelledError,
  fromAio,
  Loop,
  type LoopOptions,
  type Report,
  Server
} from "../../../src/index.js"
import { closesWith, servingsOf } from "../../../src/Loop/server/request/requests.js"
import { ask, exchange, head, httpServer, until } from "../../support/requests.js"
import { collecting, open, scoped, settle } from "../../support/scopedLoops.js"

/** Runs `body` on a loop that keeps its reports, in a Scope of its own. */
const reporting = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>, options: LoopOptions = {}) => {
  const { exceptionHandler, reports } = collecting()
  return Effect.map(scoped(Effect.scoped(body), { exceptionHandler, ...options }), (value) => ({
    value,
    reports: reports as ReadonlyArray<Report>
  }))
}

/** `reporting`, where nothing was to be reported. */
const quiet = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>, options: LoopOptions = {}) =>
  Effect.map(reporting(body, options), ({ reports, value }) => {
    expect(reports).toEqual([])
    return value
  })

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4)
const shown = (reports: ReadonlyArray<Report>) =>
  reports.map(({ exception, kind, message }) => ({ kind, message, exception }))

class Db extends Context.Tag("test/handler/Db")<Db, { open: boolean; readonly rows: number }>() {}
class NotFound extends Data.TaggedError("NotFound")<{ readonly id: string }> {}
const local = FiberRef.unsafeMake("none")

describe("Server.handler", () => {
  it.live("T8 answers a request with what its Effect gives: status, headers, and a body by its kind", () =>
    quiet(
      Effect.gen(function* () {
        const answers: Readonly<Record<string, object>> = {
          "/text": { body: "héllo" },
          "/bytes": { status: 201, body: new Uint8Array([104, 105]) },
          "/json": { body: { id: 7, list: [1, null] } },
          "/null": { body: null },
          "/number": {
            body: 7,
            headers: { "Content-Type": "text/x-number", "x-none": undefined, "x-many": ["a", "b"] }
          },
          "/nothing": { status: 202 },
          "/empty": { status: 204, body: "dropped" },
          "/unchanged": { status: 304, body: "dropped" }
        }
        const handle = yield* Server.handler((request) =>
          Effect.succeed(answers[request.path] as { body: string })
        )
        const { port } = yield* httpServer(handle)
        const of = (path: string, method = "GET") =>
          Effect.map(ask(port, `${method} ${path}`), (answer) =>
            answer
              .split("\r\n")
              .filter((line) => !/^(Date|Connection):/.test(line))
              .join("|")
          )
        expect(yield* of("/text")).toBe(
          "HTTP/1.1 200 OK|content-type: text/plain; charset=utf-8|content-length: 6||h\xc3\xa9llo"
        )
        expect(yield* of("/bytes")).toBe(
          "HTTP/1.1 201 Created|content-type: application/octet-stream|content-length: 2||hi"
        )
        expect(yield* of("/json")).toBe(
          'HTTP/1.1 200 OK|content-type: application/json|content-length: 24||{"id":7,"list":[1,null]}'
        )
        expect(yield* of("/null")).toBe(
          "HTTP/1.1 200 OK|content-type: application/json|content-length: 4||null"
        )
        expect(yield* of("/number")).toBe(
          "HTTP/1.1 200 OK|Content-Type: text/x-number|x-many: a|x-many: b|content-length: 1||7"
        )
        expect(yield* of("/nothing")).toMatch(/^HTTP\/1\.1 202 Accepted\|.*\|0?\|?\|?$/i)
        expect(yield* of("/empty")).toBe("HTTP/1.1 204 No Content||")
        expect(yield* of("/unchanged")).toBe("HTTP/1.1 304 Not Modified||")
        expect(yield* of("/text", "HEAD")).toBe(
          "HTTP/1.1 200 OK|content-type: text/plain; charset=utf-8|content-length: 6||"
        )
      })
    )
  )

  it.live(
    "T8 leaves the answer to an Effect that writes it itself, and is a service to all that the Effect runs",
    () =>
      quiet(
        Effect.gen(function* () {
          const own = yield* Server.handler((request, response) =>
            Effect.sync(() => {
              response.writeHead(203, { "x-path": request.path }).end("by hand")
            })
          )
          const named = Effect.gen(function* () {
            const request = yield* Server.Request
            return { body: request.name }
          })
          const service = yield* Server.handler(named)
          const { port } = yield* httpServer(
            (request, response) => void (request.url === "/own" ? own : service)(request, response)
          )
          const answer = yield* ask(port, "GET /own")
          expect([statusOf(answer), bodyOf(answer)]).toEqual([203, expect.stringContaining("by hand")])
          expect(bodyOf(yield* ask(port, "PUT /user/7?secret=1"))).toBe("PUT /user/7 from 127.0.0.1")
        })
      )
  )

  it.live(
    "T8 captures services once, and gives each request a Scope of its own, which closes after its answer",
    () =>
      quiet(
        Effect.gen(function* () {
          const log: Array<string> = []
          const db = Layer.scoped(
            Db,
            Effect.acquireRelease(
              Effect.sync((): { open: boolean; rows: number } => ({ open: true, rows: 2 })),
              (db) =>
                Effect.sync(() => {
                  db.open = false
                  log.push("db closed")
                })
            )
          )
          const server = Effect.gen(function* () {
            const handle = yield* Server.handler((request) =>
              Effect.gen(function* () {
                const { rows } = yield* Db
                yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`closes ${request.path}`)))
                yield* Effect.addFinalizer((exit) =>
                  Effect.delay(
                    Effect.sync(() => log.push(`${exit._tag} of ${request.path}`)),
                    1
                  )
                )
                return {
                  body: Stream.fromEffect(Effect.sync(() => (log.push(`writes ${request.path}`), `${rows}`)))
                }
              })
            )
            const { port } = yield* httpServer(handle)
            expect(bodyOf(yield* ask(port, "GET /a"))).toContain("2")
            yield* until(() => log.includes("closes /a"))
            expect(bodyOf(yield* ask(port, "GET /b"))).toContain("2")
            yield* until(() => log.includes("closes /b"))
          })
          yield* Effect.provide(Effect.scoped(server), db)
          expect(log).toEqual([
            "writes /a",
            "Success of /a",
            "closes /a",
            "writes /b",
            "Success of /b",
            "closes /b",
            "db closed"
          ])
        })
      )
  )

  it.live(
    "T8 interrupts and joins what it serves before its Scope goes on to what that uses; the handler may still answer",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const { reports, value } = yield* reporting(
          Effect.gen(function* () {
            const scope = yield* Scope.make()
            const db = { open: true }
            yield* Scope.addFinalizer(
              scope,
              Effect.sync(() => void ((db.open = false), log.push("db closed")))
            )
            const reasons: Array<unknown> = []
            const handle = yield* Scope.extend(
              Server.handler((request, response) =>
                Effect.never.pipe(
                  Effect.onInterrupt(() =>
                    Effect.promise(async () => {
                      reasons.push((request.signal.reason as CancelledError).reason)
                      await new Promise((resolve) => setTimeout(resolve, 5))
                      log.push(`${request.path}, db open: ${db.open}`)
                      if (request.path === "/last") response.writeHead(503).end("a last word")
                    })
                  )
                )
              ),
              scope
            )
            const { port } = yield* httpServer(handle)
            const first = yield* Effect.fork(exchange(port, head("GET /plain")))
            const second = yield* Effect.fork(ask(port, "GET /last"))
            const loop = yield* Loop
            yield* until(() => loop.statistics().effects === 2)
            yield* Scope.close(scope, Exit.void)
            log.push("closed")
            const answers = [yield* Fiber.join(first), yield* Fiber.join(second)]
            // What comes from then on is not served.
            const later = yield* exchange(port, head("GET /later"))
            expect(reasons).toEqual(["server closed", "server closed"])
            return [...answers, later]
          })
        )
        const [plain = "", last = "", later = ""] = value
        expect(log.sort()).toEqual(
          ["/last, db open: true", "/plain, db open: true", "closed", "db closed"].sort()
        )
        expect(log.indexOf("closed")).toBeGreaterThan(-1)
        expect(plain).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\nconnection: close\r\n/i)
        expect(bodyOf(plain)).toBe("Service Unavailable")
        expect([statusOf(last), bodyOf(last)]).toEqual([503, expect.stringContaining("a last word")])
        expect(later).toMatch(/^HTTP\/1\.1 503 Service Unavailable\r\nconnection: close\r\n/i)
        expect(reports).toEqual([])
      })
  )

  it.live("T8 one that closes the Scope it is in is interrupted, and not waited for", () =>
    quiet(
      Effect.gen(function* () {
        const log: Array<string> = []
        const scope = yield* Scope.make()
        const handle = yield* Scope.extend(
          Server.handler(() =>
            Effect.uninterruptible(
              Effect.gen(function* () {
                yield* Effect.sleep(1)
                yield* Scope.close(scope, Exit.void)
                log.push("closed")
                return { body: "goes on" }
              })
            )
          ),
          scope
        )
        const { port } = yield* httpServer(handle)
        const answer = yield* ask(port, "GET /")
        expect(log).toEqual(["closed"])
        expect([200, 503]).toContain(statusOf(answer))
      })
    )
  )

  it.live("T8 is interrupted when its loop closes under it, and answers 503", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
      const reasons: Array<unknown> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const handle = yield* Server.handler((request) =>
            Effect.onInterrupt(Effect.never, () =>
              Effect.sync(() => reasons.push((request.signal.reason as CancelledError).reason))
            )
          )
          const { port } = yield* httpServer(handle)
          const answer = yield* Effect.fork(exchange(port, head("GET /")))
          yield* until(() => loop.statistics().effects === 1)
          yield* Scope.close(scope, Exit.void)
          expect(statusOf(yield* Fiber.join(answer))).toBe(503)
          expect(reasons).toEqual(["server closed"])
          expect(statusOf(yield* exchange(port, head("GET /")))).toBe(503)
        })
      ).pipe(Effect.provideService(Loop, loop))
      expect(reports).toEqual([])
    })
  )

  it.live(
    "T8 serves nothing new of a loop that is closing, unless a server that closes with it waits for the answer",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const scope = yield* Scope.make()
        const loop = yield* Scope.extend(open({ exceptionHandler }), scope)
        const log: Array<string> = []
        yield* Effect.scoped(
          Effect.gen(function* () {
            const handle = yield* Server.handler((request) =>
              Effect.sync(() => {
                log.push(request.path)
                return { body: "served" }
              })
            )
            let closesWithIt = false
            const { port } = yield* httpServer((request, response) => {
              if (closesWithIt) closesWith(response, { closing: () => new AbortController().signal })
              void handle(request, response)
            })
            // It ends a while after it is told to.
            let release = (): void => {}
            loop.createTask(() => new Promise<void>((resolve) => (release = resolve)))
            yield* settle
            const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
            yield* until(() => loop._closing.begun)
            expect(statusOf(yield* exchange(port, head("GET /stranger")))).toBe(503)
            closesWithIt = true
            expect(statusOf(yield* ask(port, "GET /waited-for"))).toBe(200)
            release()
            yield* Fiber.join(closing)
          })
        ).pipe(Effect.provideService(Loop, loop))
        expect(log).toEqual(["/waited-for"])
        expect(reports).toEqual([])
      })
  )

  it.live(
    "T8 tells who closes a server of the fibers that serve an answer, and is interrupted by it with its reason",
    () =>
      quiet(
        Effect.gen(function* () {
          const reasons: Array<unknown> = []
          const responses: Array<http.ServerResponse> = []
          const handle = yield* Server.handler((request) =>
            Effect.onInterrupt(Effect.never, () =>
              Effect.sync(() => reasons.push((request.signal.reason as CancelledError).reason))
            )
          )
          const { port } = yield* httpServer((request, response) => {
            responses.push(response)
            void handle(request, response)
          })
          const answer = yield* Effect.fork(exchange(port, head("GET /slow")))
          yield* until(() => responses.length === 1)
          const [serving, ...others] = servingsOf(responses[0] as object)
          expect(others).toEqual([])
          expect([serving?.name, serving?.done]).toEqual(["GET /slow from 127.0.0.1", false])
          let ended = 0
          serving?.onDone(() => ended++)
          serving?.interrupt("drain over")
          serving?.interrupt("client gone")
          expect(statusOf(yield* Fiber.join(answer))).toBe(503)
          expect([reasons, serving?.done, ended, servingsOf(responses[0] as object)]).toEqual([
            ["drain over"],
            true,
            1,
            []
          ])
        })
      )
  )

  it.live("T8 answers a failure with 500 and nothing of it, and reports it once", () =>
    Effect.gen(function* () {
      const failures: Readonly<Record<string, Effect.Effect<{ body: string }, unknown>>> = {
        "/fails": Effect.fail(new Error("secret")),
        "/dies": Effect.die(new Error("secret")),
        "/throws": Effect.sync(() => {
          throw new Error("secret")
        }),
        "/later": Effect.delay(Effect.fail(new Error("secret")), 1)
      }
      const { reports } = yield* reporting(
        Effect.gen(function* () {
          const handle = yield* Server.handler((request, response) => {
            response.setHeader("content-language", "xx")
            response.setHeader("x-kept", "1")
            if (request.path === "/at-once") throw new Error("secret")
            return failures[request.path] as Effect.Effect<{ body: string }, unknown>
          })
          const { port } = yield* httpServer(handle)
          for (const path of [...Object.keys(failures), "/at-once"]) {
            const answer = yield* ask(port, `GET ${path}`)
            expect(answer).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\nx-kept: 1\r\n/)
            expect(answer).not.toMatch(/secret|content-language/)
            expect(bodyOf(answer)).toBe("Internal Server Error")
          }
        })
      )
      expect(shown(reports)).toEqual(
        ["/fails", "/dies", "/throws", "/later", "/at-once"].map((path) => ({
          kind: "request",
          message: `GET ${path} from 127.0.0.1 failed`,
          exception: new Error("secret")
        }))
      )
    })
  )

  it.live(
    "T8 answers a failure with what onFailure gives, and reports what that does not answer below 500",
    () =>
      Effect.gen(function* () {
        const { reports } = yield* reporting(
          Effect.gen(function* () {
            const handle = yield* Server.handler(
              (request) => Effect.fail(new NotFound({ id: request.path })),
              {
                onFailure: (cause, request) => {
                  const [error] = Cause.failures(cause)
                  if (request.path === "/none") return undefined
                  if (request.path === "/throws") throw new Error("in onFailure")
                  if (request.path === "/wrong") return { status: 99 }
                  if (request.path === "/gateway") return { status: 502, body: "later" }
                  return { status: 404, headers: { "x-id": error?.id }, body: { error: error?._tag } }
                }
              }
            )
            const { port } = yield* httpServer(handle)
            const answers: Array<[number, string]> = []
            for (const path of ["/user", "/none", "/throws", "/wrong", "/gateway"]) {
              const answer = yield* ask(port, `GET ${path}`)
              answers.push([statusOf(answer), bodyOf(answer)])
            }
            expect(answers).toEqual([
              [404, '{"error":"NotFound"}'],
              [500, "Internal Server Error"],
              [500, "Internal Server Error"],
              [500, "Internal Server Error"],
              [502, "later"]
            ])
          })
        )
        expect(reports.map(({ message }) => message)).toEqual([
          "GET /none from 127.0.0.1 failed",
          "the onFailure of GET /throws from 127.0.0.1 failed",
          "GET /throws from 127.0.0.1 failed",
          "the onFailure of GET /wrong from 127.0.0.1 failed",
          "GET /wrong from 127.0.0.1 failed",
          "GET /gateway from 127.0.0.1 failed"
        ])
      })
  )

  it.live("T8 answers 500 for what is no answer, and says what it is", () =>
    Effect.gen(function* () {
      const wrong: Readonly<Record<string, unknown>> = {
        "/string": "text",
        "/key": { status: 200, boddy: "typo" },
        "/status": { status: 100 },
        "/headers": { headers: [["a", "b"]] },
        "/header": { headers: { "x-a": "a\nb" } },
        "/promise": { body: Promise.resolve("x") },
        "/function": { body: () => "x" },
        "/cycle": { body: 1n },
        "/nothing": undefined
      }
      const { reports } = yield* reporting(
        Effect.gen(function* () {
          const handle = yield* Server.handler((request) =>
            Effect.succeed(wrong[request.path] as { body: string })
          )
          const notEffect = yield* Server.handler((() =>
            Promise.resolve({ body: "x" })) as unknown as () => Effect.Effect<void>)
          const { port } = yield* httpServer(
            (request, response) => void (request.url === "/no-effect" ? notEffect : handle)(request, response)
          )
          for (const path of [...Object.keys(wrong), "/no-effect"]) {
            expect(statusOf(yield* ask(port, `GET ${path}`))).toBe(500)
          }
        })
      )
      expect(reports.map(({ exception }) => (exception as Error).message)).toEqual([
        "a handler answers with { status, headers, body }, not string",
        'a handler answers with { status, headers, body }, or writes to the response itself; it has answered with "boddy"',
        "the status of an answer is a whole number from 200 to 599, not 100",
        "a handler answers with { status, headers, body }, or writes to the response itself; its headers are [1 items]",
        expect.stringMatching(/Invalid character in header content/),
        expect.stringMatching(/its body is <Promise>: make a Stream of that with fromAio, or wait for it$/),
        expect.stringMatching(/its body is body, which is no JSON$/),
        expect.stringMatching(/BigInt/),
        expect.stringMatching(
          /^the Effect of GET \/nothing from 127\.0\.0\.1 has ended and nobody has ended its answer/
        ),
        expect.stringMatching(
          /^Server.handler takes an Effect or a function returning one; .* returned <Promise>/
        )
      ])
    })
  )

  it.live("T8 refuses what it cannot run, before anything is scheduled (B2)", () =>
    Effect.sync(() => {
      expect(() => Server.handler(7 as never)).toThrow(TypeError)
      expect(() => Server.handler(Effect.succeed({}), 7 as never)).toThrow(TypeError)
      expect(() => Server.handler(Effect.succeed({}), { onFailure: 7 as never })).toThrow(TypeError)
      expect(() => Server.handler(Effect.succeed({}), { span: 7 as never })).toThrow(TypeError)
    })
  )

  it.live("T8 answers 503 where the Effect was interrupted by somebody else, and reports nothing", () =>
    quiet(
      Effect.gen(function* () {
        const handle = yield* Server.handler(() => Effect.interrupt)
        const { port } = yield* httpServer(handle)
        expect(statusOf(yield* ask(port, "GET /"))).toBe(503)
      })
    )
  )

  it.live(
    "T8 closes the connection of an answer that has begun and fails, or is left open, and says so",
    () =>
      Effect.gen(function* () {
        const { reports } = yield* reporting(
          Effect.gen(function* () {
            const handle = yield* Server.handler((request, response) =>
              Effect.suspend(() => {
                response.write("begun")
                return request.path === "/left" ? Effect.void : Effect.fail(new Error("in the middle"))
              })
            )
            const { port } = yield* httpServer(handle)
            for (const path of ["/left", "/fails"]) {
              const answer = yield* exchange(port, head(`GET ${path}`))
              expect(answer).not.toMatch(/\r\n0\r\n\r\n$/)
            }
          })
        )
        expect(reports.map(({ message }) => message)).toEqual([
          "GET /left from 127.0.0.1 has ended without an answer",
          "GET /fails from 127.0.0.1 failed after it had begun to answer; its connection was closed"
        ])
      })
  )

  it.live("T8 refuses a second answer to one that was written by hand, and leaves that alone", () =>
    Effect.gen(function* () {
      const { reports } = yield* reporting(
        Effect.gen(function* () {
          const handle = yield* Server.handler((_, response) =>
            Effect.sync(() => {
              response.end("first")
              return { body: "second" }
            })
          )
          const { port } = yield* httpServer(handle)
          expect(bodyOf(yield* ask(port, "GET /"))).toContain("first")
        })
      )
      expect(reports.map(({ exception }) => (exception as Error).message)).toEqual([
        "GET / from 127.0.0.1 was answered twice: its handler has written to the response"
      ])
    })
  )

  it.live("T8 reports a finalizer of its Scope that dies, after the answer", () =>
    Effect.gen(function* () {
      const { reports } = yield* reporting(
        Effect.gen(function* () {
          const handle = yield* Server.handler(() =>
            Effect.as(
              Effect.addFinalizer(() => Effect.die(new Error("in a finalizer"))),
              { body: "fine" }
            )
          )
          const { port } = yield* httpServer(handle)
          expect(bodyOf(yield* ask(port, "GET /"))).toBe("fine")
        })
      )
      expect(reports.map(({ exception, message }) => [message, (exception as Error).message])).toEqual([
        ["GET / from 127.0.0.1 failed after it had answered", "in a finalizer"]
      ])
    })
  )

  it.live("T8 runs in the state of who made it, and in the async-local state of its request", () =>
    quiet(
      Effect.gen(function* () {
        const storage = new AsyncLocalStorage<string>()
        const seen: Array<unknown> = []
        const look = Effect.gen(function* () {
          seen.push(storage.getStore(), yield* FiberRef.get(local))
        })
        const handle = yield* Effect.locally(
          Server.handler(() =>
            Effect.gen(function* () {
              yield* look
              yield* Effect.sleep(1)
              yield* look
              yield* fromAio(() => Promise.resolve(1))()
              yield* look
              return { body: "" }
            })
          ),
          local,
          "made"
        )
        const { port } = yield* httpServer((request, response) =>
          storage.run(request.url ?? "", () => void handle(request, response))
        )
        yield* Effect.all([ask(port, "GET /a"), ask(port, "GET /b")], { concurrency: 2 })
        expect(seen.filter((one) => one === "made")).toHaveLength(6)
        expect(seen.filter((one) => one === "/a")).toHaveLength(3)
        expect(seen.filter((one) => one === "/b")).toHaveLength(3)
      })
    )
  )

  it.live("T8 gives a native promise that fulfils when the fiber has ended, and never rejects", () =>
    Effect.gen(function* () {
      const { reports } = yield* reporting(
        Effect.gen(function* () {
          const handle = yield* Server.handler((request) =>
            request.path === "/at-once"
              ? Effect.succeed({ body: "" })
              : Effect.delay(Effect.fail(new Error("fails")), 1)
          )
          const promises: Array<Promise<unknown>> = []
          const { port } = yield* httpServer((request, response) => {
            promises.push(handle(request, response))
          })
          yield* ask(port, "GET /at-once")
          yield* ask(port, "GET /later")
          expect(promises.map((promise) => promise.constructor)).toEqual([Promise, Promise])
          expect(yield* Effect.promise(() => Promise.all(promises))).toEqual([undefined, undefined])
        })
      )
      expect(reports).toHaveLength(1)
    })
  )
})
