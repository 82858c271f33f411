import * as X from "effect4/Exit"
export * from "effect4/Exit"

export type Exit<A, E = never> = X.Exit<A, E>

export const isInterrupted: (exit: Exit<unknown, unknown>) => boolean = X.hasInterrupts
