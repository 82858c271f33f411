import * as D from "effect4/Deferred"
export * from "effect4/Deferred"

export type Deferred<A, X = never> = D.Deferred<A, X>

export const unsafeDone = D.doneUnsafe
