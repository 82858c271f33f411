/** What a fiber waits for, as the lines see it: the shape of `waitFor` in `Seam.ts`. */
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"

/**
 * One wait of one fiber, in as few operations of it as its line allows. Legal states: new, begun (once), then waiting, until
 * `resume` was called or the fiber was told to end.
 */
export interface FiberWait<A, E> {
  /** Begins what is to be waited for, on the fiber's stack. Whether it has ended by then. Never throws. */
  begin(): boolean
  /** It goes on: `resume` is called when it has ended, once, and may be called when nobody hears it any more. */
  wait(resume: () => void): void
  /** It has ended, and not with a value: what it ended with is then asked for in the fiber, where what maps it is called. */
  readonly failed: boolean
  /** A value is not to be lost, either: where the fiber was told to end before it has come to that, `interrupted` is run. */
  readonly owned: boolean
  /** What it has ended with. */
  outcome(): Exit.Exit<A, E>
  /**
   * The fiber was told to end before the outcome has reached it. What it does about that, uninterruptibly; what that fails
   * with joins its Cause.
   */
  interrupted(): Effect.Effect<void>
}
