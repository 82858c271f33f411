/**
 * What the two ends of a handle for other threads send each other over their MessagePort. `OfferedHandle.ts` is the end
 * of the loop, `LoopHandle.ts` that of the thread that asks. The first message is the loop's `Hello`; it is in the port
 * before anybody has it, so that the other end can read it at once.
 */
import type { PackedError } from "../parcel/packError.mjs"

/** A message to the loop. An `id` is given once by the end that asks. */
export type Asking =
  | readonly ["call", name: string, args: ReadonlyArray<unknown>]
  | readonly ["run", id: number, name: string, args: ReadonlyArray<unknown>]
  | readonly ["cancel", id: number, message: PackedError]

/** A message from the loop. Every `run` gets one of these, or the port closes. */
export type Answer =
  | readonly ["value", id: number, value: unknown]
  | readonly ["error", id: number, error: PackedError]
  | readonly ["cancelled", id: number, reason: PackedError]
  /** The loop took no more work, or closed under it; without an `id`, all that is pending ends. */
  | readonly ["closed", id: number | undefined, message: string, cause: PackedError | undefined]

/** The number changes with these types: two copies of the library may meet in one process. */
export const PROTOCOL = "effect-aio/LoopHandle/1"

/** The first message: what a loop offers. */
export interface Hello {
  readonly protocol: typeof PROTOCOL
  /** The loop's name. */
  readonly loop: string
  /** The functions' names, and whether they are coroutine functions. */
  readonly functions: ReadonlyArray<readonly [name: string, coroutine: boolean]>
}

/**
 * Functions that other threads may call by name. Their arguments and results cross as structured clones.
 *
 * @category models
 * @since 0.1.0
 */
export type ThreadFunctions<F> = { readonly [K in keyof F]: (...args: Array<never>) => unknown }
