import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, FiberRef, Layer, Option } from "effect"
import {
  currentFlavor,
  currentTask,
  type EventLoop,
  fromAio,
  getRunningLoop,
  Loop,
  LoopCrash,
  NoRunningLoopError,
  runEffect,
  type Task,
  toAio,
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

/** The name of the loop that each kind of code finds itself on, all started from the Effect that has `Loop`. */
const witnesses = Effect.gen(function* () {
  const loop = yield* Loop
  const seen: Array<readonly [what: string, name: string]> = []
  const see = (what: string, task: Task<unknown> | null | undefined = undefined): void => {
    const where = getRunningLoop().name
    seen.push([what, task === undefined || currentTask() === task ? where : `${where}, in another task`])
  }
  const seeEffect = (what: string) => Effect.map(Loop, ({ name }) => void seen.push([what, name]))
  const wrapped = yield* toAio((what: string) => seeEffect(what))
  yield* seeEffect("the Effect")
  yield* Effect.gen(function* () {
    yield* Effect.addFinalizer(() => Effect.orDie(seeEffect("finalizer")))
    yield* Effect.addFinalizer(() => Effect.orDie(fromAio(() => see("aio of a finalizer"))()))
  }).pipe(Effect.scoped)
  yield* fromAio(async () => {
    const self = currentTask()
    see("task", self)
    const all: Array<PromiseLike<unknown>> = []
    const seeAs = (what: string) => {
      const done = loop.createFuture<void>()
      all.push(done)
      return () => {
        see(what, null)
        done.setResult()
      }
    }
    loop.callSoon(seeAs("callback"))
    loop.callSoonThreadsafe(seeAs("threadsafe callback"))
    loop.callLater(1, seeAs("timer"))
    const future = loop.createFuture<void>()
    future.addDoneCallback(seeAs("done callback"))
    all.push(future.then(() => see("then", null)))
    all.push(future.finally(() => see("finally", null)))
    loop.callLater(1, () => future.setResult())
    all.push(
      loop.createTask(function* (task) {
        see("generator", task)
        yield* loop.sleep(1)
        see("generator after a yield", task)
      })
    )
    all.push(loop.createTask(() => loop.sleep(1)).then(() => see("then of a task", null)))
    await loop.sleep(0)
    if (loop.host.contexts.tracks) {
      see("task after an await", self)
      all.push(runEffect(seeEffect("runEffect")))
    }
    all.push(loop.effectAsFuture(seeEffect("effectAsFuture")), wrapped("toAio"))
    await Promise.all(all)
  })()
  return { name: loop.name, seen }
})

/** Names every witness that was on another loop. */
const expectOwn = ({ name, seen }: Effect.Effect.Success<typeof witnesses>, least = 17): void => {
  expect(seen.length).toBeGreaterThanOrEqual(least)
  expect(seen.filter(([, where]) => where !== name)).toEqual([])
}

describe("each kind of code finds its own loop", () => {
  it.live("L5 in two that are open in the same Scope, one after the other and at once", () =>
    Effect.gen(function* () {
      const a = yield* open({ name: "a" })
      const b = yield* open({ name: "b" })
      const on = (loop: EventLoop) => Effect.provideService(witnesses, Loop, loop)
      for (const loop of [a, b, a]) expectOwn(yield* on(loop))
      const all = yield* Effect.all([on(a), on(b), on(b), on(a)], { concurrency: "unbounded" })
      expect(all.map(({ name }) => name)).toEqual(["a", "b", "b", "a"])
      all.forEach((each) => expectOwn(each))
    }).pipe(Effect.scoped)
  )

  it.live(
    "L5 nested, three deep, with and without async-local state, before, inside and after the inner ones",
    () => {
      const nest = (depth: number): Effect.Effect<void, unknown> =>
        scoped(
          Effect.gen(function* () {
            expectOwn(yield* witnesses, 15)
            if (depth > 0) yield* Effect.all([nest(depth - 1), nest(depth - 1)], { concurrency: "unbounded" })
            expectOwn(yield* witnesses, 15)
          }),
          { asyncContext: depth % 2 === 0 }
        )
      return nest(3)
    }
  )

  it.live("L5 in fifty at once, every third without async-local state", () =>
    Effect.gen(function* () {
      const all = yield* Effect.forEach(
        Array.from({ length: 50 }, (_, i) => i),
        (i) => scoped(witnesses, { asyncContext: i % 3 !== 0 }),
        { concurrency: "unbounded" }
      )
      for (const each of all) expectOwn(each, 15)
      expect(new Set(all.map(({ name }) => name)).size).toBe(50)
    })
  )

  it.live(
    "L5 T1 opened by an Effect that aio code of another started, and where that code goes on after it",
    () =>
      scoped(
        Effect.gen(function* () {
          const outer = yield* Loop
          const seen = yield* fromAio(async () => {
            const self = currentTask()
            const inner = await runEffect(scoped(witnesses))
            return { inner, after: [getRunningLoop() === outer, currentTask() === self] }
          })()
          expectOwn(seen.inner)
          expect(seen.inner.name).not.toBe(outer.name)
          expect(seen.after).toEqual([true, true])
          expectOwn(yield* witnesses)
        })
      )
  )

  it.live(
    "L5 as Layers side by side: each service keeps the loop it was built on, and its finalizer runs there",
    () => {
      const log: Array<string> = []
      type Service = { readonly witnesses: Effect.Effect<Effect.Effect.Success<typeof witnesses>, unknown> }
      class A extends Context.Tag("A")<A, Service>() {}
      class B extends Context.Tag("B")<B, Service>() {}
      const make = Effect.gen(function* () {
        const loop = yield* Loop
        yield* Effect.addFinalizer(() =>
          fromAio(() => void log.push(`${loop.name} closes on ${getRunningLoop().name}`))().pipe(
            Effect.provideService(Loop, loop),
            Effect.orDie
          )
        )
        return { witnesses: Effect.provideService(witnesses, Loop, loop) }
      })
      const services = Layer.mergeAll(
        Layer.scoped(A, make).pipe(Layer.provide(layer({ name: "a" }))),
        Layer.scoped(B, make).pipe(Layer.provide(layer({ name: "b", asyncContext: false })))
      )
      return Effect.gen(function* () {
        const seen = yield* Effect.all([(yield* A).witnesses, (yield* B).witnesses], { concurrency: 2 })
        expect(seen.map(({ name }) => name)).toEqual(["a", "b"])
        for (const each of seen) expectOwn(each, 15)
      }).pipe(
        Effect.provide(services),
        Effect.ensuring(Effect.sync(() => expect(log.sort()).toEqual(["a closes on a", "b closes on b"])))
      )
    }
  )

  it.live(
    "L5 T6 a callback of A that code of B schedules runs on A, with the async-local state and the fiber of B",
    () =>
      Effect.gen(function* () {
        const a = yield* open({ name: "a" })
        const b = yield* open({ name: "b" })
        const storage = new AsyncLocalStorage<string>()
        const ref = FiberRef.unsafeMake("nobody")
        const seen = a.createFuture<ReadonlyArray<unknown>>()
        yield* fromAio(() =>
          storage.run("state of B", async () => {
            await b.sleep(1)
            a.callLater(1, async () => {
              const where = [getRunningLoop().name, currentTask(), storage.getStore()]
              const own = await runEffect(
                Effect.all([Effect.map(Loop, ({ name }) => name), FiberRef.get(ref)])
              )
              seen.setResult([...where, ...own, getRunningLoop().name])
            })
          })
        )().pipe(Effect.provideService(Loop, b), Effect.locally(ref, "fiber on B"))
        const outcome = yield* Effect.provideService(fromAio(seen), Loop, a)
        expect(outcome).toEqual(["a", null, "state of B", "a", "fiber on B", "a"])
      }).pipe(Effect.scoped)
  )

  it.live("L5 in callbacks that schedule each other back and forth, after their awaits too", () =>
    Effect.gen(function* () {
      const loops = [yield* open({ name: "a" }), yield* open({ name: "b" })] as const
      const log: Array<string> = []
      const over = loops[0].createFuture<void>()
      const hop = async (n: number): Promise<void> => {
        log.push(getRunningLoop().name)
        await null
        log.push(getRunningLoop().name)
        if (n === 0) over.setResult()
        else loops[n % 2 === 0 ? 0 : 1].callSoon(hop, n - 1)
      }
      // From a task: what nobody has called from a task is known as long as it is on the stack.
      loops[0].createTask(async () => {
        await loops[0].sleep(1)
        loops[0].callSoon(hop, 5)
      })
      yield* Effect.provideService(fromAio(over), Loop, loops[0])
      expect(log.join("")).toBe("aabbaabbaabb")
    }).pipe(Effect.scoped)
  )
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
