// A loop of a Layer, whose program is told to stop by whoever runs it. Its fiber is real; time is the TestClock's.
import { it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, TestClock } from "effect"
import { describe, expect } from "vitest"
import { interruptFork, poll } from "../../../src/effect.js"
import { fromAio, Loop, type LoopOptions } from "../../../src/index.js"
import { collecting, forever, settle } from "../../support/scopedLoops.js"

const stuck = fromAio(async function flush(): Promise<void> {
  await forever()
})

const optionsOf = () => {
  const { exceptionHandler, reports } = collecting()
  const options: LoopOptions = {
    name: "of-layer",
    closeDeadline: "300 millis",
    slowJoin: Infinity,
    exceptionHandler
  }
  const said = () => reports.map(({ kind, message }) => `${kind}: ${message.split(" (age")[0]}`)
  return { options, said }
}

/** Starts a program with a loop that a Layer opens, in a fiber of its own. */
const started = <E>(program: Effect.Effect<unknown, E, Loop>, layer: Layer.Layer<Loop>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.forkDaemon(Effect.provide(program, layer))
    yield* settle
    return fiber
  })

/** In real time, which is when a fiber that was told to stop is looked at. */
const looked = Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 250)))

const ended = (fiber: Parameters<typeof poll>[0]) => poll(fiber) !== undefined

const abandoned = "leftover: abandoned 300ms after its program was told to stop: flush"

describe("a program with a loop of a Layer, told to stop", () => {
  it.effect("S2 ends when closeDeadline has passed, though it joins what does not settle", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      const fiber = yield* started(stuck(), Loop.layer(options))
      interruptFork(fiber)
      yield* settle
      yield* TestClock.adjust(299)
      yield* settle
      expect(ended(fiber)).toBe(false)
      yield* TestClock.adjust(1)
      const exit = yield* Fiber.await(fiber)
      expect(Exit.isFailure(exit)).toBe(true)
      expect(said()).toEqual([abandoned])
    })
  )

  it.effect("S2 has its deadline for a join that began before it was told, and for all of its fibers", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      const timed = Effect.timeoutOption(stuck(), 10)
      const fiber = yield* started(
        Effect.all([timed, stuck()], { concurrency: "unbounded" }),
        Loop.layer(options)
      )
      yield* TestClock.adjust("1 hour")
      yield* settle
      expect(ended(fiber)).toBe(false)
      interruptFork(fiber)
      yield* looked
      yield* TestClock.adjust(299)
      expect(said()).toEqual([])
      yield* TestClock.adjust(1)
      yield* Fiber.await(fiber)
      expect(said()).toEqual([abandoned, abandoned])
    })
  )

  it.effect("S2 closes the loop within the same deadline", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      const log: Array<string> = []
      const program = Effect.gen(function* () {
        const loop = yield* Loop
        loop.createTask(forever, { name: "background" })
        yield* Effect.ensuring(
          stuck(),
          Effect.sync(() => log.push(`finalizer at ${loop.time()}`))
        )
      })
      const fiber = yield* started(program, Loop.layer(options))
      interruptFork(fiber)
      yield* settle
      yield* TestClock.adjust(300)
      yield* Fiber.await(fiber)
      expect(log).toEqual(["finalizer at 300"])
      expect(said()).toEqual([
        abandoned,
        expect.stringMatching(/^leftover: 1 left over on of-layer at the deadline of 300ms[^]*background/)
      ])
    })
  )

  it.effect("J12 is freed from a wait that cannot be interrupted", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      const fiber = yield* started(Effect.uninterruptible(stuck()), Loop.layer(options))
      yield* TestClock.adjust("1 hour")
      expect(ended(fiber)).toBe(false)
      interruptFork(fiber)
      yield* looked
      yield* TestClock.adjust(300)
      yield* Fiber.await(fiber)
      expect(said()).toEqual([abandoned])
    })
  )

  it.effect("S2 leaves the time of a program that nobody has told to it", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      const timed = Effect.timeoutOption(stuck(), 10)
      const fiber = yield* started(timed, Loop.layer({ ...options, closeDeadline: "10 seconds" }))
      yield* looked
      yield* TestClock.adjust("1 hour")
      yield* looked
      expect([ended(fiber), said()]).toEqual([false, []])
      interruptFork(fiber)
      yield* looked
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.await(fiber)
    })
  )

  it.effect("S2 waits for as long as it takes where closeDeadline is infinite", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      let settleIt = (): void => {}
      const late = fromAio(() => new Promise<void>((resolve) => (settleIt = resolve)))
      const fiber = yield* started(late(), Loop.layer({ ...options, closeDeadline: Infinity }))
      interruptFork(fiber)
      yield* settle
      yield* TestClock.adjust("1 day")
      expect(ended(fiber)).toBe(false)
      settleIt()
      yield* Fiber.await(fiber)
      expect(said()).toEqual([])
    })
  )
})

describe("a loop whose opener has ended", () => {
  class Other extends Context.Tag("test/Other")<Other, number>() {}
  const beside = (layer: Layer.Layer<Loop>) => Layer.merge(layer, Layer.effect(Other, Effect.succeed(1)))

  it.effect("J5 gives every join its closeDeadline, because nobody can know when the program is told", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      const fiber = yield* started(stuck(), beside(Loop.layer(options)))
      yield* TestClock.adjust("1 hour")
      expect(ended(fiber)).toBe(false)
      interruptFork(fiber)
      yield* settle
      yield* TestClock.adjust(299)
      expect(said()).toEqual([])
      yield* TestClock.adjust(1)
      yield* Fiber.await(fiber)
      expect(said()).toEqual(["leftover: abandoned after a closeDeadline of 300ms: flush"])
    })
  )

  it.effect("J12 leaves work that nobody has told to end its time", () =>
    Effect.gen(function* () {
      const { options, said } = optionsOf()
      let settleIt = (): void => {}
      const late = fromAio(() => new Promise<void>((resolve) => (settleIt = resolve)))
      const fiber = yield* started(Effect.uninterruptible(late()), beside(Loop.layer(options)))
      yield* TestClock.adjust("1 hour")
      yield* looked
      expect([ended(fiber), said()]).toEqual([false, []])
      settleIt()
      expect(Exit.isSuccess(yield* Fiber.await(fiber))).toBe(true)
    })
  )
})
