/** Which side of the border the caller is on, and who it is there: its flavor, its loop, its task. */
import { inFiber } from "../effect.js"
import { EventLoop } from "../Loop/EventLoop.js"
import { local } from "../Loop/kernel/current.js"
import { NoRunningLoopError } from "../Loop/kernel/errors.js"
import { runningLoop, runningTask, type BaseEventLoop } from "../Loop/kernel/BaseEventLoop.js"
import type { Task } from "../Loop/kernel/Task.js"

/**
 * `"effect"` where a fiber's code is on the stack, `"aio"` in callbacks and tasks of a loop, `undefined` outside of
 * both. After an `await` in aio code it still knows, unless the loop was opened with `asyncContext: false`.
 *
 * @example
 * const here = Effect.sync(() => currentFlavor()) // "effect"
 * const there = runAioCoroutine(async () => currentFlavor()) // "aio"
 * const flavors = await Effect.runPromise(Loop.scoped(Effect.all([here, there])))
 *
 * @category accessors
 * @since 0.1.0
 */
export const currentFlavor = (): "effect" | "aio" | undefined =>
  inFiber() ? "effect" : local() === undefined ? undefined : "aio"

/**
 * The loop whose callback or task this is. Throws {@link NoRunningLoopError} where there is none, and in Effect code,
 * which has the loop in its Context: `yield* Loop`.
 *
 * @example
 * const program = runAioCoroutine(async () => {
 *   const future = getRunningLoop().createFuture<string>()
 *   getRunningLoop().callSoon(() => future.setResult("called"))
 *   return await future
 * })
 * const result = await Effect.runPromise(Loop.scoped(program))
 *
 * @category accessors
 * @since 0.1.0
 */
export const getRunningLoop = (what = "getRunningLoop"): EventLoop => {
  if (inFiber()) {
    throw new NoRunningLoopError(
      `${what}() was called in Effect code, where no loop is current: use the Loop service (yield* Loop), or yield* the Effect`
    )
  }
  const loop = runningLoop(`${what}()`)
  if (loop instanceof EventLoop) return loop
  throw new NoRunningLoopError(`${what}() needs a loop that was opened in Effect; ${loop.name} was not`)
}

/**
 * The task that is running, of `loop` if one is named; `null` in plain callbacks, in Effect code and outside.
 *
 * @example
 * const program = runAioCoroutine(async () => currentTask()?.getName(), { name: "who" })
 * const name = await Effect.runPromise(Loop.scoped(program)) // "who"
 *
 * @category accessors
 * @since 0.1.0
 */
export const currentTask = (loop?: BaseEventLoop): Task<unknown> | null =>
  inFiber() ? null : runningTask(loop)

/**
 * The tasks of `loop`, or of the running loop, that are not done. A snapshot. Throws {@link NoRunningLoopError} where
 * neither is there.
 *
 * @example
 * const program = runAioCoroutine(async () => {
 *   getRunningLoop().createTask(() => sleep(10), { name: "beside" })
 *   return [...allTasks()].map((task) => task.getName())
 * }, { name: "main" })
 * const names = await Effect.runPromise(Loop.scoped(program))
 *
 * @category accessors
 * @since 0.1.0
 */
export const allTasks = (loop: BaseEventLoop = getRunningLoop("allTasks")): Set<Task<unknown>> =>
  loop.allTasks()

/**
 * The AbortSignal of the running task, to be passed to what it calls. Made when it is first asked for. Throws
 * {@link NoRunningLoopError} outside of tasks; where that may be, `currentTask()?.signal` gives `undefined`.
 *
 * **Gotchas** In a loop that was opened with `asyncContext: false` the task is known up to the first `await` of an async
 * function: ask before that, or use the Task that a coroutine is given.
 *
 * @example
 * const load = fromAio(async (url: string) => {
 *   const response = await fetch(url, { signal: currentSignal() })
 *   return response.text()
 * })
 * const text = await Effect.runPromise(Loop.scoped(load("data:,hello")))
 *
 * @category accessors
 * @since 0.1.0
 */
export const currentSignal = (): AbortSignal => {
  const task = currentTask()
  if (task !== null) return task.signal
  throw new NoRunningLoopError(
    "currentSignal() was called outside of a task, which alone has a signal: call it in what fromAio or createTask runs, " +
      "before the first await where the loop has asyncContext: false; where there may be no task, use currentTask()?.signal"
  )
}
