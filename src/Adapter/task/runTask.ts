/** One task of the loop, run for a fiber: started when the Effect runs, waited for, and joined on interruption. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { currentFiber, type FiberWait, isProgram, serviceHere, waitFor } from "../../effect.js"
import { awaitFuture, refused } from "../../Loop/fiber/Wait.js"
import { contextOfWait, resumeIn } from "../../Loop/host/AsyncContext.js"
import type { Context } from "../../Loop/kernel/Context.js"
import type { Runnable } from "../../Loop/kernel/ports.js"
import { fromFuture } from "../../Loop/fiber/Outcome.js"
import { spanOfWork } from "../../Loop/fiber/spans.js"
import { workName } from "../../Loop/kernel/describe.js"
import { keepsShape } from "../../Loop/fiber/shapes.js"
import type { Future } from "../../Loop/kernel/Future.js"
import type { Coroutine, Task } from "../../Loop/kernel/Task.js"
import { Loop } from "../../Loop/Loop.js"
import type { Home } from "../../Loop/ports.js"
import { cancelAndJoin } from "./join.js"
import { watchHeld } from "./held.js"
import { mistake } from "./mistakes.js"
import { type AioInterrupted, joinAlways, type OnInterrupt } from "./options.js"
import { reportNameOf, type Runner } from "./Runner.js"

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

/**
 * A fiber waits for a task that it starts: the way that every call of `fromAio` goes, in one object. Legal states: new; begun, with a task or refused; waiting, registered with the task and with the fiber; told by either. The
 * one that is second finds the other one deaf: a fiber hears one `resume`, and takes its registration back before it joins.
 */
class TaskWait<A, E> implements FiberWait<A, E | AioInterrupted>, Runnable {
  readonly resumes = true
  readonly owned = false
  _fiber: object | undefined = undefined
  #task: Task<unknown> | undefined
  #refusal: Exit.Exit<never, AioInterrupted> | undefined
  #context: Context | undefined
  #resume: (() => void) | undefined

  constructor(
    private readonly loop: Home,
    private readonly coroutine: Coroutine<unknown>,
    private readonly runner: Runner<E>
  ) {}

  begin(): boolean {
    const {
      body,
      name,
      stops: { cancel, cancelled, slowTask }
    } = this.runner
    try {
      this.#task = this.loop._startTask(this.coroutine, { name, body, cancel, cancelled, slowTask })
    } catch (error) {
      this.#refusal = refused(error)
      return true
    }
    if (!this.#task.done()) return false
    this.#task._markRetrieved()
    return true
  }

  wait(resume: () => void): void {
    const task = this.#task as Task<unknown>
    this.#resume = resume
    this._fiber = currentFiber()
    this.#context = contextOfWait(this.loop.host.contexts)
    // The loop settles those of its list when it closes; one that a task factory has made need not be there.
    if (!task._listed) return task._await(this)
    task._fiberWaits = true
    task._add(this)
  }

  get failed(): boolean {
    return this.#task?._peek() !== "value"
  }

  outcome(): Exit.Exit<A, E | AioInterrupted> {
    // The value is that of the runner's function.
    return (this.#refusal ?? fromFuture(this.#task as Task<unknown>, this.runner.mapError)) as Exit.Exit<A, E>
  }

  interrupted(): Effect.Effect<void> {
    const task = this.#task
    if (task === undefined) return Effect.void
    return Effect.suspend(() => {
      task._fiberWaits = false
      task._remove(this)
      return cancelAndJoin(this.loop, reportNameOf, this.runner.onInterrupt, task)
    })
  }

  /** The task is done: the loop's pass is the only caller. */
  run(): void {
    if (this.#resume !== undefined) resumeIn(this.#context, this.#resume)
  }
}

const nothing = (): void => {}

/** Of the objects that are kept, which nobody runs. */
export const idleRunner = {
  name: undefined,
  body: nothing,
  mapError: nothing,
  onInterrupt: joinAlways,
  stops: { cancel: undefined, cancelled: undefined }
} as const

keepsShape((loop) => new TaskWait(loop, nothing, idleRunner))

/** Starts a coroutine in the loop and waits for it. To be called in the fiber that runs the Effect next. */
export const runTask = <A, E>(
  coroutine: Coroutine<unknown>,
  runner: Runner<E>
): Effect.Effect<A, E | AioInterrupted, Loop> => {
  const loop = serviceHere(Loop)
  if (loop?._tracing !== true) return startTask(loop, coroutine, runner)
  return spanOfWork(loop, runner.name ?? workName(runner.body), (begins) =>
    startTask(loop, beginning(coroutine, begins), runner)
  )
}

/** The same coroutine; `begins` is called as it is. */
const beginning =
  (coroutine: Coroutine<unknown>, begins: () => void): Coroutine<unknown> =>
  (task) => {
    begins()
    return coroutine(task)
  }

const startTask = <A, E>(
  loop: Home | undefined,
  coroutine: Coroutine<unknown>,
  runner: Runner<E>
): Effect.Effect<A, E | AioInterrupted, Loop> => {
  const wait = loop === undefined ? undefined : waitFor(new TaskWait<A, E>(loop, coroutine, runner))
  return wait ?? runHeldTask(coroutine, runner)
}

/** `runTask` for a fiber that nobody can interrupt where it is: how long it waits is looked after. */
const runHeldTask = <A, E>(
  coroutine: Coroutine<unknown>,
  { body, mapError, name, onInterrupt, stops: { cancel, cancelled, slowTask } }: Runner<E>
): Effect.Effect<A, E | AioInterrupted, Loop> =>
  Effect.flatMap(Loop, (loop) =>
    awaitJoined<A, E>(
      loop,
      reportNameOf,
      () =>
        loop.createTask(coroutine, {
          name,
          body,
          cancel,
          cancelled,
          slowTask
        }) as Future<unknown> as Future<A>,
      mapError,
      onInterrupt
    )
  )
