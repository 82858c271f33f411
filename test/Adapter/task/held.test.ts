import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, type Scope, Stream, TestClock } from "effect"
import {
  acquireAio,
  allowAio,
  CancelledError,
  fromAio,
  Loop,
  type LoopOptions,
  type Report,
  runAioFuture
} from "../../../src/index.js"
import { poll } from "../../../src/effect.js"
import { perLine } from "../../support/effect/line.js"
import { collecting, forever, scoped, settle } from "../../support/scopedLoops.js"

const bounds: LoopOptions = { slowJoin: "300 millis", closeDeadline: "1 second" }
const kindsOf = (reports: ReadonlyArray<Report>) => reports.map(({ kind }) => kind)
const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

/** A call of a library that takes no signal, and never answers. */
const flushing = fromAio(async function flush(): Promise<void> {
  await forever()
})

/** Runs an Effect that waits in a fiber of its own, and moves the clock until its bound has passed. */
const exitAfter = <A, E, R>(effect: Effect.Effect<A, E, R>, ...steps: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(Effect.exit(effect))
    for (const step of steps) {
      yield* settle
      expect(poll(fiber)).toBe(undefined)
      yield* TestClock.adjust(step)
    }
    return yield* Fiber.join(fiber)
  })

/** A finalizer of a Scope that closes as its program ends. */
const inFinalizer = (work: Effect.Effect<unknown, unknown, Loop | Scope.Scope>) =>
  Effect.scoped(Effect.addFinalizer(() => Effect.orDie(work)))

