/**
 * A fiber waits for the next event of something that is not a Future: a signal, an emitter, a pipe. Events ring the bell
 * from anywhere, and the fiber goes on in the loop's pass, never inside the event.
 */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"
import { Future } from "../kernel/Future.js"
import { Waiting } from "./Wait.js"
import type { Home } from "../ports.js"

/**
 * Legal states: silent (nobody waits, and a ring is lost), awaited (by one fiber). The one who waits looks at what there
 * is first, and waits only where that is nothing: so no event is lost between the two. An asyncio `Event`, which stays set
 * until it is cleared, would do as well, with a second state to keep in step with what there is.
 */
export class Bell {
  #next: Future<void> | undefined

  constructor(private readonly loop: Home) {}

  /** Whether a fiber waits. */
  get awaited(): boolean {
    return this.#next?.done() === false
  }

  /**
   * Completes at the next ring, or when the loop is closed: which of them it was, the one who waits sees by what there is.
   * The wait begins with this call, not when the Effect runs. Interruption takes it back, and leaves nothing behind.
   */
  next(): Effect.Effect<void> {
    this.loop._start()
    const next = new Future<void>(this.loop)
    this.#next = next
    return callback<void>((resume) => {
      const waiting = new Waiting(this.loop, () => resume(Effect.void))
      next._await(waiting)
      return Effect.sync(() => {
        next._remove(waiting)
        if (this.#next === next) this.ring()
      })
    })
  }

  /** An event has come. */
  ring(): void {
    const next = this.#next
    this.#next = undefined
    if (next !== undefined && !next.done()) next._settleValue(undefined)
  }
}
