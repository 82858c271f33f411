/** What both ends of the wire know: see `wire.ts`. */
import type { SeenDump } from "./SeenDump.js"

/** Under which name a thread's copies of the library offer what can be seen of them, as a symbol of the registry. */
export const WIRE = "effect-aio/inspect"

/** What one copy of the library in a thread answers. */
export interface Offer {
  /** The dumps of its loops, with so many rows each at most. */
  dumps(most: number): ReadonlyArray<SeenDump>
  /** Cancels what has this key, and says what that was; `undefined` where no loop of this copy has it any more. */
  cancel(key: number): string | undefined
}
