// A server on node:http whose life is a Scope. Its callbacks enter Effect through a `toAio` function: one fiber for each
// request, which is interrupted when the client goes away.
import { once } from "node:events"
import { createServer, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Data, Effect } from "effect"
import { acquireAio, getRunningLoop, isCancelledError, toAio, type Future } from "effect-aio"
import { answer, type Answer, type Asked } from "./routes.js"

export class ListenFailed extends Data.TaggedError("ListenFailed")<{
  readonly port: number
  readonly cause: unknown
}> {
  override get message(): string {
    return `cannot listen on port ${this.port}; --port chooses another one`
  }
}

/** How long requests that are being answered may take when the server closes. Then their connections are cut. */
const DRAIN = 2_000

export interface Traffic {
  requests: number
  inFlight: number
  /** The client went away before there was an answer: the fiber was interrupted. */
  interrupted: number
  /** Connections that were cut because the server closed. */
  cutOff: number
}

export interface Listening {
  readonly url: string
  readonly server: Server
  readonly traffic: Traffic
}

type Handler = (asked: Asked, gone: AbortSignal) => Future<Answer>

const send = (server: Server, response: ServerResponse, { body, status }: Answer): void => {
  // A server that closes has no use for connections that are kept alive.
  if (!server.listening) response.setHeader("connection", "close")
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))
}

const listen = async (handle: Handler, port: number): Promise<Listening> => {
  const traffic: Traffic = { requests: 0, inFlight: 0, interrupted: 0, cutOff: 0 }
  const server = createServer((request, response) => {
    const gone = new AbortController()
    traffic.requests++
    traffic.inFlight++
    response.once("close", () => {
      traffic.inFlight--
      if (!response.writableFinished) gone.abort(new Error("the client has gone away"))
    })
    handle({ method: request.method ?? "GET", url: request.url ?? "/" }, gone.signal).then(
      (ready) => send(server, response, ready),
      (error: unknown) => {
        // Nobody is there to read an answer.
        if (isCancelledError(error)) traffic.interrupted++
        // The loop is closed, and so is everything behind it.
        else response.destroy()
      }
    )
  })
  server.listen(port, "127.0.0.1")
  await once(server, "listening")
  const { port: actual } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${actual}`, server, traffic }
}

/** No new connections, the idle ones closed, the busy ones waited for, and cut when that takes too long. */
const close = async ({ server, traffic }: Listening): Promise<void> => {
  const closed = once(server, "close")
  server.close()
  server.closeIdleConnections()
  const timer = getRunningLoop().callLater(DRAIN, () => {
    traffic.cutOff = traffic.inFlight
    server.closeAllConnections()
  })
  await closed
  timer.cancel()
}

/** Serves until the Scope closes. Port 0 takes a free one. */
export const serve = (port: number) =>
  Effect.gen(function* () {
    const handle = yield* toAio((asked: Asked, _gone: AbortSignal) => answer(asked), {
      name: "request",
      signal: (_asked, gone) => gone
    })
    return yield* acquireAio({
      name: "server",
      open: () => listen(handle, port),
      close,
      catch: (cause) => new ListenFailed({ port, cause })
    })
  })
