/**
 * Fibers that belong to a Scope: those that were started through one `toAio(…, { scoped: true })`. Before that Scope goes on
 * to what was acquired earlier they have been interrupted, and have ended. The model is `FiberSet.makeRuntime` of Effect
 * (3.22, `FiberSet.ts`), which gives the fibers to its callers, and knows no bound.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { currentFiber } from "../../effect.js"
import { Future } from "../../Loop/kernel/Future.js"
import type { Loop } from "../../Loop/Loop.js"
import type { EffectOptions, Home } from "../../Loop/ports.js"
import { askAndJoin, cancel } from "../task/join.js"
import { capture, type Starter } from "./capture.js"

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
 * Legal states: open; closing (its Scope has begun to close: what runs was interrupted, and nothing is started any more),
 * closed. A fiber is listed from its first step until its last finalizer has run.
 */
class Owned<R> implements Starter<R> {
  readonly loop: Home
  /** The Futures of what runs, and the fibers behind them. */
  readonly #running = new Map<Future<unknown>, object | undefined>()
  #remaining: Remaining | undefined
  #closed = false

  constructor(
    private readonly starter: Starter<R>,
    private readonly name: string
  ) {
    this.loop = starter.loop
  }

  readonly start = <A, E>(effect: Effect.Effect<A, E, R>, options: EffectOptions): Future<A> => {
    const future: Future<A> = this.starter.start(
      Effect.uninterruptibleMask((restore) =>
        Effect.suspend(() => {
          // It was called before the Scope closed, or not: either way what it may use is gone.
          if (this.#closed) return restore(this.#refuse(future))
          this.#running.set(future, currentFiber())
          return Effect.ensuring(
            restore(effect),
            Effect.sync(() => this.#ended(future))
          )
        })
      ),
      options
    )
    return future
  }

  /** The Scope's finalizer. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#closed = true
    const self = currentFiber()
    for (const [future, fiber] of this.#running) {
      if (fiber !== self) continue
      // A handler that closes the Scope it is in: it ends after that, and cannot be waited for here.
      this.#running.delete(future)
      this.#interrupt(future)
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
          for (const future of [...this.#running.keys()]) this.#interrupt(future)
        },
        ended: () => Effect.void,
        who: "a Scope that closes",
        told: "was interrupted"
      }
    )
  })

  #refuse(future: Future<unknown>): Effect.Effect<never> {
    return Effect.suspend(() => {
      this.#interrupt(future)
      return Effect.never
    })
  }

  #interrupt(future: Future<unknown>): void {
    cancel(this.loop, () => this.name, future, `the Scope of ${this.name} was closed`)
  }

  #ended(future: Future<unknown>): void {
    this.#running.delete(future)
    if (this.#running.size === 0 && this.#remaining?.done() === false) this.#remaining._settleValue(undefined)
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
      Effect.addFinalizer(() => owned.close),
      owned
    )
  })
}
