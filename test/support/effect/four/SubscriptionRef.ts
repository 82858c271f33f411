import * as Effect from "effect4/Effect"
import type * as Stream from "effect4/Stream"
import * as R from "effect4/SubscriptionRef"
export * from "effect4/SubscriptionRef"

/** Its changes are a property of it. */
export interface SubscriptionRef<A> extends R.SubscriptionRef<A> {
  readonly changes: Stream.Stream<A>
}

// Of those that the library makes, too.
Object.defineProperty(Object.getPrototypeOf(Effect.runSync(R.make(0))), "changes", {
  get(this: R.SubscriptionRef<unknown>) {
    return R.changes(this)
  }
})

export const make = R.make as <A>(value: A) => Effect.Effect<SubscriptionRef<A>>
