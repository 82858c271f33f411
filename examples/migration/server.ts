// A server whose life is a Scope, for step 5: each request is a fiber, which is interrupted when its client goes away.
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { Effect, type Scope } from "effect"
import { acquireAio, fromAio, toAio, type AioError, type AioInterrupted, type Loop } from "effect-aio"

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** The body of a request. */
export const bodyOf = (request: IncomingMessage) => fromAio(text, { name: "body" })(request)

/** Serves on a free port until the Scope closes: no new requests then, and those that came are answered. */
export const serve = <R>(
  route: (request: IncomingMessage) => Effect.Effect<Answer, AioError | AioInterrupted, R>
): Effect.Effect<{ readonly url: string }, AioError | AioInterrupted, R | Loop | Scope.Scope> =>
  Effect.gen(function* () {
    const answer = yield* toAio((request: IncomingMessage, _gone: AbortSignal) => route(request), {
      name: "request",
      signal: (_request, gone) => gone
    })
    const server = yield* acquireAio({
      name: "server",
      open: async () => {
        const server = createServer((request, response) => {
          const gone = new AbortController()
          response.once("close", () => gone.abort())
          answer(request, gone.signal).then(
            ({ body, status }) => response.writeHead(status).end(JSON.stringify(body)),
            () => response.destroy()
          )
        })
        server.listen(0, "127.0.0.1")
        await once(server, "listening")
        return server
      },
      close: async (server) => {
        const closed = once(server, "close")
        server.close()
        server.closeIdleConnections()
        await closed
      }
    })
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  })
