/** Resources of promise libraries, owned by a Scope. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { handleCause } from "../effect.js"
import { isThenable } from "../Loop/kernel/adopt.js"
import { functionName, describeValue } from "../Loop/kernel/describe.js"
import { LoopClosedError, QueueFullError } from "../Loop/kernel/errors.js"
import type { AioError } from "../Loop/errors.js"
import { type Future, isFuture } from "../Loop/kernel/Future.js"
import { isGenerator, type Coroutine, type CoroutineValue, Task } from "../Loop/kernel/Task.js"
import { Loop } from "../Loop/Loop.js"
import { aioError, fromFuture } from "../Loop/fiber/Outcome.js"
import { awaitDone, oncePassed, waitFor } from "../Loop/fiber/Wait.js"
import { cancelAndJoin, join } from "./task/join.js"
import { type AioInterrupted, guarded, mapping } from "./runAio.js"
import type { Home } from "../Loop/ports.js"

/**
 * How a resource is opened and closed. Both are coroutines: async, generator or plain functions.
 *
 * @category models
 * @since 0.1.0
 */
export interface AioResource<R, E> {
  readonly open: Coroutine<R>
  /** Closes it. Only the closing of the loop itself cancels it; a failure is a defect of the Scope's closing. */
  readonly close: (resource: CoroutineValue<R>, task: Task<unknown>) => unknown
  /** Maps what `open` threw. */
  readonly catch?: ((error: unknown) => E) | undefined
  /** For reports. Default: the name of `open`. */
  readonly name?: string | undefined
}

/**
 * How a resource is opened that knows how to dispose itself, by `Symbol.asyncDispose` or else `Symbol.dispose`.
 *
 * @category models
 * @since 0.1.0
 */
export interface DisposableResource<R, E> {
  readonly open: Coroutine<R>
  readonly close?: undefined
  /** Maps what `open` threw. */
  readonly catch?: ((error: unknown) => E) | undefined
  /** For reports. Default: the name of `open`. */
  readonly name?: string | undefined
}

type Disposes = AsyncDisposable | Disposable

/** What `open` may return where there is no `close`. A generator is disposable itself, and not what it returns. */
type OpensDisposable =
  PromiseLike<Disposes> | Generator<unknown, Disposes, never> | (Disposes & { readonly next?: never })

/** How a resource disposes itself; `undefined` for what does not. */
const disposeOf = (resource: unknown): (() => unknown) | undefined => {
  if ((typeof resource !== "object" || resource === null) && typeof resource !== "function") return undefined
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = resource as Partial<
    AsyncDisposable & Disposable
  >
  const dispose: unknown = typeof later === "function" ? later : now
  return typeof dispose === "function" ? (): unknown => dispose.call(resource) as unknown : undefined
}

/**
 * Whether `fromAio` takes this as a resource: it disposes itself. A sync iterator does so too where the engine has
 * explicit resource management, and is none.
 *
 * @internal
 */
export const isDisposable = (u: unknown): u is Disposes =>
  disposeOf(u) !== undefined && !("next" in (u as object) && Symbol.iterator in (u as object))

const notDisposable = (name: string, resource: unknown): TypeError =>
  new TypeError(
    `acquireAio({ open }) without close takes what disposes itself; ${name} gave ${describeValue(resource)}, which has ` +
      `neither Symbol.asyncDispose nor Symbol.dispose. It is open, and nobody will close it: name its close`
  )

/** Runs `close` as a task of the loop, or, where the loop takes no more work, as it is; waits for it either way. */
const closing = <A>(
  loop: Home,
  name: string,
  close: (resource: A, task: Task<unknown>) => unknown,
  resource: A
): Effect.Effect<void> =>
  Effect.suspend(() => {
    let task: Future<unknown>
    try {
      const coroutine = guarded((self) => close(resource, self))
      task = loop.createTask(coroutine, { name: `close ${name}`, body: close })
    } catch (error) {
      // A full queue is no reason to leak: there is room again when its callbacks have run.
      if (error instanceof QueueFullError) {
        return Effect.flatMap(oncePassed(loop), () => closing(loop, name, close, resource))
      }
      if (!(error instanceof LoopClosedError)) return Effect.die(error)
      return Effect.asVoid(
        Effect.promise(async () => withoutLoop(close(resource, new Task(loop, close as never, {}, () => {}))))
      )
    }
    loop._start()
    task._markRetrieved()
    return Effect.flatMap(awaitDone(loop, task), () =>
      Effect.asVoid(Effect.orDie(fromFuture(task, (error) => error)))
    )
  })

