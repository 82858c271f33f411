import * as S from "effect4/Schedule"
export * from "effect4/Schedule"

/** While both go on, at the later of the two. */
export const intersect = (left: S.Schedule<any, any, any>, right: S.Schedule<any, any, any>) =>
  S.max([left, right])
