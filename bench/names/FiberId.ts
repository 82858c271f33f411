/** A Deferred of Effect 4 does not know who made it. */
export const none = undefined