/** What a coroutine returned, driven to its end by promises alone. */
const withoutLoop = async (returned: unknown): Promise<unknown> => {
  if (!isGenerator(returned)) return returned
  let step = returned.next()
  while (step.done !== true) {
    const waited = await Promise.resolve(step.value).then(
      (value) => ({ value }),
      (error: unknown) => ({ error })
    )
    step = "error" in waited ? returned.throw(waited.error) : returned.next(waited.value)
  }
  return step.value
}

/**
 * A resource of a promise library as a scoped Effect: interruptible while it opens, and never leaked.
 *
 * **Flavor** Effect; `open` and `close` are aio. Starts: in the loop's next pass. Cancel: interrupting the opening
 * cancels `open` and waits; a resource that arrives anyway is closed before the fiber ends. The Scope closes it
 * otherwise, and waits. Loop closed: opening fails with LoopClosedError; closing works all the same.
 *
 * **Gotchas** `close` may be left out where the resource has `Symbol.asyncDispose` or `Symbol.dispose`: that closes it.
 *
 * @example
 * const db = yield* acquireAio({ open: () => PGlite.create(), close: (db) => db.close() })
 * const file = yield* acquireAio({ open: () => fs.promises.open("data.txt") })
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
  const name = resource.name ?? functionName(resource.open)
  const mapError = mapping(resource.catch ?? (aioError(() => name) as unknown as (error: unknown) => E))
  return Effect.flatMap(Loop, (loop) => {
    /** Closes what has arrived; fails, as a mistake of the program, where that cannot be closed. */
    const closer = (value: CoroutineValue<R>): (() => Effect.Effect<void>) => {
      const { close } = resource
      if (close !== undefined) return () => closing(loop, name, close, value)
      const dispose = disposeOf(value)
      if (dispose === undefined) throw notDisposable(name, value)
      return () => closing(loop, name, dispose, undefined)
    }
    const close = (value: CoroutineValue<R>): Effect.Effect<void> => Effect.suspend(() => closer(value)())
    let arrived: { readonly resource: CoroutineValue<R> } | undefined
    let given = false
    const open = guarded(
      keeping(resource.open, (value) => {
        arrived = { resource: value }
        if (given) closeUnowned(loop, name, close(value))
      })
    )
    return waitFor(
      loop,
      () =>
        loop.createTask(open, { name, body: resource.open }) as Future<unknown> as Future<CoroutineValue<R>>,
      (task) => {
        given = true
        return Effect.flatMap(fromFuture(task, mapError), (value) =>
          Effect.suspend(() => Effect.as(Effect.addFinalizer(closer(value)), value))
        )
      },
      (task) =>
        Effect.flatMap(
          cancelAndJoin(loop, () => name, task, join),
          () => {
            given = true
            return arrived === undefined ? Effect.void : close(arrived.resource)
          }
        )
    )
  })
}

/**
 * A resource that is there already, for `fromAio`: from here on its Scope disposes it, in the loop. On a closed loop it
 * fails, and the Scope disposes it all the same.
 *
 * @internal
 */
export const scopedDisposable = <D extends Disposes>(
  resource: D,
  named: string | undefined
): Effect.Effect<D, LoopClosedError, Loop | Scope.Scope> => {
  const name = named ?? describeValue(resource)
  const dispose = disposeOf(resource) as () => unknown
  return Effect.flatMap(Loop, (loop) =>
    Effect.flatMap(
      Effect.addFinalizer(() => closing(loop, name, dispose, undefined)),
      () =>
        loop.isClosed() ? Effect.fail(loop._closedError(`${name} was acquired`)) : Effect.succeed(resource)
    )
  )
}

/** The loop was closed while `open` did not end, and now it has: nobody is left to own the resource. */
const closeUnowned = (loop: Home, name: string, close: Effect.Effect<void>): void => {
  Effect.runFork(
    handleCause(close, (cause) =>
      Effect.sync(() =>
        loop.callExceptionHandler({
          kind: "late",
          message: `closing ${name} failed, which arrived after its loop was closed`,
          exception: Cause.squash(cause)
        })
      )
    )
  )
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
