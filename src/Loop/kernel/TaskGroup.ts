/** Tasks that end together: asyncio's TaskGroup (3.13), with the block of `async with` as a function. */
import { type BaseEventLoop, runningLoop } from "./BaseEventLoop.js"
import { errorText, describeValue } from "./describe.js"
import { rememberSite } from "./sites.js"
import { CancelledError, InvalidStateError, TaskGroupError, type LoopClosedError } from "./errors.js"
import { tellToStop } from "./Follower.js"
import { Future, readAsFuture } from "./Future.js"
import type { Coroutine, CoroutineValue, Task, TaskOptions } from "./Task.js"

/**
 * A group of tasks, given to the body of `TaskGroup.run`.
 *
 * Legal states: open (tasks may be added, by whomever, until the last one has ended); ending (a member failed, the body
 * was cancelled, or the group was: every member has been cancelled, and all are joined); finished.
 *
 * @example
 * const program = fromAio(() =>
 *   TaskGroup.run(async (group) => {
 *     for (const name of ["a", "b"]) group.createTask(async () => console.log(name), { name })
 *   })
 * )
 * await Effect.runPromise(Loop.scoped(program()))
 *
 * @category models
 * @since 0.1.0
 */
export class TaskGroup {
  readonly #loop: BaseEventLoop
  readonly #future: GroupFuture
  /** The body and the tasks that have not ended, or whose end has not come round the loop. */
  readonly #members = new Set<Task<unknown>>()
  readonly #errors: Array<unknown> = []
  /** Whether there are errors of which nobody else tells. */
  #news = false
  #body: Task<unknown> | undefined
  #state: "open" | "ending" | "finished" = "open"
  #notSlow: (() => void) | undefined
  /** `cancel()` has ended the group: what it ends with is a success. */
  #stopped = false
  /** The error of a member under which the loop was closed. */
  #lost: LoopClosedError | undefined

  private constructor(loop: BaseEventLoop) {
    this.#loop = loop
    this.#future = new GroupFuture(
      loop,
      (message) => {
        this.#endAll(message)
        return true
      },
      () => [...this.#members].every((task) => task.done())
    )
  }

