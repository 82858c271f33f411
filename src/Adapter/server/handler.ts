/** `Server.handler`: an Effect as what Node's servers call with a request. */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Stream } from "effect/Stream"
import { type FiberState, fiberState, isProgram } from "../../effect.js"
import { otherCopy } from "../../effect/otherCopy.js"
import { isThenable } from "../../Loop/kernel/adopt.js"
import { describeValue, workName } from "../../Loop/kernel/describe.js"
import { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import type { Answer, WholeAnswer } from "../../Loop/server/request/answer.js"
import { type Handling, RequestFiber } from "../../Loop/server/request/RequestFiber.js"
import {
  type HttpResponse,
  type NodeRequest,
  type NodeResponse,
  type Request,
  ServerRequest
} from "../../Loop/server/request/ServerRequest.js"
import { spanned, type SpanOption } from "../../Loop/server/request/requestSpan.js"
import { checkFunctionOptions, checkOptions, givenName } from "../task/options.js"
import { Members } from "../visit/owned.js"

/**
 * How a handler is called, traced, and answers for its failures.
 *
 * @category models
 * @since 0.1.0
 */
export interface HandlerOptions<E> {
  /** The handler's, for reports of its Scope; a request has a name of its own. Default: the function's name. */
  readonly name?: string | undefined
  /**
   * What is answered where the Effect, or the Stream of its body before it has written anything, fails. `undefined`, and without
   * this every failure, is 500 and says nothing of what has failed. A failure is reported once (kind `request`), unless it is
   * answered with a status below 500.
   */
  readonly onFailure?:
    ((cause: Cause.Cause<E>, request: ServerRequest) => WholeAnswer | undefined) | undefined
  /**
   * Whether each request has a span: `true` is called `http.server GET`, a string or function says how else. Its parent is that of
   * the request's `traceparent`, and it has the attributes that OpenTelemetry names. Default false.
   */
  readonly span?: SpanOption | undefined
}

/**
 * What Node's servers call: `http.createServer(handler)`, `http2.createServer(handler)`, `server.on("request", handler)`,
 * `app.get(path, handler)` of Express. The native promise fulfils when the fiber of the request has ended, and never rejects.
 *
 * @category models
 * @since 0.1.0
 */
export type RequestHandler = (request: NodeRequest, response: NodeResponse) => Promise<void>

/** What an Effect may answer with: nothing where it has written to the response itself. */
type AnyAnswer = Answer<unknown, unknown> | undefined | void

/** An Effect that answers. */
type Answers = Effect.Effect<AnyAnswer, unknown, unknown>

/** The body of an answer, of those that it may be. */
type BodyOf<A> = A extends { readonly body?: infer B } ? B : never
/** What a body that is a Stream needs. */
type BodyNeeds<B> = B extends Stream<unknown, unknown, infer R> ? R : never
/** How a body that is a Stream can fail. */
type BodyFailure<B> = B extends Stream<unknown, infer E, unknown> ? E : never

/** How an Effect can fail, or the body that it gives. Of a union, how any of them can. */
type FailureOf<Eff> =
  Eff extends Effect.Effect<infer A, infer E, unknown> ? E | BodyFailure<BodyOf<A>> : never
/** What is needed where a handler is made. */
type NeedsOf<Eff> =
  | Loop
  | Scope.Scope
  | (Eff extends Effect.Effect<infer A, unknown, infer R>
      ? Exclude<R | BodyNeeds<BodyOf<A>>, Scope.Scope | Request>
      : never)

/** `Server.handler`, whose docs are there. */
export interface MakeHandler {
  <Eff extends Answers>(
    effect: Eff,
    options?: HandlerOptions<FailureOf<Eff>>
  ): Effect.Effect<RequestHandler, never, NeedsOf<Eff>>
  <Eff extends Answers, Response extends NodeResponse = HttpResponse>(
    effect: (request: ServerRequest, response: Response) => Eff,
    options?: HandlerOptions<FailureOf<Eff>>
  ): Effect.Effect<RequestHandler, never, NeedsOf<Eff>>
}

type Program = Handling["program"]

const ended = Promise.resolve()

/** One handler: the requests that it serves belong to the Scope in which it was made. */
class Handler implements Handling {
  readonly members: Members

  constructor(
    readonly loop: Home,
    readonly state: FiberState,
    readonly context: Handling["context"],
    name: string,
    readonly program: Program,
    readonly onFailure: Handling["onFailure"],
    readonly traced: Handling["traced"]
  ) {
    this.members = new Members(loop, name)
  }

  get closed(): boolean {
    return this.members.closed
  }

  began(fiber: RequestFiber): void {
    this.members.add(fiber)
  }

  ended(fiber: RequestFiber): void {
    this.members.ended(fiber)
  }

  /** Never throws: Node's servers call it in the midst of an event. */
  readonly handle: RequestHandler = (raw, response) => {
    const fiber = new RequestFiber(this, new ServerRequest(this.loop, raw, response), response)
    fiber.begin()
    return fiber.done ? ended : new Promise((resolve) => fiber.onDone(resolve))
  }
}

/** The Effect that a handler's function returned; dies, of a mistake in the program, where it returned something else. */
const anEffect = (name: string, returned: unknown): Effect.Effect<unknown, unknown> =>
  Effect.isEffect(returned)
    ? (returned as Effect.Effect<unknown, unknown>)
    : Effect.die(
        new TypeError(
          `Server.handler takes an Effect or a function returning one; ${name} returned ${describeValue(returned)}` +
            (isThenable(returned) ? ", which is aio already: wrap what returns it with fromAio" : "")
        )
      )

/** What is called with each request. Throws `TypeError` for what gives no Effect. */
const programOf = (given: unknown): ((request: ServerRequest, response: NodeResponse) => unknown) => {
  // A function of fromAio is both, and more of a function; a service tag is both, and less.
  if (typeof given === "function" && (!Effect.isEffect(given) || isProgram(given))) {
    return given as (request: ServerRequest, response: NodeResponse) => unknown
  }
  if (Effect.isEffect(given)) return () => given
  throw new TypeError(
    `Server.handler takes an Effect or a function returning one, not ${describeValue(given)}${otherCopy(given)}`
  )
}

/** `Server.handler`. */
export const handler = ((given: unknown, options: HandlerOptions<unknown> = {}) => {
  checkOptions("Server.handler", options)
  const { onFailure, span = false } = options
  checkFunctionOptions("Server.handler", { onFailure })
  const traced = spanned(span)
  const name = givenName(options) ?? (typeof given === "function" ? workName(given) : "a handler")
  const program = programOf(given)
  return Effect.gen(function* () {
    const loop = yield* Loop
    const captured = yield* Effect.context<Loop>()
    const state = yield* fiberState
    const made = new Handler(
      loop,
      state,
      loop._provide(captured as Handling["context"]),
      name,
      (request, response) => anEffect(name, program(request, response)),
      onFailure ?? (() => undefined),
      traced
    )
    yield* Effect.addFinalizer(() => made.members.close)
    return made.handle
  })
}) as MakeHandler
