/** For what follows an exit and may never come, where somebody else holds a pipe open: it is waited for a second of real time. */
import * as Effect from "effect/Effect"
import { callback } from "../../effect.js"

const second: Effect.Effect<void> = callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), 1_000)
  return Effect.sync(() => clearTimeout(timer))
})

/** Interrupts it then. */
export const atMostASecond = <E, R>(effect: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> =>
  Effect.raceFirst(effect, second)
