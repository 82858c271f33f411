/** One task of the loop, run for a fiber: started when the Effect runs, waited for, and joined on interruption. */
import * as Effect from "effect/Effect"
import { isProgram } from "../../effect.js"
import { awaitFuture } from "../../Loop/fiber/Wait.js"
import { fromFuture } from "../../Loop/fiber/Outcome.js"
import { textOf } from "../../Loop/kernel/describe.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { type Coroutine, Task } from "../../Loop/kernel/Task.js"
import { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import { cancelAndJoin } from "./join.js"
import { watchHeld } from "./held.js"
import { mistake } from "./mistakes.js"
import type { AioInterrupted, OnInterrupt, Stops } from "./options.js"

/** A function of the program, of whatever parameters. */
export type AioFunction = (this: unknown, ...args: Array<unknown>) => unknown

/** How the tasks of one wrapped function are made, and what their ends mean. */
export interface Runner<E> {
  /** The name of the tasks, where the program or the function has one. */
  readonly name: string | undefined
  /** The program's own function, for reports. */
  readonly body: unknown
  /** The typed failure for what the function threw. */
  readonly mapError: (error: unknown) => E
  readonly onInterrupt: OnInterrupt
  readonly stops: Stops
}

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

/** What a Future is called in reports: a task by its name. */
export const reportNameOf = (future: Future<unknown>): string =>
  future instanceof Task ? future._name : textOf(future)

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

/** Starts a coroutine in the loop and waits for it. */
export const runTask = <A, E>(
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
