/** Servers whose life is a Scope: listening when they are acquired, closed in phases when it closes. */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { callback, layerScoped, type ServiceTag, Tag } from "../effect.js"
import { callSite } from "../Loop/closing/origin.js"
import { BindError } from "../Loop/errors.js"
import { Waiting } from "../Loop/fiber/Wait.js"
import { describeValue } from "../Loop/kernel/describe.js"
import { isLoopClosedError, type LoopClosedError } from "../Loop/kernel/errors.js"
import { Loop } from "../Loop/Loop.js"
import type { Home } from "../Loop/ports.js"
import type { ServerAddress } from "../Loop/server/address.js"
import { type AnyServer, isAnyServer } from "../Loop/server/kinds.js"
import type { ListeningServer, ServerPhase } from "../Loop/server/ListeningServer.js"
import { type Opening, openServer } from "../Loop/server/openServer.js"
import { type Probe, probeOf } from "../Loop/server/probe.js"
import { closingOf } from "../Loop/server/request/requests.js"
import { type ServerOptions, type ServerSettings, settingsOf } from "../Loop/server/ServerOptions.js"
import { Request as RequestTag } from "../Loop/server/request/ServerRequest.js"
import { serversOf } from "../Loop/server/Servers.js"
import { handler, type MakeHandler } from "./server/handler.js"

/**
 * A server that listens, from {@link Server}. It closes with its Scope.
 *
 * @example
 * import { createServer } from "node:http"
 *
 * const program = Effect.gen(function* () {
 *   const web = createServer((request, response) => server.probe(request, response, () => response.end("hello")))
 *   const server = yield* Server.scoped(web, { host: "127.0.0.1", name: "the site" })
 *   const ask = (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`, { signal: currentSignal() })
 *   yield* fromAio(() => ask("/ready").then((response) => console.log(response.status)))()
 *   console.log(server.name, server.address !== undefined && "host" in server.address && server.address.host)
 * }) // => 200
 * await Effect.runPromise(Loop.scoped(Effect.scoped(program))) // => the site 127.0.0.1
 *
 * @category models
 * @since 0.1.0
 */
export class ScopedServer<out S extends AnyServer = AnyServer> {
  readonly #listening: ListeningServer
  /**
   * How far its end is: `listening`, `lameDuck`, `draining`, `answering`, `closed`. To be read, and followed: by its `changes` on
   * Effect 3, by `SubscriptionRef.changes` on Effect 4.
   */
  readonly phase: SubscriptionRef.SubscriptionRef<ServerPhase>
  /** Whether it is to be sent requests: false from when its loop was told to stop, or its Scope begins to close. */
  readonly ready: Effect.Effect<boolean> = Effect.sync(() => this.isReady())
  /** Answers Kubernetes and load balancers; see {@link Probe}. For this port or another one. */
  readonly probe: Probe

  /** @internal All phases, as when its Scope closes; completes with the last. */
  readonly _close: Effect.Effect<void>

  /** @internal */
  constructor(
    loop: Home,
    listening: ListeningServer,
    phase: SubscriptionRef.SubscriptionRef<ServerPhase>,
    /** As it was given. */ readonly server: S
  ) {
    this.#listening = listening
    this.phase = phase
    this._close = closed(loop, listening)
    this.probe = probeOf({
      ready: () => this.isReady(),
      phase: () => listening.phase,
      alive: () => !loop.isClosed() && loop._crash === undefined
    })
  }

  /** Where it listens; `undefined` where that is not to be learned of what it is. */
  get address(): ServerAddress | undefined {
    return this.#listening.opened.address
  }

  /** The port it listens at. Throws `TypeError` where it listens at none. */
  get port(): number {
    const { address } = this
    if (address !== undefined && "port" in address) return address.port
    throw new TypeError(`${this.name} listens at no port`)
  }

  /** For reports: `server http://127.0.0.1:8080`, unless it was given another. */
  get name(): string {
    return this.#listening.name
  }

  /** `ready`, now. */
  isReady(): boolean {
    return this.#listening.ready
  }
}

/** What no Scope was given any more. */
const closeUnowned = (opening: Opening | undefined): void => {
  if (opening === undefined || !("opened" in opening)) return
  opening.opened.close(() => {})
  opening.opened.afterDrain()
  opening.opened.end()
}

