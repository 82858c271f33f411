/** Loops that meet: Futures of one on the other, one that closes or crashes beside others, and loops of both kinds. */
import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, FiberRef, Scope } from "effect"
import fc from "fast-check"
import {
  CancelledError,
  currentTask,
  type EventLoop,
  fromAio,
  getRunningLoop,
  Loop,
  LoopClosedError,
  LoopCrash,
  runAioFuture,
  runEffect,
  type Task,
  toAio,
  WrongLoopError
} from "../../src/index.js"
import { capturing, collecting, forever, open, scoped, settle } from "../support/scopedLoops.js"

/** What a coroutine throws when it has been cancelled or its loop closed, by tag. */
const tagOf = (error: unknown): string => (error as { _tag?: string })._tag ?? String(error)

/** The loop that code finds itself on, by name. */
const here = (): string => {
  try {
    return getRunningLoop().name
  } catch (error) {
    return tagOf(error)
  }
}

/** A wait for a Future from Effect, on the Future's own loop. */
const outcome = <A>(loop: EventLoop, future: PromiseLike<A>) =>
  Effect.promise(() =>
    Promise.resolve(loop.wrapFuture(future)).then(
      (value) => value as unknown,
      (error: unknown) => tagOf(error)
    )
  )

describe("Futures across loops", () => {
  it.live(
    "B1 awaited, yielded or returned in a task of another loop they are refused, and stay as they were",
    () =>
      Effect.gen(function* () {
        const a = yield* open()
        const b = yield* open()
        const future = a.createFuture<number>()
        const tasks = [
          b.createTask(async () => await future),
          b.createTask(function* () {
            return yield* future
          }),
          b.createTask(() => future)
        ]
        for (const task of tasks) expect(yield* outcome(b, task)).toBe("WrongLoopError")
        const refused = yield* Effect.exit(runAioFuture(future).pipe(Effect.provideService(Loop, b)))
        expect(Exit.isFailure(refused) && Cause.squash(refused.cause)).toBeInstanceOf(WrongLoopError)
        expect(future.done()).toBe(false)
        future.setResult(1)
        expect(yield* runAioFuture(future).pipe(Effect.provideService(Loop, a))).toBe(1)
      }).pipe(Effect.scoped)
  )

  it.live(
    "L5 wrapFuture: cancelling the wrapper cancels the foreign task, and its cancel reaches the wrapper",
    () =>
      Effect.gen(function* () {
        const a = yield* open()
        const b = yield* open()
        const log: Array<string> = []
        const onA = a.createTask(async () => {
          await a
            .sleep(1e6)
            .catch((error: unknown) => log.push(`A ${tagOf(error)} ${(error as Error).message}`))
        })
        const onB = b.createTask(async () => {
          await b.wrapFuture(onA).catch((error: unknown) => log.push(`B ${tagOf(error)}`))
        })
        yield* settle
        onB.cancel("from B")
        yield* outcome(a, onA)
        yield* outcome(b, onB)
        // The wrapper is done at once; the foreign task takes its time.
        expect(log.sort()).toEqual(["A CancelledError from B", "B CancelledError"])

        const other = a.createTask(() => a.sleep(1e6))
        const waiter = b.createTask(async () => await b.wrapFuture(other))
        yield* settle
        other.cancel("by its own loop")
        expect(yield* outcome(b, waiter)).toBe("CancelledError")
        expect(waiter.cancelled()).toBe(true)
      }).pipe(Effect.scoped)
  )

  it.live(
    "L5 a wrapper of a Future whose loop has closed fails with LoopClosedError, and takes what was there",
    () =>
      Effect.gen(function* () {
        const scope = yield* Scope.make()
        const a = yield* Scope.extend(open(), scope)
        const b = yield* open()
        const pending = a.createFuture<number>()
        const done = a.createFuture<number>()
        done.setResult(1)
        const early = b.wrapFuture(pending)
        yield* Scope.close(scope, Exit.void)
        expect(yield* outcome(b, early)).toBe("LoopClosedError")
        expect(yield* outcome(b, b.wrapFuture(pending))).toBe("LoopClosedError")
        expect(yield* outcome(b, b.wrapFuture(done))).toBe(1)
      }).pipe(Effect.scoped)
  )

  it.live("L5 a Future that settles after the loop of its wrapper has closed is nobody's error", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const a = yield* open({ exceptionHandler })
      const scope = yield* Scope.make()
      const b = yield* Scope.extend(open({ exceptionHandler }), scope)
      const future = a.createFuture<number>()
      const wrapper = b.wrapFuture(future)
      yield* Scope.close(scope, Exit.void)
      expect(wrapper.done()).toBe(false)
      future.setResult(1)
      yield* settle
      expect(wrapper.done()).toBe(true)
      expect(reports).toEqual([])
    }).pipe(Effect.scoped)
  )

  it.live(
    "L5 (property) any chain of tasks across three loops gives its value, or its cancel, to both ends",
    () =>
      Effect.gen(function* () {
        const loops = [yield* open(), yield* open({ asyncContext: false }), yield* open()] as const
        const chain = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 8 })
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(chain, fc.option(fc.nat(7)), async (path, cancelAt) => {
              const tasks: Array<Task<number>> = []
              for (const at of path) {
                const loop = loops[at] as EventLoop
                const before = tasks.at(-1)
                tasks.push(
                  loop.createTask(async (task) => {
                    if (before === undefined)
                      return await task.link(loop.sleep(cancelAt === null ? 0 : 1e6, 0))
                    // Without async-local state a task has to be told what it awaits.
                    const wrapped = loop.wrapFuture(before)
                    await task.link(wrapped)
                    return wrapped.result() + 1
                  })
                )
              }
              const last = tasks.at(-1) as Task<number>
              const ended = Promise.allSettled(
                tasks.map((task) => new Promise((done) => task.addDoneCallback(done)))
              )
              if (cancelAt !== null) {
                await Effect.runPromise(settle)
                ;(tasks[cancelAt % tasks.length] as Task<number>).cancel()
                // What nobody waits for any longer has been told to stop; what only waits for it hears of that.
              }
              await ended
              if (cancelAt === null) expect(last.result()).toBe(path.length - 1)
              else expect(tasks.every((task) => task.cancelled())).toBe(true)
              for (const loop of loops) expect(loop.allTasks().size).toBe(0)
            }),
            { numRuns: 60 }
          )
        )
      }).pipe(Effect.scoped)
  )
})

