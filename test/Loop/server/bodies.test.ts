// Bodies of requests and answers as Streams, in both directions, with backpressure.
// Covers: requestBody, streamedAnswer, answer, ServerRequest
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope, Stream } from "effect"
import * as http2 from "node:http2"
import type * as http from "node:http"
import type { RequestBodyError } from "../../../src/index.js"
import { Server, type Loop, type Report } from "../../../src/index.js"
import { ask, exchange, head, http2Server, httpServer, rawClient, until } from "../../support/requests.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

const reporting = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>) => {
  const { exceptionHandler, reports } = collecting()
  return Effect.map(scoped(Effect.scoped(body), { exceptionHandler }), (value) => ({
    value,
    reports: reports as ReadonlyArray<Report>
  }))
}

const quiet = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>) =>
  Effect.map(reporting(body), ({ reports, value }) => {
    expect(reports).toEqual([])
    return value
  })

const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1])
const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4)
const text = (body: Stream.Stream<Uint8Array, RequestBodyError>) =>
  Effect.map(Stream.runCollect(body), (chunks) => Buffer.concat([...chunks]).toString("latin1"))

describe("the body of a request", () => {
  it.live("T9 comes as it is sent, with a length and in chunks, and is empty where there is none", () =>
    quiet(
      Effect.gen(function* () {
        const handle = yield* Server.handler((request) =>
          Effect.map(text(request.body), (body) => ({ body: `${request.method}:${body}` }))
        )
        const { port } = yield* httpServer(handle)
        expect(bodyOf(yield* ask(port, "GET /"))).toBe("GET:")
        const length = head("POST /", "Connection: close", "Content-Length: 5") + "hello"
        expect(bodyOf(yield* exchange(port, length))).toBe("POST:hello")
        const client = yield* rawClient(port)
        client.write(head("PUT /", "Connection: close", "Transfer-Encoding: chunked") + "3\r\nabc\r\n")
        yield* Effect.sleep(5)
        client.write("2\r\nde\r\n")
        yield* Effect.sleep(5)
        client.write("0\r\n\r\n")
        expect(bodyOf(yield* Effect.promise(() => client.closed()))).toBe("PUT:abcde")
      })
    )
  )

  it.live("T9 waits with its client where nobody asks for it: memory stays bounded", () =>
    quiet(
      Effect.gen(function* () {
        const total = 8 * 1024 * 1024
        let raw: http.IncomingMessage | undefined
        let open = false
        const handle = yield* Server.handler((request) =>
          Effect.gen(function* () {
            raw = request.raw as http.IncomingMessage
            let size = 0
            yield* Stream.runForEach(request.body, (bytes) =>
              Effect.promise(async () => {
                size += bytes.length
                while (!open) await new Promise((resolve) => setTimeout(resolve, 1))
              })
            )
            return { body: `${size}` }
          })
        )
        const { port } = yield* httpServer(handle)
        const client = yield* rawClient(port)
        client.write(head("POST /", "Connection: close", `Content-Length: ${total}`))
        client.write("x".repeat(total))
        yield* until(() => (raw?.readableLength ?? 0) > 0)
        yield* Effect.sleep(30)
        expect(raw?.readableLength).toBeLessThan(1024 * 1024)
        expect(client.socket.writableLength).toBeGreaterThan(0)
        open = true
        expect(bodyOf(yield* Effect.promise(() => client.closed()))).toBe(`${total}`)
      })
    )
  )

  it.live("T9 left early or never read is dropped, and the connection serves the next request", () =>
    quiet(
      Effect.gen(function* () {
        const handle = yield* Server.handler((request) =>
          request.path === "/never"
            ? Effect.succeed({ status: 413, body: "too much" })
            : Effect.map(Stream.runHead(request.body), (first) => ({ body: `${request.path} ${first._tag}` }))
        )
        const { port } = yield* httpServer(handle)
        const client = yield* rawClient(port)
        const size = 300_000
        client.write(head("POST /early", `Content-Length: ${size}`) + "x".repeat(size))
        yield* Effect.promise(() => client.until(/\/early Some/))
        client.write(head("POST /never", `Content-Length: ${size}`) + "x".repeat(size))
        yield* Effect.promise(() => client.until(/too much/))
        client.write(head("GET /next", "Connection: close"))
        expect(yield* Effect.promise(() => client.closed())).toMatch(/\/next None$/)
      })
    )
  )

  it.live(
    "T9 can be read once: a second run, and one after a parser of bodies, dies with InvalidStateError",
    () =>
      Effect.gen(function* () {
        const { reports } = yield* reporting(
          Effect.gen(function* () {
            const handle = yield* Server.handler((request) =>
              Effect.map(Effect.zipRight(text(request.body), text(request.body)), (body) => ({ body }))
            )
            const { port } = yield* httpServer((request, response) => {
              if (request.url === "/parsed") request.on("end", () => void handle(request, response)).resume()
              else void handle(request, response)
            })
            const body = "Content-Length: 2"
            expect(statusOf(yield* exchange(port, head("POST /", "Connection: close", body) + "ab"))).toBe(
              500
            )
            const parsed = head("POST /parsed", "Connection: close", body) + "ab"
            expect(statusOf(yield* exchange(port, parsed))).toBe(500)
          })
        )
        expect(
          reports.map(({ exception }) => [(exception as Error).name, (exception as Error).message])
        ).toEqual(
          ["/", "/parsed"].map((path) => [
            "InvalidStateError",
            `the body of POST ${path} from 127.0.0.1 was read already, by another Stream of it or by what parses bodies`
          ])
        )
      })
  )

  it.live(
    "T9 of a client that goes away fails with RequestBodyError, and the request is interrupted; neither is reported",
    () =>
      quiet(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const handle = yield* Server.handler((request) =>
            Stream.runDrain(request.body).pipe(
              Effect.catchTag("RequestBodyError", (error) =>
                Effect.sync(
                  () => void log.push(error._tag, error.request, error.message, request.signal.aborted)
                )
              ),
              Effect.uninterruptible,
              Effect.as({ body: "" })
            )
          )
          let ended = false
          const { port } = yield* httpServer((request, response) => {
            void handle(request, response).then(() => (ended = true))
          })
          const client = yield* rawClient(port)
          client.write(head("POST /upload", "Content-Length: 100") + "half of it")
          yield* Effect.sleep(10)
          yield* Effect.promise(() => client.destroy())
          yield* until(() => ended)
          expect(log).toEqual([
            "RequestBodyError",
            "POST /upload from 127.0.0.1",
            "the body of POST /upload from 127.0.0.1 has ended early: its client has gone, or the connection was cut",
            true
          ])
        })
      )
  )

  it.live("T9 is asked for by a client that expects 100-continue", () =>
    quiet(
      Effect.gen(function* () {
        const handle = yield* Server.handler((request) =>
          Effect.map(text(request.body), (body) => ({ body }))
        )
        const { port } = yield* httpServer(handle)
        const client = yield* rawClient(port)
        client.write(head("POST /", "Connection: close", "Content-Length: 2", "Expect: 100-continue"))
        yield* Effect.promise(() => client.until(/100 Continue/))
        client.write("ok")
        expect(yield* Effect.promise(() => client.closed())).toMatch(/200 OK[^]*ok$/)
      })
    )
  )
})

