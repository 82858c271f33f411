/** A scheduler of Effect 3 that has a fiber yield where a test asks for it, for as long as the test says. */
import * as Scheduler from "effect/Scheduler"

export class OneYield implements Scheduler.Scheduler {
  yields = 0
  #until: ((go: () => void) => void) | undefined

  /** The fiber that runs now yields before its next operation; `until` calls what it is given when it is to go on. */
  ask(until: (go: () => void) => void): void {
    this.#until = until
  }

  readonly shouldYield: Scheduler.Scheduler["shouldYield"] = (fiber) =>
    this.#until === undefined ? Scheduler.defaultScheduler.shouldYield(fiber) : 0

  readonly scheduleTask: Scheduler.Scheduler["scheduleTask"] = (task, priority, fiber) => {
    const until = this.#until
    if (until === undefined) return Scheduler.defaultScheduler.scheduleTask(task, priority, fiber)
    this.#until = undefined
    this.yields++
    until(task)
  }
}
