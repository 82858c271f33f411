import * as Effect from "effect4/Effect"
import type * as Stream from "effect4/Stream"
import * as R from "effect4/SubscriptionRef"
export * from "effect4/SubscriptionRef"

/** Its changes are a property of it. */
export interface SubscriptionRef<A> extends R.SubscriptionRef<A> {
  readonly changes: Stream.Stream<A>
}

export const make = <A>(value: A): Effect.Effect<SubscriptionRef<A>> =>
  Effect.map(R.make(value), (ref) => Object.assign(ref, { changes: R.changes(ref) }))
