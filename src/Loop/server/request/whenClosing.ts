/** That the server of an answer has begun to close, for the fiber that gives the answer. */
import * as Effect from "effect/Effect"
import { callback } from "../../../effect.js"
import { Waiting } from "../../fiber/Wait.js"
import { manyListeners } from "../../host/manyListeners.js"
import type { Home } from "../../ports.js"
import { closingOf } from "./requests.js"

/** Completes when it does; never where nobody will say so. Interruption leaves nothing behind. */
export const whenClosing = (loop: Home, response: object): Effect.Effect<void> =>
  Effect.suspend(() => {
    const signal = closingOf(response)
    if (signal === undefined) return Effect.never
    return callback<void>((resume) => {
      // Here, and not before: the fiber may have yielded in between.
      if (signal.aborted) return resume(Effect.void)
      const waiting = new Waiting(loop, () => resume(Effect.void))
      const told = (): void => waiting.run()
      manyListeners(signal).addEventListener("abort", told, { once: true })
      return Effect.sync(() => signal.removeEventListener("abort", told))
    })
  })