/** Waits until it listens, or has failed to. Only the wait is interruptible, so that what listens is owned, or closed again. */
const opened = (
  loop: Home,
  server: AnyServer,
  settings: ServerSettings,
  name: () => string
): Effect.Effect<Opening> =>
  Effect.uninterruptibleMask((restore) => {
    let opening: Opening | undefined
    const wait = callback<void>((resume) => {
      const waiting = new Waiting(loop, () => resume(Effect.void))
      const cancel = openServer(loop, server, settings, name, (result) => {
        opening = result
        waiting.run()
      })
      return callback<void>((ended) => {
        const cancelled = new Waiting(loop, () => ended(Effect.void))
        cancel(() => cancelled.run())
      })
    })
    return Effect.matchCauseEffect(restore(wait), {
      onSuccess: () => Effect.succeed(opening as Opening),
      onFailure: (cause) => {
        closeUnowned(opening)
        return Effect.failCause(cause)
      }
    })
  })

/** Closes it in phases, and those that close with it; completes when it has closed. */
const closed = (loop: Home, server: ListeningServer): Effect.Effect<void> =>
  callback<void>((resume) => {
    const waiting = new Waiting(loop, () => resume(Effect.void))
    serversOf(loop).closeWith(server, () => waiting.run())
  })

/** A failure that is one of a closed loop, or a mistake of the program. */
const refusal = (error: unknown): Effect.Effect<never, LoopClosedError> =>
  isLoopClosedError(error) ? Effect.fail(error) : Effect.die(error)

/** The server, opened and owned by the caller's Scope. */
const open = <S extends AnyServer>(
  loop: Home,
  server: S,
  settings: ServerSettings,
  createdAt: () => string
): Effect.Effect<ScopedServer<S>, BindError | LoopClosedError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) => {
    const servers = serversOf(loop)
    try {
      checkServer(server)
      servers.refuse("Server.scoped")
      const times = servers.timesOf(settings)
      let listening: ListeningServer | undefined
      const name = (): string => listening?.name ?? settings.name ?? "a server"
      return Effect.gen(function* () {
        const opening = yield* restore(opened(loop, server, settings, name))
        if ("error" in opening) {
          const { error } = opening
          return yield* error instanceof BindError ? Effect.fail(error) : Effect.die(error)
        }
        try {
          servers.refuseReleased("Server.scoped")
        } catch (error) {
          closeUnowned(opening)
          return yield* refusal(error)
        }
        const owner = yield* Effect.scope
        const phase = yield* SubscriptionRef.make<ServerPhase>("listening")
        const added = servers.add(opening.opened, settings, times, owner, createdAt)
        listening = added
        added.onPhase((next) => void Effect.runFork(SubscriptionRef.set(phase, next)))
        const scoped = new ScopedServer(loop, added, phase, server)
        yield* Effect.addFinalizer(() => scoped._close)
        return scoped
      })
    } catch (error) {
      return refusal(error)
    }
  })

const checkServer = (server: unknown): void => {
  if (isAnyServer(server)) return
  const { close, handleUpgrade, listen } = (server ?? {}) as Record<string, unknown>
  const has =
    typeof listen === "function" ? "no close" : typeof close === "function" ? "no listen" : "neither"
  const hint =
    typeof listen === "function"
      ? ": give the server that is made of it, createServer(app)"
      : typeof handleUpgrade === "function"
        ? ": give the server of HTTP that it shares, and this as `webSockets`"
        : ""
  throw new TypeError(
    `Server.scoped takes a server, something with listen and close; ${describeValue(server)} has ${has}${hint}`
  )
}

/** Written out, so that the declaration asks the installed line of Effect for the type. */
const ServerTag: ServiceTag<Server, "effect-aio/Server", ScopedServer> = Tag<Server, ScopedServer>()(
  "effect-aio/Server"
)

/**
 * Servers that live in a Scope: any of `node:http`, `https`, `http2`, `net` and `tls`, whoever has made it (Express, Koa, Hono,
 * Apollo, Socket.IO and `ws` all stand on one), and whatever else has `listen` and `close`, as Fastify has.
 *
 * As a service it is the server of {@link Server.layer}.
 *
 * @example
 * import { createServer } from "node:http"
 *
 * const program = Effect.gen(function* () {
 *   const web = createServer((request, response) => response.end("hello"))
 *   const server = yield* Server.scoped(web, { host: "127.0.0.1", port: 0 })
 *   const url = `http://127.0.0.1:${server.port}/`
 *   const response = yield* runAioCoroutine(({ signal }) => fetch(url, { signal }))
 *   return yield* fromAio(() => response.text())()
 * })
 * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => hello
 *
 * @category services
 * @since 0.1.0
 */
