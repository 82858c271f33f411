/** The library as a contender: with async-local state and without, each sample on a loop of its own. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type EventLoop, Loop } from "effect-aio"
import type { Contender, Prepared } from "./case.js"

/** An open loop, and a way into it. */
export interface Opened {
  readonly loop: EventLoop
  readonly asyncContext: boolean
  /** Runs an Effect that uses the loop. */
  readonly run: <A, E>(effect: Effect.Effect<A, E, Loop>) => Promise<A>
  readonly close: () => Promise<void>
}

export const openLoop = async (asyncContext: boolean, spawnHelper = false): Promise<Opened> => {
  const scope = Effect.runSync(Scope.make())
  const loop = await Effect.runPromise(Scope.extend(Loop.open({ asyncContext, spawnHelper }), scope))
  return {
    loop,
    asyncContext,
    run: (effect) => Effect.runPromise(Effect.provideService(effect, Loop, loop)),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

type Prepare = (opened: Opened, n: number) => Prepared["go"] | Promise<Prepared["go"]>

const contender = (what: string, asyncContext: boolean, prepare: Prepare): Contender => ({
  name: `effect-aio${what === "" ? "" : `, ${what}`}${asyncContext ? "" : ", asyncContext: false"}`,
  ours: true,
  fraction: 1,
  prepare: async (n) => {
    const opened = await openLoop(asyncContext)
    return { go: await prepare(opened, n), close: opened.close }
  }
})

/** Both settings. `prepare(opened, n)` is not timed, what it returns is. */
export const ours = (prepare: Prepare, what = ""): ReadonlyArray<Contender> => [
  contender(what, true, prepare),
  contender(what, false, prepare)
]

/** For what needs async-local state. */
export const oursWithContext = (what: string, prepare: Prepare): Contender => contender(what, true, prepare)
