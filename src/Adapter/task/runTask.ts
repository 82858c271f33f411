/** One task of the loop, run for a fiber: started when the Effect runs, waited for, and joined on interruption. */
import * as Effect from "effect/Effect"
import { isProgram, serviceHere, waitFor } from "../../effect.js"
import { awaitFuture } from "../../Loop/fiber/Wait.js"
import { fromFuture } from "../../Loop/fiber/Outcome.js"
import type { Future } from "../../Loop/kernel/Future.js"
import type { Coroutine } from "../../Loop/kernel/Task.js"
import { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import { cancelAndJoin } from "./join.js"
import { watchHeld } from "./held.js"
import { mistake } from "./mistakes.js"
import type { AioInterrupted, OnInterrupt } from "./options.js"
import { reportNameOf, type Runner } from "./Runner.js"
import { TaskWait } from "./TaskWait.js"

/** What aio code returned. Fails where that is an Effect, which would never run. */
export const refuseEffect = (returned: unknown): unknown => {
  if (!isProgram(returned)) return returned
  throw mistake(
    new TypeError(
      "the aio function returned an Effect, which nobody will run: an Effect needs no fromAio, yield* it in Effect " +
        "code; in aio code use await runEffect(effect)"
    )
  )
}

/** The coroutine of one call of an aio function, which may return anything but an Effect. */
export const guarded =
  (call: Coroutine<unknown>): Coroutine<unknown> =>
  (task) =>
    refuseEffect(call(task))

/** Waits for the Future that `begin` makes; interruption cancels it and joins. `name` is what it is called in reports. */
export const awaitJoined = <A, E>(
  loop: Home,
  name: (future: Future<unknown>) => string,
  begin: () => Future<A>,
  mapError: (error: unknown) => E,
  onInterrupt: OnInterrupt
): Effect.Effect<A, E | AioInterrupted> =>
  awaitFuture(
    loop,
    begin,
    (future) => fromFuture(future, mapError),
    cancelAndJoin.bind(undefined, loop, name, onInterrupt),
    watchHeld.bind(undefined, loop, name, onInterrupt)
  )

/** Starts a coroutine in the loop and waits for it. To be called in the fiber that runs the Effect next. */
export const runTask = <A, E>(
  coroutine: Coroutine<unknown>,
  runner: Runner<E>
): Effect.Effect<A, E | AioInterrupted, Loop> => {
  const loop = serviceHere(Loop)
  return (
    (loop === undefined ? undefined : waitFor(new TaskWait<A, E>(loop, coroutine, runner))) ??
    runHeldTask(coroutine, runner)
  )
}

/** `runTask` for a fiber that nobody can interrupt where it is: how long it waits is looked after. */
const runHeldTask = <A, E>(
  coroutine: Coroutine<unknown>,
  { body, mapError, name, onInterrupt, stops: { cancel, cancelled } }: Runner<E>
): Effect.Effect<A, E | AioInterrupted, Loop> =>
  Effect.flatMap(Loop, (loop) =>
    awaitJoined<A, E>(
      loop,
      reportNameOf,
      () => loop.createTask(coroutine, { name, body, cancel, cancelled }) as Future<unknown> as Future<A>,
      mapError,
      onInterrupt
    )
  )
