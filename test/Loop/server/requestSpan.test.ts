// Covers: requestSpan
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { type Loop, Server, type ServerRequest } from "../../../src/index.js"
import { ask, httpServer, until } from "../../support/requests.js"
import { collecting, scoped } from "../../support/scopedLoops.js"

interface Seen {
  readonly name: string
  readonly parent: string | undefined
  readonly kind: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly status: string
}

const optionTag = (parent: unknown): string | undefined => {
  const { value } = (parent ?? {}) as {
    readonly value?: { readonly spanId: string; readonly traceId: string }
  }
  return value === undefined ? undefined : `${value.traceId}/${value.spanId}`
}

/** A span that the Effect looks at from inside, and what it has become at the end. */
const look = (seen: Array<() => Seen>) =>
  Effect.map(Effect.currentSpan, (span) => {
    seen.push(() => ({
      name: span.name,
      parent: optionTag(span.parent),
      kind: span.kind,
      attributes: Object.fromEntries(span.attributes),
      status: span.status._tag
    }))
    return { status: 201, body: "" }
  })

const run = <A, E>(body: Effect.Effect<A, E, Loop | Scope.Scope>) => {
  const { exceptionHandler } = collecting()
  return scoped(Effect.scoped(body), { exceptionHandler })
}

describe("the span of a request", () => {
  it.live("T10 has the method and path, the parent that its client names, and the status of the answer", () =>
    run(
      Effect.gen(function* () {
        const seen: Array<() => Seen> = []
        const handle = yield* Effect.withSpan(Server.handler(look(seen), { span: true }), "where it is made")
        const { port } = yield* httpServer(handle)
        const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
        yield* ask(port, "GET /user?q=1", `traceparent: 00-${trace}-00f067aa0ba902b7-01`)
        yield* ask(port, "POST /user", "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01")
        yield* until(() => seen.length === 2)
        expect(seen.map((span) => span())).toEqual([
          {
            name: "http.server GET",
            parent: `${trace}/00f067aa0ba902b7`,
            kind: "server",
            attributes: {
              "http.request.method": "GET",
              "url.path": "/user",
              "client.address": "127.0.0.1",
              "network.protocol.version": "1.1",
              "http.response.status_code": 201
            },
            status: "Ended"
          },
          expect.objectContaining({ name: "http.server POST", parent: undefined })
        ])
      })
    )
  )

  it.live("T10 is called as the handler says, and there is none unless it is asked for", () =>
    run(
      Effect.gen(function* () {
        const seen: Array<() => Seen> = []
        const byName = yield* Server.handler(look(seen), { span: "users" })
        const byRequest = yield* Server.handler(look(seen), {
          span: (request: ServerRequest) => `at ${request.path}`
        })
        const without = yield* Server.handler(
          Effect.map(Effect.option(Effect.currentSpan), (span) => ({ body: span._tag }))
        )
        const handlers: Readonly<Record<string, typeof byName>> = {
          "/a": byName,
          "/b": byRequest,
          "/c": without
        }
        const { port } = yield* httpServer(
          (request, response) => void handlers[request.url ?? ""]?.(request, response)
        )
        yield* ask(port, "GET /a")
        yield* ask(port, "GET /b")
        expect(yield* ask(port, "GET /c")).toMatch(/None$/)
        expect(seen.map((span) => span().name)).toEqual(["users", "at /b"])
      })
    )
  )
})
