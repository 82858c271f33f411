/** Waiting in Effect for what runs on the loop: a Future that exists, a coroutine that is started for it. */
import * as Effect from "effect/Effect"
import { type DurationInput, isProgram, toMillis } from "../effect.js"
import { functionName, describeValue } from "../Loop/kernel/describe.js"
import {
  type CancelledError,
  type LoopClosedError,
  type QueueFullError,
  WrongLoopError
} from "../Loop/kernel/errors.js"
import type { AioError } from "../Loop/errors.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import type { Coroutine, CoroutineValue } from "../Loop/kernel/Task.js"
import { Loop } from "../Loop/Loop.js"
import { aioError, fromFuture } from "../Loop/fiber/Outcome.js"
import { waitFor } from "../Loop/fiber/Wait.js"
import { cancelAndJoin, type OnInterrupt } from "./task/join.js"
import type { Home } from "../Loop/ports.js"

/**
 * What interruption of the Effect does to the aio work, and what the work is called.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioOptions {
  /**
   * `"join"` (the default) cancels the work and waits until it has ended. `"abandon"` cancels it and returns at once:
   * it stays on the loop, is listed, and is joined when the loop closes.
   */
  readonly onInterrupt?: "join" | "abandon" | undefined
  /** With `"join"`: how long to wait before the work is abandoned and reported as a leftover. */
  readonly grace?: DurationInput | undefined
  /** The name of the task, for reports. Default: the function's name. */
  readonly name?: string | undefined
}

/**
 * How every Effect over aio work can fail, beside its own errors: the work was cancelled by somebody else; the loop is
 * closed; the loop was opened with `queueLength` and is full.
 *
 * @category errors
 * @since 0.1.0
 */
export type AioInterrupted = CancelledError | LoopClosedError | QueueFullError

/** Checks options where they are given, before anything is scheduled. @internal */
export const onInterruptOf = ({ grace, onInterrupt = "join" }: AioOptions): OnInterrupt => {
  if (onInterrupt !== "join" && onInterrupt !== "abandon") {
    throw new RangeError(`onInterrupt is "join" or "abandon", not ${describeValue(onInterrupt)}`)
  }
  return { mode: onInterrupt, grace: grace === undefined ? Infinity : toMillis("grace", grace) }
}

/** Waits for what `begin` makes; interruption cancels it and joins. @internal */
export const joining = <A, E>(
  loop: Home,
  name: (future: Future<A>) => string,
  begin: () => Future<A>,
  mapError: (error: unknown) => E,
  onInterrupt: OnInterrupt
): Effect.Effect<A, E | AioInterrupted> =>
  waitFor(
    loop,
    begin,
    (future) => fromFuture(future, mapError),
    (future) => cancelAndJoin(loop, () => name(future), future, onInterrupt)
  )

/**
 * Waits in Effect for a Future of the loop. Interrupting the Effect cancels the Future, and completes when that is
 * done: two fibers that wait for one Future share its fate.
 *
 * **Flavor** Effect. Starts: nothing, the Future exists. Cancel: `future.cancel()`, then waits. Loop closed: fails with
 * LoopClosedError.
 *
 * @example
 * const future = loop.createFuture<number>()
 * loop.callLater(10, () => future.setResult(42))
 * const n = yield* runAioFuture(future)
 *
 * @category adapters
 * @since 0.1.0
 */
export const runAioFuture = <A>(
  future: Future<A>,
  options: AioOptions = {}
): Effect.Effect<A, AioError | AioInterrupted, Loop> => {
  if (!isFuture(future)) throw new TypeError(`runAioFuture takes a Future, not ${describeValue(future)}`)
  const onInterrupt = onInterruptOf(options)
  const name = (): string => options.name ?? future.toString()
  const mapError = aioError(name)
  return Effect.flatMap(Loop, (loop) => {
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
    return joining(loop, name, () => future, mapError, onInterrupt)
  })
}

const mistakes = new WeakSet<object>()

/** Marks an error as a mistake of the program, not an outcome of its work. @internal */
export const mistake = <E extends Error>(error: E): E => {
  mistakes.add(error)
  return error
}

/** What aio code returned. Fails where that is an Effect, which would never run. @internal */
export const notAnEffect = (returned: unknown): unknown => {
  if (!isProgram(returned)) return returned
  throw mistake(
    new TypeError(
      "the aio function returned an Effect, which nobody will run: an Effect needs no fromAio, yield* it in Effect " +
        "code; in aio code use await runEffect(effect)"
    )
  )
}

/** A mistake of the program is a defect: it goes past `catch`. @internal */
export const mapping =
  <E>(mapError: (error: unknown) => E) =>
  (error: unknown): E => {
    if (mistakes.has(error as object)) throw error
    return mapError(error)
  }

/** How the tasks of one wrapped function are made, and what their ends mean. @internal */
export interface Runner<E> {
  /** For reports, where it is known. */
  readonly name: string | undefined
  /** The program's own function, for reports. */
  readonly body: unknown
  readonly mapError: (error: unknown) => E
  readonly onInterrupt: OnInterrupt
}

/** @internal */
export const nameOf = (task: Future<unknown>): string =>
  "getName" in task && typeof task.getName === "function" ? String(task.getName()) : task.toString()

/** The coroutine of one call of an aio function. @internal */
export const guarded =
  (call: Coroutine<unknown>): Coroutine<unknown> =>
  (task) =>
    notAnEffect(call(task))

/** Starts a coroutine in the loop and waits for it. @internal */
export const runTask = <A, E>(
  coroutine: Coroutine<unknown>,
  { body, mapError, name, onInterrupt }: Runner<E>
): Effect.Effect<A, E | AioInterrupted, Loop> =>
  Effect.flatMap(Loop, (loop) =>
    joining<A, E>(
      loop,
      nameOf,
      () => loop.createTask(coroutine, { name, body }) as Future<unknown> as Future<A>,
      mapError,
      onInterrupt
    )
  )

/**
 * Starts a coroutine in the loop, as a task, and waits for it in Effect. The coroutine is called inside the loop with
 * its Task; interrupting the Effect cancels the task and completes when that has ended.
 *
 * **Flavor** Effect. Starts: in the loop's next pass. Cancel: a task that has not started never starts; a generator
 * gets CancelledError at its `yield`; an async function has its `signal` aborted and the Future it awaits cancelled;
 * then waits. Loop closed: fails with LoopClosedError.
 *
 * **Gotchas** A coroutine that ignores its signal keeps the fiber waiting; after `slowJoin` the loop says so.
 *
 * @example
 * const response = yield* runAioCoroutine(({ signal }) => fetch("https://example.com", { signal }))
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
  const name = options.name ?? (coroutine.name === "" ? undefined : coroutine.name)
  return runTask(guarded(coroutine), {
    name,
    body: coroutine,
    mapError: mapping(aioError(() => name ?? functionName(coroutine))),
    onInterrupt: onInterruptOf(options)
  })
}
