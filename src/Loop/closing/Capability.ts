/**
 * What a loop holds of the system beside its own queue: readers and writers, signal handlers, child processes, jobs in
 * other threads. Each kind is one capability, made when it is first used and listed with the loop from then on. It says
 * by itself in which phase the closing asks it, what it holds in numbers and rows, and how that ends.
 */
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import { QueueFullError } from "../kernel/errors.js"
import type { Home, Leftover, Registered, Step } from "../ports.js"

/**
 * Legal states: open; released, when it takes nothing more: after step 8, and on a loop that was closed before its first
 * use. As it is written here it has nothing that the closing waits for.
 */
export abstract class Capability implements Registered {
  abstract readonly step: Step
  /** Whether what it is asked for goes through the loop's queue, so that a full one refuses it. */
  protected readonly queues: boolean = true
  #released: boolean

  constructor(protected readonly loop: Home) {
    this.#released = loop.isClosed()
    loop._capabilities.add(this)
  }

  protected get released(): boolean {
    return this.#released
  }

  /** Throws what the call of that name gets where it may not begin anything. */
  refuse(what: string): void {
    try {
      this.loop._refuse(what)
    } catch (error) {
      if (this.queues || !(error instanceof QueueFullError)) throw error
    }
    this.refuseReleased(what)
  }

  /**
   * `refuse` for what the loop has accepted before: between the end of what was held and the end of the loop, which still
   * runs what that has queued.
   */
  refuseReleased(what: string): void {
    if (this.#released) throw this.loop._closedError(`${what}() on a loop that is closing`)
  }

  numbers(): object {
    return {}
  }

  requests(): Readonly<Record<string, number>> {
    return {}
  }

  stopping(): void {}

  patience(): number {
    return 0
  }

  held(): ReadonlyArray<Leftover> {
    return []
  }

  quiet(): boolean {
    return true
  }

  close(then: () => void): void {
    then()
  }

  release(): void {
    this.#released = true
    this.letGo()
  }

  /** Ends everything that it holds, waiting for nothing. Called again when the loop is closed. Never throws. */
  protected abstract letGo(): void
}

/** How a room gets at the one capability of its kind that a loop has: it is made when it is first asked for. */
export const perLoop = <C extends Capability>(Kind: new (loop: Home) => C): ((loop: Home) => C) => {
  const made = new WeakMap<Home, C>()
  return (loop) => {
    const known = made.get(loop)
    if (known !== undefined) return known
    const first = new Kind(loop)
    made.set(loop, first)
    return first
  }
}

/** What all capabilities of the loop that were used hold, as numbers. */
export const numbersOf = (loop: Home): object =>
  Object.assign({}, ...[...loop._capabilities].map((capability) => capability.numbers())) as object

/** Whether a loop can hold capabilities: the kernel's own, which stands in where a thread has no loop, cannot. */
export const isHome = (loop: BaseEventLoop): loop is Home => "_capabilities" in loop
