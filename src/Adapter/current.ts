/** Which side of the border am I on, and who am I there? */
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
 * @category accessors
 * @since 0.1.0
 */
export const currentFlavor = (): "effect" | "aio" | undefined =>
  inFiber() ? "effect" : local() === undefined ? undefined : "aio"

/**
 * The loop whose callback or task this is. Throws {@link NoRunningLoopError} where there is none, and in Effect code,
 * which has the loop in its Context: `yield* Loop`.
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
 * @category accessors
 * @since 0.1.0
 */
export const currentTask = (loop?: BaseEventLoop): Task<unknown> | null =>
  inFiber() ? null : runningTask(loop)

/**
 * The tasks of `loop`, or of the running loop, that are not done. A snapshot. Throws {@link NoRunningLoopError} where
 * neither is there.
 *
 * @category accessors
 * @since 0.1.0
 */
export const allTasks = (loop: BaseEventLoop = getRunningLoop("allTasks")): Set<Task<unknown>> =>
  loop.allTasks()

/**
 * The AbortSignal of the running task, to be passed to what it calls; `undefined` outside of tasks. Made when it is
 * first asked for.
 *
 * @category accessors
 * @since 0.1.0
 */
export const currentSignal = (): AbortSignal | undefined => currentTask()?.signal
