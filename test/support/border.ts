/** Moments of the border that a test cannot reach by waiting, and what has become of its Futures. */
import { Effect, type Exit } from "effect"
import { interruptFork } from "../../src/effect.js"
import { type EventLoop, type Future, Loop } from "../../src/index.js"

/**
 * Starts a fiber and interrupts it before the loop has another turn. It does so inside a callback: what that adds waits
 * for the next pass, and fibers go on between passes.
 */
export const interruptedAtOnce = <A, E>(
  loop: EventLoop,
  effect: Effect.Effect<A, E, Loop>
): Effect.Effect<Exit.Exit<A, E>> =>
  Effect.async((resume) => {
    loop.callSoon(() => {
      const fiber = Effect.runFork(Effect.provideService(effect, Loop, loop))
      fiber.addObserver((exit) => resume(Effect.succeed(exit)))
      interruptFork(fiber)
    })
  })

/** What a Future has become, as a word or its value. */
export const outcome = (future: Future<unknown>): unknown => {
  if (!future.done()) return "pending"
  if (future.cancelled()) return "cancelled"
  return future.exception() ?? future.result()
}
