/**
 * What is outside of a run, in real time: threads, files, sockets. A run that has nothing to do looks out for it, and is stuck where
 * there is nothing of the kind.
 */

// Those of Node, whatever a test puts in their place.
const { clearImmediate, clearTimeout, setImmediate, setTimeout } = globalThis

/** How many rounds of Node may bring something that nothing tells of: a callback of `setImmediate` that asks for another. */
const ROUNDS = 3

/** What is no reason to wait. An `Effect.never` of Effect 3 has a timer of Node's, and a program that waits for one in real time is none to explore. */
const timed: ReadonlyArray<string> = ["Immediate", "Timeout"]

const countOf = (): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

/** Whether threads are ending, of which Node's list does not tell. */
type Threads = () => boolean

export class Outside {
  readonly #before = countOf()
  #stop: (() => void) | undefined

  /** Calls `late` after so many milliseconds, unless something has come. */
  wait(ms: number, late: () => void): void {
    this.rest()
    const timer = setTimeout(late, ms)
    this.#stop = () => clearTimeout(timer)
  }

  /** Calls `stuck` where nothing comes, at once or after so many milliseconds; it says why. */
  lookOut(ms: number, threads: Threads, stuck: (why: string) => void): void {
    this.#poll(ms, threads, (held) =>
      stuck(
        held === undefined
          ? `everything waits, and nothing is left that could go on${this.#timers()}`
          : `${held} outside has not come within ${ms}ms of real time`
      )
    )
  }

  /** Calls `then` when nothing is on its way any more, or after so many milliseconds. */
  untilQuiet(ms: number, threads: Threads, then: () => void): void {
    this.#poll(ms, threads, then)
  }

  /** Looks again and again while Node has something that was not there before, for so many milliseconds. */
  #poll(ms: number, threads: Threads, then: (held: string | undefined) => void): void {
    this.rest()
    const since = performance.now()
    let round = 0
    let timer: NodeJS.Timeout | undefined
    let turn: NodeJS.Immediate | undefined
    const look = (): void => {
      const held = threads() ? "a thread" : this.#held()
      if (++round < ROUNDS) turn = setImmediate(look)
      else if (held === undefined || performance.now() - since >= ms) then(held)
      else timer = setTimeout(look, 1)
    }
    turn = setImmediate(look)
    this.#stop = () => {
      clearImmediate(turn)
      clearTimeout(timer)
    }
  }

  /** Something has come. */
  rest(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  /** A kind of which Node has more than when the exploration began, of those that may bring something. */
  #held(): string | undefined {
    for (const [kind, count] of countOf()) {
      if (!timed.includes(kind) && count > (this.#before.get(kind) ?? 0)) return kind
    }
    return undefined
  }

  #timers(): string {
    return (countOf().get("Timeout") ?? 0) > (this.#before.get("Timeout") ?? 0)
      ? ", but for timers of Node in real time (wait with Effect.sleep, or in code of the loop)"
      : ""
  }
}
