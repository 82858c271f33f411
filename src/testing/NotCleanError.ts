/** What a test has left on its loop. */
import type { Leftover } from "../Loop/ports.js"

/**
 * Something is left on a loop that should have nothing left: `leftovers` has a row for each.
 *
 * Raised by `TestLoop.expectClean`, and at the end of a test under `TestLoop.layer`. What to do: end what is named before the
 * test ends, join it, or open it in the test's Scope.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotCleanError extends Error {
  readonly _tag = "NotCleanError"
  override readonly name = "NotCleanError"
  /** @internal `text` says of each what it is. */
  constructor(
    text: string,
    readonly leftovers: ReadonlyArray<Leftover>
  ) {
    super(text)
  }
}
