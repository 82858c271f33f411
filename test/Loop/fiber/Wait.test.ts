import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber } from "effect"
import { type Future, Loop, LoopClosedError, QueueFullError } from "../../../src/index.js"
import { awaitDone, awaitFuture, oncePassed, Waiting } from "../../../src/Loop/fiber/Wait.js"
import { isKept } from "../../support/layout.js"
import { scoped, settle } from "../../support/scopedLoops.js"

const defectsOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.defects(exit.cause)) : []

const failuresOf = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<unknown> =>
  Exit.isFailure(exit) ? Chunk.toArray(Cause.failures(exit.cause)) : []

describe("Waiting", () => {
  it.live("has the layout of the one that is kept", () =>
    scoped(Effect.map(Loop, (loop) => expect(isKept(new Waiting(loop, () => {}))).toBe(true)))
  )
})

describe("awaitFuture", () => {
  it.live("begins when it runs, and says what the end means when the Future is done", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const future = loop.createFuture<number>()
        const wait = awaitFuture(
          loop,
          () => {
            log.push("begins")
            return future
          },
          (done) => Effect.sync(() => log.push(`done: ${done.result()}`)),
          () => Effect.sync(() => log.push("interrupted"))
        )
        expect(log).toEqual([])
        const fiber = yield* Effect.fork(wait)
        yield* settle
        log.push("set")
        future.setResult(7)
        yield* Fiber.await(fiber)
        expect(log).toEqual(["begins", "set", "done: 7"])
      })
    )
  )

  it.live("a beginning that is refused is a failure, and one that goes wrong a defect", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const beginning = (error: Error) =>
          Effect.exit(
            awaitFuture(
              loop,
              (): Future<void> => {
                throw error
              },
              () => Effect.void,
              () => Effect.die("nothing has begun")
            )
          )
        const closed = new LoopClosedError("closed")
        const full = new QueueFullError(1)
        const wrong = new Error("wrong")
        expect(failuresOf(yield* beginning(closed))).toEqual([closed])
        expect(failuresOf(yield* beginning(full))).toEqual([full])
        expect(defectsOf(yield* beginning(wrong))).toEqual([wrong])
      })
    )
  )

  it.live("J1 J4 interrupted, it waits for what interruption is to do, whose failure joins the Cause", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const future = loop.createFuture<void>()
        const stopped = loop.createFuture<void>()
        const wait = awaitFuture(
          loop,
          () => future,
          () => Effect.sync(() => log.push("done")),
          (waited) => {
            log.push(waited === future ? "asked" : "asked for another")
            return Effect.zipRight(awaitDone(loop, stopped), Effect.die("late"))
          }
        )
        const fiber = yield* Effect.fork(Effect.onExit(wait, () => Effect.sync(() => log.push("ended"))))
        yield* settle
        yield* Effect.fork(Fiber.interrupt(fiber))
        yield* settle
        log.push("stopped")
        stopped.setResult(undefined)
        const exit = yield* Fiber.await(fiber)
        expect(log).toEqual(["asked", "stopped", "ended"])
        expect(Exit.isFailure(exit) && Cause.isInterrupted(exit.cause)).toBe(true)
        expect(defectsOf(exit)).toEqual(["late"])
        future.cancel()
      })
    )
  )

  it.live("an end that came before the interruption is not lost", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const future = loop.createFuture<void>()
        const wait = awaitFuture(
          loop,
          () => future,
          () => Effect.sync(() => log.push("done")),
          () => Effect.sync(() => log.push("interrupted"))
        )
        const fiber = yield* Effect.fork(wait)
        yield* settle
        // The loop's pass resumes the fiber; the interruption comes before the fiber has gone on.
        future.setResult(undefined)
        future.addDoneCallback(() => void Effect.runFork(Fiber.interruptFork(fiber)))
        const exit = yield* Fiber.await(fiber)
        expect(log).toEqual(["done"])
        expect(Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)).toBe(true)
      })
    )
  )
})

describe("awaitDone", () => {
  it.live("completes whatever the outcome, and interrupting it leaves the Future as it is", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const failing = loop.createFuture<void>()
        const cancelled = loop.createFuture<void>()
        loop.callSoon(() => failing.setException(new Error("not looked at here")))
        loop.callSoon(() => cancelled.cancel())
        yield* awaitDone(loop, failing)
        yield* awaitDone(loop, cancelled)
        expect(failing.exception()?.toString()).toContain("not looked at here")
        const pending = loop.createFuture<void>()
        const fiber = yield* Effect.fork(awaitDone(loop, pending))
        yield* settle
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fiber))).toBe(true)
        expect(pending.done()).toBe(false)
        pending.cancel()
      })
    )
  )

  it.live("L5 a fiber goes on in its own async-local state, not in that of whoever settles the Future", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const storage = new AsyncLocalStorage<string>()
        const future = loop.createFuture<void>()
        const seen: Array<string | undefined> = []
        const fiber = storage.run("the fiber's", () =>
          Effect.runFork(
            Effect.zipRight(
              awaitDone(loop, future),
              Effect.sync(() => seen.push(storage.getStore()))
            )
          )
        )
        yield* settle
        storage.run("another", () => loop.callSoon(() => future.setResult(undefined)))
        yield* Fiber.await(fiber)
        expect(seen).toEqual(["the fiber's"])
      })
    )
  )
})

describe("oncePassed", () => {
  it.live("L1 completes after the callbacks that were queued before it, and before what they queue", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        loop.callSoon(() => {
          log.push("first")
          loop.callSoon(() => log.push("queued by the first"))
        })
        loop.callSoon(() => log.push("second"))
        yield* oncePassed(loop)
        log.push("passed")
        yield* Loop.synchronize
        expect(log).toEqual(["first", "second", "passed", "queued by the first"])
      })
    )
  )
})
