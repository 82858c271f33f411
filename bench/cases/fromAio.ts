import * as Effect from "effect/Effect"
import { currentSignal, fromAio as fromAio_, type Loop } from "effect-aio"
import { ours } from "../loops.js"
import { type Case, type Contender, fail, peer } from "../case.js"

type Op<R> = (i: number) => Effect.Effect<number, unknown, R>

const check = (sum: number, n: number): number =>
  sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)

/** One after the other, in one fiber. */
const sequence = <R>(n: number, op: Op<R>): Effect.Effect<number, unknown, R> =>
  Effect.gen(function* () {
    let sum = 0
    for (let i = 0; i < n; i++) sum += yield* op(i)
    return check(sum, n)
  })

/** A thousand at a time. */
const concurrent = <R>(n: number, op: Op<R>): Effect.Effect<number, unknown, R> =>
  Effect.gen(function* () {
    let sum = 0
    yield* Effect.forEach(
      Array.from({ length: n }, (_, i) => i),
      (i) => Effect.map(op(i), (value) => void (sum += value)),
      { concurrency: 1000, discard: true }
    )
    return check(sum, n)
  })

type Shape = <R>(n: number, op: Op<R>) => Effect.Effect<number, unknown, R>

const viaAsync = (work: (i: number) => Promise<number>) => (i: number) =>
  Effect.async<number, unknown>((resume) => {
    work(i).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => resume(Effect.fail(error))
    )
  })

/** The same work through every door that gives it no signal. */
const plain = (shape: Shape, work: (i: number) => Promise<number>): ReadonlyArray<Contender> => [
  ...ours(({ run }, n) => {
    const op: Op<Loop> = fromAio_(work)
    return () => run(shape(n, op))
  }),
  peer("Effect.promise", (n) => () => Effect.runPromise(shape(n, (i) => Effect.promise(() => work(i))))),
  peer(
    "Effect.tryPromise",
    (n) => () =>
      Effect.runPromise(shape(n, (i) => Effect.tryPromise({ try: () => work(i), catch: (error) => error })))
  ),
  peer("Effect.async", (n) => () => Effect.runPromise(shape(n, viaAsync(work))))
]

/** And through those that give it a signal. */
const signalled = (
  shape: Shape,
  work: (i: number, signal: AbortSignal) => Promise<number>
): ReadonlyArray<Contender> => [
  ...ours(({ run }, n) => {
    const op: Op<Loop> = fromAio_((i: number) => work(i, currentSignal()))
    return () => run(shape(n, op))
  }, "currentSignal()"),
  peer(
    "Effect.promise with signal",
    (n) => () => Effect.runPromise(shape(n, (i) => Effect.promise((signal) => work(i, signal)))),
    1 / 2
  ),
  peer(
    "Effect.tryPromise with signal",
    (n) => () =>
      Effect.runPromise(
        shape(n, (i) => Effect.tryPromise({ try: (signal) => work(i, signal), catch: (error) => error }))
      ),
    1 / 2
  )
]

const atOnce = async (i: number): Promise<number> => i
const atOnceWithSignal = async (i: number, signal: AbortSignal): Promise<number> =>
  signal.aborted ? fail("aborted") : i
const oneMicrotask = async (i: number): Promise<number> => {
  await undefined
  return i
}
const suspended = (i: number): Promise<number> => new Promise((resolve) => setImmediate(resolve, i))

export const fromAio: ReadonlyArray<Case> = [
  { name: "sequential", what: "async functions", n: 20_000, contenders: plain(sequence, atOnce) },
  {
    name: "with signal, sequential",
    what: "async functions that read their signal",
    n: 10_000,
    contenders: signalled(sequence, atOnceWithSignal)
  },
  {
    name: "suspended, sequential",
    what: "promises that setImmediate resolves",
    n: 10_000,
    contenders: plain(sequence, suspended)
  },
  {
    name: "1000 concurrent",
    what: "async functions",
    n: 10_000,
    contenders: plain(concurrent, oneMicrotask)
  },
  {
    name: "with signal, 1000 concurrent",
    what: "async functions that read their signal",
    n: 10_000,
    contenders: signalled(concurrent, atOnceWithSignal)
  }
]
