/**
 * The phases of the closing, in the order of S1. The sweep of `Shutdown.ts` takes the first that is not quiet, and starts
 * over when that has ended: what a phase starts in another one is ended before the next.
 *
 *     3 servers      stop accepting, and drain, in phases of their own (S6)
 *     4 work         cancel all tasks and all fibers started from aio at once, and wait
 *     5 crossings    end the iterators and resources that are open across the border, in the order of their registration
 *     6 executors    shut the executors down, and join their jobs
 *     7 processes    terminate, then kill, the child processes that are left, and wait for them
 *     8 watchers     readers, writers, signal handlers, handles of other threads: nothing to wait for, they are released
 *
 * Work and crossings are the loop's own. A phase of capabilities has those that say so themselves, by their step.
 */
import { Crossings } from "./Crossing.js"
import type { Home, Leftover, Phase, Registered, Step } from "../ports.js"
import { Work } from "./Work.js"

const order: ReadonlyArray<Step | (new (loop: Home) => Phase)> = [
  "servers",
  Work,
  Crossings,
  "executors",
  "processes",
  "watchers"
]

/** The capabilities of one step, in the order of their first use; the closing asks all at once. */
class Capabilities implements Phase {
  constructor(
    private readonly loop: Home,
    private readonly step: Step
  ) {}

  get name(): Step {
    return this.step
  }

  quiet(): boolean {
    return this.#busy().length === 0
  }

  close(then: () => void): void {
    const busy = this.#busy()
    let left = busy.length
    if (left === 0) return then()
    for (const one of busy) {
      one.close(() => {
        if (--left === 0) then()
      })
    }
  }

  held(): ReadonlyArray<Leftover> {
    return this.all().flatMap((capability) => capability.held())
  }

  /**
   * Something does not stop, and the deadline will leave it behind. Jobs and processes are not to be ended without a word
   * because of it: they are told now, while there is time for them to clean up.
   */
  hurry(): void {
    for (const capability of this.#busy()) capability.close(() => {})
  }

  all(): ReadonlyArray<Registered> {
    return [...this.loop._capabilities].filter(({ step }) => step === this.step)
  }

  #busy(): ReadonlyArray<Registered> {
    return this.all().filter((capability) => !capability.quiet())
  }
}

/** For one closing: a phase may remember what it has told. */
export const phasesOf = (loop: Home): ReadonlyArray<Phase> =>
  order.map((at) => (typeof at === "string" ? new Capabilities(loop, at) : new at(loop)))

/** Step 8, and the end of a loop that is closed at once. */
export const releaseCapabilities = (loop: Home): void => {
  if (loop._capabilities.size === 0) return
  for (const at of order) {
    if (typeof at !== "string") continue
    for (const capability of new Capabilities(loop, at).all()) capability.release()
  }
}
