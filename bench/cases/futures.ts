import Bluebird from "bluebird"
import { type Operation, run as runOperation, withResolvers } from "effection"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import { defaultScheduler } from "effect/Scheduler"
import type { EventLoop, Future } from "effect-aio"
import { ours } from "../loops.js"
import { type Case, fail, peer, python } from "../case.js"

/** A promise that can be settled from outside, as a Future can. */
class Pending<A> {
  declare resolve: (value: A) => void
  readonly promise = new Promise<A>((resolve) => void (this.resolve = resolve))
}

/** The same of Bluebird. */
class BluebirdPending<A> {
  declare resolve: (value: A) => void
  readonly promise = new Bluebird<A>((resolve) => void (this.resolve = resolve))
}

const deferred = <A>(): Deferred.Deferred<A> => Deferred.unsafeMake(FiberId.none)
const settle = <A>(of: Deferred.Deferred<A>, value: A): void => Deferred.unsafeDone(of, Effect.succeed(value))

/** n if every one of 0..n-1 has arrived. */
const countOf = (sum: number, n: number): number =>
  sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)

/** Awaits one value after the other, each made by `next`. */
const sequence = async (n: number, next: (i: number) => PromiseLike<number>): Promise<number> => {
  let sum = 0
  for (let i = 0; i < n; i++) sum += await next(i)
  return countOf(sum, n)
}

const sequenceEffect = (n: number, next: (i: number) => Effect.Effect<number>): Promise<number> =>
  Effect.runPromise(
    Effect.gen(function* () {
      let sum = 0
      for (let i = 0; i < n; i++) sum += yield* next(i)
      return countOf(sum, n)
    })
  )

const sequenceOperation = (n: number, next: (i: number) => Operation<number>): Promise<number> =>
  runOperation(function* () {
    let sum = 0
    for (let i = 0; i < n; i++) sum += yield* next(i)
    return countOf(sum, n)
  })

/** A Future that a callback of the loop will settle. */
const soon = (loop: EventLoop, i: number): Future<number> => {
  const future = loop.createFuture<number>()
  loop.callSoon(() => future.setResult(i))
  return future
}

const ready = (loop: EventLoop, i: number): Future<number> => {
  const future = loop.createFuture<number>()
  future.setResult(i)
  return future
}

/** Runs an async function as a task, and answers with its result. */
const task = (loop: EventLoop, body: () => Promise<number>): PromiseLike<number> => loop.createTask(body)

