/**
 * The tasks of a loop that are not done, in the order of their creation: a list through the tasks themselves, so that
 * joining and leaving cost two pointers and no memory of their own.
 *
 *     first <-> second <-> ... <-> last      `_next`, `_previous`; a task outside has neither and is not `_listed`
 */

/** The fields of a task that belong to the list. */
export interface Listed<Self> {
  /** @internal */ _next: Self | undefined
  /** @internal */ _previous: Self | undefined
  /** @internal */ _listed: boolean
}

/** @internal */
export class TaskList<T extends Listed<T>> {
  size = 0
  #first: T | undefined
  #last: T | undefined

  add(task: T): void {
    if (task._listed) return
    task._listed = true
    task._previous = this.#last
    if (this.#last === undefined) this.#first = task
    else this.#last._next = task
    this.#last = task
    this.size++
  }

  delete(task: T): void {
    if (!task._listed) return
    task._listed = false
    if (task._previous === undefined) this.#first = task._next
    else task._previous._next = task._next
    if (task._next === undefined) this.#last = task._previous
    else task._next._previous = task._previous
    task._next = task._previous = undefined
    this.size--
  }

  /** Those that are here now, for who changes the list on the way; the first `most` of them. */
  all(most = Infinity): Array<T> {
    const tasks: Array<T> = []
    for (let task = this.#first; task !== undefined && tasks.length < most; task = task._next)
      tasks.push(task)
    return tasks
  }
}