export class Server extends ServerTag {
  /**
   * Listens, and closes in phases when the caller's Scope does; `docs/servers.md` has them as a picture. A server that listens
   * already is taken over.
   *
   * 1. `lameDuck`: not ready any more, and still taking what comes; every answer whose headers are not sent says
   *    `Connection: close`.
   * 2. It stops accepting.
   * 3. Idle connections end at once, silent and half sent ones after `idle`, the others after their answer; HTTP/2 sends GOAWAY.
   * 4. `drain`: requests in flight, uploads, streaming answers and WebSockets may finish; endless ones are told (`Server.closing`).
   * 5. `answer`: handlers that are fibers are interrupted, and may still answer.
   * 6. What is left is refused with 503, or destroyed, and reported by name.
   *
   * Each ends as soon as nothing is left that it waits for. Then the Scope goes on to what was acquired before the server.
   *
   * **Flavor** Effect. **Starts** when the Effect runs; it may be given an Effect that makes the server. **Cancel** an
   * interruption that meets the listening takes it back, and waits for that. **Loop closed** fails with LoopClosedError; a loop
   * that closes takes its servers through the same phases before its tasks are cancelled.
   *
   * Fails with {@link BindError} where it cannot listen. Options that do not fit, and phases that are longer than the
   * `closeDeadline` that the loop was given, are a defect, `TypeError` or `RangeError`. A `closeDeadline` that nobody has given
   * grows with them.
   *
   * **Gotchas**
   * - Servers of one Scope, and all servers of a loop that is told to stop, go through their phases side by side. One that others
   *   call while they drain needs a `lameDuck` as long as that.
   * - What was connected before it was taken over is known from its next request on.
   * - A client whose request is on its way on an idle connection as that ends sees it closed: a `lameDuck` spares it that.
   *
   * @example
   * import { createServer } from "node:http"
   *
   * const slow = createServer((request, response) => void setTimeout(() => response.end("done"), 100))
   * const program = Effect.gen(function* () {
   *   const { port } = yield* Server.scoped(slow, { host: "127.0.0.1", drain: "2 seconds" })
   *   // Told to close when the request has come; it is answered first.
   *   const begun = new Promise((resolve) => slow.once("request", resolve))
   *   const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())
   *   yield* fromAio(() => begun)()
   *   return answer
   * })
   * const answer = await Effect.runPromise(Loop.scoped(Effect.scoped(Effect.map(program, (text) => ({ text })))))
   * console.log(await answer.text) // => done
   */
  static scoped<S extends AnyServer, E = never, R = never>(
    server: S | Effect.Effect<S, E, R>,
    options: ServerOptions = {}
  ): Effect.Effect<ScopedServer<S>, BindError | LoopClosedError | E, Loop | Scope.Scope | R> {
    return Server._scoped(server, options, callSite(Server.scoped))
  }

  /** @internal For what is built on it: `createdAt` is where the program has asked for that. */
  static _scoped<S extends AnyServer, E = never, R = never>(
    server: S | Effect.Effect<S, E, R>,
    options: ServerOptions,
    createdAt: () => string
  ): Effect.Effect<ScopedServer<S>, BindError | LoopClosedError | E, Loop | Scope.Scope | R> {
    const settings = settingsOf(options)
    const made = Effect.isEffect(server) ? server : Effect.succeed(server)
    return Effect.flatMap(Loop, (loop) => Effect.flatMap(made, (one) => open(loop, one, settings, createdAt)))
  }

  /**
   * `Server.scoped` as a Layer, for `Layer.launch` and for tests.
   *
   * @example
   * import { createServer } from "node:http"
   *
   * const makeWeb = Effect.map(toAio((name: string) => Effect.succeed(`hello, ${name}`)), (greet) =>
   *   createServer((request, response) => void greet(request.url ?? "").then((text) => response.end(text)))
   * )
   * const get = fromAio((url: string) => fetch(url, { signal: currentSignal() }).then((response) => response.text()))
   * const program = Effect.flatMap(Server, (server) => get(`http://127.0.0.1:${server.port}/you`))
   * const web = Server.layer(makeWeb, { host: "127.0.0.1" }).pipe(Layer.provideMerge(Loop.layer()))
   * console.log(await Effect.runPromise(Effect.provide(program, web))) // => hello, /you
   */
  static layer<S extends AnyServer, E = never, R = never>(
    server: S | Effect.Effect<S, E, R>,
    options: ServerOptions = {}
  ): Layer.Layer<Server, BindError | LoopClosedError | E, Exclude<Loop | Scope.Scope | R, Scope.Scope>> {
    return layerScoped(Server, Server.scoped(server, options))
  }

