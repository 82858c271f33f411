import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer, Option } from "effect"
import {
  currentFlavor,
  type EventLoop,
  fromAio,
  getRunningLoop,
  Loop,
  LoopCrash,
  NoRunningLoopError,
  runEffect,
  WrongLoopError
} from "../../src/index.js"
import { capturing, collecting, layer, open, scoped, settle } from "../support/scopedLoops.js"

/** The loop that aio code finds itself on. */
const seenInside = fromAio(async () => {
  const first = getRunningLoop()
  await first.sleep(1)
  expect(getRunningLoop()).toBe(first)
  return first
})

describe("several loops", () => {
  it.live("in parallel fibers: each sees its own, they differ, and outside there is none (bridge-054)", () =>
    Effect.gen(function* () {
      const one = scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          expect(yield* seenInside).toBe(loop)
          return loop
        })
      )
      const [a, b] = yield* Effect.all([one, one], { concurrency: 2 })
      expect(a).not.toBe(b)
      expect(a?.name).not.toBe(b?.name)
      expect(() => getRunningLoop()).toThrow(NoRunningLoopError)
      expect(Option.isNone(Context.getOption(yield* Effect.context<never>(), Loop))).toBe(true)
    })
  )

  it.live(
    "nested: the inner Scope sees the inner loop, and the outer one again after it (bridge-054, L5)",
    () =>
      scoped(
        Effect.gen(function* () {
          const outer = yield* Loop
          yield* scoped(
            Effect.gen(function* () {
              const inner = yield* Loop
              expect(inner).not.toBe(outer)
              expect(yield* seenInside).toBe(inner)
            })
          )
          expect(yield* Loop).toBe(outer)
          expect(yield* seenInside).toBe(outer)
        })
      )
  )

  it.live("are independent: closing or crashing one leaves the other alone (L5)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      yield* scoped(
        Effect.gen(function* () {
          const outer = yield* Loop
          const ticking = outer.createTask(async () => {
            for (let i = 0; i < 5; i++) await outer.sleep(1)
            return "outer task"
          })
          yield* scoped(
            Effect.map(Loop, (inner) => {
              inner.createTask(() => inner.sleep(1e6))
            })
          )
          const crashed = yield* scoped(
            Effect.flatMap(Loop, (inner) => {
              inner.callSoon(() => {
                throw new Error("inner")
              })
              return Effect.never
            }),
            {
              exceptionHandler: (loop, report) => (reports.push(report), loop.defaultExceptionHandler(report))
            }
          ).pipe(Effect.provide(capturing().layer), Effect.flip)
          expect(crashed).toBeInstanceOf(LoopCrash)
          expect(outer.isRunning()).toBe(true)
          expect(yield* Effect.promise(() => Promise.resolve(ticking))).toBe("outer task")
        }),
        { exceptionHandler }
      )
      expect(reports).toHaveLength(1)
    })
  )

  it.live("schedule on each other: a callback of A that code of B schedules runs on A (L5)", () =>
    scoped(
      Effect.gen(function* () {
        const a = yield* Loop
        const log: Array<string> = []
        const name = (loop: EventLoop) => (loop === a ? "a" : "b")
        yield* scoped(
          Effect.gen(function* () {
            const b = yield* Loop
            yield* fromAio(async () => {
              a.callSoon(() => void log.push(`callback of A: ${name(getRunningLoop())}`))
              await b.sleep(1)
              log.push(`after an await on B: ${name(getRunningLoop())}`)
              const task = a.createTask(async () => {
                await a.sleep(1)
                return `task of A: ${name(getRunningLoop())}`
              })
              log.push(await b.wrapFuture(task))
              log.push(`still on B: ${name(getRunningLoop())}`)
            })()
          })
        )
        expect(log).toEqual(["callback of A: a", "after an await on B: b", "task of A: a", "still on B: b"])
      })
    )
  )

  it.live("do not take each other's Futures without wrapFuture (L5, B1)", () =>
    scoped(
      Effect.gen(function* () {
        const a = yield* Loop
        const future = a.createFuture<void>()
        const error = yield* scoped(fromAio(async () => await future)()).pipe(Effect.flip)
        expect((error as { cause?: unknown }).cause).toBeInstanceOf(WrongLoopError)
      })
    )
  )

  it.live("keep their Effects apart: a fiber started on B has B in its Context, on A has A (L5, T6)", () =>
    scoped(
      Effect.gen(function* () {
        const a = yield* Loop
        const inner = yield* scoped(
          Effect.gen(function* () {
            const b = yield* Loop
            const seen = yield* fromAio(async () => [
              (await runEffect(Loop as never as Effect.Effect<EventLoop>)) === b,
              (await b.wrapFuture(a.effectAsFuture(Loop as never as Effect.Effect<EventLoop>))) === a
            ])()
            return seen
          })
        )
        expect(inner).toEqual([true, true])
      })
    )
  )

  it.live("close while fibers of another use them: cleanup on both runs (S1, L5)", () =>
    scoped(
      Effect.gen(function* () {
        const a = yield* Loop
        const log: Array<string> = []
        yield* scoped(
          Effect.gen(function* () {
            const b = yield* Loop
            b.createTask(async () => {
              try {
                await b.sleep(1e6)
              } finally {
                await b.wrapFuture(a.createTask(async () => void (await a.sleep(1), log.push("on A"))))
                await b.sleep(1)
                log.push("on B")
              }
            })
            yield* Loop.synchronize
          })
        )
        expect(log).toEqual(["on A", "on B"])
        expect(a.isRunning()).toBe(true)
      })
    )
  )

  it.live("a fiber of A inside of B may clean up on both while both close (S1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const ready = yield* Deferred.make<void>()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const a = yield* Loop
          yield* scoped(
            Effect.gen(function* () {
              const b = yield* Loop
              const cleanOn = (loop: EventLoop, name: string) =>
                fromAio(() => loop.sleep(1))().pipe(
                  Effect.provideService(Loop, loop),
                  Effect.match({
                    onSuccess: () => log.push(name),
                    onFailure: (e) => log.push(`${name}: ${e.name}`)
                  })
                )
              yield* fromAio(async () => {
                a.runEffectTask(
                  Effect.zipRight(Deferred.succeed(ready, undefined), Effect.never).pipe(
                    Effect.ensuring(cleanOn(a, "A"))
                  )
                )
                b.runEffectTask(Effect.ensuring(Effect.never, cleanOn(b, "B")))
              })()
              yield* Effect.never
            })
          )
        })
      ).pipe(Effect.fork)
      yield* Deferred.await(ready)
      yield* settle
      yield* Fiber.interrupt(fiber)
      expect(log).toEqual(["B", "A"])
    })
  )

  it.live("and none are told apart by where code runs (L5)", () =>
    scoped(
      Effect.gen(function* () {
        const flavors = [currentFlavor(), yield* fromAio(() => currentFlavor())()]
        yield* Effect.sync(() => flavors.push(currentFlavor()))
        expect(flavors).toEqual(["effect", "aio", "effect"])
      })
    )
  )
})

