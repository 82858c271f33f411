/** What there is of a Runtime is its Context. */
import * as Effect from "effect4/Effect"

export const runPromise = Effect.runPromiseWith
export const runFork = Effect.runForkWith
