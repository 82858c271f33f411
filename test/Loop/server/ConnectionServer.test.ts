// What becomes of the connections of a server: of its handlers' failures, and when it closes.
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope, Stream } from "effect"
import type { Socket } from "node:net"
import { Loop, Net } from "../../../src/index.js"
import { client, lines } from "../../support/connections.js"
import { until } from "../../support/readerLoops.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

describe("a server of connections", () => {
  it.live("J8 a handler that fails is reported once, with its connection, and costs nobody else", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Net.listen({ host: "127.0.0.1" }, ({ stream, write }) =>
            Stream.runForEach(lines(stream), (line) =>
              line === "fail" ? Effect.fail(new Error("no")) : write(line)
            )
          )
          const bad = yield* client(server.port)
          const good = yield* client(server.port)
          bad.socket.write("fail\n")
          yield* bad.closed
          good.socket.end("well\n")
          yield* good.closed
          expect(good.heard.text).toBe("well")
          expect(reports.map(({ exception, kind, message }) => [kind, message, String(exception)])).toEqual([
            [
              "connection",
              expect.stringMatching(
                /^the handler of the connection with 127\.0\.0\.1:\d+ failed, and the connection was closed$/
              ),
              "Error: no"
            ]
          ])
        })
      ),
      { exceptionHandler }
    )
  })

  it.live(
    "a client that goes is no failure of its handler, at whatever step, and nothing is left of it",
    () => {
      const { exceptionHandler, reports } = collecting()
      return scoped(
        Effect.scoped(
          Effect.gen(function* () {
            const server = yield* Net.listen({ host: "127.0.0.1" }, ({ sink, stream }) =>
              Stream.run(
                Stream.flatMap(stream, (chunk) => Stream.make(chunk, new Uint8Array(100_000))),
                sink
              )
            )
            const loop = yield* Loop
            const steps: ReadonlyArray<(socket: Socket) => void> = [
              (socket) => void socket.resetAndDestroy(),
              (socket) => void socket.destroy(),
              (socket) => void socket.write(Buffer.alloc(1000, 0xff), () => socket.resetAndDestroy()),
              (socket) => {
                socket.write("x")
                socket.once("data", () => socket.resetAndDestroy())
              },
              (socket) => {
                socket.end("x")
                socket.once("data", () => socket.destroy())
              },
              (socket) => {
                socket.pause()
                socket.write(Buffer.alloc(500_000), () => socket.resetAndDestroy())
              }
            ]
            for (const step of steps) {
              const { closed, socket } = yield* client(server.port)
              step(socket)
              yield* closed
              yield* Effect.promise(() =>
                until(() => loop.statistics().effects === 0 && loop.statistics().transports === 0)
              )
            }
            expect(reports).toEqual([])
          })
        ),
        { exceptionHandler }
      )
    }
  )

  it.live(
    "S6 what has come is read to its end, and answered, when the server closes; who is silent is ended at once",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<string> = []
          const scope = yield* Scope.make()
          const { port } = yield* Scope.extend(
            Net.listen({ host: "127.0.0.1", drain: 2_000 }, ({ closing, stream, write }) =>
              Effect.gen(function* () {
                yield* Effect.forkScoped(
                  Effect.zipRight(
                    closing,
                    Effect.sync(() => log.push("told"))
                  )
                )
                yield* Stream.runForEach(lines(stream), (line) =>
                  Effect.zipRight(Effect.sleep(20), write(`${line}\n`))
                )
                yield* write("bye")
              })
            ),
            scope
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              const busy = yield* client(port)
              const silent = yield* client(port)
              busy.socket.write("1\n2\n3\n4\n5\n")
              yield* Effect.sleep(30)
              const since = performance.now()
              yield* Scope.close(scope, Exit.void)
              expect(performance.now() - since).toBeLessThan(1_000)
              expect(log).toEqual(["told", "told"])
              yield* Effect.sleep(20)
              expect([busy.heard, silent.heard]).toMatchObject([
                { text: "1\n2\n3\n4\n5\nbye", ended: true, error: undefined },
                { text: "bye", ended: true, error: undefined }
              ])
            })
          )
        })
      )
  )

  it.live(
    "S6 J12 handlers that do not end are interrupted when the drain is over, and joined, before what they use is closed",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<string> = []
          const scope = yield* Scope.make()
          const { port } = yield* Scope.extend(
            Effect.zipRight(
              Effect.addFinalizer(() => Effect.sync(() => log.push("database closed"))),
              Net.listen({ host: "127.0.0.1", drain: 50 }, () =>
                Effect.ensuring(
                  Effect.never,
                  Effect.zipRight(
                    Effect.sleep(20),
                    Effect.sync(() => log.push("handler ended"))
                  )
                )
              )
            ),
            scope
          )
          yield* Effect.scoped(
            Effect.gen(function* () {
              const one = yield* client(port)
              yield* Effect.sleep(10)
              yield* Scope.close(scope, Exit.void)
              expect(log).toEqual(["handler ended", "database closed"])
              yield* one.closed
            })
          )
        })
      )
  )

  it.live(
    "S6 closed at any moment under load: what was answered was answered whole, and nothing is left",
    () =>
      Effect.gen(function* () {
        for (let turn = 0; turn < 20; turn++) {
          yield* scoped(
            Effect.gen(function* () {
              const scope = yield* Scope.make()
              const { port } = yield* Scope.extend(
                Net.listen({ host: "127.0.0.1" }, ({ stream, write }) =>
                  Stream.runForEach(lines(stream), (line) => write(`${line}\n`))
                ),
                scope
              )
              yield* Effect.scoped(
                Effect.gen(function* () {
                  const clients = yield* Effect.forEach(Array.from({ length: 5 }), () => client(port))
                  const line = `${"x".repeat(2_000)}\n`
                  const timer = setInterval(() => {
                    for (const { socket } of clients) if (socket.writable) socket.write(line)
                  }, 1)
                  yield* Effect.sleep(turn)
                  yield* Scope.close(scope, Exit.void)
                  clearInterval(timer)
                  for (const { closed, heard } of clients) {
                    yield* closed
                    expect(heard.text.length % line.length).toBe(0)
                  }
                })
              )
            })
          )
        }
      }),
    30_000
  )
})
