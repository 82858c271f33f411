/** What a loop of this thread has asked of loops in other threads, for as long as it waits for the answers. */
import { Capability, perLoop } from "../closing/Capability.js"
import type { Asked } from "./Asked.js"
import type { Leftover } from "../ports.js"

/**
 * What the tasks and callbacks of one loop have asked of loops in other threads: closing the loop cancels it, and waits
 * for the answers.
 */
export class Asks extends Capability {
  readonly step = "executors"
  readonly #pending = new Set<Asked>()
  #onQuiet: Array<() => void> = []

  /** Lists it; the result takes it back. */
  add(asked: Asked): () => void {
    this.#pending.add(asked)
    return () => {
      this.#pending.delete(asked)
      if (this.#pending.size > 0) return
      for (const f of this.#onQuiet.splice(0)) f()
    }
  }

  override held(): ReadonlyArray<Leftover> {
    return [...this.#pending].map(({ cancelling, name, since }) => ({
      what: "job",
      name,
      age: this.loop.time() - since,
      state: cancelling ? "cancelling" : "running",
      waitingOn: "another thread",
      createdAt: "runCoroutineThreadsafe",
      blamed: true
    }))
  }

  override quiet(): boolean {
    return this.#pending.size === 0
  }

  override close(then: () => void): void {
    this.#onQuiet.push(then)
    this.#cancelAll()
  }

  protected override letGo(): void {
    this.#cancelAll()
    for (const asked of [...this.#pending]) {
      asked._closed(this.loop._closedError(`${asked.name} was not done`))
      asked.letGo()
    }
  }

  #cancelAll(): void {
    const reason = this.loop._closing.reason()
    for (const asked of [...this.#pending]) asked.cancel(reason)
  }
}

/** The asks of a loop, listed with it from the first one on. */
export const asksOf = perLoop(Asks)
