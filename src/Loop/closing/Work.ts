/**
 * The work on a loop, as a phase of its closing: the tasks, and the fibers that aio code has started. Both are told at
 * once, so that each may use the other while it unwinds. What lives in a crossing is ended by that.
 */
import { lives } from "./Crossing.js"
import { tellToStop } from "../kernel/Follower.js"
import { Plain } from "../kernel/Handle.js"
import type { Task } from "../kernel/Task.js"
import { originOf } from "./origin.js"
import { linked } from "../fiber/links.js"
import { guardedRow } from "./row.js"
import type { Home, Leftover, LoopFiber, Phase } from "../ports.js"

const rowOf = (task: Task<unknown>): Leftover =>
  linked(
    {
      what: "task",
      name: task._name,
      age: task.age(),
      state: task._stateWord(),
      waitingOn: task.waitingOn().join(", ") || "a foreign promise",
      createdAt: originOf(task),
      blamed: true
    },
    [task],
    task._awaited()
  )

/** A task that nobody looks at, and that has failed while it was told to stop. */
const reportUnowned = (task: Task<unknown>): void => {
  const loop = task._scheduler
  if (task._passedOn || loop.isClosed()) return
  loop.callExceptionHandler({
    kind: "late",
    message: `unhandled exception during loop shutdown in ${task._name}`,
    exception: task._error(),
    task
  })
}

export class Work implements Phase {
  readonly name = "work"
  /** The fibers that were told to end are not told again: they may be cleaning up. Tasks know that themselves. */
  readonly #told = new WeakSet<LoopFiber>()
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
    for (const task of tasks) {
      if (!task._tellOnce()) task._add(new Plain(settled))
      else {
        const unowned = !task._wasRetrieved
        const ended = (): void => {
          if (unowned && task._peek() === "error") reportUnowned(task)
          settled()
        }
        task._add(new Plain(ended))
        tellToStop(task, reason)
      }
    }
    for (const effect of effects) {
      effect.onEnd(settled)
      if (this.#isNew(effect)) effect.interrupt()
    }
  }

  held(most = Infinity): ReadonlyArray<Leftover> {
    const { effects, tasks } = this.#here()
    return [
      ...tasks.slice(0, most).map((task) => guardedRow("task", () => rowOf(task))),
      ...effects.slice(0, most).map((effect) => guardedRow("effect", () => effect.describe()))
    ]
  }

  /** Where servers do not end, its turn has not come. */
  hurry(): void {
    if (!this.#begun) this.close(() => {})
  }

  #here(): { readonly tasks: ReadonlyArray<Task<unknown>>; readonly effects: ReadonlyArray<LoopFiber> } {
    const { loop } = this
    const later = lives(loop)
    return {
      tasks: loop._tasksNow().filter((task) => !task._graceIsOver && !later.has(task)),
      effects: [...loop._effects].filter(({ future }) => future === undefined || !later.has(future))
    }
  }

  #isNew(fiber: LoopFiber): boolean {
    const known = this.#told.has(fiber)
    this.#told.add(fiber)
    return !known
  }
}
