import * as S from "effect4/Scheduler"
export * from "effect4/Scheduler"

/** The one that `Effect.runFork` takes, with the queue of one fiber. */
export const defaultScheduler = new S.MixedScheduler().makeDispatcher()
