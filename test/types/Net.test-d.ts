// What Net infers.
import { Effect, type Scope, type Sink, type Stream } from "effect"
import type { Server as NetServer } from "node:net"
import { describe, expectTypeOf, it } from "vitest"
import { Tag } from "../../src/effect.js"
import type { Loop } from "../../src/index.js"
import {
  type BindError,
  type ConnectError,
  type Connection,
  type ConnectionResetError,
  type LoopClosedError,
  Net,
  type QueueFullError,
  type ResolveError,
  type ScopedServer
} from "../../src/index.js"

class Database extends Tag<Database, { readonly limit: number }>()("types/Net/Database") {}

declare const connection: Connection

describe("Net.connect", () => {
  it("needs a loop and a Scope, and fails with what keeps a connection from being made", () => {
    expectTypeOf(Net.connect({ host: "localhost", port: 80 })).toEqualTypeOf<
      Effect.Effect<
        Connection,
        ConnectError | ResolveError | LoopClosedError | QueueFullError,
        Loop | Scope.Scope
      >
    >()
    Net.connect({ path: "/run/x.sock" })
    Net.connect({ port: 443, host: "example.org", ssl: true })
    // @ts-expect-error a port is a number
    Net.connect({ port: "80" })
  })

  it("gives a Stream and a Sink that fail with what breaks it", () => {
    expectTypeOf(connection.stream).toEqualTypeOf<
      Stream.Stream<Uint8Array, ConnectionResetError | LoopClosedError>
    >()
    expectTypeOf(connection.sink).toEqualTypeOf<
      Sink.Sink<void, Uint8Array | string, never, ConnectionResetError | LoopClosedError>
    >()
    expectTypeOf(connection.write("x")).toEqualTypeOf<
      Effect.Effect<void, ConnectionResetError | LoopClosedError>
    >()
    expectTypeOf(connection.closing).toEqualTypeOf<Effect.Effect<void>>()
  })
})

describe("Net.listen", () => {
  it("needs what its handler needs, but for the Scope, which each connection has", () => {
    const server = Net.listen({ port: 80 }, (each) =>
      Effect.gen(function* () {
        expectTypeOf(each).toEqualTypeOf<Connection>()
        const { limit } = yield* Database
        yield* Effect.addFinalizer(() => Effect.void)
        yield* each.write(String(limit))
      })
    )
    expectTypeOf(server).toEqualTypeOf<
      Effect.Effect<ScopedServer<NetServer>, BindError | LoopClosedError, Loop | Scope.Scope | Database>
    >()
    // @ts-expect-error the handler takes leave
    Net.listen({ port: 80, goodbye: () => {} }, () => Effect.void)
    // @ts-expect-error a handler gives an Effect
    Net.listen({ port: 80 }, () => 1)
  })
})
