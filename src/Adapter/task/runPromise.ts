/** An Effect of work that has begun already: a promise of somebody's, or a Future that is stopped by more than its cancel. */
import * as Effect from "effect/Effect"
import type { AioError } from "../../Loop/errors.js"
import { aioError, fromFuture } from "../../Loop/fiber/Outcome.js"
import { awaitFuture, oncePassed } from "../../Loop/fiber/Wait.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { Loop } from "../../Loop/Loop.js"
import { watchHeld } from "./held.js"
import { cancelAndJoin } from "./join.js"
import { type AioInterrupted, type AioOptions, onInterruptOf, type Stops } from "./options.js"

/** Waits for it in a task, which is never kept from starting, only told: the work does not wait for that. */
export const runPromise = <A>(
  promise: PromiseLike<A>,
  name: () => string,
  options: AioOptions,
  { cancel, cancelled, slowTask }: Stops
): Effect.Effect<A, AioError | AioInterrupted, Loop> => {
  const mapError = aioError(name)
  const onInterrupt = onInterruptOf(options)
  return Effect.flatMap(Loop, (loop) =>
    awaitFuture(
      loop,
      () =>
        loop.createTask(() => promise, {
          name: name(),
          cancel,
          cancelled,
          slowTask
        }) as Future<unknown> as Future<A>,
      (task) => fromFuture(task, mapError),
      (task) => {
        const joined = cancelAndJoin(loop, name, onInterrupt, task)
        return task.done() ? joined : Effect.flatMap(oncePassed(loop), () => joined)
      },
      watchHeld.bind(undefined, loop, name, onInterrupt)
    )
  )
}
