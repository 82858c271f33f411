import * as S from "effect4/Scope"
export * from "effect4/Scope"

export type Scope = S.Scope
export const Scope = S.Scope
export type CloseableScope = S.Closeable

export const extend = S.provide
