/** What async-local state, which a loop keeps unless it is told not to, costs code that is full of promises. */
import { AsyncLocalStorage } from "node:async_hooks"
import { ours } from "../loops.js"
import { type Case, fail, peer } from "../case.js"
import { macrotask } from "../waits.js"

const one = async (i: number): Promise<number> => {
  await undefined
  return i
}

/** A call and two awaits a turn. */
const turns = async (n: number): Promise<number> => {
  let sum = 0
  for (let i = 0; i < n; i++) sum += await one(i)
  return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
}

export const context: ReadonlyArray<Case> = [
  {
    name: "promises",
    what: "async calls with an await inside",
    n: 500_000,
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            loop.createTask(() => turns(n)) as unknown as Promise<number>,
        "in a task"
      ),
      ...ours((_, n) => () => turns(n), "beside an open loop"),
      peer("no loop", (n) => () => turns(n)),
      {
        name: "no loop, in an AsyncLocalStorage",
        ours: false,
        fraction: 1,
        prepare: async (n) => {
          const storage = new AsyncLocalStorage<number>()
          await macrotask()
          return { go: () => storage.run(1, turns, n), close: () => storage.disable() }
        }
      }
    ]
  }
]
