/**
 * What would outlive the process, as child processes do: killed at once where the process leaves without closing, by
 * `process.exit`, at a deadline or at a second signal. Nobody waits. And what would not let it leave, as threads do:
 * `process.exit` waits for each of them, for ever where one is in a call that cannot be ended.
 */

/** What holds it, while it does. */
export interface Outliving {
  /** Kills all of it, synchronously. Called again where the process is still there. */
  abandon(): void
}

const all = new Set<Outliving>()

/** Kills everything that would outlive the process. */
export const abandonAll = (): void => {
  for (const one of all) {
    try {
      one.abandon()
    } catch {
      // The others still are to be killed, and nobody is left to tell.
    }
  }
}

/** `one` holds something that would outlive the process, or no longer does. */
export const outlives = (one: Outliving, holds: boolean): void => {
  if (!holds) all.delete(one)
  else if (!all.has(one)) all.add(one)
  else return
  process.off("exit", abandonAll)
  if (all.size > 0) process.on("exit", abandonAll)
}

/** What has worker threads, while it does. */
export interface Threads {
  /** Ends them; resolves when they have. */
  end(): Promise<unknown>
}

const threads = new Set<Threads>()

/** `one` has threads, or no longer does. */
export const holdsExit = (one: Threads, holds: boolean): void => {
  if (holds) threads.add(one)
  else threads.delete(one)
}

/** Whether there are threads for which `process.exit` would wait. */
export const exitIsHeld = (): boolean => threads.size > 0

/** Ends all threads; resolves when they have ended. */
export const endThreads = (): Promise<unknown> => Promise.all([...threads].map((one) => one.end()))
