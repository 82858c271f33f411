/** What was begun outside, and has not ended: sockets, requests to the system, child processes, jobs of workers. */
import { performance } from "node:perf_hooks"
import type { EventLoop } from "../Loop/EventLoop.js"

/**
 * What waits for somebody else to begin, or for nothing outside: it is there for as long as a program likes. All else that Node lists
 * (`process.getActiveResourcesInfo`) has been asked for something, or may be answered.
 */
const idle = new Set([
  ...["Timeout", "Immediate", "TTYWrap", "TCPServerWrap", "SignalWrap", "FSEventWrap", "StatWatcher"]
])

/** How many of each kind there are that keep Node from ending. */
const counted = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) {
    if (!idle.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  return counts
}

/** How many events of the system Node has handled: it grows with all that comes in. */
export const eventsSeen = (): number => performance.nodeTiming.uvMetricsInfo.events

/** What is in flight since this was made: what a test's runner has, was there before. */
export class InFlight {
  readonly #before = counted()

  /** In words, a kind each. */
  now(loops: Iterable<EventLoop>): ReadonlyArray<string> {
    const found: Array<string> = []
    for (const [kind, count] of counted()) {
      const more = count - (this.#before.get(kind) ?? 0)
      if (more > 0) found.push(`${more} ${kind}`)
    }
    for (const loop of loops) {
      const { jobs, processes } = loop.statistics()
      if (jobs > 0) found.push(`${jobs} jobs of ${loop.name}`)
      if (processes > 0) found.push(`${processes} child processes of ${loop.name}`)
    }
    return found
  }
}
