import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber } from "effect"
import {
  AioError,
  CancelledError,
  causeOf,
  fromAio,
  type Future,
  InvalidStateError,
  isCancelledError,
  Loop,
  LoopClosedError,
  runAioCoroutine,
  runAioFuture,
  runEffect
} from "../../../src/index.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"
import { perLine } from "../../support/effect/line.js"

class Oops extends Error {
  readonly _tag = "Oops"
}

/** What becomes of a Future, without throwing. */
const outcome = (future: Future<unknown>): unknown => {
  if (!future.done()) return "pending"
  if (future.cancelled()) return "cancelled"
  const error = future.exception()
  return error === undefined ? { value: future.result() } : { error }
}

describe("the outcome table, aio to Effect", () => {
  it.live("J3 a value is success", () =>
    scoped(
      Effect.gen(function* () {
        const value = { here: true }
        expect(yield* fromAio(async () => value)()).toBe(value)
        expect(yield* fromAio(() => undefined)()).toBe(undefined)
      })
    )
  )

  it.live("J3 an error is a failure: AioError with the error itself as its cause", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Oops("boom")
        const failing = async (): Promise<number> => {
          throw boom
        }
        const error = yield* Effect.flip(fromAio(failing)())
        expect(error).toBeInstanceOf(AioError)
        expect(error).toMatchObject({ _tag: "AioError", task: "failing", message: "failing failed: boom" })
        expect(error.cause).toBe(boom)
      })
    )
  )

  it.live("J3 an error is a failure: what `catch` makes of it", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const get = fromAio({
          try: () => Promise.reject(boom),
          catch: (cause) => new Oops("mapped", { cause })
        })
        const error = yield* Effect.flip(get())
        expect(error).toBeInstanceOf(Oops)
        expect(error.cause).toBe(boom)
      })
    )
  )

  it.live("J3 cancelled because the fiber was interrupted is interruption, nothing else", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const fiber = yield* Effect.fork(fromAio(() => loop.createFuture())())
        yield* settle
        const exit = yield* Fiber.interrupt(fiber)
        expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      })
    )
  )

  it.live("J3 cancelled by anyone else is a failure, CancelledError", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const future = loop.createFuture<number>()
        loop.callSoon(() => future.cancel("by a third party"))
        const error = yield* Effect.flip(runAioFuture(future))
        expect(error).toBeInstanceOf(CancelledError)
        expect(error).toMatchObject({ reason: "by a third party" })
      })
    )
  )

  it.live(
    "J3 a CancelledError that was set as an error is cancellation too, and does not go to `catch`",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const cancelled = new CancelledError("as an error")
          const future = loop.createFuture<number>()
          future.setException(cancelled)
          expect(yield* Effect.flip(runAioFuture(future))).toBe(cancelled)
          const mapped: Array<unknown> = []
          const throwing = fromAio({
            try: async () => {
              throw cancelled
            },
            catch: (error) => void mapped.push(error)
          })
          expect(yield* Effect.flip(throwing())).toBe(cancelled)
          expect(mapped).toEqual([])
        })
      )
  )

  it.live("J3 an error of any type is carried as it is", () =>
    scoped(
      Effect.gen(function* () {
        const circular = new Error("outer")
        circular.cause = circular
        const nasty = new Proxy(
          {},
          {
            get() {
              throw new Error("do not look")
            }
          }
        )
        for (const thrown of [undefined, null, "text", 0, Object.freeze(new Error("ice")), circular, nasty]) {
          const error = yield* Effect.flip(fromAio(() => Promise.reject(thrown))())
          expect(error).toBeInstanceOf(AioError)
          expect(error.cause === thrown).toBe(true)
        }
      })
    )
  )

  it.live("a `catch` that throws is a defect", () =>
    scoped(
      Effect.gen(function* () {
        const bug = new Error("bug in catch")
        const get = fromAio({
          try: () => Promise.reject(new Error("boom")),
          catch: () => {
            throw bug
          }
        })
        const exit = yield* Effect.exit(get())
        expect(Exit.isFailure(exit) && Chunk.toArray(Cause.defects(exit.cause))).toEqual([bug])
      })
    )
  )

  it.live("`catch` is Effect code: it is called in the fiber", () =>
    scoped(
      Effect.gen(function* () {
        let inFiber: boolean | undefined
        const get = fromAio({
          try: () => Promise.reject(new Error("boom")),
          catch: () => {
            inFiber = Fiber.getCurrentFiber()._tag === "Some"
            return new Oops("mapped")
          }
        })
        yield* Effect.flip(get())
        expect(inFiber).toBe(true)
      })
    )
  )
})