describe("the body of an answer that is a Stream", () => {
  it.live("T9 is written as it comes, text and bytes, and ends the answer", () =>
    quiet(
      Effect.gen(function* () {
        const handle = yield* Server.handler((request) =>
          Effect.succeed({
            headers: request.path === "/sized" ? { "content-length": 4 } : {},
            body: request.path === "/empty" ? Stream.empty : Stream.make("a", Buffer.from("bc"), "d")
          })
        )
        const { port } = yield* httpServer(handle)
        expect(yield* ask(port, "GET /sized")).toMatch(
          /content-type: application\/octet-stream[^]*\r\n\r\nabcd$/
        )
        expect(yield* ask(port, "GET /empty")).toMatch(/^HTTP\/1\.1 200 OK[^]*\r\n\r\n(0\r\n\r\n)?$/)
        // Kept alive: in chunks, which Node 26 makes one of, and the next one comes on the same connection.
        const client = yield* rawClient(port)
        client.write(head("GET /chunked"))
        expect(yield* Effect.promise(() => client.until(/0\r\n\r\n$/))).toMatch(/a[^]*bc[^]*d\r\n0\r\n\r\n$/)
        client.write(head("GET /sized", "Connection: close"))
        expect(yield* Effect.promise(() => client.closed())).toMatch(/abcd$/)
      })
    )
  )

  it.live("T9 is not run where the answer has no body: HEAD, 204 and 304", () =>
    quiet(
      Effect.gen(function* () {
        const runs: Array<string> = []
        const handle = yield* Server.handler((request) =>
          Effect.succeed({
            status: Number(request.path.slice(1)),
            body: Stream.fromEffect(Effect.sync(() => (runs.push(request.method), "x")))
          })
        )
        const { port } = yield* httpServer(handle)
        expect(statusOf(yield* ask(port, "HEAD /200"))).toBe(200)
        expect(statusOf(yield* ask(port, "GET /204"))).toBe(204)
        expect(statusOf(yield* ask(port, "GET /304"))).toBe(304)
        expect(runs).toEqual([])
      })
    )
  )

  it.live(
    "T9 waits for its client: a Stream without an end is pulled only as far as the connection takes it",
    () =>
      quiet(
        Effect.gen(function* () {
          let pulled = 0
          let closed = 0
          const bytes = "x".repeat(64 * 1024)
          const handle = yield* Server.handler(() =>
            Effect.succeed({
              body: Stream.repeatValue(bytes).pipe(
                Stream.mapEffect((item) => Effect.sync(() => (pulled++, item))),
                Stream.ensuring(Effect.sync(() => closed++))
              )
            })
          )
          const { port } = yield* httpServer(handle)
          const client = yield* rawClient(port)
          client.socket.pause()
          client.write(head("GET /"))
          yield* until(() => pulled > 0)
          let before = -1
          while (pulled !== before) {
            before = pulled
            yield* Effect.sleep(50)
          }
          expect(pulled).toBeGreaterThan(0)
          expect(pulled).toBeLessThan(1000)
          client.socket.resume()
          yield* until(() => pulled > before)
          yield* Effect.promise(() => client.destroy())
          yield* until(() => closed === 1)
        })
      )
  )

  it.live(
    "T9 that fails before it has any is answered for; in the middle it cuts the connection, and never ends it cleanly",
    () =>
      Effect.gen(function* () {
        const { reports } = yield* reporting(
          Effect.gen(function* () {
            const boom = new Error("boom")
            const handle = yield* Server.handler(
              (request) =>
                Effect.succeed({
                  headers: request.path === "/sized" ? { "content-length": 10 } : {},
                  body:
                    request.path === "/first"
                      ? Stream.fail(boom)
                      : request.path === "/wrong"
                        ? Stream.concat(Stream.make("a"), Stream.make(7 as unknown as string))
                        : request.path === "/sized"
                          ? Stream.make("short")
                          : Stream.concat(Stream.make("begun"), Stream.fail(boom))
                }),
              { onFailure: () => ({ status: 418, body: "teapot" }) }
            )
            const { port } = yield* httpServer(handle)
            expect(statusOf(yield* exchange(port, head("GET /first", "Connection: close")))).toBe(418)
            for (const path of ["/middle", "/wrong", "/sized"]) {
              const client = yield* rawClient(port)
              client.write(head(`GET ${path}`))
              const answer = yield* Effect.promise(() => client.closed())
              expect(answer).not.toMatch(/0\r\n\r\n$/)
            }
          })
        )
        expect(reports.map(({ message }) => message)).toEqual(
          ["/middle", "/wrong", "/sized"].map(
            (path) =>
              `GET ${path} from 127.0.0.1 failed after it had begun to answer; its connection was closed`
          )
        )
      })
  )

  it.live("T9 of events says at once that it is there, before the first of them", () =>
    quiet(
      Effect.gen(function* () {
        let end = 0
        const handle = yield* Server.handler(() =>
          Effect.succeed({
            headers: { "content-type": "text/event-stream" },
            body: Stream.ensuring(
              Stream.never,
              Effect.sync(() => end++)
            )
          })
        )
        const { port } = yield* httpServer(handle)
        const client = yield* rawClient(port)
        client.write(head("GET /"))
        yield* Effect.promise(() => client.until(/text\/event-stream[^]*\r\n\r\n/))
        yield* Effect.promise(() => client.destroy())
        yield* until(() => end === 1)
      })
    )
  )
})

