import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Context, Effect, Exit, Fiber, Layer, Stream } from "effect"
import {
  AioError,
  type EventLoop,
  fromAio,
  Loop,
  LoopClosedError,
  QueueFullError,
  runAioCoroutine
} from "../../../src/index.js"
import { scoped, settle } from "../../support/scopedLoops.js"

const double = fromAio(async (n: number) => n * 2)
const count = fromAio(async function* (to: number) {
  for (let n = 1; n <= to; n++) yield n
})
const boom = new Error("boom")

describe("Loop.binder", () => {
  it.effect("B1 takes the loop out of Effects, Streams and functions that give them", () =>
    Effect.gen(function* () {
      yield* scoped(
        Effect.gen(function* () {
          const bind = yield* Loop.binder
          const own = {
            times: 3,
            work: bind(
              fromAio(async function (this: { times: number }, n: number) {
                return this.times * n
              })
            )
          }
          const outside = Effect.all([
            bind(double)(21),
            bind(double(4)),
            bind(runAioCoroutine(async () => 5)),
            own.work(2),
            Stream.runCollect(bind(count)(3)).pipe(Effect.map(Chunk.toReadonlyArray)),
            Stream.runCollect(bind(count(2))).pipe(Effect.map(Chunk.toReadonlyArray)),
            bind(fromAio(async () => 8))()
          ])
          // Nothing of it needs the loop of a Context any more.
          const all = yield* Effect.mapInputContext(outside, (_: Context.Context<never>) => Context.empty())
          expect(all).toEqual([42, 8, 5, 6, [1, 2, 3], [1, 2], 8])
        })
      )
    })
  )

  it.effect("B1 leaves the work's own failures and defects as they are", () =>
    scoped(
      Effect.gen(function* () {
        const bind = yield* Loop.binder
        const failing = fromAio(async () => {
          throw boom
        })
        const error = yield* Effect.flip(bind(failing)())
        expect(error).toBeInstanceOf(AioError)
        expect((error as AioError).cause).toBe(boom)
        const died = yield* Effect.exit(bind(Effect.zipRight(Loop, Effect.die(boom))))
        expect(Exit.isFailure(died) && Cause.squash(died.cause)).toBe(boom)
        const stream = bind(
          fromAio(async function* () {
            yield 1
            throw boom
          })
        )
        const seen: Array<number> = []
        const end = yield* Effect.flip(Stream.runForEach(stream(), (n) => Effect.sync(() => seen.push(n))))
        expect([seen, end instanceof AioError && end.cause]).toEqual([[1], boom])
      })
    )
  )

  it.effect("C1 who waits for work that somebody else has cancelled is interrupted", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const bind = yield* Loop.binder
        for (const waiting of [
          bind(fromAio(() => loop.sleep(60_000))()),
          Stream.runDrain(
            bind(
              fromAio(async function* () {
                yield await loop.sleep(60_000, 1)
              })()
            )
          )
        ]) {
          const fiber = yield* Effect.fork(waiting)
          yield* settle
          for (const task of loop.allTasks()) task.cancel()
          const exit = yield* Fiber.await(fiber)
          expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
        }
      })
    )
  )

  it.effect("S1 a call whose loop is closing is interrupted; one on a closed loop is a defect", () =>
    Effect.gen(function* () {
      let bound: Effect.Effect<number, AioError> | undefined
      let late: Fiber.Fiber<number, AioError> | undefined
      yield* scoped(
        Effect.gen(function* () {
          const bind = yield* Loop.binder
          const loop = yield* Loop
          bound = bind(double(1))
          late = yield* Effect.forkDaemon(bind(fromAio(() => loop.sleep(60_000, 1)))())
          yield* settle
        })
      )
      const exit = yield* Fiber.await(late!)
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      const after = yield* Effect.exit(bound!)
      expect(Exit.isFailure(after) && Cause.squash(after.cause)).toBeInstanceOf(LoopClosedError)
      expect(Exit.isFailure(after) && Cause.isDie(after.cause)).toBe(true)
    })
  )

  it.effect("S4 a call whose loop crashes dies of that, with the crash as its cause", () =>
    Effect.gen(function* () {
      const fiber = yield* Effect.scoped(
        Effect.gen(function* () {
          const loop: EventLoop = yield* Loop.open({ exceptionHandler: () => {} })
          const bind = yield* Effect.provideService(Loop.binder, Loop, loop)
          const fiber = yield* Effect.forkDaemon(bind(fromAio(() => loop.sleep(60_000, 1)))())
          yield* settle
          loop._crashWith(boom, "a test")
          return fiber
        })
      )
      const exit = yield* Fiber.await(fiber)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({
        _tag: "LoopClosedError",
        cause: { _tag: "LoopCrash", cause: boom }
      })
    })
  )

  it.effect("L6 a full loop is a defect", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const bind = yield* Loop.binder
        loop.callSoon(() => {})
        const exit = yield* Effect.exit(bind(double(1)))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(QueueFullError)
      }),
      { queueLength: 1 }
    )
  )

  it.effect("B2 refuses what is no program, and what a function gives that is none", () =>
    scoped(
      Effect.gen(function* () {
        const bind = yield* Loop.binder
        expect(() => bind(7 as never)).toThrow(/the bind of Loop\.binder takes an Effect, .*, not 7/)
        expect(() => bind((async () => 1) as never)()).toThrow(
          /a bound function gives an Effect, .*, not <Promise>/
        )
      })
    )
  )

  it.effect("makes a Layer of a service that needs no loop", () =>
    Effect.gen(function* () {
      class Doubles extends Context.Tag("test/Doubles")<
        Doubles,
        { readonly of: (n: number) => Effect.Effect<number, AioError> }
      >() {}
      const layer = Layer.effect(
        Doubles,
        Effect.map(Loop.binder, (bind) => ({ of: bind(double) }))
      ).pipe(Layer.provide(Loop.layer()))
      const program = Effect.flatMap(Doubles, (doubles) => doubles.of(4))
      expect(yield* Effect.provide(program, layer)).toBe(8)
    })
  )
})
