// What Server.scoped and Server.layer infer.
import type { Effect, Layer, Scope, SubscriptionRef } from "effect"
import { createServer } from "node:http"
import * as http2 from "node:http2"
import * as net from "node:net"
import { describe, expectTypeOf, it } from "vitest"
import type { Loop } from "../../src/index.js"
import {
  type BindError,
  type LoopClosedError,
  type ScopedServer,
  Server,
  type ServerOptions,
  type ServerPhase
} from "../../src/index.js"

type Success<T> = T extends Effect.Effect<infer A, unknown, unknown> ? A : never

interface Database {
  readonly find: (id: number) => string
}
declare const made: Effect.Effect<net.Server, "broken", Database>
declare const app: {
  listen(where: { port?: number }): Promise<string>
  close(): Promise<void>
  readonly routes: number
}
declare const webSockets: {
  readonly clients: Set<{ close(code?: number, data?: string | Buffer): void; terminate(): void }>
  on(event: "connection", listener: (socket: never, request: never) => void): unknown
}

describe("Server", () => {
  it("scoped needs a loop and a Scope, and fails with what keeps it from listening", () => {
    const web = createServer()
    expectTypeOf(Server.scoped(web, { port: 0 })).toEqualTypeOf<
      Effect.Effect<ScopedServer<typeof web>, BindError | LoopClosedError, Loop | Scope.Scope>
    >()
    expectTypeOf(Server.scoped(made)).toEqualTypeOf<
      Effect.Effect<
        ScopedServer<net.Server>,
        BindError | LoopClosedError | "broken",
        Loop | Scope.Scope | Database
      >
    >()
    expectTypeOf<
      Success<ReturnType<typeof Server.scoped<typeof app, never, never>>>["server"]
    >().toEqualTypeOf<typeof app>()
    expectTypeOf(Server.scoped(http2.createServer())).toExtend<
      Effect.Effect<ScopedServer, unknown, unknown>
    >()
    expectTypeOf(Server.scoped(net.createServer(), { path: "/run/app.sock" })).toExtend<
      Effect.Effect<ScopedServer, unknown, unknown>
    >()
    expectTypeOf(Server.scoped(app)).toExtend<Effect.Effect<ScopedServer, unknown, unknown>>()
    // @ts-expect-error an app that has no close of its own
    Server.scoped({ listen: () => {} })
    // @ts-expect-error no option of that name
    Server.scoped(web, { ports: 1 })
  })

  it("layer gives the service that the class is, and needs what makes its server", () => {
    expectTypeOf(Server.layer(made, { port: 0 })).toEqualTypeOf<
      Layer.Layer<Server, BindError | LoopClosedError | "broken", Loop | Database>
    >()
    expectTypeOf<Success<typeof Server>>().toEqualTypeOf<ScopedServer>()
  })

  it("a server says how far it is", () => {
    expectTypeOf<ScopedServer["phase"]>().toEqualTypeOf<SubscriptionRef.SubscriptionRef<ServerPhase>>()
    expectTypeOf<ScopedServer["ready"]>().toEqualTypeOf<Effect.Effect<boolean>>()
    expectTypeOf<ScopedServer["port"]>().toEqualTypeOf<number>()
    expectTypeOf(Server.closing).returns.toEqualTypeOf<AbortSignal>()
  })

  it("options take durations of all kinds, and the server of WebSockets as its library has it", () => {
    const options: ServerOptions = { lameDuck: "5 seconds", idle: 100, drain: undefined, webSockets }
    expectTypeOf(options.goodbye).toEqualTypeOf<
      ((socket: net.Socket, signal: AbortSignal) => unknown) | undefined
    >()
    createServer((request, response) => {
      expectTypeOf<ScopedServer["probe"]>().toBeCallableWith(request, response, () => {})
    })
  })
})
