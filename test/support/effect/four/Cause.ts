import * as C from "effect4/Cause"
import * as Chunk from "effect4/Chunk"
import type * as Option from "effect4/Option"
export * from "effect4/Cause"

export type Cause<X> = C.Cause<X>

export const isEmpty = (cause: Cause<unknown>): boolean => cause.reasons.length === 0
export const isDie: (cause: Cause<unknown>) => boolean = C.hasDies
export const isInterrupted: (cause: Cause<unknown>) => boolean = C.hasInterrupts
export const isInterruptedOnly = (cause: Cause<unknown>): boolean => cause.reasons.every(C.isInterruptReason)

export const failures = <X>(cause: Cause<X>): Chunk.Chunk<X> =>
  Chunk.fromIterable(cause.reasons.filter(C.isFailReason).map(({ error }) => error))

export const failureOption: <X>(cause: Cause<X>) => Option.Option<X> = C.findErrorOption

export const defects = (cause: Cause<unknown>): Chunk.Chunk<unknown> =>
  Chunk.fromIterable(cause.reasons.filter(C.isDieReason).map(({ defect }) => defect))

/** A Cause is a list here: what was at once and what was later is not told apart. */
const both = <X, X2>(left: Cause<X>, right: Cause<X2>): Cause<X | X2> =>
  C.fromReasons<X | X2>([...left.reasons, ...right.reasons])
export const parallel = both
export const sequential = both
