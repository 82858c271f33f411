/** Resources of promise libraries, owned by a Scope. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import type { DurationInput } from "../effect.js"
import { callSite } from "../Loop/closing/origin.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { describeValue, workName } from "../Loop/kernel/describe.js"
import type { AioError } from "../Loop/errors.js"
import type { CancelledError } from "../Loop/kernel/errors.js"
import { rememberGiver } from "../Loop/kernel/sites.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import { isGenerator, type Coroutine, type CoroutineValue, type Task } from "../Loop/kernel/Task.js"
import { Loop } from "../Loop/Loop.js"
import type { Described, Home } from "../Loop/ports.js"
import { aioError, fromFuture } from "../Loop/fiber/Outcome.js"
import { awaitFuture } from "../Loop/fiber/Wait.js"
import {
  closeResource,
  closeUnowned,
  type ClosingOptions,
  disposeOf,
  type Disposes,
  type ScopeExit
} from "./task/disposal.js"
import { watchHeld } from "./task/held.js"
import { cancelAndJoin } from "./task/join.js"
import { mapping } from "./task/mistakes.js"
import { type AioInterrupted, onInterruptOf, type StopOptions, stopsOf, givenName } from "./task/options.js"
import { guarded } from "./task/runTask.js"

/**
 * How a resource is opened and closed. Both are coroutines: async, generator or plain functions. `cancel` and `cancelled` are
 * for the opening: nobody cancels a close.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioResource<R, E> extends StopOptions {
  readonly open: Coroutine<R>
  /**
   * Closes it. Nobody cancels it, and it runs once; a failure is a defect of the Scope's closing, and is reported (`late`) where
   * its fiber is being stopped.
   */
  readonly close: (resource: CoroutineValue<R>, task: Task<unknown>) => unknown
  /** Maps what `open` threw. */
  readonly catch?: ((error: unknown) => E) | undefined
  /** For reports. Default: the name of `open`. */
  readonly name?: string | undefined
  /** How long the closing is waited for, and an interrupted opening: see `acquireAio`. */
  readonly grace?: DurationInput | undefined
}

/**
 * How a resource is opened that knows how to dispose itself, by `Symbol.asyncDispose` or else `Symbol.dispose`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DisposableResource<R, E> extends StopOptions {
  readonly open: Coroutine<R>
  readonly close?: undefined
  /** Maps what `open` threw. */
  readonly catch?: ((error: unknown) => E) | undefined
  /** For reports. Default: the name of `open`. */
  readonly name?: string | undefined
  /** How long the closing is waited for, and an interrupted opening: see `acquireAio`. */
  readonly grace?: DurationInput | undefined
}

/** What `open` may return where there is no `close`. A generator is disposable itself, and not what it returns. */
type OpensDisposable =
  PromiseLike<Disposes> | Generator<unknown, Disposes, never> | (Disposes & { readonly next?: never })

/** The refusal of what `open` gave, where there is no `close` and it cannot dispose itself. */
const notDisposable = (name: string, resource: unknown): TypeError =>
  new TypeError(
    `acquireAio({ open }) without close takes what disposes itself; ${name} gave ${describeValue(resource)}, which has ` +
      `neither Symbol.asyncDispose nor Symbol.dispose. It is open, and nobody will close it: name its close`
  )

/**
 * A resource of a promise library as a scoped Effect: interruptible while it opens, and never leaked.
 *
 * **Flavor** Effect; `open` and `close` are aio. Starts: in the loop's next pass. Cancel: interrupting the opening
 * cancels `open` and waits; a resource that arrives anyway is closed before the fiber ends. The Scope closes it
 * otherwise, and waits. Loop closed: opening fails with LoopClosedError; closing works all the same.
 *
 * **Bounds** A close is named after the loop's `slowJoin` (name, age, where it was acquired), and given up after `grace`, by
 * default the loop's `closeDeadline`, counted from its own beginning: it is reported as a leftover, and the Scope goes on;
 * if it fails later, that is reported as `late`. An interrupted opening is waited for as long as `grace` says, without it
 * until it ends; what arrives later is closed all the same.
 *
 * **Gotchas**
 * - `close` may be left out where the resource has `Symbol.asyncDispose` or `Symbol.dispose`: that closes it.
 * - A close that says that there is nothing to close (a server that never listened, a pool that was ended) has not failed.
 *
 * @example
 * import * as fs from "node:fs/promises"
 *
 * const program = Effect.gen(function* () {
 *   const folder = yield* acquireAio({ open: () => fs.opendir("."), close: (folder) => folder.close() })
 *   const entry = yield* fromAio(() => folder.read())()
 *   return entry?.name
 * })
 * const name = await Effect.runPromise(Loop.scoped(Effect.scoped(program)))
 *
 * @category adapters
 * @since 0.1.0
 */
