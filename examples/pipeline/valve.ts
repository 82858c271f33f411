// What holds the blocks back: a number of them that may pass. Whoever writes to the control FIFO turns it.
import { Effect, Stream, SubscriptionRef } from "effect"
import { some, told } from "./report.js"

export interface Valve {
  /** Waits until one more may pass. For one fiber at a time. */
  readonly pass: Effect.Effect<void>
  /** Lets so many more pass: 0 holds them back, Infinity all. */
  readonly let: (blocks: number) => Effect.Effect<void>
  /** Waits until no more may pass. */
  readonly closed: Effect.Effect<void>
}

export const makeValve = (blocks: number): Effect.Effect<Valve> =>
  Effect.gen(function* () {
    const left = yield* SubscriptionRef.make(blocks)
    let passed = 0
    const when = (is: (left: number) => boolean) =>
      left.changes.pipe(Stream.filter(is), Stream.take(1), Stream.runDrain)
    const tell = (n: number) => (n === 0 ? told(`paused after ${some(passed, "block")}`) : Effect.void)
    return {
      pass: Effect.gen(function* () {
        yield* when((n) => n > 0)
        passed++
        yield* tell(yield* SubscriptionRef.updateAndGet(left, (n) => Math.max(0, n - 1)))
      }),
      let: (n) => Effect.zipRight(SubscriptionRef.set(left, n), tell(n)),
      closed: when((n) => n === 0)
    }
  })