describe("a wait that cannot be interrupted", () => {
  it.effect(
    "J12 in a finalizer of an open loop it is named after slowJoin and given up after closeDeadline",
    () => {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      return scoped(
        Effect.gen(function* () {
          const program = Effect.gen(function* () {
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push("earlier finalizer")))
            yield* Effect.addFinalizer(() => Effect.orDie(flushing()))
            return yield* Effect.fail("its own")
          })
          const fiber = yield* Effect.fork(Effect.exit(Effect.scoped(program)))
          yield* settle
          yield* TestClock.adjust("300 millis")
          expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
            [
              "slowJoin",
              expect.stringMatching(/^a finalizer has waited 300ms for flush \(age 300ms, created at .*held/)
            ]
          ])
          expect(poll(fiber)).toBe(undefined)
          yield* TestClock.adjust("700 millis")
          const exit = yield* Fiber.join(fiber)
          expect(log).toEqual(["earlier finalizer"])
          const typed = Exit.isFailure(exit) ? Chunk.toArray(Cause.failures(exit.cause)) : []
          expect(typed).toEqual(perLine("E2", { 3: ["its own"], 4: [] }))
          const givenUp = expect.any(CancelledError) as unknown
          expect(defectsOf(exit)).toEqual(perLine("E2", { 3: [givenUp], 4: ["its own", givenUp] }))
          expect(kindsOf(reports)).toEqual(["slowJoin", "leftover"])
          expect(reports[1]?.message).toMatch(/^abandoned after a grace of 1000ms: flush .* in a finalizer/)
          // What is waited for no longer is told to end, and does not hold the closing.
          expect(reports[1]?.task?.cancelling()).toBe(1)
        }),
        { ...bounds, exceptionHandler }
      )
    }
  )

  it.effect("J12 its own grace bounds it, else that of the loop", () => {
    const { exceptionHandler, reports } = collecting()
    const own = fromAio(forever, { grace: 200 })
    return scoped(
      Effect.gen(function* () {
        expect(defectsOf(yield* exitAfter(inFinalizer(own()), 199, 1))).toEqual([expect.any(CancelledError)])
        expect(defectsOf(yield* exitAfter(inFinalizer(flushing()), 399, 1))).toEqual([
          expect.any(CancelledError)
        ])
        expect(kindsOf(reports)).toEqual(["leftover", "slowJoin", "leftover"])
      }),
      { ...bounds, grace: 400, exceptionHandler }
    )
  })

  it.effect("J12 also where the fiber was told to end, and no Scope closes", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.ensuring(Effect.never, Effect.orDie(flushing())))
        yield* settle
        const exit = yield* exitAfter(Fiber.interrupt(fiber), 999, 1)
        expect(Exit.isSuccess(exit) && defectsOf(exit.value)).toEqual([expect.any(CancelledError)])
        expect(kindsOf(reports)).toEqual(["slowJoin", "leftover"])
      }),
      { ...bounds, exceptionHandler }
    )
  })

  it.effect("J12 that of an acquire or of uninterruptible work is named, and goes on", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const slow = fromAio(async function connect() {
          await loop.sleep(5_000)
          return "connected"
        })
        const acquired = Effect.scoped(Effect.acquireRelease(slow(), () => Effect.void))
        expect(yield* exitAfter(acquired, 300, 700, 4_000)).toEqual(Exit.succeed("connected"))
        expect(yield* exitAfter(Effect.uninterruptible(slow()), 5_000)).toEqual(Exit.succeed("connected"))
        const text = /^a fiber that cannot be interrupted has waited 300ms for connect \(age 300ms/
        expect(reports.map(({ kind, message }) => [kind, message])).toEqual([
          ["slowJoin", expect.stringMatching(text)],
          ["slowJoin", expect.stringMatching(text)]
        ])
      }),
      { ...bounds, exceptionHandler }
    )
  })

  it.effect("J12 nothing is said of one that ends in time, nor of one that can be interrupted", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const soon = fromAio(() => loop.sleep(299))
        const late = fromAio(() => loop.sleep(5_000))
        expect(yield* exitAfter(inFinalizer(soon()), 299)).toEqual(Exit.void)
        expect(yield* exitAfter(late(), 5_000)).toEqual(Exit.void)
        expect(reports).toEqual([])
      }),
      { ...bounds, exceptionHandler }
    )
  })

  it.effect("J12 what was given up is cancelled, and told of once where it fails later", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    const log: Array<string> = []
    let fail = (): void => {}
    const work = fromAio(() => new Promise<void>((_, reject) => (fail = () => reject(boom))), {
      name: "work",
      cancel: () => void log.push("cancel")
    })
    return scoped(
      Effect.gen(function* () {
        yield* exitAfter(inFinalizer(work()), 1_000)
        expect(log).toEqual(["cancel"])
        fail()
        yield* settle
        expect(reports.map(({ exception, kind }) => [kind, exception])).toEqual([
          ["slowJoin", undefined],
          ["leftover", expect.any(CancelledError)],
          ["late", boom]
        ])
      }),
      { ...bounds, exceptionHandler }
    )
  })

  it.effect("J12 of every kind: a promise, a Future, a generator, a resource that opens, a Stream", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const items: AsyncIterable<number> = {
          [Symbol.asyncIterator]: () => ({ next: forever, return: forever })
        }
        const kinds = [
          fromAio(forever()),
          Effect.suspend(() => runAioFuture(loop.createFuture())),
          allowAio(function* ($) {
            yield* $(forever())
          }),
          acquireAio({ open: forever, close: () => {} }),
          Stream.runDrain(fromAio(items))
        ]
        for (const kind of kinds) {
          const exit = yield* exitAfter(inFinalizer(kind), 1_000)
          expect(defectsOf(exit)).toEqual([expect.any(CancelledError)])
          expect(kindsOf(reports.splice(0))).toEqual(["slowJoin", "leftover"])
        }
      }),
      { ...bounds, exceptionHandler }
    )
  })

  it.effect("J7 a resource that arrives when its opening was given up is closed", () => {
    const { exceptionHandler } = collecting()
    const log: Array<string> = []
    let give = (_: string): void => {}
    return scoped(
      Effect.gen(function* () {
        const arrives = new Promise<string>((resolve) => (give = resolve))
        const acquire = acquireAio({ open: () => arrives, close: (it) => log.push(`closed ${it}`) })
        yield* exitAfter(inFinalizer(acquire), 1_000)
        give("late one")
        yield* settle
        expect(log).toEqual(["closed late one"])
      }),
      { ...bounds, exceptionHandler }
    )
  })

  it.effect(
    "J12 a loop that closes does not wait for it again, and is the only one to bound what begins then",
    () => {
      const { exceptionHandler, reports } = collecting()
      return Effect.gen(function* () {
        yield* scoped(exitAfter(inFinalizer(flushing()), 1_000), { ...bounds, exceptionHandler })
        expect(kindsOf(reports.splice(0))).toEqual(["slowJoin", "leftover"])
        const stopped = Effect.ensuring(Effect.never, Effect.ignore(flushing()))
        const fiber = yield* Effect.fork(scoped(stopped, { ...bounds, exceptionHandler }))
        yield* settle
        yield* exitAfter(Fiber.interrupt(fiber), 1_000)
        expect(reports.map(({ kind, message }) => [kind, message.split("\n")[0]])).toEqual([
          ["slowJoin", expect.stringMatching(/^stopping the body of /)],
          [
            "leftover",
            expect.stringMatching(/^2 left over on \S+ at the deadline of 1000ms for stopping the body/)
          ]
        ])
      })
    }
  )
})
