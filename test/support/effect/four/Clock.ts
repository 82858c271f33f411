import * as C from "effect4/Clock"
export * from "effect4/Clock"

export type Clock = C.Clock
export const Clock = C.Clock

/** A Clock has no mark of its own here. */
export const ClockTypeId = "test/Clock"
export type ClockTypeId = typeof ClockTypeId
