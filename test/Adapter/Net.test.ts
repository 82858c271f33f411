// Servers of connections, as Effects: what closing them is, is tested in Loop/server/ConnectionServer.test.ts.
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Stream } from "effect"
import { ConnectError, Loop, Net } from "../../src/index.js"
import { cert, key } from "../support/certificate.js"
import { at, client, lines, text } from "../support/connections.js"
import { scoped, settle } from "../support/scopedLoops.js"

class Log extends Context.Tag("test/Log")<Log, Array<string>>() {}

describe("Net.listen", () => {
  it.live(
    "T1 serves each connection in a fiber and a Scope of its own, with the services of where it was called",
    () =>
      scoped(
        Effect.scoped(
          Effect.gen(function* () {
            const log = yield* Log
            const server = yield* Net.listen({ host: "127.0.0.1" }, (connection) =>
              Effect.gen(function* () {
                const own = yield* Log
                yield* Effect.addFinalizer(() => Effect.sync(() => own.push("released")))
                yield* Stream.runForEach(lines(connection.stream), (line) => connection.write(`${line}!\n`))
                own.push(`served ${connection.remoteAddress === connection.localAddress}`)
              })
            )
            const one = yield* client(server.port)
            const two = yield* client(server.port)
            expect((yield* Loop.statistics).effects).toBeGreaterThanOrEqual(0)
            two.socket.end("2\n")
            yield* two.closed
            one.socket.end("1\n1")
            yield* one.closed
            expect([one.heard, two.heard]).toMatchObject([
              { text: "1!\n1!\n", ended: true },
              { text: "2!\n", ended: true }
            ])
            yield* settle
            expect(log).toEqual(["served false", "released", "served false", "released"])
          }).pipe(Effect.provideService(Log, []))
        )
      )
  )

  it.live("a hundred clients at once, each with its own words, all answered", () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Net.listen({ host: "127.0.0.1" }, ({ sink, stream }) =>
            Stream.run(stream, sink)
          )
          const words = Array.from({ length: 100 }, (_, i) => `${i}`.repeat(5_000))
          const answers = yield* Effect.forEach(
            words,
            (word) =>
              Effect.scoped(
                Effect.gen(function* () {
                  const { end, stream, write } = yield* Net.connect(at(server.port))
                  yield* write(word)
                  yield* end
                  return yield* text(stream)
                })
              ),
            { concurrency: "unbounded" }
          )
          expect(answers).toEqual(words)
        })
      )
    )
  )

  it.live("with TLS, and a handshake that fails costs its connection only", () =>
    scoped(
      Effect.scoped(
        Effect.gen(function* () {
          const server = yield* Net.listen({ host: "127.0.0.1", ssl: { cert, key } }, ({ sink, stream }) =>
            Stream.run(stream, sink)
          )
          const plain = yield* client(server.port)
          plain.socket.write("no TLS at all\n\n")
          yield* plain.closed
          const options = { ...at(server.port), ssl: { ca: cert } }
          const { end, stream, write } = yield* Net.connect(options)
          yield* write("in secret")
          yield* end
          expect(yield* text(stream)).toBe("in secret")
          const stranger = yield* Effect.flip(Net.connect({ ...at(server.port), ssl: true }))
          expect(stranger).toBeInstanceOf(ConnectError)
        })
      )
    )
  )

  it.live(
    "B2 what is wrong is said before anything is opened: no handler, options for others, an address in use",
    () =>
      scoped(
        Effect.scoped(
          Effect.gen(function* () {
            const none = () => Effect.void
            expect(() => Net.listen({}, 3 as never)).toThrow("Net.listen takes a function of a connection")
            expect(() => Net.listen(null as never, none)).toThrow("takes an object of options")
            expect(() => Net.listen({ goodbye: none } as never, none)).toThrow("no option goodbye")
            expect(() => Net.listen({ ssl: true } as never, none)).toThrow("ssl is an object")
            const { port } = yield* Net.listen({ host: "127.0.0.1" }, none)
            const error = yield* Effect.flip(Net.listen({ host: "127.0.0.1", port }, none))
            expect(error).toMatchObject({
              _tag: "BindError",
              code: "EADDRINUSE",
              address: `127.0.0.1:${port}`
            })
          })
        )
      )
  )
})
