/**
 * What a loop holds of the system beside its own queue: readers and writers, signal handlers, child processes, jobs in
 * other threads. Each kind is one Capability, made when it is first used; the closing takes them back in the order of
 * their steps, and reports list what each one holds.
 */
import type { Leftover } from "./Leftovers.js"

/** The steps of the closing, in their order: executors (6), child processes (7), what is only watched (8). */
export const steps = ["executors", "processes", "watchers"] as const

export type Step = (typeof steps)[number]

/** What capabilities hold, as numbers. */
export interface Held {
  /** File descriptors and streams with a reader. */
  readonly readers: number
  /** File descriptors and streams with a writer. */
  readonly writers: number
  /** Signals with a handler or a Stream. */
  readonly signals: number
  /** Child processes that have not ended. */
  readonly processes: number
  /** Jobs of this loop in executors, queued or running. */
  readonly jobs: number
  /** Handles of this loop that other threads may call. */
  readonly handles: number
}

export const nothingHeld: Held = {
  readers: 0,
  writers: 0,
  signals: 0,
  processes: 0,
  jobs: 0,
  handles: 0
}

/** One of a kind for each loop: made, and listed with the loop, when it is first asked for. */
export const perLoop = <L extends { readonly _capabilities: Set<Capability> }, C extends Capability>(
  make: (loop: L) => C
): ((loop: L) => C) => {
  const kept = new WeakMap<L, C>()
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

interface Home {
  readonly _capabilities: ReadonlySet<Capability>
}

export interface Capability {
  readonly step: Step
  numbers(): Partial<Held>
  /** What it holds, for reports: by file descriptor, signal, pid and command, job. */
  held(): ReadonlyArray<Leftover>
  /** Whether the closing has nothing to do or to wait for here. Always true for what is only watched. */
  quiet(): boolean
  /**
   * The closing has come to its step: asks what it holds to end, insists where that takes too long, and calls `then` once
   * when all of that has ended. May be called again for what was started meanwhile. Not called where it is quiet.
   */
  close(then: () => void): void
  /**
   * Lets go of everything at once, waiting for nothing: step 8, the deadline, and a loop that is closed without its Scope.
   * From then on it refuses everything. Idempotent, never throws; what goes wrong is reported as `late`.
   */
  release(): void
}
