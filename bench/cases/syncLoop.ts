import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import { Loop, SyncLoop } from "effect-aio"
import { type Case, type Contender, fail, peer } from "../case.js"
import { oneByOne } from "../waits.js"

const work = async (): Promise<number> => 42

const expect42 = (value: number): void => {
  if (value !== 42) fail(`the run gave ${value}`)
}

/** One loop, many runs. */
const runs = (asyncContext: boolean): Contender => ({
  name: `effect-aio, SyncLoop${asyncContext ? "" : ", asyncContext: false"}`,
  ours: true,
  fraction: 1,
  prepare: (n) => {
    const loop = SyncLoop.make({ asyncContext })
    return {
      go: () => oneByOne(n, async () => expect42(await loop.runUntilComplete(work))),
      close: () => loop.close()
    }
  }
})

/** A loop for every run. */
const lives: Contender = {
  name: "effect-aio, SyncLoop.make(), a run, close()",
  ours: true,
  fraction: 1,
  prepare: (n) => ({
    go: () =>
      oneByOne(n, async () => {
        const loop = SyncLoop.make()
        expect42(await loop.runUntilComplete(work))
        await loop.close()
      })
  })
}

export const syncLoop: ReadonlyArray<Case> = [
  {
    name: "runs",
    what: "runUntilComplete of an async function",
    n: 2_000,
    measures: "latency",
    contenders: [
      runs(true),
      runs(false),
      lives,
      peer("Loop.scoped around it", (n) => () => {
        const once = Loop.scoped(
          Effect.flatMap(Loop, (loop) => Effect.promise(() => Promise.resolve(loop.createTask(work))))
        )
        return oneByOne(n, async () => expect42(await Effect.runPromise(once)))
      }),
      peer("ManagedRuntime.runPromise", (n) => {
        const runtime = ManagedRuntime.make(Layer.empty)
        return () => oneByOne(n, async () => expect42(await runtime.runPromise(Effect.promise(work))))
      }),
      peer(
        "Effect.runPromise",
        (n) => () => oneByOne(n, async () => expect42(await Effect.runPromise(Effect.promise(work))))
      ),
      peer("await", (n) => () => oneByOne(n, async () => expect42(await work())))
    ]
  }
]
