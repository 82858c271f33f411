import * as O from "effect4/Order"
export * from "effect4/Order"

export type Order<A> = O.Order<A>

export const number = O.Number
export const reverse = O.flip
