import * as Q from "effect4/Queue"
export * from "effect4/Queue"

export type Queue<A> = Q.Queue<A>

export const unsafeOffer = Q.offerUnsafe