describe("one loop that ends beside others", () => {
  /** How a loop may end, around a body that never does. */
  const endings: Record<string, (ready: Deferred.Deferred<EventLoop>) => Effect.Effect<unknown, unknown>> = {
    closes: (ready) => scoped(Effect.flatMap(Loop, (loop) => Deferred.succeed(ready, loop))),
    crashes: (ready) =>
      scoped(
        Effect.flatMap(Loop, (loop) => {
          loop.callSoon(() => {
            throw new Error("boom")
          })
          return Effect.zipRight(Deferred.succeed(ready, loop), Effect.never)
        })
      ).pipe(Effect.provide(capturing().layer), Effect.exit),
    "is interrupted": (ready) =>
      scoped(
        Effect.flatMap(Loop, (loop) => Effect.zipRight(Deferred.succeed(ready, loop), Effect.never))
      ).pipe(Effect.raceFirst(Effect.zipRight(Deferred.await(ready), settle)), Effect.asVoid),
    "passes its deadline": (ready) =>
      scoped(
        Effect.flatMap(Loop, (loop) => {
          loop.createTask(forever, { name: "stuck" })
          return Effect.zipRight(Loop.synchronize, Deferred.succeed(ready, loop))
        }),
        { closeDeadline: 10, exceptionHandler: collecting().exceptionHandler }
      )
  }
  for (const [how, ending] of Object.entries(endings)) {
    it.live(`L5 S1 that ${how}: tasks, timers, fibers and storages of its neighbours go on`, () =>
      Effect.gen(function* () {
        const { exceptionHandler, reports } = collecting()
        const storage = new AsyncLocalStorage<string>()
        const log: Array<string> = []
        const neighbours = [
          yield* open({ exceptionHandler, name: "tracking" }),
          yield* open({ exceptionHandler, name: "plain", asyncContext: false })
        ]
        const gates = neighbours.map((loop) => {
          const gate = loop.createFuture<void>()
          loop.createTask((task) =>
            storage.run(loop.name, async () => {
              await task.link(gate)
              log.push(`${storage.getStore()} task`)
            })
          )
          loop.runEffectTask(
            Effect.map(runAioFuture(gate), () => log.push(`${loop.name} fiber`)).pipe(
              Effect.provideService(Loop, loop),
              Effect.orDie
            )
          )
          storage.run(loop.name, () =>
            loop.callLater(60_000, () => {
              throw new Error("it fires in an hour")
            })
          )
          return gate
        })
        const ready = yield* Deferred.make<EventLoop>()
        yield* settle
        yield* ending(ready)
        expect((yield* Deferred.await(ready)).isClosed()).toBe(true)
        for (const loop of neighbours) {
          expect(loop.statistics()).toMatchObject({ state: "running", tasks: 1, effects: 1, timers: 1 })
        }
        for (const gate of gates) gate.setResult()
        yield* settle
        expect(log.sort()).toEqual(["plain fiber", "plain task", "tracking fiber", "tracking task"])
        // The running task is still known: the store was not disabled under it.
        const [tracking] = neighbours as [EventLoop, EventLoop]
        const known = tracking.createTask(async (self) => {
          await null
          return currentTask() === self
        })
        expect(yield* outcome(tracking, known)).toBe(true)
        expect(reports).toEqual([])
      }).pipe(Effect.scoped)
    )
  }

  it.live("S1 the inner closes while a task of the outer waits for it: that task hears of the cancel", () =>
    scoped(
      Effect.gen(function* () {
        const outer = yield* Loop
        const waiting = yield* scoped(
          Effect.gen(function* () {
            const inner = yield* Loop
            const work = inner.createTask(() => inner.sleep(1e6))
            const waiting = outer.createTask(async () => await outer.wrapFuture(work))
            yield* settle
            return waiting
          })
        )
        expect(yield* outcome(outer, waiting)).toBe("CancelledError")
        expect(outer.isRunning()).toBe(true)
      })
    )
  )

  it.live("S2 the inner gives a stuck task up: the outer that waits for it gets LoopClosedError", () =>
    scoped(
      Effect.gen(function* () {
        const outer = yield* Loop
        const waiting = yield* scoped(
          Effect.gen(function* () {
            const inner = yield* Loop
            const work = inner.createTask(forever)
            const waiting = outer.createTask(async () => await outer.wrapFuture(work))
            yield* settle
            return waiting
          }),
          { closeDeadline: 10, exceptionHandler: collecting().exceptionHandler }
        )
        expect(yield* outcome(outer, waiting)).toBe("LoopClosedError")
      })
    )
  )

  it.live(
    "S1 the outer closes while a task of the inner waits for it: the inner goes on, and closes after it",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const outerScope = yield* Scope.make()
        const outer = yield* Scope.extend(open(), outerScope)
        yield* scoped(
          Effect.gen(function* () {
            const inner = yield* Loop
            const waiting = inner.createTask(async () => {
              await inner
                .wrapFuture(outer.createTask(() => outer.sleep(1e6)))
                .catch((error: unknown) => log.push(`inner hears ${tagOf(error)}`))
              await inner.sleep(1)
              log.push(`inner goes on, outer closed ${outer.isClosed()}`)
            })
            yield* settle
            yield* Scope.close(outerScope, Exit.void)
            yield* outcome(inner, waiting)
          })
        )
        expect(log).toEqual(["inner hears CancelledError", "inner goes on, outer closed true"])
      })
  )

  it.live(
    "S1 C1 two that wait for each other's tasks both close, whichever is first, and when one crashes",
    () =>
      Effect.gen(function* () {
        for (const how of ["first", "second", "crash"] as const) {
          const scopes = [yield* Scope.make(), yield* Scope.make()] as const
          const a = yield* Scope.extend(open(), scopes[0])
          const b = yield* Scope.extend(open(), scopes[1])
          const gate = a.createFuture<{ readonly other: PromiseLike<unknown> }>()
          const onA: Task<unknown> = a.createTask(async () => await a.wrapFuture((await gate).other))
          const onB = b.createTask(async () => await b.wrapFuture(onA))
          gate.setResult({ other: onB })
          yield* settle
          if (how === "crash") {
            a.setExceptionHandler((loop, report) => loop.defaultExceptionHandler(report))
            a.callSoon(() => {
              throw new Error("boom")
            })
          }
          const order = how === "second" ? [scopes[1], scopes[0]] : scopes
          for (const scope of order) yield* Scope.close(scope, Exit.void)
          expect([a.isClosed(), b.isClosed(), onA.done(), onB.done()]).toEqual([true, true, true, true])
        }
      }).pipe(Effect.provide(capturing().layer))
  )

  it.live("C1 a crash of the inner interrupts the body of the inner alone; its LoopCrash names it", () =>
    scoped(
      Effect.gen(function* () {
        const outer = yield* Loop
        const failed = yield* scoped(
          Effect.flatMap(Loop, (inner) =>
            Effect.zipRight(
              fromAio(async () => {
                inner.callSoon(() => {
                  throw new Error("boom")
                })
              })(),
              Effect.never
            )
          ),
          { name: "inner" }
        ).pipe(Effect.provide(capturing().layer), Effect.flip)
        expect(failed).toBeInstanceOf(LoopCrash)
        expect((failed as LoopCrash).message).toMatch(/^loop inner crashed: /)
        expect(outer.statistics().state).toBe("running")
        yield* fromAio(() => outer.sleep(0))()
      }),
      { name: "outer" }
    )
  )

  it.live("S4 a fiber of one loop may close the other; its own code goes on", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const a = yield* open({ name: "a" })
      const scope = yield* Scope.make()
      const b = yield* Scope.extend(open({ name: "b" }), scope)
      b.createTask(() => b.sleep(1e6).finally(() => log.push("task of b cancelled")))
      yield* settle
      yield* fromAio(async () => {
        await runEffect(Scope.close(scope, Exit.void))
        log.push(`${here()}: b closed ${b.isClosed()}`)
        expect(() => b.callSoon(() => {})).toThrow(LoopClosedError)
      })().pipe(Effect.provideService(Loop, a))
      expect(log).toEqual(["task of b cancelled", "a: b closed true"])
    }).pipe(Effect.scoped)
  )
})

