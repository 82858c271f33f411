/**
 * The child processes of a loop, as one capability: listed by pid and command, ended all at once in step 7 of the
 * closing, and killed where nobody may be waited for: at the deadline, and where the process leaves without closing.
 *
 * What this cannot do: a parent that is killed itself (SIGKILL, a fault) leaves its children running, unless a helper process
 * has started them.
 */
import { Capability, perLoop } from "../closing/Capability.js"
import { type Outliving, outlives } from "../closing/outliving.js"
import type { Child } from "./Child.js"
import { SpawnHelper } from "./SpawnHelper.js"
import type { Leftover } from "../ports.js"

/** How many child processes a loop has, as a part of its statistics. */
export interface ProcessNumbers {
  /** Child processes that have not ended. */
  readonly processes: number
}

/** How long a process that leaves waits for those that it has killed, in milliseconds: the system takes one at the most. */
const LEAVING = 100

/** What nobody wakes. */
const cell = new SharedArrayBuffer(4)

export class Processes extends Capability implements Outliving {
  /** The numbers of a loop that has started no child. */
  static readonly none: ProcessNumbers = { processes: 0 }
  readonly step = "processes"
  /** The children that run, whose group lives on, or whose pipes are open at our end. */
  readonly #children = new Set<Child>()
  /** What was let go, and has not ended or has pipes that are open at our end. */
  readonly #unowned = new Set<Child>()
  #helper: SpawnHelper | undefined
  /** The number of children at which it is time to check for groups that have ended unseen. */
  #checkAt = 16

  /** What starts children for a loop that has a helper, made when it is first asked for. */
  get helper(): SpawnHelper {
    return (this.#helper ??= new SpawnHelper(this.loop))
  }

  add(child: Child): void {
    this.#unowned.delete(child)
    if (this.#children.size >= this.#checkAt) {
      for (const other of this.#children) other.checkGroup()
      this.#checkAt = Math.max(16, 2 * this.#children.size)
    }
    this.#children.add(child)
    outlives(this, true)
  }

  /** A child has ended, and its pipes are closed. */
  delete(child: Child): void {
    this.#unowned.delete(child)
    this.#children.delete(child)
    outlives(this, this.#children.size > 0)
  }

  /** A child is none of the loop's any more. Only its pipes are, as long as there is a loop that somebody can read them on. */
  disown(child: Child): void {
    this.delete(child)
    if (!this.released) this.#unowned.add(child)
  }

  /** The process leaves. It waits a moment for the system to have done it: who sees this process gone must not see them. */
  abandon(): void {
    for (const child of this.#children) child.abandon()
    const last = performance.now() + LEAVING
    for (const child of this.#children)
      while (child.showsRunning() && performance.now() < last) Atomics.wait(new Int32Array(cell), 0, 0, 1)
  }

  override numbers(): ProcessNumbers {
    return { processes: this.#running().length }
  }

  override held(): ReadonlyArray<Leftover> {
    return this.#running().map((child) => child.describe())
  }

  override quiet(): boolean {
    return this.#running().length === 0 && this.#helper?.runs !== true
  }

  override close(then: () => void): void {
    const helper = this.#helper
    if (helper === undefined) return this.#endAll(then)
    // What it was asked for comes first, and it leaves last: it tells how they have exited.
    helper.settled(() => this.#endAll(() => helper.end(then)))
  }

  #endAll(then: () => void): void {
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
    for (const child of [...this.#unowned]) child.closePipes()
    this.#unowned.clear()
    this.#helper?.release()
    outlives(this, false)
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