  /**
   * The signal that aborts when the server of an answer closes and waits for it: for answers that have no end of their own. It
   * may say a last word and is to end then. A stream of events (`text/event-stream`) whose handler has not asked for it is ended
   * after `idle`, between two events. Takes what answers, a ServerResponse or a stream of HTTP/2. Where no scoped server knows of
   * it, the signal never aborts.
   *
   * @example
   * import { createServer } from "node:http"
   *
   * const web = createServer((request, response) => {
   *   response.writeHead(200, { "Content-Type": "text/event-stream" }).write("data: hello\n\n")
   *   Server.closing(response).addEventListener("abort", () => response.end("data: bye\n\n"))
   * })
   * const program = Effect.gen(function* () {
   *   const { port } = yield* Server.scoped(web, { host: "127.0.0.1" })
   *   const { body } = yield* runAioCoroutine(({ signal }) => fetch(`http://127.0.0.1:${port}/`, { signal }))
   *   return { body }
   * })
   * const { body } = await Effect.runPromise(Loop.scoped(Effect.scoped(program)))
   * console.log((await new Response(body).text()).split("\n\n").join(" ")) // => data: hello data: bye
   */
  static closing(answer: object): AbortSignal {
    if (typeof answer !== "object" || answer === null) {
      throw new TypeError(`Server.closing takes what answers a request, not ${describeValue(answer)}`)
    }
    return closingOf(answer) ?? new AbortController().signal
  }

  /**
   * Makes what Node's servers call with a request (`node:http`, `https`, and the compatible API of `http2`) of an Effect, or of a
   * function that returns one. Each request is served by a fiber of its own, with a Scope of its own, which is called
   * `GET /user/7 from 10.0.0.1` in reports.
   *
   * The Effect answers with `{ status, headers, body }` (see {@link Answer}), or writes to Node's response itself, and ends it. It
   * has the request as its argument and as the service {@link Server.Request}. What else it needs is captured where the handler is
   * made, once. A body that is a Stream is written at the pace of the client; it is part of the request, and so is its Scope.
   *
   * **Flavor** Effect, for aio code. **Starts** where Node tells of the request. **Cancel** the fiber is interrupted, and
   * `request.signal` aborted, when its client goes away, when the `drain` of its `Server.scoped` is over, and when the Scope in
   * which the handler was made closes, which waits for it as for a close (T7). It may still answer in its finalizers; one that has
   * not is answered for: 503 with `Connection: close`. **Loop closed** the same, and what comes later is answered with 503.
   *
   * **Failures** are answered with 500 and nothing of what has failed, or with what `onFailure` says, and reported once (kind
   * `request`), unless the answer is below 500. Where the answer has begun, its connection is cut, so that nobody takes a part
   * for the whole. So it is for an Effect that ends and leaves its answer open. A client that goes away is no failure.
   *
   * **Gotchas**
   * - Make it after what it uses and before the server that calls it: a Scope closes in the reverse order.
   * - Node notices that a client has gone only where it reads or writes: not while a body waits that nobody asks for.
   * - The head of a Stream is sent with its first items, so that a failure before them is answered; of `text/event-stream` at once.
   *
   * @example
   * import { createServer } from "node:http"
   *
   * const program = Effect.gen(function* () {
   *   const users = yield* Effect.acquireRelease(Effect.succeed(new Map([["7", "ann"]])), (users) => Effect.sync(() => users.clear()))
   *   const handler = yield* Server.handler((request) => {
   *     const name = users.get(request.path.slice(1))
   *     return name === undefined ? Effect.fail("no such user") : Effect.succeed({ body: { name } })
   *   }, { onFailure: (cause) => ({ status: 404, body: String(Cause.squash(cause)) }) })
   *   const { port } = yield* Server.scoped(createServer(handler), { host: "127.0.0.1" })
   *   const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`, { signal: currentSignal() })
   *   const get = fromAio((path: string) => ask(path).then((response) => response.text()))
   *   return [yield* get("/7"), yield* get("/8")]
   * })
   * console.log(...(await Effect.runPromise(Loop.scoped(Effect.scoped(program))))) // => {"name":"ann"} no such user
   */
  static readonly handler: MakeHandler = handler

  /**
   * The request that the calling fiber serves, in whatever the Effect of a `Server.handler` runs: see {@link ServerRequest}.
   *
   * @example
   * import { createServer } from "node:http"
   *
   * const who = Effect.map(Server.Request, (request) => request.headers["x-user"] ?? "nobody")
   * const program = Effect.gen(function* () {
   *   const handler = yield* Server.handler(Effect.map(who, (user) => ({ body: `hello, ${String(user)}` })))
   *   const { port } = yield* Server.scoped(createServer(handler), { host: "127.0.0.1" })
   *   const ask = fetch(`http://127.0.0.1:${port}/`, { headers: { "x-user": "ann" } })
   *   return yield* fromAio(() => ask.then((response) => response.text()))()
   * })
   * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => hello, ann
   */
  static readonly Request: typeof RequestTag = RequestTag
}

/** The types that go with the statics of {@link Server}. */
export declare namespace Server {
  /** What an Effect needs that asks for the request it serves. */
  type Request = RequestTag
}