export const futures: ReadonlyArray<Case> = [
  {
    name: "callback",
    what: "made, given a callback, settled, called back",
    n: 100_000,
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            new Promise((resolve) => {
              let count = 0
              const callback = (future: Future<number>): void => {
                if (future.result() === 1 && ++count === n) resolve(count)
              }
              for (let i = 0; i < n; i++) {
                const future = loop.createFuture<number>()
                future.addDoneCallback(callback)
                future.setResult(1)
              }
            })
      ),
      peer(
        "promise",
        (n) => () =>
          new Promise((resolve) => {
            let count = 0
            const callback = (value: number): void => {
              if (value === 1 && ++count === n) resolve(count)
            }
            for (let i = 0; i < n; i++) {
              const pending = new Pending<number>()
              void pending.promise.then(callback)
              pending.resolve(1)
            }
          })
      ),
      peer(
        "Bluebird",
        (n) => () =>
          new Promise((resolve) => {
            let count = 0
            const callback = (value: number): void => {
              if (value === 1 && ++count === n) resolve(count)
            }
            for (let i = 0; i < n; i++) {
              const pending = new BluebirdPending<number>()
              void pending.promise.then(callback)
              pending.resolve(1)
            }
          })
      ),
      peer(
        "Effect Deferred, a fiber each",
        (n) => () =>
          new Promise((resolve) => {
            let count = 0
            const callback = (value: number): void => {
              if (value === 1 && ++count === n) resolve(count)
            }
            for (let i = 0; i < n; i++) {
              const one = deferred<number>()
              Effect.runFork(Effect.map(Deferred.await(one), callback))
              settle(one, 1)
            }
          }),
        1 / 20
      )
    ],
    programs: python("future_callback")
  },
  {
    name: "await pending",
    what: "awaits, each settled by a scheduled callback",
    n: 30_000,
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            task(loop, () => sequence(n, (i) => soon(loop, i))) as Promise<number>
      ),
      ...ours(
        ({ loop }, n) =>
          () =>
            loop.createTask(function* () {
              let sum = 0
              for (let i = 0; i < n; i++) sum += yield* soon(loop, i)
              return countOf(sum, n)
            }) as unknown as Promise<number>,
        "generator"
      ),
      peer(
        "promise, queueMicrotask",
        (n) => () =>
          sequence(n, (i) => {
            const pending = new Pending<number>()
            queueMicrotask(() => pending.resolve(i))
            return pending.promise
          })
      ),
      peer(
        "promise, setImmediate",
        (n) => () =>
          sequence(n, (i) => {
            const pending = new Pending<number>()
            setImmediate(() => pending.resolve(i))
            return pending.promise
          })
      ),
      peer(
        "Bluebird, setImmediate",
        (n) => () =>
          sequence(n, (i) => {
            const pending = new BluebirdPending<number>()
            setImmediate(() => pending.resolve(i))
            return pending.promise
          })
      ),
      peer(
        "Effection withResolvers, setImmediate",
        (n) => () =>
          sequenceOperation(n, (i) => {
            const pending = withResolvers<number>()
            setImmediate(() => pending.resolve(i))
            return pending.operation
          })
      ),
      peer(
        "Effect Deferred, Effect's scheduler",
        (n) => () =>
          sequenceEffect(n, (i) => {
            const one = deferred<number>()
            defaultScheduler.scheduleTask(() => settle(one, i), 0)
            return Deferred.await(one)
          }),
        1 / 10
      )
    ],
    programs: python("future_await_pending")
  },
  {
    name: "await ready",
    what: "awaits of what is settled",
    n: 100_000,
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            task(loop, () => sequence(n, (i) => ready(loop, i))) as Promise<number>
      ),
      peer(
        "promise",
        (n) => () =>
          sequence(n, (i) => {
            const pending = new Pending<number>()
            pending.resolve(i)
            return pending.promise
          })
      ),
      peer(
        "Bluebird",
        (n) => () =>
          sequence(n, (i) => {
            const pending = new BluebirdPending<number>()
            pending.resolve(i)
            return pending.promise
          })
      ),
      peer(
        "Effection withResolvers",
        (n) => () =>
          sequenceOperation(n, (i) => {
            const pending = withResolvers<number>()
            pending.resolve(i)
            return pending.operation
          })
      ),
      peer(
        "Effect Deferred",
        (n) => () =>
          sequenceEffect(n, (i) => {
            const one = deferred<number>()
            settle(one, i)
            return Deferred.await(one)
          }),
        1 / 10
      )
    ],
    programs: python("future_await_ready")
  },
  {
    name: "link chain",
    what: "links, each settles the next",
    n: 50_000,
    programs: python("future_chain"),
    contenders: [
      ...ours(({ loop }, n) => async () => {
        const first = loop.createFuture<number>()
        let last = first
        for (let i = 0; i < n; i++) {
          const next = loop.createFuture<number>()
          last.addDoneCallback((future) => next.setResult(future.result() + 1))
          last = next
        }
        first.setResult(0)
        return await last
      }),
      ...ours(
        ({ loop }, n) =>
          async () => {
            const first = loop.createFuture<number>()
            let last = first
            for (let i = 0; i < n; i++) last = last.then((value) => value + 1)
            first.setResult(0)
            return await last
          },
        "then"
      ),
      peer("promise", (n) => async () => {
        const first = new Pending<number>()
        let last = first
        for (let i = 0; i < n; i++) {
          const next = new Pending<number>()
          void last.promise.then((value) => next.resolve(value + 1))
          last = next
        }
        first.resolve(0)
        return await last.promise
      }),
      peer("promise, then", (n) => async () => {
        const first = new Pending<number>()
        let last = first.promise
        for (let i = 0; i < n; i++) last = last.then((value) => value + 1)
        first.resolve(0)
        return await last
      }),
      peer(
        "Effect Deferred, a fiber each",
        (n) => async () => {
          const first = deferred<number>()
          let last = first
          for (let i = 0; i < n; i++) {
            const next = deferred<number>()
            Effect.runFork(Effect.map(Deferred.await(last), (value) => settle(next, value + 1)))
            last = next
          }
          settle(first, 0)
          return Effect.runPromise(Deferred.await(last))
        },
        // Effect 4 settles them inside each other: at a thousand its stack is full.
        1 / 200
      )
    ]
  }
]
