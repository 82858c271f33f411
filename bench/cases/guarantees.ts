/** What each promise of `fromAio` costs: the same calls by hand with one guarantee more each, then the library's settings. */
import * as Effect from "effect/Effect"
import { currentSignal, fromAio, type Loop } from "effect-aio"
import { openLoop } from "../loops.js"
import { type Case, type Contender, fail, peer } from "../case.js"

type Op<R = never> = (i: number) => Effect.Effect<number, unknown, R>

const sequence = <R>(n: number, op: Op<R>): Effect.Effect<number, unknown, R> =>
  Effect.gen(function* () {
    let sum = 0
    for (let i = 0; i < n; i++) sum += yield* op(i)
    return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
  })

const work = async (i: number, _signal?: AbortSignal): Promise<number> => {
  await undefined
  return i
}

const byHand = (name: string, op: Op): Contender =>
  peer(name, (n) => () => Effect.runPromise(sequence(n, op)))

const library = (name: string, asyncContext: boolean, op: Op<Loop>): Contender => ({
  name: `effect-aio: ${name}`,
  ours: true,
  fraction: 1,
  prepare: async (n) => {
    const { close, run } = await openLoop(asyncContext)
    return { go: () => run(sequence(n, op)), close }
  }
})

/** With a signal if it is asked for; what the canceller does is `onInterrupt`. */
const viaAsync =
  (
    signals: boolean,
    onInterrupt: (controller: AbortController | undefined, ended: Promise<unknown>) => Effect.Effect<void>
  ): Op =>
  (i) =>
    Effect.async<number, unknown>((resume) => {
      const controller = signals ? new AbortController() : undefined
      const ended = work(i, controller?.signal).then(
        (value) => resume(Effect.succeed(value)),
        (error: unknown) => resume(Effect.fail(error))
      )
      return onInterrupt(controller, ended)
    })

const waits = (controller: AbortController | undefined, ended: Promise<unknown>): Effect.Effect<void> =>
  Effect.promise(async () => {
    controller?.abort()
    await ended
  })

const plain = fromAio((i: number) => work(i))
const withSignal = fromAio((i: number) => work(i, currentSignal()))
const abandoned = fromAio((i: number) => work(i), { onInterrupt: "abandon" })

export const guarantees: ReadonlyArray<Case> = [
  {
    name: "one call",
    what: "async functions that await once, one after the other",
    n: 10_000,
    contenders: [
      library("joins, names, reports; the function reads its signal", true, withSignal),
      library("joins, names, reports", true, plain),
      library("the same without async-local state", false, plain),
      library("the same, abandoned when interrupted", false, abandoned),
      byHand("nothing: Effect.promise", (i) => Effect.promise(() => work(i))),
      byHand("errors: Effect.tryPromise", (i) =>
        Effect.tryPromise({ try: () => work(i), catch: (error) => error })
      ),
      byHand("errors and an abort that is not waited for: Effect.tryPromise with signal", (i) =>
        Effect.tryPromise({ try: (signal) => work(i, signal), catch: (error) => error })
      ),
      byHand("errors and a wait, no abort: Effect.async", viaAsync(false, waits)),
      byHand("errors, an abort and a wait: Effect.async", viaAsync(true, waits))
    ]
  }
]
