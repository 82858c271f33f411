import * as Effect from "effect/Effect"
import { currentSignal, type EventLoop, fromAio as fromAio_, type Future, type Loop } from "effect-aio"
import { run as runOperation, until } from "effection"
import pLimit from "p-limit"
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

/** The same with Effection: `sequence`. */
const sequenceOperation = (n: number, work: (i: number) => Promise<number>): Promise<number> =>
  runOperation(function* () {
    let sum = 0
    for (let i = 0; i < n; i++) sum += yield* until(work(i))
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

/** What `fromAio` promises, by hand: interruption aborts the signal, and the fiber ends when the promise has. */
const waits = (work: (i: number, signal: AbortSignal) => Promise<number>) => (i: number) =>
  Effect.async<number, unknown>((resume) => {
    const controller = new AbortController()
    const ended = work(i, controller.signal).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => resume(Effect.fail(error))
    )
    return Effect.promise(() => {
      controller.abort()
      return ended
    })
  })

const tryPromise = (work: (i: number) => Promise<number>) => (i: number) =>
  Effect.tryPromise({ try: () => work(i), catch: (error) => error })

/** The same work through every door that gives it no signal. */
const plain = (shape: Shape, work: (i: number) => Promise<number>): ReadonlyArray<Contender> => [
  ...ours(({ run }, n) => {
    const op: Op<Loop> = fromAio_(work)
    return () => run(shape(n, op))
  }),
  peer("Effect.promise", (n) => () => Effect.runPromise(shape(n, (i) => Effect.promise(() => work(i))))),
  peer("Effect.tryPromise", (n) => () => Effect.runPromise(shape(n, tryPromise(work)))),
  peer("Effect.async", (n) => () => Effect.runPromise(shape(n, viaAsync(work)))),
  peer("by hand: Effect.async, aborts and waits", (n) => () => Effect.runPromise(shape(n, waits(work))))
]

/** And one at a time with Effection, which cancels nothing here and waits for nothing. */
const effection = (work: (i: number) => Promise<number>): Contender =>
  peer("Effection until", (n) => () => sequenceOperation(n, work))

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
  ),
  peer(
    "by hand: Effect.async, aborts and waits",
    (n) => () => Effect.runPromise(shape(n, waits(work))),
    1 / 2
  )
]

/** What is no promise: the library's ways to it, and an async function that gives the same. */
const settled = (ours: ReadonlyArray<Contender>): ReadonlyArray<Contender> => [
  ...ours,
  peer("Effect.tryPromise", (n) => () => Effect.runPromise(sequence(n, tryPromise(atOnce)))),
  peer("by hand: Effect.async, aborts and waits", (n) => () => Effect.runPromise(sequence(n, waits(atOnce))))
]

const atOnce = async (i: number): Promise<number> => i
const atOnceWithSignal = async (i: number, signal: AbortSignal): Promise<number> =>
  signal.aborted ? fail("aborted") : i
const oneMicrotask = async (i: number): Promise<number> => {
  await undefined
  return i
}
const suspended = (i: number): Promise<number> => new Promise((resolve) => setImmediate(resolve, i))

const ready = (loop: EventLoop, i: number): Future<number> => {
  const future = loop.createFuture<number>()
  future.setResult(i)
  return future
}

const limited = peer("p-limit (no fibers)", (n) => {
  const limit = pLimit(1000)
  return async () => {
    let sum = 0
    await Promise.all(
      Array.from({ length: n }, (_, i) => limit(oneMicrotask, i).then((value) => void (sum += value)))
    )
    return check(sum, n)
  }
})

export const fromAio: ReadonlyArray<Case> = [
  {
    name: "sequential",
    what: "async functions",
    n: 20_000,
    contenders: [...plain(sequence, atOnce), effection(atOnce)]
  },
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
    contenders: [...plain(sequence, suspended), effection(suspended)]
  },
  {
    name: "of a plain value",
    what: "functions that give a value",
    n: 20_000,
    contenders: settled(
      ours(({ run }, n) => {
        const op = fromAio_((i: number) => i)
        return () => run(sequence(n, op))
      })
    )
  },
  {
    name: "of a settled Future",
    what: "functions that give a settled Future",
    n: 20_000,
    contenders: settled([
      ...ours(({ loop, run }, n) => {
        const op = fromAio_((i: number) => ready(loop, i))
        return () => run(sequence(n, op))
      }),
      ...ours(
        ({ loop, run }, n) =>
          () =>
            run(sequence(n, (i) => fromAio_(ready(loop, i)))),
        "the Future itself"
      )
    ])
  },
  {
    name: "1000 concurrent",
    what: "async functions",
    n: 10_000,
    contenders: [...plain(concurrent, oneMicrotask), limited]
  },
  {
    name: "with signal, 1000 concurrent",
    what: "async functions that read their signal",
    n: 10_000,
    contenders: signalled(concurrent, atOnceWithSignal)
  }
]
