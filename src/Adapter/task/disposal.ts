/**
 * Closing a resource: as a task of the loop, and without the loop where that takes no more work, because a closed loop is
 * no reason to leak.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { handleCause } from "../../effect.js"
import { fromFuture } from "../../Loop/fiber/Outcome.js"
import { awaitDone, oncePassed } from "../../Loop/fiber/Wait.js"
import { describeValue } from "../../Loop/kernel/describe.js"
import { LoopClosedError, QueueFullError } from "../../Loop/kernel/errors.js"
import type { Future } from "../../Loop/kernel/Future.js"
import { isGenerator, Task } from "../../Loop/kernel/Task.js"
import { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import { guarded } from "./runTask.js"

/** What knows how to dispose itself. */
export type Disposes = AsyncDisposable | Disposable

/** How a resource disposes itself; `undefined` for what does not. */
export const disposeOf = (resource: unknown): (() => unknown) | undefined => {
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
 */
export const isDisposable = (u: unknown): u is Disposes =>
  disposeOf(u) !== undefined && !("next" in (u as object) && Symbol.iterator in (u as object))

/** Runs `close` as a task of the loop, or, where the loop takes no more work, as it is; waits for it either way. */
export const closeResource = <A>(
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
        return Effect.flatMap(oncePassed(loop), () => closeResource(loop, name, close, resource))
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

/** Closes a resource that arrived when its loop had been closed: nobody is left to own it, or to be told how that went. */
export const closeUnowned = (loop: Home, name: string, close: Effect.Effect<void>): void => {
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

/**
 * A resource that is open already: from here on the caller's Scope disposes it, in the loop. On a closed loop the Effect
 * fails, and the Scope disposes of the resource all the same.
 */
export const scopedDisposable = <D extends Disposes>(
  resource: D,
  named: string | undefined
): Effect.Effect<D, LoopClosedError, Loop | Scope.Scope> => {
  const name = named ?? describeValue(resource)
  const dispose = disposeOf(resource) as () => unknown
  return Effect.flatMap(Loop, (loop) =>
    Effect.flatMap(
      Effect.addFinalizer(() => closeResource(loop, name, dispose, undefined)),
      () =>
        loop.isClosed() ? Effect.fail(loop._closedError(`${name} was acquired`)) : Effect.succeed(resource)
    )
  )
}
