/**
 * The work on a loop, as a phase of its closing: the tasks, and the fibers that aio code has started. Both are told at
 * once, so that each may use the other while it unwinds. What lives in a crossing is ended by that.
 */
import { lives } from "./Crossing.js"
import type { LoopClosedError } from "../kernel/errors.js"
import { tellToStop } from "../kernel/Follower.js"
import type { Task } from "../kernel/Task.js"
import { originOf } from "./origin.js"
import { guardedRow } from "./row.js"
import type { Home, Leftover, LoopFiber, Phase } from "../ports.js"

const rowOf = (task: Task<unknown>): Leftover => ({
  what: "task",
  name: task._name,
  age: task.age(),
  state: task._stateWord(),
  waitingOn: task.waitingOn().join(", ") || "a foreign promise",
  createdAt: originOf(task),
  blamed: true
})

export class Work implements Phase {
  /** What was told to end is not told again: it may be cleaning up. */
  readonly #told = new WeakSet<object>()
  #begun = false

  constructor(private readonly loop: Home) {}

  quiet(): boolean {
    const { effects, tasks } = this.#here()
    return tasks.length + effects.length === 0
  }

  close(then: () => void): void {
    this.#begun = true
    const { effects, tasks } = this.#here()
    let left = tasks.length + effects.length
    const settled = (): void => {
      if (--left === 0) then()
    }
    // Whoever waits for one of them in Effect fails with the reason.
    const reason = this.loop._closing.reason()
    for (const task of tasks) this.#cancel(task, reason, settled)
    for (const effect of effects) {
      effect.onEnd(settled)
      if (this.#isNew(effect)) effect.interrupt()
    }
  }

  held(): ReadonlyArray<Leftover> {
    const { effects, tasks } = this.#here()
    return [
      ...tasks.map((task) => guardedRow("task", () => rowOf(task))),
      ...effects.map((effect) => guardedRow("effect", () => effect.describe()))
    ]
  }

  /** Where servers do not end, its turn has not come. */
  hurry(): void {
    if (!this.#begun) this.close(() => {})
  }

  #here(): { readonly tasks: ReadonlyArray<Task<unknown>>; readonly effects: ReadonlyArray<LoopFiber> } {
    const later = lives(this.loop)
    return {
      tasks: [...this.loop.allTasks()].filter((task) => !later.has(task) && !task._graceIsOver),
      effects: [...this.loop._effects].filter(({ future }) => future === undefined || !later.has(future))
    }
  }

  #isNew(work: object): boolean {
    const known = this.#told.has(work)
    this.#told.add(work)
    return !known
  }

  #cancel(task: Task<unknown>, reason: LoopClosedError, settled: () => void): void {
    const { loop } = this
    if (!this.#isNew(task)) return task._add({ resumes: false, run: settled })
    const unowned = !task._wasRetrieved
    task._add({
      resumes: false,
      run: () => {
        if (unowned && task._peek() === "error" && !task._passedOn && !loop.isClosed()) {
          loop.callExceptionHandler({
            kind: "late",
            message: `unhandled exception during loop shutdown in ${task._name}`,
            exception: task._error(),
            task
          })
        }
        settled()
      }
    })
    tellToStop(task, reason)
  }
}