export function acquireAio<R, E = AioError>(
  resource: AioResource<R, E>
): Effect.Effect<CoroutineValue<R>, E | AioInterrupted, Loop | Scope.Scope>
export function acquireAio<R extends OpensDisposable, E = AioError>(
  resource: DisposableResource<R, E>
): Effect.Effect<CoroutineValue<R>, E | AioInterrupted, Loop | Scope.Scope>
export function acquireAio<R, E = AioError>(
  resource: AioResource<R, E> | DisposableResource<R, E>
): Effect.Effect<CoroutineValue<R>, E | AioInterrupted, Loop | Scope.Scope> {
  if (
    typeof resource?.open !== "function" ||
    (resource.close !== undefined && typeof resource.close !== "function")
  ) {
    throw new TypeError(
      "acquireAio takes { open, close }, two functions, or { open } of what disposes itself"
    )
  }
  rememberGiver(resource.open, acquireAio)
  const name = givenName(resource) ?? workName(resource.open)
  const onInterrupt = onInterruptOf({ grace: resource.grace })
  const { cancel, cancelled } = stopsOf("acquireAio", resource)
  const closingOptions: ClosingOptions = {
    name,
    grace: onInterrupt.grace,
    origin: callSite(acquireAio)
  }
  const mapError = mapping(resource.catch ?? (aioError(() => name) as unknown as (error: unknown) => E))
  return Effect.flatMap(Loop, (loop) => {
    /** Closes what has arrived; fails, as a mistake of the program, where that cannot be closed. */
    const closer = (value: CoroutineValue<R>): ((exit: ScopeExit) => Effect.Effect<void>) => {
      const { close } = resource
      if (close !== undefined) return (exit) => closeResource(loop, closingOptions, close, value, exit)
      const dispose = disposeOf(value)
      if (dispose === undefined) throw notDisposable(name, value)
      return (exit) => closeResource(loop, closingOptions, dispose, undefined, exit)
    }
    const close = (value: CoroutineValue<R>): Effect.Effect<void> =>
      Effect.suspend(() => closer(value)(Exit.void))
    let arrived: { readonly resource: CoroutineValue<R> } | undefined
    /** The fiber has what arrived, or waits for it no more: what comes from then on is closed where it arrives. */
    let given = false
    const closeArrived = (): Effect.Effect<void> =>
      Effect.suspend(() => {
        given = true
        return arrived === undefined ? Effect.void : close(arrived.resource)
      })
    const open = guarded(
      keeping(resource.open, (value) => {
        arrived = { resource: value }
        if (given) closeUnowned(loop, name, close(value))
      })
    )
    return awaitFuture(
      loop,
      () =>
        loop.createTask(open, {
          name,
          body: resource.open,
          cancel,
          cancelled
        }) as Future<unknown> as Future<CoroutineValue<R>>,
      (task) => {
        if (task._peek() === "value") {
          given = true
          return Effect.flatMap(fromFuture(task, mapError), (value) =>
            Effect.suspend(() => {
              const closing = closer(value)
              const row = openRow(loop, closingOptions)
              return Effect.as(
                Effect.addFinalizer((exit) => {
                  loop._resources.delete(row)
                  return closing(exit)
                }),
                value
              )
            })
          )
        }
        // Somebody else has cancelled the task, or closed the loop under it: what had arrived by then is nobody's.
        return Effect.flatMap(closeArrived(), () => fromFuture(task, mapError))
      },
      (task) =>
        Effect.flatMap(
          cancelAndJoin(loop, () => name, onInterrupt, task),
          closeArrived
        ),
      (held, task, giveUp) => {
        const giveUpOpening = (error: CancelledError): void => {
          closeUnowned(loop, name, closeArrived())
          giveUp(error)
        }
        return watchHeld(loop, () => name, onInterrupt, held, task, giveUpOpening)
      }
    )
  })
}

/** Lists a resource that has arrived: to be taken off when its Scope closes it. */
const openRow = (loop: Home, { name, origin }: ClosingOptions): Described => {
  const since = loop.time()
  const row: Described = {
    describe: () => ({
      what: "resource",
      name,
      age: loop.time() - since,
      state: "open",
      waitingOn: "its Scope",
      createdAt: origin(),
      blamed: false
    })
  }
  loop._resources.add(row)
  return row
}

/** The same coroutine, which hands over its result where a cancelled task would drop it. */
const keeping =
  <R>(open: Coroutine<R>, keep: (resource: CoroutineValue<R>) => void): Coroutine<unknown> =>
  (task) => {
    const result: unknown = open(task)
    const kept = (value: unknown): unknown => {
      keep(value as CoroutineValue<R>)
      return value
    }
    if (isGenerator(result)) {
      return (function* () {
        return kept(yield* result)
      })()
    }
    if (isFuture(result)) {
      // As it is, so that the task knows what it awaits.
      result._add({
        resumes: false,
        run: () => void (result._peek() === "value" && kept(result._value()))
      })
      return result
    }
    return isThenable(result) ? Promise.resolve(result).then(kept) : kept(result)
  }
