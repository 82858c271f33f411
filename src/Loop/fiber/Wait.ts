/**
 * Parking a fiber until a kernel Future is done, and resuming it: how Effect code waits for the loop. What such a wait's
 * outcome means is said in Outcome.ts; what is said of one that takes long, in SlowJoin.ts.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { callback, currentFiber, type Held, heldFor, sequentialCauses, unlessTold } from "../../effect.js"
import { contextOfWait, resumeIn } from "../host/AsyncContext.js"
import { LoopClosedError, QueueFullError } from "../kernel/errors.js"
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import type { Future } from "../kernel/Future.js"
import type { Context } from "../kernel/Context.js"
import type { Runnable } from "../kernel/ports.js"
import { keepsShape } from "./shapes.js"

/** Resumes a fiber from the loop's pass, in the async-local state that the fiber had when it began to wait. */
export class Waiting implements Runnable {
  readonly resumes = true
  readonly _fiber = currentFiber()
  readonly #context: Context | undefined
  constructor(
    loop: BaseEventLoop,
    private readonly resume: () => void
  ) {
    this.#context = contextOfWait(loop.host.contexts)
  }

  run(): void {
    resumeIn(this.#context, this.resume)
  }
}

keepsShape((loop) => new Waiting(loop, () => {}))

/**
 * Looks after a wait in a fiber that cannot be interrupted, as `held` says. What it returns is called when the Future is done;
 * before that it may end the wait with an error, where an interruption could not.
 */
export type Watch<G> = (
  held: Exclude<Held, "nothing">,
  future: Future<unknown>,
  giveUp: (error: G) => void
) => () => void

/** In the fiber, where its wait begins: has it looked after if it cannot be interrupted. */
export const watchIfHeld = <G>(
  watch: Watch<G> | undefined,
  future: Future<unknown>,
  giveUp: (error: G) => void
): (() => void) | undefined => {
  const held = heldFor()
  return held === "nothing" ? undefined : watch?.(held, future, giveUp)
}

/** What an Effect fails with whose work was refused before anything was scheduled. */
export const refused = (error: unknown): Exit.Exit<never, LoopClosedError | QueueFullError> =>
  error instanceof LoopClosedError || error instanceof QueueFullError ? Exit.fail(error) : Exit.die(error)

/**
 * Waits for the Future that `begin` makes. When it is done, `done` says what that means; for a fiber that was
 * interrupted, `interrupted` is run and waited for, and what it fails with joins the Cause. Only the wait itself is
 * interruptible, and it carries no outcome: so none can get lost between the loop and either of the two, and a
 * resource that arrived is owned before anybody can interrupt.
 */
export const awaitFuture = <A, B, E, R = never, G = never>(
  loop: BaseEventLoop,
  begin: () => Future<A>,
  done: (future: Future<A>) => Effect.Effect<B, E, R>,
  interrupted: (future: Future<A>) => Effect.Effect<void>,
  watch?: Watch<G>
): Effect.Effect<B, E | G | LoopClosedError | QueueFullError, R> =>
  Effect.uninterruptibleMask((restore) => {
    let future: Future<A> | undefined
    let waiting: Waiting | undefined
    let givenUp = false
    const wait = callback<void, G | LoopClosedError | QueueFullError>((resume) => {
      try {
        future = begin()
      } catch (error) {
        return resume(refused(error))
      }
      loop._start()
      const parked = new Waiting(loop, () => {
        unwatch?.()
        resume(Effect.void)
      })
      waiting = parked
      const awaited = future
      awaited._await(parked)
      const unwatch = watchIfHeld(watch, awaited, (error) => {
        givenUp = true
        awaited._remove(parked)
        resume(Effect.fail(error))
      })
    })
    const afterwards = <E2>(cause: Cause.Cause<E2>, ended: Future<A>): Effect.Effect<never, E2> =>
      Effect.matchCauseEffect(interrupted(ended), {
        onSuccess: () => Effect.failCause(cause),
        onFailure: (more) => Effect.failCause(sequentialCauses(cause, more))
      })
    return Effect.matchCauseEffect(restore(wait), {
      onSuccess: () => {
        const ended = future as Future<A>
        const outcome = done(ended)
        if (ended._peek() !== "error") return outcome
        // A last look: the typed failure of a fiber that is to be interrupted as soon as it leaves here is dropped by Effect.
        return unlessTold(outcome, () =>
          Effect.matchCauseEffect(restore(Effect.void), {
            // The caller is uninterruptible, and hears of it.
            onSuccess: () => outcome,
            onFailure: (cause) => afterwards(cause, ended)
          })
        )
      },
      onFailure: (cause) => {
        if (future === undefined || waiting === undefined || givenUp) return Effect.failCause(cause)
        future._remove(waiting)
        return afterwards(cause, future)
      }
    })
  })

/** Completes when the future is done, whatever its outcome. Interrupting it stops waiting and nothing else. */
export const awaitDone = (loop: BaseEventLoop, future: Future<unknown>): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (future.done()) return Effect.void
    return callback<void>((resume) => {
      const waiting = new Waiting(loop, () => resume(Effect.void))
      future._await(waiting)
      return Effect.sync(() => future._remove(waiting))
    })
  })

/** Completes when every callback queued before it has run; done callbacks of what is done are among them. */
export const oncePassed = (loop: BaseEventLoop): Effect.Effect<void> =>
  callback<void>((resume) => {
    loop._start()
    const waiting = new Waiting(loop, () => resume(Effect.void))
    loop._afterQueued(() => waiting.run())
  })
