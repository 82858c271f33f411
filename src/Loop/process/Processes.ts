/**
 * The child processes of a loop, as one capability: listed by pid and command, ended all at once in step 7 of the
 * closing, and killed where nobody may be waited for.
 *
 * What this cannot do: a parent that leaves by `process.exit`, or is killed itself, without closing the loop leaves its
 * children running. `Loop.run` closes the loop for SIGINT, SIGTERM and what nobody caught.
 */
import { perLoop } from "../closing/Capability.js"
import type { Child } from "./Child.js"
import type { Capability, Held, Home, Leftover } from "../ports.js"

/** Legal states: open; released, when it takes no more children. */
export class Processes implements Capability {
  readonly step = "processes"
  /** Those that run, whose group lives on, or whose pipes are open at our end. */
  readonly #children = new Set<Child>()
  #released = false
  /** At so many children it is time to look for groups that have ended unseen. */
  #lookAt = 16

  constructor(private readonly loop: Home) {}

  /** Throws LoopClosedError when it takes no more. */
  refuse(what: string): void {
    if (this.#released) throw this.loop._closedError(`${what}() on a loop that is closing`)
  }

  add(child: Child): void {
    if (this.#children.size >= this.#lookAt) {
      for (const other of this.#children) other.look()
      this.#lookAt = Math.max(16, 2 * this.#children.size)
    }
    this.#children.add(child)
  }

  /** It has ended, and its pipes are closed. */
  delete(child: Child): void {
    this.#children.delete(child)
  }

  numbers(): Partial<Held> {
    return { processes: this.#running().length }
  }

  held(): ReadonlyArray<Leftover> {
    return this.#running().map((child) => child.describe())
  }

  quiet(): boolean {
    return this.#running().length === 0
  }

  close(then: () => void): void {
    const children = this.#running()
    let left = children.length
    if (left === 0) return then()
    for (const child of children) {
      child.end(() => {
        if (--left === 0) then()
      })
    }
  }

  release(): void {
    this.#released = true
    for (const child of [...this.#children]) child.release()
    this.#children.clear()
  }

  #running(): ReadonlyArray<Child> {
    return [...this.#children].filter((child) => {
      child.look()
      return !child.ended
    })
  }
}

/** The capability of a loop, made when it is first asked for. */
export const processesOf = perLoop((loop: Home) => new Processes(loop))
