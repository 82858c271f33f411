/** The fiber that serves one request: begun where Node tells of the request, ended with its answer or without one. */
import * as Cause from "effect/Cause"
import type { Context } from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import {
  closeOf,
  currentFiber,
  type FiberState,
  type Forks,
  forksIn,
  isInterruptedOnly,
  openScope,
  type OpenScope,
  sequentialCauses,
  withServices
} from "../../../effect.js"
import { RequestBodyError } from "../../errors.js"
import { type RunningEffect, startIn } from "../../fiber/Fibers.js"
import { backgroundFailure } from "../../fiber/Outcome.js"
import { InvalidStateError } from "../../kernel/errors.js"
import type { Home } from "../../ports.js"
import { checkAnswer, type WholeAnswer, writeWhole } from "./answer.js"
import { isGone, whenClosed } from "./gone.js"
import { answerInstead, failed, unavailable } from "../connections/instead.js"
import { dropRest } from "./requestBody.js"
import { isWaitedFor, type RequestEnd, serves, type Serving } from "./requests.js"
import { type NodeResponse, Request, type ServerRequest } from "./ServerRequest.js"
import { streamed } from "./streamedAnswer.js"

/** What the fiber of a request runs. */
export type Served = Effect.Effect<void, unknown>

/** What all requests of one handler have in common. */
export interface Handling {
  readonly loop: Home
  readonly state: FiberState
  /** What the Effects need, the loop with its mark among it, but for the request and the Scope. */
  readonly context: Context<never>
  /** Whether the Scope of the handler has begun to close. */
  readonly closed: boolean
  readonly program: (
    request: ServerRequest,
    response: NodeResponse
  ) => Effect.Effect<unknown, unknown, Request | Scope.Scope>
  /** Gives what a request does a span. */
  readonly traced: ((request: ServerRequest, response: NodeResponse, effect: Served) => Served) | undefined
  readonly onFailure: (cause: Cause.Cause<unknown>, request: ServerRequest) => WholeAnswer | undefined
  readonly began: (fiber: RequestFiber) => void
  readonly ended: (fiber: RequestFiber) => void
}

/**
 * Legal states: running; told (it is being interrupted, and may still answer); done. In all of them the answer may be open,
 * begun or ended, by whoever has the response.
 */
export class RequestFiber implements Serving {
  /** Its fiber, from its first step on, to tell it from others. */
  fiber: object | undefined
  #forks: Forks | undefined
  #running: RunningEffect | undefined
  #reason: RequestEnd | undefined
  #done = false
  /** The answer is a Stream, which is being written. */
  #streams = false
  #listeners: Array<() => void> | undefined
  #unwatch: (() => void) | undefined

  constructor(
    private readonly handling: Handling,
    private readonly request: ServerRequest,
    private readonly response: NodeResponse
  ) {}

  get name(): string {
    return this.request.name
  }

  get lives(): object | undefined {
    return this.fiber
  }

  get done(): boolean {
    return this.#done
  }

  onDone(f: () => void): void {
    if (this.#done) f()
    else (this.#listeners ??= []).push(f)
  }

  /**
   * Runs the first steps of the fiber, and looks after it if it has not ended by then. In the event that tells of the request,
   * and not in a pass of the loop: nobody can have cancelled it before, and nobody else waits for its turn.
   */
  begin(): void {
    const { closed, context, loop, state } = this.handling
    if (closed || loop.isClosed() || isStranger(loop, this.response)) return this.#refuse()
    this.handling.began(this)
    const scope = openScope()
    const services = withServices(context, [
      [Request.key, this.request],
      [Scope.Scope.key, scope]
    ])
    this.#forks = forksIn(state, services)
    this.#start(this.#program, (exit) => this.#close(scope, exit))
    if (this.#done) return
    this.request._remember()
    this.#unwatch = whenClosed(this.request.raw, this.response, () => this.#closed())
    serves(this.response, this)
    if (this.#reason !== undefined) this.#running?.interrupt()
    else if (isGone(this.request.raw, this.response)) this.interrupt("client gone")
  }

  interrupt(reason: RequestEnd): void {
    if (this.#done || this.#reason !== undefined) return
    this.#reason = reason
    this.request._end(reason)
    this.#running?.interrupt()
  }

  /** The fiber is told to end: by `interrupt`, or because its loop closes. */
  told(): void {
    this.#reason ??= "server closed"
    this.request._end(this.#reason)
  }

  #start(effect: Served, ended: (exit: Exit.Exit<void, unknown>) => void): void {
    this.#running = startIn(this.handling.loop, this, effect, this.#forks as Forks, undefined, { ended })
  }

  readonly #program: Served = Effect.suspend(() => {
    const { program, traced } = this.handling
    this.fiber = currentFiber()
    // What it needs is in the Context that it is started with.
    const served = Effect.flatMap(program(this.request, this.response), (value) =>
      this.#answer(value)
    ) as Served
    return traced === undefined ? served : traced(this.request, this.response, served)
  })

  /**
   * The Effect has ended, and its Scope closes: in a fiber of its own, because few use it, and one that is not used is free
   * of charge.
   */
  #close(scope: OpenScope, exit: Exit.Exit<void, unknown>): void {
    const closing = closeOf(scope, exit)
    if (closing === undefined) return this.#ended(exit)
    const close = Effect.suspend(() => {
      this.fiber = currentFiber()
      return closing
    })
    this.#start(Effect.uninterruptible(close), (closed) => this.#ended(bothExits(exit, closed)))
  }

  /** In the fiber, and in its Scope. */
  #answer(value: unknown): Effect.Effect<void, unknown> {
    if (value === undefined || value === null) return Effect.void
    if (typeof value !== "object") {
      throw new TypeError(`a handler answers with { status, headers, body }, not ${typeof value}`)
    }
    if (this.response.headersSent || this.response.writableEnded) {
      throw new InvalidStateError(`${this.name} was answered twice: its handler has written to the response`)
    }
    const answer = checkAnswer(this.request.raw, value)
    if (typeof answer.body !== "object" || answer.body instanceof Uint8Array) {
      writeWhole(this.response, answer)
      return Effect.void
    }
    this.#streams = true
    return Effect.map(streamed(this.handling.loop, this.request, this.response, answer), () => {
      this.#streams = false
    })
  }

  /** Nothing more can be sent. An Effect that has written its answer itself may go on; a Stream has nowhere to go. */
  #closed(): void {
    if (isGone(this.request.raw, this.response)) this.interrupt("client gone")
    // Somebody else has ended the answer: a server that closes, and has no time for what has no end.
    else if (this.#streams) this.interrupt("server closed")
  }

  #ended(exit: Exit.Exit<void, unknown>): void {
    this.#unwatch?.()
    const gone = isGone(this.request.raw, this.response)
    if (Exit.isFailure(exit)) this.#failed(exit, gone)
    else if (!gone && !this.response.writableEnded) this.#unanswered()
    this.#finish()
  }

