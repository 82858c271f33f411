// J4 as a table: who has stopped waiting, what comes then, and what has become of the loop meanwhile.
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Scope, Stream } from "effect"
import { interruptFork, observe } from "../../src/effect.js"
import {
  acquireAio,
  AioError,
  allowAio,
  CancelledError,
  type EventLoop,
  fromAio,
  fromCallback,
  type Future,
  Loop,
  runAioCoroutine,
  runAioFuture,
  runEffect,
  shield,
  sleep,
  TaskGroup,
  TaskGroupError,
  timeout,
  toAio,
  waitFor
} from "../../src/index.js"
import { collecting, open, settle } from "../support/scopedLoops.js"

/** Foreign work, settled by hand. */
interface Source {
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

const source = (): Source => {
  let resolve = (_: unknown): void => {}
  let reject = (_: unknown): void => {}
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** Who waits: makes it stop, and what it was told. */
interface Waiter {
  readonly stop: () => void
  readonly heard: Array<unknown>
}

type Wait = (loop: EventLoop, source: Source) => Effect.Effect<Waiter, unknown, Loop | Scope.Scope>

/** An error of the program as it was thrown: groups and wrappers taken off. */
const thrown = (error: unknown): unknown =>
  error instanceof AioError
    ? thrown(error.cause)
    : error instanceof TaskGroupError
      ? thrown(error.errors[0])
      : error

/** Aio code that waits, and gives up when its Future is cancelled, or by itself. */
const aio =
  (start: (loop: EventLoop, source: Source) => Future<unknown>): Wait =>
  (loop, source) =>
    Effect.async((resume) => {
      loop.callSoon(() => {
        const heard: Array<unknown> = []
        const future = start(loop, source)
        const hear = (outcome: unknown): void => void heard.push(thrown(outcome))
        future.then(hear, hear)
        resume(Effect.succeed({ stop: () => void future.cancel("enough"), heard }))
      })
    })

/** A fiber that waits, and is interrupted, or gives up by itself. */
const fiber =
  (wait: (source: Source, loop: EventLoop) => Effect.Effect<unknown, unknown, Loop>): Wait =>
  (loop, source) =>
    Effect.map(Effect.forkDaemon(wait(source, loop)), (fiber) => {
      const heard: Array<unknown> = []
      observe(fiber, (exit) => {
        if (Exit.isSuccess(exit)) return void heard.push(exit.value)
        heard.push(...Chunk.toReadonlyArray(Cause.failures(exit.cause)).map(thrown))
      })
      return { stop: () => interruptFork(fiber), heard }
    })

/** An iterator that answers as the source does. `return` is for those that have one. */
const answering = (source: Source, more: object = {}): AsyncIterable<unknown> => ({
  [Symbol.asyncIterator]: () => ({
    next: () => source.promise.then((value) => ({ done: false, value })),
    ...more
  })
})

const drain = (stream: Stream.Stream<unknown, unknown, Loop>) => Stream.runDrain(stream)
const soon = fromAio(() => sleep(1))

/** They have stopped waiting before the outcome comes, or had to when their loop was closed. */
const leaves: ReadonlyArray<readonly [string, Wait]> = [
  ["wrapFuture", aio((loop, { promise }) => loop.wrapFuture(promise))],
  ["ensureFuture", aio((loop, { promise }) => loop.ensureFuture(promise))],
  ["waitFor that is cancelled", aio((_, { promise }) => waitFor(promise, 60_000))],
  ["waitFor whose time is up", aio((_, { promise }) => waitFor(promise, 1))],
  [
    "waitFor of a coroutine that waits for it",
    aio((loop, { promise }) => waitFor(async () => await loop.wrapFuture(promise), 1))
  ],
  ["timeout", aio((loop, { promise }) => timeout(1, async () => await loop.wrapFuture(promise)))],
  [
    "a member of a TaskGroup",
    aio((loop, { promise }) =>
      TaskGroup.run((group) => void group.createTask(async () => await loop.wrapFuture(promise)))
    )
  ],
  [
    "a TaskGroup that was cancelled as a success",
    aio((loop, { promise }) =>
      TaskGroup.run(async (group) => {
        group.createTask(async () => await loop.wrapFuture(promise))
        await sleep(1)
        group.cancel()
      })
    )
  ],
  ["shield of a promise", aio((_, { promise }) => shield(promise))],
  ["shield of a coroutine", aio((_, { promise }) => shield(async () => await promise))],
  [
    "shield of a generator",
    aio((loop, { promise }) =>
      shield(function* () {
        return yield* loop.wrapFuture(promise)
      })
    )
  ],
  ["waitFor of a shield", aio((_, { promise }) => waitFor(shield(promise), 1))],
  ["a task that awaits a shield", aio((loop, { promise }) => loop.createTask(() => shield(promise)))],
  ["a task", aio((loop, { promise }) => loop.createTask(async () => await loop.wrapFuture(promise)))],
  [
    "a generator",
    aio((loop, { promise }) =>
      loop.createTask(function* () {
        return yield* loop.wrapFuture(promise)
      })
    )
  ],
  ["runEffect", aio((_, { promise }) => runEffect(fromAio(async () => await promise)))],
  ["fromAio of a function", fiber(({ promise }) => fromAio(async () => await promise)())],
  [
    "fromAio of a function that wraps it",
    fiber(({ promise }, loop) => fromAio(() => loop.wrapFuture(promise))())
  ],
  [
    "fromAio that abandons",
    fiber(({ promise }) => fromAio(async () => await promise, { onInterrupt: "abandon" })())
  ],
  ["fromAio with a grace", fiber(({ promise }) => fromAio(async () => await promise, { grace: 1 })())],
  ["fromAio of a promise", fiber(({ promise }) => fromAio(promise))],
  [
    "fromAio of a promise that abandons",
    fiber(({ promise }) => fromAio(promise, { onInterrupt: "abandon" }))
  ],
  ["runAioFuture", fiber(({ promise }, loop) => runAioFuture(loop.wrapFuture(promise)))],
  [
    "runAioCoroutine of a generator",
    fiber(({ promise }, loop) =>
      runAioCoroutine(function* () {
        return yield* loop.wrapFuture(promise)
      })
    )
  ],
  ["Effect.race", fiber(({ promise }) => Effect.race(fromAio(async () => await promise)(), soon))],
  ["Effect.timeout", fiber(({ promise }) => Effect.timeoutOption(fromAio(async () => await promise)(), 1))],
  [
    "a Stream of an async generator",
    fiber(({ promise }) =>
      drain(
        fromAio(async function* () {
          yield await promise
        })()
      )
    )
  ],
  [
    "a Stream of an async generator that wraps it",
    fiber(({ promise }, loop) =>
      drain(
        fromAio(async function* () {
          yield await loop.wrapFuture(promise)
        })()
      )
    )
  ],
  ["a Stream of an iterator", fiber((source) => drain(fromAio(answering(source))))],
  [
    "a Stream of an iterator with return()",
    fiber((source) => drain(fromAio(answering(source, { return: async () => ({ done: true }) }))))
  ],
  [
    "a Stream that abandons its iterator",
    fiber((source) => drain(fromAio(answering(source), { onInterrupt: "abandon" })))
  ],
  [
    "a Stream that loses a race",
    fiber((source) => drain(Stream.interruptWhen(fromAio(answering(source)), soon)))
  ],
  [
    "acquireAio",
    fiber(({ promise }) =>
      Effect.scoped(acquireAio({ open: async () => await promise, close: () => Promise.resolve() }))
    )
  ],
  [
    "allowAio",
    fiber(({ promise }) =>
      allowAio(function* ($) {
        return yield* $(promise)
      })
    )
  ],
  [
    "fromCallback",
    fiber(({ promise }) =>
      fromCallback((callback: (error: unknown, value?: unknown) => void) => {
        promise.then((value) => callback(null, value), callback)
      })()
    )
  ]
]

/** They join what they have cancelled, so that it is their own outcome as long as the loop is open. */
const joins: ReadonlyArray<readonly [string, Wait]> = [
  ["a task at a foreign promise", aio((loop, { promise }) => loop.createTask(async () => await promise))],
  ["a task that returns it", aio((loop, { promise }) => loop.createTask(() => promise))],
  ["waitFor of a coroutine", aio((_, { promise }) => waitFor(async () => await promise, 1))],
  ["timeout at a foreign promise", aio((_, { promise }) => timeout(1, async () => await promise))],
  [
    "a TaskGroup at a foreign promise",
    aio((_, { promise }) => TaskGroup.run((group) => void group.createTask(async () => await promise)))
  ],
  [
    "a TaskGroup at a foreign promise that was cancelled as a success",
    aio((_, { promise }) =>
      TaskGroup.run(async (group) => {
        group.createTask(async () => await promise)
        await sleep(1)
        group.cancel()
      })
    )
  ]
]

/** A resource of Effect that arrives is released, whoever waits for it: only its failure may be late. */
const opens: Wait = (_, { promise }) =>
  Effect.map(
    toAio(
      Effect.acquireRelease(
        Effect.tryPromise({ try: () => promise, catch: (error) => error }),
        () => Effect.void
      )
    ),
    (open) => {
      const heard: Array<unknown> = []
      const future = open()
      const hear = (outcome: unknown): void => void heard.push(thrown(outcome))
      future.then(hear, hear)
      return { stop: () => void future.cancel("enough"), heard }
    }
  )

/** What has become of the loop when the outcome comes. */
const moments = ["is open", "was closed since", "was closed under it", "has given it up"] as const

type Outcome = "fails" | "succeeds" | "is cancelled"

const realTime = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 5)))
const aWhile = Effect.zipRight(Effect.zipRight(settle, realTime), settle)

