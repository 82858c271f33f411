/** Waiting in Effect for what runs on the loop: a Future that exists, or a coroutine that is started for the Effect. */
import * as Effect from "effect/Effect"
import { describeValue, ownName, workName } from "../Loop/kernel/describe.js"
import { WrongLoopError } from "../Loop/kernel/errors.js"
import type { AioError } from "../Loop/errors.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import type { Coroutine, CoroutineValue } from "../Loop/kernel/Task.js"
import { rememberGiver } from "../Loop/kernel/sites.js"
import { Loop } from "../Loop/Loop.js"
import { aioError, fromFuture } from "../Loop/fiber/Outcome.js"
import { mapping } from "./task/mistakes.js"
import {
  type AioInterrupted,
  checkOptions,
  type AioOptions,
  onInterruptOf,
  stopsOf,
  givenName
} from "./task/options.js"
import { runPromise } from "./task/runPromise.js"
import { awaitJoined, guarded, runTask } from "./task/runTask.js"

/**
 * Waits in Effect for a Future of the loop. Interrupting the Effect cancels the Future, and completes when that is
 * done: two fibers that wait for one Future share its fate.
 *
 * **Flavor** Effect. Starts: nothing, the Future exists. Cancel: `future.cancel()`, then waits. Loop closed: fails with
 * LoopClosedError.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const loop = yield* Loop
 *   const future = loop.createFuture<number>()
 *   loop.callLater(10, () => future.setResult(42))
 *   return yield* runAioFuture(future)
 * })
 * const answer = await Effect.runPromise(Loop.scoped(program))
 *
 * @category adapters
 * @since 0.1.0
 */
export const runAioFuture = <A>(
  future: Future<A>,
  options: AioOptions = {}
): Effect.Effect<A, AioError | AioInterrupted, Loop> => {
  if (!isFuture(future)) throw new TypeError(`runAioFuture takes a Future, not ${describeValue(future)}`)
  checkOptions("runAioFuture", options)
  const onInterrupt = onInterruptOf(options)
  const name = (): string => givenName(options) ?? future.toString()
  const stops = stopsOf("runAioFuture", options)
  const mapError = aioError(name)
  return Effect.flatMap(Loop, (loop): Effect.Effect<A, AioError | AioInterrupted, Loop> => {
    if (future._scheduler !== loop) {
      return Effect.die(
        new WrongLoopError(
          `${name()} is attached to a different loop than ${loop.name}; use loop.wrapFuture(future)`
        )
      )
    }
    if (future.done()) {
      future._markRetrieved()
      return fromFuture(future, mapError)
    }
    // A `cancel` belongs to a task: one that waits for the Future, and is cancelled with it.
    return stops.cancel === undefined && stops.cancelled === undefined
      ? awaitJoined(loop, name, () => future, mapError, onInterrupt)
      : runPromise(future, name, options, stops)
  })
}

/**
 * Starts a coroutine in the loop, as a task, and waits for it in Effect. The coroutine is called inside the loop with
 * its Task; interrupting the Effect cancels the task and completes when that has ended.
 *
 * **Flavor** Effect. Starts: here and now where nothing is queued on the loop, else in its next pass. Cancel: a task that has not
 * started never starts; a generator gets CancelledError at its `yield`; an async function has its `signal` aborted and the Future it awaits cancelled;
 * then waits. Loop closed: fails with LoopClosedError.
 *
 * **Gotchas** A coroutine that ignores its signal keeps the fiber waiting; after `slowJoin` the loop says so. What takes no
 * signal is stopped by a `cancel`.
 *
 * @example
 * const load = runAioCoroutine(({ signal }) => fetch("data:,hello", { signal }).then((response) => response.text()))
 * const text = await Effect.runPromise(Loop.scoped(load))
 *
 * @category adapters
 * @since 0.1.0
 */
export const runAioCoroutine = <R>(
  coroutine: Coroutine<R>,
  options: AioOptions = {}
): Effect.Effect<CoroutineValue<R>, AioError | AioInterrupted, Loop> => {
  if (typeof coroutine !== "function") {
    throw new TypeError(
      `runAioCoroutine takes an async or generator function, not ${describeValue(coroutine)}`
    )
  }
  checkOptions("runAioCoroutine", options)
  rememberGiver(coroutine, runAioCoroutine)
  const name = givenName(options) ?? ownName(coroutine)
  const runner = {
    name,
    body: coroutine,
    mapError: mapping(aioError(() => name ?? workName(coroutine))),
    onInterrupt: onInterruptOf(options),
    stops: stopsOf("runAioCoroutine", options)
  }
  const guardedCoroutine = guarded(coroutine)
  return Effect.suspend(() => runTask(guardedCoroutine, runner))
}
