import { Effect, type Fiber } from "effect"
import { line } from "./line.js"

/**
 * Starts a child that has not begun when the next Effect runs. Effect 3's `fork` does so, and Effect 4's `forkChild`; what the
 * tests call `Effect.fork` begins at once on Effect 4, because what comes after it goes on at once there, too.
 */
export const forkLater = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<Fiber.RuntimeFiber<A, E>, never, R> =>
  line === 3
    ? Effect.fork(effect)
    : (Effect as unknown as { forkChild: typeof Effect.fork }).forkChild(effect)