describe("both bodies over HTTP/2", () => {
  it.live("T9 come and go as Streams, and a failure in the middle resets the stream, not the session", () =>
    Effect.gen(function* () {
      const { reports } = yield* reporting(
        Effect.gen(function* () {
          const handle = yield* Server.handler((request) =>
            Effect.gen(function* () {
              if (request.path === "/fails") {
                return { body: Stream.concat(Stream.make("begun"), Stream.fail(new Error("boom"))) }
              }
              if (request.method === "HEAD") return { body: "four" }
              const chunks = yield* Stream.runCollect(request.body)
              return { headers: { "x-name": request.name }, body: Stream.fromIterable(chunks) }
            })
          )
          const { port } = yield* http2Server(handle)
          const session = yield* Effect.acquireRelease(
            Effect.sync(() => http2.connect(`http://127.0.0.1:${port}`)),
            (session) => Effect.sync(() => session.destroy())
          )
          const send = (headers: http2.OutgoingHttpHeaders, body?: string) =>
            Effect.promise(async () => {
              const stream = session.request(headers)
              let data = ""
              let answer: http2.IncomingHttpHeaders = {}
              let error: unknown
              stream.on("response", (headers) => (answer = headers))
              stream.on("data", (chunk: Buffer) => (data += String(chunk)))
              stream.on("error", (e) => (error = e))
              stream.end(body)
              await new Promise((resolve) => stream.once("close", resolve))
              return { answer, data, error, rst: stream.rstCode }
            })
          const echo = yield* send({ ":method": "POST", ":path": "/echo" }, "hello")
          expect([echo.answer[":status"], echo.answer["x-name"], echo.data]).toEqual([
            200,
            "POST /echo from 127.0.0.1",
            "hello"
          ])
          const fails = yield* send({ ":path": "/fails" })
          expect([fails.rst, fails.error]).toEqual([2, expect.any(Error)])
          const short = yield* send({ ":method": "HEAD", ":path": "/" })
          expect([short.answer["content-length"], short.data, short.rst]).toEqual(["4", "", 0])
        })
      )
      expect(reports.map(({ message }) => message)).toEqual([
        "GET /fails from 127.0.0.1 failed after it had begun to answer; its connection was closed"
      ])
    })
  )
})