/** Lets `wait` stop waiting, then the outcome come: what is told of it, by the loop and to the one who waited. */
const late = (wait: Wait, moment: (typeof moments)[number], outcome: Outcome) =>
  Effect.gen(function* () {
    const { exceptionHandler, reports } = collecting()
    const error = new Error("payment failed")
    const scope = yield* Scope.make()
    const loop = yield* open({ exceptionHandler, closeDeadline: 20 }).pipe(
      Effect.provideService(Scope.Scope, scope)
    )
    const made = source()
    const { heard, stop } = yield* wait(loop, made).pipe(
      Effect.provideService(Loop, loop),
      Effect.provideService(Scope.Scope, scope)
    )
    yield* aWhile
    if (moment === "is open" || moment === "was closed since") loop.callSoon(stop)
    yield* aWhile
    if (moment === "has given it up") yield* Scope.close(scope, Exit.void)
    else if (moment !== "is open") loop.close()
    yield* settle
    if (outcome === "fails") made.reject(error)
    else if (outcome === "succeeds") made.resolve("a value")
    else made.reject(new CancelledError("echo"))
    yield* aWhile
    const counted = loop.statistics().late
    yield* Scope.close(scope, Exit.void)
    yield* settle
    const told = reports.filter(({ kind }) => kind !== "leftover" && kind !== "slowJoin")
    return { counted, error, heard, told: told.map(({ exception, kind }) => [kind, exception]) }
  })

describe.each([...leaves, ...joins, ["toAio of a resource", opens] as const])(
  "J4 what %s waits for",
  (name, wait) => {
    it.live.each(moments)("is told of once, and counted, where the loop %s", (moment) =>
      Effect.gen(function* () {
        const [fails, succeeds, cancelled] = yield* Effect.all(
          [late(wait, moment, "fails"), late(wait, moment, "succeeds"), late(wait, moment, "is cancelled")],
          { concurrency: "unbounded" }
        )
        const joined = moment === "is open" && !leaves.some(([other]) => other === name)
        expect(fails.told).toEqual(joined ? [] : [["late", fails.error]])
        if (joined) expect(fails.heard).toEqual([fails.error])
        // Where an Effect was interrupted, it is in the Cause as well, which is what its Future fails with.
        else if (name !== "runEffect") expect(fails.heard).not.toContain(fails.error)
        expect([succeeds.told, succeeds.counted]).toEqual([[], wait === opens ? 0 : 1])
        expect(succeeds.heard).not.toContain("a value")
        expect([cancelled.told, cancelled.counted]).toEqual([[], 0])
      })
    )
  }
)
