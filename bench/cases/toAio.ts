import { createScope } from "effection"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import { runEffect, toAio as toAio_ } from "effect-aio"
import { type Opened, ours, oursWithContext } from "../loops.js"
import { type Case, type Contender, fail, peer, type Prepared } from "../case.js"

type Call = (i: number) => PromiseLike<number>
type Program = (i: number) => Effect.Effect<number>

const check = (sum: number, n: number): number =>
  sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)

/** One after the other. */
const sequence = async (n: number, call: Call): Promise<number> => {
  let sum = 0
  for (let i = 0; i < n; i++) sum += await call(i)
  return check(sum, n)
}

/** A thousand at a time. */
const concurrent = async (n: number, call: Call): Promise<number> => {
  let sum = 0
  for (let i = 0; i < n; i += 1000) {
    const values = await Promise.all(Array.from({ length: Math.min(1000, n - i) }, (_, j) => call(i + j)))
    for (const value of values) sum += value
  }
  return check(sum, n)
}

type Shape = (n: number, call: Call) => Promise<number>

/** Calls from a task of the loop. */
const inTask =
  ({ loop }: Opened, n: number, shape: Shape, call: Call): Prepared["go"] =>
  () =>
    loop.createTask(() => shape(n, call)) as unknown as Promise<number>

const contenders = (shape: Shape, program: Program): ReadonlyArray<Contender> => [
  ...ours(async (opened, n) => inTask(opened, n, shape, await opened.run(toAio_(program))), "toAio"),
  ...ours(
    (opened, n) => inTask(opened, n, shape, (i) => opened.loop.effectAsFuture(program(i))),
    "effectAsFuture"
  ),
  oursWithContext("runEffect", (opened, n) => inTask(opened, n, shape, (i) => runEffect(program(i)))),
  peer("Effect.runPromise", (n) => () => shape(n, (i) => Effect.runPromise(program(i)))),
  peer("Runtime.runPromise", async (n) => {
    const run = Runtime.runPromise(await Effect.runPromise(Effect.runtime<never>()))
    return () => shape(n, (i) => run(program(i)))
  }),
  {
    name: "FiberSet.makeRuntimePromise",
    ours: false,
    fraction: 1,
    prepare: async (n) => {
      const scope = await Effect.runPromise(Scope.make())
      const run = await Effect.runPromise(
        Scope.extend(FiberSet.makeRuntimePromise<never, number, never>(), scope)
      )
      return {
        go: () => shape(n, (i) => run(program(i))),
        close: () => Effect.runPromise(Scope.close(scope, Exit.void))
      }
    }
  },
  {
    name: "ManagedRuntime.runPromise",
    ours: false,
    fraction: 1,
    prepare: async (n) => {
      const runtime = ManagedRuntime.make(Layer.empty)
      await runtime.runPromise(Effect.void)
      return { go: () => shape(n, (i) => runtime.runPromise(program(i))), close: () => runtime.dispose() }
    }
  }
]

const atOnce: Program = (i) => Effect.succeed(i)
const suspended: Program = (i) => Effect.as(Effect.yieldNow(), i)

/** Of an operation that ends at once, in a scope of Effection. */
const effection = (shape: Shape): Contender =>
  peer(
    "Effection scope.run",
    (n) => {
      const [scope, destroy] = createScope()
      return async () => {
        const done = await shape(n, (i) =>
          scope.run(function* () {
            return i
          })
        )
        await destroy()
        return done
      }
    },
    1 / 10
  )

export const toAio: ReadonlyArray<Case> = [
  {
    name: "sequential",
    what: "effects that end at once",
    n: 10_000,
    contenders: [...contenders(sequence, atOnce), effection(sequence)]
  },
  {
    name: "suspended, sequential",
    what: "effects that yield once",
    n: 10_000,
    contenders: contenders(sequence, suspended)
  },
  {
    name: "1000 concurrent",
    what: "effects that end at once",
    n: 10_000,
    contenders: [...contenders(concurrent, atOnce), effection(concurrent)]
  }
]
