import * as L from "effect4/Layer"
export * from "effect4/Layer"

export type Layer<A, X = never, R = never> = L.Layer<A, X, R>

export const scoped = L.effect

export const scopedDiscard = L.effectDiscard
