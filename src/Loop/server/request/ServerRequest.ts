/** A request, as the Effect that answers it has it: Node's own, with what a fiber needs of it. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Effect } from "effect/Effect"
import type { Stream } from "effect/Stream"
import { outsideFibers, type ServiceTag, Tag } from "../../../effect.js"
import type { RequestBodyError } from "../../errors.js"
import { CancelledError } from "../../kernel/errors.js"
import type { Home } from "../../ports.js"
import { bodyOf } from "./requestBody.js"
import { nameOf, originOf, pathOf } from "./requestName.js"
import { whenClosing } from "./whenClosing.js"
import type { RequestEnd } from "./requests.js"

/** A request of node:http, or of the compatible API of node:http2. */
export type NodeRequest = IncomingMessage | Http2ServerRequest

/** The answer of node:http. */
export type HttpResponse = ServerResponse

/** The answer to a request. */
export type NodeResponse = HttpResponse | Http2ServerResponse

/**
 * A request that `Server.handler` serves: the argument of the handler, and the service `Server.Request` in all that its
 * Effect runs. What it does not have, `raw` has.
 *
 * @example
 * import { createServer } from "node:http"
 *
 * const echo = (request: ServerRequest) =>
 *   Effect.map(Stream.runCollect(request.body), (chunks) => ({
 *     status: request.method === "POST" ? 200 : 405,
 *     headers: { "content-type": request.headers["content-type"], "x-from": request.remoteAddress },
 *     body: Buffer.concat([...chunks])
 *   }))
 * const events = (request: ServerRequest) =>
 *   Effect.succeed({
 *     headers: { "content-type": "text/event-stream" },
 *     body: Stream.concat(Stream.make("data: hello\n\n"), Stream.fromEffect(Effect.as(request.closing, "data: bye\n\n")))
 *   })
 * const proxied = (request: ServerRequest) =>
 *   fromAio(async () => ({ body: await (await fetch("data:,hi" + request.url, { signal: request.signal })).text() }))()
 * const program = Effect.gen(function* () {
 *   const handler = yield* Server.handler((request) => {
 *     console.log(request.name, request.raw.httpVersion) // => POST /echo from 127.0.0.1 1.1
 *     return request.path === "/echo" ? echo(request) : request.path === "/events" ? events(request) : proxied(request)
 *   })
 *   const { port } = yield* Server.scoped(createServer(handler), { host: "127.0.0.1" })
 *   const init = { method: "POST", body: "hello" }
 *   const post = () => fetch(`http://127.0.0.1:${port}/echo?a=1`, { ...init, signal: currentSignal() })
 *   return yield* fromAio(() => post().then((response) => response.text()))()
 * })
 * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => hello
 *
 * @category models
 * @since 0.1.0
 */
export class ServerRequest {
  readonly #loop: Home
  readonly #response: NodeResponse
  #from: string | undefined
  #abort: AbortController | undefined
  #ended: CancelledError | undefined

  /** @internal */
  constructor(
    loop: Home,
    /** Node's request. */
    readonly raw: NodeRequest,
    response: NodeResponse
  ) {
    this.#loop = loop
    this.#response = response
  }

  /** The method, in capitals. */
  get method(): string {
    return this.raw.method ?? "GET"
  }

  /** What the request line names: path and query. */
  get url(): string {
    return this.raw.url ?? "/"
  }

  /** The path of `url`, as it was sent. */
  get path(): string {
    return pathOf(this.url)
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers
  }

  /** The address of the other end of the connection; `"unix"` for a unix socket. */
  get remoteAddress(): string {
    return (this.#from ??= originOf(this.raw))
  }

  /** For reports: `GET /user/7 from 10.0.0.1`, without the query. */
  get name(): string {
    return nameOf(this.method, this.path, this.remoteAddress)
  }

  /**
   * Aborts when the fiber of the request is told to end, before it is interrupted, with a `CancelledError` whose `reason` is
   * `"client gone"`, `"drain over"` or `"server closed"`. Not when the request has ended by itself. Made when it is first
   * read.
   */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#ended !== undefined) this.#abort.abort(this.#ended)
    }
    return this.#abort.signal
  }

  /**
   * The body, as it comes, with backpressure: what nobody asks for waits with the client. It can be read once; a second run, and
   * one of a body that somebody else has read, dies with InvalidStateError. What is left of it when the request has been
   * answered is dropped. Empty for requests without one.
   */
  get body(): Stream<Uint8Array, RequestBodyError> {
    return bodyOf(this.#loop, this)
  }

  /**
   * Completes when the server of this request, if `Server.scoped` has it, begins to close and waits for the answer: for those
   * that have no end, to be given one. A request is not interrupted then; it is after the `drain` of its server.
   */
  get closing(): Effect<void> {
    return whenClosing(this.#loop, this.#response)
  }

  toString(): string {
    return this.name
  }

  /** @internal What the connection can be asked only while it is there. */
  _remember(): void {
    this.#from ??= originOf(this.raw)
  }

  /** @internal The fiber is being told to end. What listens to the signal is code of the program, and may throw nothing here. */
  _end(reason: RequestEnd): void {
    if (this.#ended !== undefined) return
    this.#ended = new CancelledError(reason)
    // Who listens is aio code, whoever ends the request.
    outsideFibers(() => this.#abort?.abort(this.#ended))
  }
}

/** Written out, so that the declaration asks the installed line of Effect for the type. */
const RequestTag: ServiceTag<Request, "effect-aio/Server/Request", ServerRequest> = Tag<
  Request,
  ServerRequest
>()("effect-aio/Server/Request")

/** The request that the calling fiber serves, or one of its children. */
export class Request extends RequestTag {}
