import * as D from "effect4/Duration"
export * from "effect4/Duration"

export type Duration = D.Duration
export type DurationInput = D.Input

export const decode: (input: D.Input) => Duration = D.fromInputUnsafe
