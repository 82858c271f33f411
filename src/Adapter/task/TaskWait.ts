/** A fiber waits for a task that it starts: the way that every call of `fromAio` goes, in one object. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { FiberWait } from "../../effect.js"
import { fromFuture } from "../../Loop/fiber/Outcome.js"
import { contextOfWait, refused, resumeIn } from "../../Loop/fiber/Wait.js"
import type { Context } from "../../Loop/kernel/Context.js"
import type { Runnable } from "../../Loop/kernel/ports.js"
import type { Coroutine, Task } from "../../Loop/kernel/Task.js"
import type { Home } from "../../Loop/ports.js"
import { cancelAndJoin } from "./join.js"
import type { AioInterrupted } from "./options.js"
import { reportNameOf, type Runner } from "./Runner.js"

/**
 * Legal states: new; begun, with a task or refused; waiting, registered with the task and with the fiber; told by either. The
 * one that is second finds the other one deaf: a fiber hears one `resume`, and takes its registration back before it joins.
 */
export class TaskWait<A, E> implements FiberWait<A, E | AioInterrupted>, Runnable {
  readonly resumes = true
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
      stops: { cancel, cancelled }
    } = this.runner
    try {
      this.#task = this.loop._startTask(this.coroutine, { name, body, cancel, cancelled })
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
    this.#context = contextOfWait(this.loop, task._context)
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
      task._remove(this)
      return cancelAndJoin(this.loop, reportNameOf, this.runner.onInterrupt, task)
    })
  }

  /** The task is done: the loop's pass is the only caller. */
  run(): void {
    if (this.#resume !== undefined) resumeIn(this.#context, this.#resume)
  }
}
