/**
 * What ended processes have still to say when the loop closes: step 7, after the children themselves. What is in their
 * pipes is told, and so is the end of each, as long as there is a loop to tell it.
 */
import { Capability, perLoop } from "../closing/Capability.js"
import type { SubprocessTransport } from "./SubprocessTransport.js"

/**
 * What can be in a pipe when its writer has ended is read in far fewer rounds. What comes later comes from somebody else
 * who has got the pipe, and may go on for ever. The number is a guess on the safe side. A bound in time would do as well,
 * but not under a clock that stands still.
 */
const ROUNDS = 100

export class LastWords extends Capability {
  readonly step = "processes"
  /** The transports that are not lost. */
  readonly #transports = new Set<SubprocessTransport>()

  add(transport: SubprocessTransport): void {
    this.#transports.add(transport)
  }

  delete(transport: SubprocessTransport): void {
    this.#transports.delete(transport)
  }

  override quiet(): boolean {
    return this.#ending().length === 0
  }

  /** Waits for a round of Node's event loop in which nothing came: it has looked into every pipe, and they are empty. */
  override close(then: () => void): void {
    let told = -1
    let rounds = 0
    const round = (): void => {
      const ending = this.#ending()
      if (this.released || this.loop.isClosed() || ending.length === 0) return then()
      const now = ending.reduce((sum, { _told }) => sum + _told, 0)
      if (now === told || ++rounds > ROUNDS) for (const transport of ending) transport.close()
      told = now
      // Twice: what a poll has found is told in the pass after it.
      setImmediate(() => setImmediate(round))
    }
    setImmediate(round)
  }

  protected override letGo(): void {
    for (const transport of this.#transports) transport.close()
    this.#transports.clear()
  }

  #ending(): ReadonlyArray<SubprocessTransport> {
    return [...this.#transports].filter(({ _ending }) => _ending)
  }
}

/** The capability of a loop, made when it is first asked for. */
export const lastWordsOf = perLoop(LastWords)
