/**
 * The child processes of a loop, as one capability: listed by pid and command, ended all at once in step 7 of the
 * closing, and killed where nobody may be waited for.
 *
 * What this cannot do: a parent that leaves by `process.exit`, or is killed itself, without closing the loop leaves its
 * children running. `Loop.run` closes the loop for SIGINT, SIGTERM and what nobody caught.
 */
import { Capability, perLoop } from "../closing/Capability.js"
import type { Child } from "./Child.js"
import type { Leftover } from "../ports.js"

/** How many child processes a loop has, as a part of its statistics. */
export interface ProcessNumbers {
  /** Child processes that have not ended. */
  readonly processes: number
}

export class Processes extends Capability {
  /** Of a loop that has started none. */
  static readonly none: ProcessNumbers = { processes: 0 }
  readonly step = "processes"
  /** Those that run, whose group lives on, or whose pipes are open at our end. */
  readonly #children = new Set<Child>()
  /** At so many children it is time to check for groups that have ended unseen. */
  #checkAt = 16

  add(child: Child): void {
    if (this.#children.size >= this.#checkAt) {
      for (const other of this.#children) other.checkGroup()
      this.#checkAt = Math.max(16, 2 * this.#children.size)
    }
    this.#children.add(child)
  }

  /** It has ended, and its pipes are closed. */
  delete(child: Child): void {
    this.#children.delete(child)
  }

  override numbers(): ProcessNumbers {
    return { processes: this.#running().length }
  }

  override held(): ReadonlyArray<Leftover> {
    return this.#running().map((child) => child.describe())
  }

  override quiet(): boolean {
    return this.#running().length === 0
  }

  override close(then: () => void): void {
    const children = this.#running()
    let left = children.length
    if (left === 0) return then()
    for (const child of children) {
      child.end(() => {
        if (--left === 0) then()
      })
    }
  }

  protected override letGo(): void {
    for (const child of [...this.#children]) child.release()
    this.#children.clear()
  }

  #running(): ReadonlyArray<Child> {
    return [...this.#children].filter((child) => {
      child.checkGroup()
      return !child.ended
    })
  }
}

/** The capability of a loop, made when it is first asked for. */
export const processesOf = perLoop(Processes)
