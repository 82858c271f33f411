/**
 * What a loop holds of the system beside its own queue: readers and writers, signal handlers, child processes, jobs in
 * other threads. Each kind is one Capability, made when it is first used; the closing takes them back in the order of
 * their steps, and reports list what each one holds.
 */
import type { BaseEventLoop } from "../kernel/BaseEventLoop.js"
import type { Capability, Held, Home, Step } from "../ports.js"

/** The steps of the closing, in their order: executors (6), child processes (7), what is only watched (8). */
const steps: ReadonlyArray<Step> = ["executors", "processes", "watchers"]

export const nothingHeld: Held = {
  readers: 0,
  writers: 0,
  signals: 0,
  processes: 0,
  jobs: 0,
  handles: 0
}

/** One of a kind for each loop: made, and listed with the loop, when it is first asked for. */
export const perLoop = <C extends Capability>(make: (loop: Home) => C): ((loop: Home) => C) => {
  const kept = new WeakMap<Home, C>()
  return (loop) => {
    const known = kept.get(loop)
    if (known !== undefined) return known
    const made = make(loop)
    kept.set(loop, made)
    loop._capabilities.add(made)
    return made
  }
}

/** The capabilities of the loop that were used, in the order in which closing comes to them. */
export const capabilitiesOf = ({ _capabilities }: Home): ReadonlyArray<Capability> =>
  steps.flatMap((step) => [..._capabilities].filter((capability) => capability.step === step))

/** Whether a loop can hold capabilities: the kernel's own, which stands in where a thread has no loop, cannot. */
export const isHome = (loop: BaseEventLoop): loop is Home => "_capabilities" in loop