describe("the outcome table, Effect to aio", () => {
  /** Runs an effect as a Future and waits until that is done. */
  const settled = <A, E>(effect: Effect.Effect<A, E>, before?: (future: Future<A>) => void) =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const future = loop.effectAsFuture(effect)
      future.addDoneCallback(() => {})
      yield* settle
      before?.(future)
      yield* settle
      return future
    })

  it.live("J3 success is the value", () =>
    scoped(
      Effect.gen(function* () {
        expect(outcome(yield* settled(Effect.succeed(42)))).toEqual({ value: 42 })
        expect(outcome(yield* settled(Effect.as(Effect.yieldNow(), 43)))).toEqual({ value: 43 })
      })
    )
  )

  it.live("J3 a failure is the same object, whatever it is", () =>
    scoped(
      Effect.gen(function* () {
        for (const failure of [new Oops("e"), Object.freeze(new Error("ice")), "text", 7, null]) {
          const future = yield* settled(Effect.fail(failure))
          expect(future.cancelled()).toBe(false)
          expect(future.exception()).toBe(failure)
          expect(causeOf(failure)).toBe(undefined)
        }
      })
    )
  )

  it.live("J3 an undefined failure is a failure", () =>
    scoped(
      Effect.gen(function* () {
        const future = yield* settled(Effect.fail(undefined))
        let thrown: unknown = "nothing"
        try {
          future.result()
        } catch (error) {
          thrown = error
        }
        expect(thrown).toBe(undefined)
      })
    )
  )

  it.live("J3 interruption only is cancelled, and carries the message of cancel", () =>
    scoped(
      Effect.gen(function* () {
        const future = yield* settled(Effect.never, (f) => void f.cancel("enough"))
        expect(outcome(future)).toBe("cancelled")
        let thrown: unknown
        try {
          future.result()
        } catch (error) {
          thrown = error
        }
        expect(isCancelledError(thrown)).toBe(true)
        expect(thrown).toMatchObject({ reason: "enough" })
      })
    )
  )

  it.live("J3 a defect is that error, with the whole Cause attached", () =>
    scoped(
      Effect.gen(function* () {
        const bug = new Error("bug")
        const future = yield* settled(Effect.die(bug))
        expect(future.exception()).toBe(bug)
        expect(Chunk.toArray(Cause.defects(causeOf(bug) ?? Cause.empty))).toEqual([bug])
      })
    )
  )

  it.live("J3 a mixed cause is the squashed error, with the whole Cause attached", () =>
    scoped(
      Effect.gen(function* () {
        const first = new Oops("first")
        const second = new Oops("second")
        const bug = new Error("finalizer")
        const both = yield* settled(Effect.failCause(Cause.parallel(Cause.fail(first), Cause.fail(second))))
        expect(both.exception()).toBe(first)
        expect(Chunk.toArray(Cause.failures(causeOf(first) as Cause.Cause<unknown>))).toEqual([first, second])

        const third = new Oops("third")
        const cleanup = yield* settled(Effect.ensuring(Effect.fail(third), Effect.die(bug)))
        expect(cleanup.exception()).toBe(third)
        expect(Chunk.toArray(Cause.defects(causeOf(third) as Cause.Cause<unknown>))).toEqual(
          perLine("E2", { 3: [bug], 4: [third, bug] })
        )
      })
    )
  )

  it.live("J3 a failure while being interrupted is that error, and the Cause tells of the interruption", () =>
    scoped(
      Effect.gen(function* () {
        const oops = new Oops("while interrupted")
        const future = yield* settled(
          Effect.uninterruptibleMask((restore) =>
            Effect.catchAllCause(restore(Effect.never), (cause) =>
              Effect.failCause(Cause.sequential(cause, Cause.fail(oops)))
            )
          ),
          (f) => void f.cancel()
        )
        expect(outcome(future)).toEqual({ error: oops })
        expect(Cause.isInterrupted(causeOf(oops) as Cause.Cause<unknown>)).toBe(true)
      })
    )
  )

  it.live("J3 a primitive defect has no Cause to attach it to, and still arrives", () =>
    scoped(
      Effect.gen(function* () {
        const future = yield* settled(Effect.die("text"))
        expect(outcome(future)).toEqual({ error: "text" })
        expect(causeOf("text")).toBe(undefined)
      })
    )
  )

  it.live("an outcome that program code set before does not change", () =>
    scoped(
      Effect.gen(function* () {
        const future = yield* settled(Effect.never as Effect.Effect<number>, (f) => f.setResult(1))
        expect(outcome(future)).toEqual({ value: 1 })
        expect(() => future.setResult(2)).toThrow(InvalidStateError)
      })
    )
  )
})