describe("loops with and without async-local state, side by side", () => {
  const both = Effect.all([open({ name: "tracking" }), open({ name: "plain", asyncContext: false })] as const)

  it.live(
    "L5 a task of the plain one, woken by a task of the other, awaits its own Futures after its first await",
    () =>
      Effect.gen(function* () {
        const [tracking, plain] = yield* both
        const task = tracking.createTask(async () => {
          await tracking.sleep(1)
          const inner = plain.createTask(
            async () => {
              const seen = [here(), currentTask()?.getName()]
              await plain.sleep(1)
              seen.push(here(), currentTask()?.getName())
              await plain.sleep(1)
              return seen
            },
            { name: "inner" }
          )
          return await tracking.wrapFuture(inner)
        })
        expect(yield* outcome(tracking, task)).toEqual(["plain", "inner", "NoRunningLoopError", undefined])
      }).pipe(Effect.scoped)
  )

  it.live(
    "L5 a callback of the plain one is not the task of the other that scheduled it, not even after an await",
    () =>
      Effect.gen(function* () {
        const [tracking, plain] = yield* both
        const seen = plain.createFuture<Array<unknown>>()
        const task: Task<Array<unknown>> = tracking.createTask(async () => {
          await tracking.sleep(1)
          plain.callSoon(async () => {
            const now = [here(), currentTask()]
            await null
            seen.setResult([...now, here(), currentTask()])
          })
          await tracking.wrapFuture(seen)
          return [here(), currentTask() === task]
        })
        expect(yield* outcome(tracking, task)).toEqual(["tracking", true])
        expect(seen.result()).toEqual(["plain", null, "NoRunningLoopError", null])
      }).pipe(Effect.scoped)
  )

  it.live(
    "L5 J2 a fiber that the plain one resumes is nobody's task: cancelling who woke it does not reach its waits",
    () =>
      Effect.gen(function* () {
        const [tracking, plain] = yield* both
        const future = plain.createFuture<void>()
        const waker = tracking.createTask(async () => {
          await tracking.sleep(1)
          future.setResult()
          await tracking.createFuture<void>()
        })
        yield* runAioFuture(future).pipe(Effect.provideService(Loop, plain))
        const slept = Effect.promise(async () => {
          await null
          return await tracking.sleep(5, "slept")
        })
        const fiber = yield* Effect.fork(slept)
        yield* settle
        waker.cancel()
        expect(yield* Fiber.join(fiber)).toBe("slept")
        expect(waker.cancelled()).toBe(true)
      }).pipe(Effect.scoped)
  )

  it.live(
    "L5 the tracking one keeps the async-local state of what the plain one schedules on it, and the other way",
    () =>
      Effect.gen(function* () {
        const [tracking, plain] = yield* both
        const storage = new AsyncLocalStorage<string>()
        const log: Array<string> = []
        const done = [tracking.createFuture<void>(), plain.createFuture<void>()] as const
        plain.callSoon(() =>
          storage.run("of plain", () =>
            tracking.callSoon(() => {
              log.push(`${here()} ${storage.getStore()}`)
              done[0].setResult()
            })
          )
        )
        tracking.callSoon(() =>
          storage.run("of tracking", () => {
            plain.callLater(1, () => {
              // What a plain loop shows is whatever Node propagates; which loop it is, it always knows.
              log.push(here())
              done[1].setResult()
            })
          })
        )
        yield* outcome(tracking, done[0])
        yield* outcome(plain, done[1])
        expect(log).toEqual(["tracking of plain", "plain"])
      }).pipe(Effect.scoped)
  )

  it.live(
    "L5 T6 closing the last tracking one leaves the plain one, its tasks and their fibers as they are",
    () =>
      Effect.gen(function* () {
        const plain = yield* open({ name: "plain", asyncContext: false })
        const ref = FiberRef.unsafeMake("initial")
        const gate = plain.createFuture<void>()
        const task = plain.createTask(async (self) => {
          await self.link(gate)
          return "done"
        })
        yield* scoped(Effect.flatMap(Loop, (loop) => fromAio(() => loop.sleep(0))()))
        gate.setResult()
        expect(yield* outcome(plain, task)).toBe("done")
        const seen = yield* fromAio(() => runEffect(FiberRef.get(ref)))().pipe(
          Effect.provideService(Loop, plain),
          Effect.locally(ref, "of the caller")
        )
        expect(seen).toBe("of the caller")
      }).pipe(Effect.scoped)
  )

  it.live("T6 an async callback that a fiber schedules belongs to that fiber, after its awaits too", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const ref = FiberRef.unsafeMake("initial")
        const asked = yield* Deferred.make<ReadonlyArray<string>>()
        const schedule = Effect.sync(() => {
          loop.callSoon(async () => {
            const before = await runEffect(FiberRef.get(ref))
            await null
            const after = await runEffect(FiberRef.get(ref))
            Effect.runFork(Deferred.succeed(asked, [before, after]))
          })
        })
        yield* fromAio(() => runEffect(Effect.locally(schedule, ref, "inner")))().pipe(
          Effect.locally(ref, "outer")
        )
        expect(yield* Deferred.await(asked)).toEqual(["inner", "inner"])
      })
    )
  )

  it.live(
    "T1 a toAio function of one loop called in a task of the other runs on its own, through wrapFuture",
    () =>
      Effect.gen(function* () {
        const [tracking, plain] = yield* both
        for (const [home, caller] of [
          [tracking, plain],
          [plain, tracking]
        ] as const) {
          const which = yield* toAio(() => Effect.map(Loop, (loop) => loop.name)).pipe(
            Effect.provideService(Loop, home)
          )
          const task = caller.createTask(async () => await caller.wrapFuture(which()))
          expect(yield* outcome(caller, task)).toBe(home.name)
          const cancelled = yield* toAio(() => Effect.never).pipe(Effect.provideService(Loop, home))
          const waiting = caller.createTask((self) => self.link(caller.wrapFuture(cancelled())))
          yield* settle
          waiting.cancel()
          expect(yield* outcome(caller, waiting)).toBe(new CancelledError()._tag)
          yield* settle
          expect(home.statistics().effects).toBe(0)
        }
      }).pipe(Effect.scoped)
  )
})