describe("a loop that was opened elsewhere", () => {
  it.live("in the test itself works (bridge-047)", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const loop = yield* open()
        yield* Effect.provideService(fromAio(() => loop.sleep(0))(), Loop, loop)
      })
    )
  )

  it.live("in a layer works, also in one that another layer builds on (bridge-047)", () => {
    class Database extends Context.Tag("Database")<Database, { readonly query: Effect.Effect<number> }>() {}
    const database = Layer.scoped(
      Database,
      Effect.gen(function* () {
        const loop = yield* Loop
        yield* fromAio(() => loop.sleep(0))()
        yield* Effect.addFinalizer(() =>
          Effect.orDie(Effect.provideService(fromAio(() => loop.sleep(0))(), Loop, loop))
        )
        return {
          query: fromAio(async () => {
            await loop.sleep(0)
            return 42
          })().pipe(Effect.provideService(Loop, loop), Effect.orDie)
        }
      })
    )
    return Effect.gen(function* () {
      const { query } = yield* Database
      expect(yield* query).toBe(42)
    }).pipe(Effect.provide(database), Effect.provide(layer()))
  })

  it.layer(Loop.layer())("in a layer of the whole block", (it) => {
    it.effect("works in each of its tests (bridge-047)", () =>
      Effect.gen(function* () {
        const loop = yield* Loop
        yield* fromAio(() => loop.sleep(0))()
      })
    )
  })

  it.live("keeps async-local state of the program apart between loops (L5)", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string>()
      const read = (value: string) =>
        scoped(
          Effect.flatMap(Loop, (loop) =>
            fromAio(() =>
              storage.run(value, async () => {
                await loop.sleep(1)
                return storage.getStore()
              })
            )()
          )
        )
      const seen = yield* Effect.all([read("a"), read("b"), read("c")], { concurrency: 3 })
      expect(seen).toEqual(["a", "b", "c"])
      expect(storage.getStore()).toBeUndefined()
    })
  )
})
