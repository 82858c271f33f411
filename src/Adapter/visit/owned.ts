/**
 * Fibers that belong to a Scope: those that were started through one `toAio(…, { scoped: true })`, or serve the requests of one
 * handler. Before that Scope goes on to what was acquired earlier they have been interrupted, and have ended. The model is `FiberSet.makeRuntime` of Effect
 * (3.22, `FiberSet.ts`), which gives the fibers to its callers, and knows no bound.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { currentFiber } from "../../effect.js"
import { Future } from "../../Loop/kernel/Future.js"
import type { Loop } from "../../Loop/Loop.js"
import type { EffectOptions, Home } from "../../Loop/ports.js"
import type { RequestEnd } from "../../Loop/server/request/requests.js"
import { askAndJoin, cancel } from "../task/join.js"
import { capture, type Starter } from "./capture.js"

/** A fiber that belongs to a Scope, from its first step until its last finalizer has run. */
export interface Member {
  /** To tell it from others; `undefined` where it has not begun. */
  readonly fiber: object | undefined
  /** Interrupts it, without waiting. */
  readonly interrupt: (reason: RequestEnd) => void
}

/** What is still running, as one Future: done when all of it has ended. */
class Remaining extends Future<void> {
  constructor(
    loop: Home,
    private readonly name: string,
    private readonly running: { readonly size: number }
  ) {
    super(loop)
  }

  override toString(): string {
    const { size } = this.running
    return `what runs of ${this.name} (${size === 1 ? "a fiber" : `${size} fibers`})`
  }
}

/**
 * The fibers of one Scope. Legal states: open; closing (its Scope has begun to close: what runs was interrupted, and nothing is
 * to be started any more), closed.
 */
export class Members {
  readonly #running = new Set<Member>()
  #remaining: Remaining | undefined
  #closed = false

  constructor(
    private readonly loop: Home,
    private readonly name: string
  ) {}

  /** Whether the Scope has begun to close. */
  get closed(): boolean {
    return this.#closed
  }

  add(member: Member): void {
    this.#running.add(member)
  }

  ended(member: Member): void {
    this.#running.delete(member)
    if (this.#running.size === 0 && this.#remaining?.done() === false) this.#remaining._settleValue(undefined)
  }

  /** The Scope's finalizer. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#closed = true
    const self = currentFiber()
    for (const member of [...this.#running]) {
      if (member.fiber !== self) continue
      // A handler that closes the Scope it is in: it ends after that, and cannot be waited for here.
      this.#running.delete(member)
      member.interrupt("server closed")
    }
    if (this.#running.size === 0) return Effect.void
    const { loop, name } = this
    this.#remaining = new Remaining(loop, name, this.#running)
    return askAndJoin(
      loop,
      this.#remaining,
      { mode: "join", grace: undefined, stoppable: true },
      {
        ask: () => {
          for (const member of [...this.#running]) member.interrupt("server closed")
        },
        ended: () => Effect.void,
        who: "a Scope that closes",
        told: "was interrupted"
      }
    )
  })
}

/** The fibers that were started through one `toAio(…, { scoped: true })`, and the Futures of them. */
class Owned<R> implements Starter<R> {
  readonly loop: Home
  readonly members: Members

  constructor(
    private readonly starter: Starter<R>,
    private readonly name: string
  ) {
    this.loop = starter.loop
    this.members = new Members(starter.loop, name)
  }

  readonly start = <A, E>(effect: Effect.Effect<A, E, R>, options: EffectOptions): Future<A> => {
    const { members } = this
    const future: Future<A> = this.starter.start(
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          // It was called before the Scope closed, or not: either way what it may use is gone.
          if (members.closed) return restore(this.#refuse(future))
          const member: Member = { fiber: currentFiber(), interrupt: () => this.#interrupt(future) }
          members.add(member)
          return Effect.ensuring(
            restore(effect),
            Effect.sync(() => members.ended(member))
          )
        })
      ),
      options
    )
    return future
  }

  readonly interrupt = (future: Future<unknown>, reason: unknown): void =>
    cancel(this.loop, () => this.name, future, reason)

  #refuse(future: Future<unknown>): Effect.Effect<never> {
    return Effect.suspend(() => {
      this.#interrupt(future)
      return Effect.never
    })
  }

  #interrupt(future: Future<unknown>): void {
    this.interrupt(future, `the Scope of ${this.name} was closed`)
  }
}

/** `capture`, for fibers that belong to the loop, or with `scoped` to the caller's Scope. */
export const captureFor = <R>(
  name: string,
  { scoped }: { readonly scoped?: boolean | undefined }
): Effect.Effect<Starter<R>, never, R | Loop | Scope.Scope> => {
  if (scoped !== true) return capture<R>()
  return Effect.flatMap(capture<R>(), (starter) => {
    const owned = new Owned(starter, name)
    return Effect.as(
      Effect.addFinalizer(() => owned.members.close),
      owned
    )
  })
}