  /**
   * Runs `body` as a task, in a group that it may add tasks to. The Future gets the body's value when the body and all
   * tasks have ended.
   *
   * The first failure, of a task or of the body, cancels all others; when they have ended, the Future fails with a
   * {@link TaskGroupError} that holds every error, as it was thrown and in the order in which they came. A task that is
   * only cancelled does not fail the group; a body that is cancels the others, and the group ends cancelled.
   *
   * **Cancel** Cancels the body and all tasks and waits for them; then the Future is cancelled, or fails with a
   * {@link TaskGroupError} if there were errors. A second cancel does not disturb their cleanup.
   * A task whose cancel met such errors is cancelled at its next await.
   *
   * **Gotchas** A task that ignores its cancellation keeps the group waiting; after `slowJoin` the loop says so. Give
   * `signal` to foreign promises.
   *
   * @example
   * const program = fromAio(() =>
   *   TaskGroup.run(async (group) => {
   *     const user = group.createTask(({ signal }) => fetch("data:,user", { signal }))
   *     const cart = group.createTask(({ signal }) => fetch("data:,cart", { signal }))
   *     return [await (await user).text(), await (await cart).text()]
   *   })
   * )
   * console.log(...(await Effect.runPromise(Loop.scoped(program())))) // => user cart
   */
  static run<R>(
    body: (group: TaskGroup, task: Task<unknown>) => R,
    options?: TaskOptions
  ): Future<CoroutineValue<R>> {
    const loop = runningLoop("TaskGroup.run()")
    if (typeof body !== "function") {
      throw new TypeError(
        `TaskGroup.run takes an async function or a generator function, not ${describeValue(body)}`
      )
    }
    const group = new TaskGroup(loop)
    const task = loop.createTask((self) => body(group, self), { body, ...options })
    group.#body = task
    group.#join(task)
    if (loop.getDebug()) {
      rememberSite(task, TaskGroup.run)
      rememberSite(group.#future, TaskGroup.run)
    }
    // Settled with the outcome of `task`, if with a value at all.
    return group.#future as Future<CoroutineValue<R>>
  }

  /**
   * Starts a task of this group. Throws {@link InvalidStateError} once the group is ending or finished; the coroutine is
   * never called then.
   */
  createTask<R>(coroutine: Coroutine<R>, options?: TaskOptions): Task<CoroutineValue<R>> {
    if (this.#state !== "open") {
      const why = this.#state === "ending" ? "it is shutting down" : "it is finished"
      throw new InvalidStateError(`createTask() of ${this.toString()}: ${why}`)
    }
    const task = this.#loop.createTask(coroutine, options)
    if (this.#loop.getDebug()) rememberSite(task, this.createTask)
    this.#join(task)
    return task
  }

  /**
   * Ends the group as a success: cancels the body and all tasks, and waits for them; then the Future gets the body's value,
   * or `undefined` where the body was cut off. Errors of theirs are those of the group all the same, and so is a cancel of
   * its Future. Without effect on a group that is ending or finished. asyncio (3.15): `TaskGroup.cancel`.
   *
   * @example
   * const race = fromAio(() =>
   *   TaskGroup.run(async (group) => {
   *     for (const delay of [60_000, 10]) {
   *       group.createTask(async () => {
   *         console.log(await sleep(delay, delay)) // => 10
   *         group.cancel() // The first one is enough.
   *       })
   *     }
   *   })
   * )
   * await Effect.runPromise(Loop.scoped(race()))
   */
  cancel(message?: unknown): void {
    if (this.#state !== "open") return
    this.#stopped = true
    if (this.#body !== undefined) this.#body._keepValue()
    this.#endAll(message ?? "the task group was cancelled")
  }

  toString(): string {
    const { size } = this.#members
    const name = this.#body === undefined ? "" : ` ${this.#body._name}`
    const errors = this.#errors.length === 0 ? "" : ` errors=${this.#errors.length}`
    return `<TaskGroup${name} ${this.#state} tasks=${size}${errors}>`
  }

  toJSON(): unknown {
    return {
      _id: "TaskGroup",
      name: this.#body?.getName(),
      state: this.#state,
      tasks: this.#members.size,
      errors: this.#errors.length
    }
  }

  /** @internal */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  #join(task: Task<unknown>): void {
    this.#members.add(task)
    task._await({ resumes: false, run: () => this.#ended(task) })
  }

  #ended(task: Task<unknown>): void {
    this.#members.delete(task)
    if (task._closedUnder) this.#lost = task._error() as LoopClosedError
    else if (task._peek() === "error") {
      this.#errors.push(task._error())
      this.#news ||= !task._passedOn
      task._passOn()
      this.#endAll(`${task._name} of the same task group failed`)
    } else if (task === this.#body && task.cancelled()) {
      this.#endAll("the body of the task group was cancelled")
    }
    if (this.#members.size === 0) this.#finish()
  }

  /** Cancels every member, once: a member that cleans up after its cancel is not disturbed by another. */
  #endAll(message: unknown): void {
    if (this.#state !== "open") return
    this.#state = "ending"
    // A loop that is closing has told every task itself, and a second cancel would meet the cleanup.
    const told = this.#loop.statistics().state === "closing"
    for (const task of [...this.#members]) {
      if (!task.done() && !(told && task.cancelling() > 0)) tellToStop(task, message)
    }
    // While closing, the deadline of that says who is slow.
    const left = (): ReadonlyArray<Task<unknown>> => [...this.#members].filter((task) => !task.done())
    if (!told && left().length > 0)
      this.#notSlow = this.#loop._watchJoin(`the task group ${this.#body?._name}`, left)
  }

  #finish(): void {
    this.#state = "finished"
    this.#notSlow?.()
    const body = this.#body as Task<unknown>
    const future = this.#future
    const errors = this.#errors
    if (errors.length > 0) {
      if (!this.#news) future._passOn()
      const first = `${errorText(errors[0])}${errors.length === 1 ? "" : `, and ${errors.length - 1} more`}`
      future._settleError(new TaskGroupError([...errors], `the task group ${body._name} failed: ${first}`))
    } else if (this.#lost !== undefined) future._closed(this.#lost)
    else if (future._asked !== undefined) future._settleCancelled(future._asked.message)
    else if (this.#stopped && body.cancelled()) future._settleValue(undefined)
    else future._settleAs(body)
  }
}

/** The end of a group. Once every member has ended it cannot be cancelled: the outcome is on the way. */
class GroupFuture extends Future<unknown> {
  static {
    readAsFuture(this)
  }

  readonly #ended: () => boolean
  /** The message of the first cancel, once the group was cancelled. */
  _asked: { readonly message: unknown } | undefined

  constructor(loop: BaseEventLoop, onCancel: (message: unknown) => boolean, ended: () => boolean) {
    super(loop, onCancel)
    this.#ended = ended
  }

  override cancel(message?: unknown): boolean {
    if (this.done()) return super.cancel(message)
    if (this.#ended()) return false
    this._asked ??= { message }
    return super.cancel(message)
  }

  /** Errors win over a cancel, and they may be older. */
  override _unanswered(): CancelledError | undefined {
    return this._peek() === "error" && this._asked !== undefined
      ? new CancelledError(this._asked.message)
      : undefined
  }
}
