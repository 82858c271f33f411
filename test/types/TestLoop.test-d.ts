import { Effect, type Exit, type Layer, type Scope } from "effect"
import { describe, expectTypeOf, it } from "vitest"
import { TestLoop } from "effect-aio/testing"
import { type Future, Loop, type LoopCrash, type LoopOptions, type SignalError } from "../../src/index.js"

declare const runner: TestLoop.EffectRunner
declare const other: Effect.Effect<void, never, "other">

describe("TestLoop.aio", () => {
  const test = TestLoop.aio(runner)

  it("gives a test a loop, a Scope and the runner's signal", () => {
    test("a", () => Loop)
    test("b", ({ signal }) => Effect.addFinalizer(() => Effect.sync(() => signal.throwIfAborted())))
    test("c", () => Effect.void, { timeout: 1, name: "mine", expectClean: false })
  })

  it("takes nothing that asks for more, or is no Effect", () => {
    // @ts-expect-error nobody provides that
    test("a", () => other)
    // @ts-expect-error a promise is wrapped with fromAio
    test("b", async () => {})
  })
})

describe("TestLoop", () => {
  it("a layer gives a Loop and cannot fail", () => {
    expectTypeOf(TestLoop.layer()).toEqualTypeOf<Layer.Layer<Loop>>()
    expectTypeOf<TestLoop.TestLoopOptions>().toExtend<LoopOptions>()
    // @ts-expect-error timers are followed, or not
    TestLoop.layer({ timers: "setTimeout" })
  })

  it("settling and advancing need the loop, and say nothing", () => {
    expectTypeOf(TestLoop.settle).toEqualTypeOf<Effect.Effect<void, never, Loop>>()
    expectTypeOf(TestLoop.advance("1 second")).toEqualTypeOf<Effect.Effect<void, never, Loop>>()
  })

  it("autojump keeps what its Effect is, needs the loop, and comes last as well", () => {
    const effect = Effect.fail("no" as const)
    type Jumping = Effect.Effect<never, "no", Loop>
    expectTypeOf(TestLoop.autojump(effect)).toEqualTypeOf<Jumping>()
    expectTypeOf(TestLoop.autojump(effect, { threshold: 1, heldAtMost: "1 second" })).toEqualTypeOf<Jumping>()
    expectTypeOf(effect.pipe(TestLoop.autojump({}))).toEqualTypeOf<Jumping>()
    TestLoop.layer({ autojump: true })
    TestLoop.layer({ autojump: { heldAtMost: Infinity } })
    // @ts-expect-error a threshold has its name
    TestLoop.layer({ autojump: "1 second" })
    // @ts-expect-error that is an Effect or options
    TestLoop.autojump(1)
  })

  it("a main ends with the Exit of its program, and fails as what happens during it", () => {
    const program = Effect.as(Loop, 7)
    type End = TestLoop.MainEnd<number, never>
    expectTypeOf(TestLoop.main(program)).toEqualTypeOf<Effect.Effect<End>>()
    expectTypeOf<NonNullable<End["exit"]>>().toEqualTypeOf<Exit.Exit<number, LoopCrash>>()
    const signalled = TestLoop.main(program, { during: TestLoop.signal("SIGTERM"), closeDeadline: 1 })
    expectTypeOf(signalled).toEqualTypeOf<Effect.Effect<End, SignalError>>()
    // @ts-expect-error nobody provides that
    TestLoop.main(other)
    // @ts-expect-error that is a signal of a process
    TestLoop.main(program, { dumpOn: "SIGUSR2" })
  })

  it("what is left is a failure with a row for each", () => {
    expectTypeOf(TestLoop.expectClean).toEqualTypeOf<Effect.Effect<void, TestLoop.NotCleanError, Loop>>()
    expectTypeOf<TestLoop.NotCleanError["leftovers"]>().toEqualTypeOf<ReadonlyArray<TestLoop.Leftover>>()
  })
})

describe("TestLoop.explore", () => {
  interface Database {
    readonly _: unique symbol
  }
  type Failures = TestLoop.ScheduleError | TestLoop.NonDeterminismError

  it("gives the program its loop and its Scope, and leaves what else it needs", () => {
    const program = null! as Effect.Effect<string, Error, Loop | Scope.Scope | Database>
    expectTypeOf(TestLoop.explore(program)).toEqualTypeOf<
      Effect.Effect<TestLoop.Exploration, Failures, Database>
    >()
    expectTypeOf(TestLoop.explore(Effect.void, { seeds: [1, 2], order: "any", cancels: 2 })).toEqualTypeOf<
      Effect.Effect<TestLoop.Exploration, Failures>
    >()
  })

  it("what it reports can be given to it", () => {
    const failed = null! as TestLoop.ScheduleError
    TestLoop.explore(Effect.void, { schedule: failed.schedule })
    if (failed.seed !== undefined) TestLoop.explore(Effect.void, { seeds: [failed.seed] })
  })

  it("takes no promise, and no order that there is not", () => {
    // @ts-expect-error a promise is wrapped with fromAio
    TestLoop.explore(Promise.resolve())
    // @ts-expect-error there is no such order
    TestLoop.explore(Effect.void, { order: "lifo" })
  })

  it("an answer is a Future of the value, or of what the function gives", () => {
    expectTypeOf(TestLoop.answer(1)).toEqualTypeOf<Future<number>>()
    expectTypeOf(TestLoop.answer(() => "row", { name: "row" })).toEqualTypeOf<Future<string>>()
  })
})
