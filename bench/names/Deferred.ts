import * as D from "effect4/Deferred"
export * from "effect4/Deferred"

export const unsafeMake = <A>(): D.Deferred<A> => D.makeUnsafe()
export const unsafeDone = D.doneUnsafe