  #finish(): void {
    dropRest(this.request)
    this.#done = true
    this.handling.ended(this)
    for (const f of this.#listeners?.splice(0) ?? []) f()
  }

  #failed(exit: Exit.Failure<void, unknown>, gone: boolean): void {
    const told = this.#reason !== undefined
    const failure = backgroundFailure(exit, told)
    // That a body has ended early is what a client does that goes away.
    const news = failure !== undefined && !(gone && failure.error instanceof RequestBodyError)
    if (gone) {
      if (news) this.#report(`${this.name} failed when its client had gone`, failure.error)
      return
    }
    if (told || isInterruptedOnly(exit.cause)) {
      if (news) this.#report(`${this.name} failed when it was told to end (${this.#reason})`, failure.error)
      return this.#giveUp(unavailable, true)
    }
    let answer = failed
    let mapped = false
    try {
      const chosen = this.handling.onFailure(exit.cause, this.request)
      if (chosen !== undefined) {
        // Looked at before it is taken for an answer.
        checkAnswer(this.request.raw, chosen)
        answer = chosen
        mapped = (chosen.status ?? 200) < 500
      }
    } catch (error) {
      this.#report(`the onFailure of ${this.name} failed`, error)
    }
    // What the program has an answer for is no accident, as long as that can be given.
    const { headersSent, writableEnded } = this.response
    if (!mapped || headersSent) {
      const when = writableEnded
        ? " after it had answered"
        : headersSent
          ? " after it had begun to answer; its connection was closed"
          : ""
      this.#report(`${this.name} failed${when}`, failure?.error ?? Cause.squash(exit.cause))
    }
    this.#giveUp(answer, false)
  }

  #unanswered(): void {
    this.#report(
      `${this.name} has ended without an answer`,
      new InvalidStateError(
        `the Effect of ${this.name} has ended and nobody has ended its answer: give { status, headers, body }, or write to ` +
          `the response and end that before the Effect ends`
      )
    )
    this.#giveUp(failed, false)
  }

  #giveUp(answer: WholeAnswer, last: boolean): void {
    try {
      answerInstead(this.request.raw, this.response, answer, last)
    } catch (error) {
      this.#report(`${this.name} could not be answered`, error)
    }
  }

  /** The handler, or its loop, is closed. */
  #refuse(): void {
    this.#reason = "server closed"
    this.request._end("server closed")
    this.#giveUp(unavailable, true)
    dropRest(this.request)
    this.#done = true
  }

  #report(message: string, exception: unknown): void {
    this.handling.loop.callExceptionHandler({ kind: "request", message, exception })
  }
}

/** How an Effect has ended whose Scope has closed after it. */
const bothExits = (
  exit: Exit.Exit<void, unknown>,
  closed: Exit.Exit<void, unknown>
): Exit.Exit<void, unknown> => {
  if (Exit.isSuccess(closed)) return exit
  return Exit.isSuccess(exit) ? closed : Exit.failCause(sequentialCauses(exit.cause, closed.cause))
}

/** Whether a request comes to a loop that is closing from a server that does not close with it, and would keep it open. */
const isStranger = (loop: Home, response: NodeResponse): boolean =>
  loop._closing.begun && !isWaitedFor(response)