describe("identity", () => {
  it.live("J8 an error that crosses and comes back is the same object, through many layers", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const boom = new Oops("boom")
        let inner: Effect.Effect<number, unknown, Loop> = fromAio(async (): Promise<number> => {
          throw boom
        })()
        for (let i = 0; i < 5; i++) {
          const below = inner
          inner = fromAio(async () => await loop.effectAsFuture(Effect.provideService(below, Loop, loop)))()
        }
        const error = yield* Effect.flip(inner)
        expect((error as AioError).cause).toBe(boom)
      })
    )
  )

  it.live("J8 a frozen error, a string and undefined keep their identity both ways", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (const thrown of [Object.freeze(new Error("ice")), "text", undefined]) {
          const there = fromAio((): Promise<number> => Promise.reject(thrown))()
          const caught = yield* runAioCoroutine(async () => {
            try {
              return await loop.effectAsFuture(Effect.provideService(there, Loop, loop))
            } catch (error) {
              return { error }
            }
          })
          expect(caught).toEqual({ error: thrown })
          expect((caught as { error: unknown }).error).toBe(thrown)
        }
      })
    )
  )

  it.live("J8 cancellation by others crosses both borders as the same CancelledError", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const future = loop.createFuture<number>()
        loop.callSoon(() => future.cancel("third party"))
        const seen: Array<unknown> = []
        const error = yield* Effect.flip(
          runAioCoroutine(async () => {
            try {
              return await loop.effectAsFuture(Effect.provideService(runAioFuture(future), Loop, loop))
            } catch (error) {
              seen.push(error)
              throw error
            }
          })
        )
        expect(seen).toHaveLength(1)
        expect(seen[0]).toMatchObject({ _tag: "CancelledError", reason: "third party" })
        expect(error).toBe(seen[0])
      })
    )
  )

  it.live("an abandoned failure is not wrapped either", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const gate = loop.createFuture<void>()
        const work = fromAio(
          async () => {
            await Promise.resolve(gate).catch(() => {})
            throw boom
          },
          { onInterrupt: "abandon" }
        )
        const fiber = yield* Effect.fork(work())
        yield* settle
        yield* Fiber.interrupt(fiber)
        yield* settle
        expect(reports.map((r) => [r.kind, r.exception])).toEqual([["late", boom]])
      }),
      { exceptionHandler }
    )
  })
})

describe("several errors at once", () => {
  it.live("J4 an error of the program goes before what only says that the loop was closed", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const oops = new Oops()
        const future = loop.effectAsFuture(
          Effect.ensuring(Effect.die(new LoopClosedError("closing")), Effect.die(oops))
        )
        yield* settle
        expect(future.exception()).toBe(oops)
      })
    )
  )

  it.live(
    "J8 what is attached to an error stays when it crosses the border again, beside something new",
    () =>
      scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const [first, second, third] = [new Oops(), new Oops(), new Oops()]
          const inner = Effect.ensuring(Effect.fail(first), Effect.die(second))
          const outer = Effect.ensuring(fromAio(() => runEffect(inner))(), Effect.die(third))
          const future = loop.effectAsFuture(outer)
          yield* settle
          expect(future.exception()).toBe(first)
          const cause = causeOf(first) as Cause.Cause<unknown>
          expect(Chunk.toArray(Cause.defects(cause))).toEqual(
            perLine("E2", { 3: [second, third], 4: [first, second, third] })
          )
        })
      )
  )
})
