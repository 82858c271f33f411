import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, FiberRef, Layer, Scope } from "effect"
import { poll } from "../../../src/effect.js"
import {
  type EventLoop,
  fromAio,
  Loop,
  type LoopOptions,
  LoopClosedError,
  LoopCrash,
  runAioFuture,
  type Task
} from "../../../src/index.js"
import { capturing, collecting, layer, open, scoped, settle } from "../../support/scopedLoops.js"
import { collect } from "../../support/closedLoops.js"
import { perLine } from "../../support/effect/line.js"

const boom = new Error("boom")
const thrower = () => {
  throw boom
}

const causeOf = <A, E>(exit: Exit.Exit<A, E>): Cause.Cause<E> => {
  if (Exit.isSuccess(exit)) throw new Error("expected a failure")
  return exit.cause
}

/** The crash with which an Exit failed. */
const crashOf = <A, E>(exit: Exit.Exit<A, E>): LoopCrash => {
  const crash = Chunk.toReadonlyArray(Cause.failures(causeOf(exit))).find((e) => e instanceof LoopCrash)
  if (crash === undefined) throw new Error("expected a crash")
  return crash
}

/** The default handler without its log. */
const quietly = (): LoopOptions => ({
  exceptionHandler: (loop, report) => {
    if ("exception" in report) (loop as EventLoop)._crashWith(report.exception, report.message)
  }
})

describe("a body that has ended", () => {
  it("leaves no turn of Node's behind that would keep its loop until then", async () => {
    const turns = (): number =>
      process.getActiveResourcesInfo().filter((resource) => resource === "Immediate").length
    const before = turns()
    for (let i = 0; i < 20; i++) await Effect.runPromise(Loop.scoped(Loop))
    expect(turns() - before).toBeLessThan(5)
  })
})

describe("a crash under Loop.scoped", () => {
  it.live("interrupts the body, awaits its finalizers, then fails with the error nobody owned (C1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const { layer: logger, logged } = capturing()
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          yield* Effect.never.pipe(
            Effect.ensuring(
              Effect.zipRight(
                fromAio(() => loop.sleep(3))().pipe(Effect.orDie),
                Effect.sync(() => void log.push("inner finalizer"))
              )
            ),
            Effect.onInterrupt(() => Effect.sync(() => void log.push("outer finalizer")))
          )
        }),
        { name: "L" }
      ).pipe(Effect.provide(logger), Effect.exit)
      log.push("failed")
      expect(log).toEqual(["inner finalizer", "outer finalizer", "failed"])
      const crash = crashOf(exit)
      expect(crash.cause).toBe(boom)
      expect(crash._tag).toBe("LoopCrash")
      expect(crash.source).toContain("thrower()")
      expect(Chunk.size(Cause.defects(causeOf(exit)))).toBe(0)
      expect(logged.map(({ level, message }) => [level, message])).toEqual([
        ["ERROR", "Exception in callback thrower()"]
      ])
      expect(logged[0]?.cause).toContain("boom")
      expect(logged[0]?.annotations).toEqual({ loop: "L", kind: "callback" })
    })
  )

  it.live("has what the body's finalizers added in the Cause too (C1)", () =>
    Effect.gen(function* () {
      const inFinalizer = new Error("in a finalizer")
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          yield* Effect.ensuring(Effect.never, Effect.die(inFinalizer))
        }),
        quietly()
      ).pipe(Effect.exit)
      expect(crashOf(exit).cause).toBe(boom)
      expect(Chunk.toReadonlyArray(Cause.defects(causeOf(exit)))).toEqual([inFinalizer])
    })
  )

  it.live(
    "fails also where the body has succeeded in spite of it, and where it ends at the same time (C1)",
    () =>
      Effect.gen(function* () {
        const shielded = yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            loop.callSoon(thrower)
            yield* Loop.synchronize
            return "value"
          }).pipe(Effect.uninterruptible),
          quietly()
        ).pipe(Effect.exit)
        expect(crashOf(shielded).cause).toBe(boom)
        const atOnce = yield* scoped(
          Effect.map(Loop, (loop) => void loop.callSoon(thrower)),
          quietly()
        ).pipe(Effect.exit)
        expect(crashOf(atOnce).cause).toBe(boom)
      })
  )

  it.live("happens during closing as well, and is not hidden by the body's success or failure (C1, S5)", () =>
    Effect.gen(function* () {
      const crashing = Effect.map(Loop, (loop) => {
        loop.createTask(async () => {
          try {
            await loop.sleep(1e6)
          } finally {
            loop.callSoon(thrower)
          }
        })
      }).pipe(Effect.zipRight(Loop.synchronize))
      const afterSuccess = yield* Effect.exit(scoped(crashing, quietly()))
      expect(crashOf(afterSuccess).cause).toBe(boom)
      const afterFailure = yield* Effect.exit(
        scoped(Effect.zipRight(crashing, Effect.fail("body" as const)), quietly())
      )
      expect(crashOf(afterFailure).cause).toBe(boom)
      expect(Chunk.toReadonlyArray(Cause.failures(causeOf(afterFailure)))).toContain("body")
    })
  )

  it.live("is the first of several; later ones are logged only (C1)", () =>
    Effect.gen(function* () {
      const { layer: logger, logged } = capturing()
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          loop.callSoon(function second() {
            throw new Error("second")
          })
          yield* Effect.never
        })
      ).pipe(Effect.provide(logger), Effect.exit)
      expect(Chunk.toReadonlyArray(Cause.failures(causeOf(exit)))).toHaveLength(1)
      expect(crashOf(exit).cause).toBe(boom)
      expect(logged.map(({ message }) => message)).toEqual([
        "Exception in callback thrower()",
        "Exception in callback second()"
      ])
    })
  )

  it.live("that meets an interruption from outside ends both: the crash is in the Cause (C1, S5)", () =>
    Effect.gen(function* () {
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          yield* Effect.ensuring(
            Effect.never,
            Effect.sync(() => void loop.callSoon(thrower)).pipe(Effect.zipRight(Loop.synchronize))
          )
        }),
        quietly()
      ).pipe(Effect.fork)
      yield* settle
      const exit = yield* Fiber.interrupt(fiber)
      expect(crashOf(exit).cause).toBe(boom)
      expect(Exit.isInterrupted(exit)).toBe(true)
    })
  )

  it.live("waits for a body that cannot be interrupted (C1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const gate = yield* Deferred.make<void>()
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          yield* Effect.uninterruptible(
            Effect.zipRight(
              Deferred.await(gate),
              Effect.sync(() => void log.push("body ended"))
            )
          )
        }),
        quietly()
      ).pipe(
        Effect.onExit(() => Effect.sync(() => void log.push("left"))),
        Effect.fork
      )
      yield* settle
      expect(log).toEqual([])
      yield* Deferred.succeed(gate, undefined)
      crashOf(yield* Fiber.await(fiber))
      expect(log).toEqual(["body ended", "left"])
    })
  )

  it.live(
    "leaves what the body did to its FiberRefs, however it ends, as if it had run in the same fiber (C1)",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const ref = yield* FiberRef.make(0)
          yield* scoped(FiberRef.set(ref, 1))
          expect(yield* FiberRef.get(ref)).toBe(perLine("E3", { 3: 1, 4: 0 }))
          yield* scoped(Effect.zipRight(FiberRef.set(ref, 2), Effect.fail("x"))).pipe(Effect.ignore)
          expect(yield* FiberRef.get(ref)).toBe(perLine("E3", { 3: 2, 4: 0 }))
        })
      )
  )

  it.live("resumes nobody in the async-local state of the callback that failed (C1, L5)", () =>
    Effect.gen(function* () {
      const storage = new AsyncLocalStorage<string>()
      const seen: Array<string | undefined> = []
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          storage.run("the callback's", () => loop.callSoon(thrower))
          const watching = yield* Effect.fork(
            Loop.crashed.pipe(Effect.onExit(() => Effect.sync(() => seen.push(storage.getStore()))))
          )
          yield* Fiber.await(watching)
          yield* Effect.never
        }),
        quietly()
      ).pipe(Effect.exit)
      yield* Effect.sync(() => seen.push(storage.getStore()))
      expect(seen).toEqual([undefined, undefined])
    })
  )
})

describe("a crash under Loop.open and Loop.layer", () => {
  it.live("begins the closing: tasks are cancelled, waits and calls fail with the crash as cause (C1)", () =>
    Effect.gen(function* () {
      const { layer: logger, logged } = capturing()
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        const loop = yield* open({ name: "L" })
        const on = <A, E>(effect: Effect.Effect<A, E, Loop>) => Effect.provideService(effect, Loop, loop)
        const task = loop.createTask(async () => {
          try {
            await loop.sleep(1e6)
          } finally {
            await loop.sleep(1)
            log.push("task cleaned up")
          }
        })
        const onTask = yield* Effect.fork(on(Effect.flip(fromAio(() => loop.sleep(1e6))())))
        const onFuture = yield* Effect.fork(on(Effect.flip(runAioFuture(loop.createFuture<void>()))))
        const crashed = yield* Effect.fork(on(Effect.flip(Loop.crashed)))
        const stopped = yield* Effect.fork(on(Loop.waitStopped))
        yield* settle
        loop.callSoon(thrower)
        const crash = yield* Fiber.join(crashed)
        expect(crash).toBeInstanceOf(LoopCrash)
        expect(crash.cause).toBe(boom)
        for (const waiting of [onTask, onFuture]) {
          const error = yield* Fiber.join(waiting)
          expect(error).toBeInstanceOf(LoopClosedError)
          expect((error as LoopClosedError).cause).toBe(crash)
        }
        yield* Fiber.join(stopped)
        expect(task.cancelled()).toBe(true)
        expect(log).toEqual(["task cleaned up"])
        const later = yield* on(Effect.flip(fromAio(() => 1)()))
        expect(later).toBeInstanceOf(LoopClosedError)
        expect((later as LoopClosedError).cause).toBe(crash)
        try {
          loop.callSoon(() => {})
          expect.fail("callSoon should have thrown")
        } catch (error) {
          expect((error as LoopClosedError).cause).toBe(crash)
        }
        expect(yield* on(Effect.flip(Loop.crashed))).toBe(crash)
      }).pipe(Effect.scoped, Effect.provide(logger))
      expect(logged.map(({ message }) => message)).toEqual(["Exception in callback thrower()"])
    })
  )

  it.live("waits, in the Scope's closing, for the closing that the crash began (C1, S5)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const loop = yield* open(quietly())
          loop.createTask(async () => {
            try {
              await loop.sleep(1e6)
            } finally {
              await loop.sleep(3)
              log.push("cleaned up")
            }
          })
          yield* settle
          loop.callSoon(thrower)
          yield* Effect.promise(() => Promise.resolve())
        })
      )
      log.push("scope closed")
      expect(log).toEqual(["cleaned up", "scope closed"])
    })
  )

  it.live("while the layers above are being built fails what they wait for (C1, S5)", () =>
    Effect.gen(function* () {
      const above = Layer.effectDiscard(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          yield* fromAio(() => loop.sleep(1e6))()
        })
      )
      const exit = yield* Effect.exit(Effect.scoped(Layer.build(above.pipe(Layer.provide(layer(quietly()))))))
      const error = Cause.squash(causeOf(exit))
      expect(error).toBeInstanceOf(LoopClosedError)
      expect(((error as LoopClosedError).cause as LoopCrash).cause).toBe(boom)
    })
  )

  it.live("is raced with by a program that was given the loop (C1)", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const exit = yield* Effect.gen(function* () {
        const loop = yield* Loop
        loop.callSoon(thrower)
        yield* Effect.onInterrupt(Effect.never, () => Effect.sync(() => void log.push("interrupted")))
      }).pipe(Effect.raceFirst(Loop.crashed), Effect.provide(layer(quietly())), Effect.exit)
      expect(crashOf(exit).cause).toBe(boom)
      expect(log).toEqual(["interrupted"])
    })
  )

  it.live("never comes to Loop.crashed of a loop that closes in peace (C1)", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const loop = yield* Scope.extend(open(), scope)
      const watching = yield* Effect.fork(Effect.provideService(Loop.crashed, Loop, loop))
      yield* Scope.close(scope, Exit.void)
      yield* settle
      expect(poll(watching)).toBeUndefined()
      yield* Fiber.interrupt(watching)
    })
  )
})

describe("what crashes a loop", () => {
  it.live("a background Effect that fails, with the error itself (C2)", () =>
    Effect.gen(function* () {
      for (const effect of [Effect.fail(boom), Effect.die(boom), Effect.delay(Effect.fail(boom), 2)]) {
        const { layer: logger, logged } = capturing()
        const exit = yield* scoped(
          Effect.flatMap(Loop, (loop) => {
            loop.runEffectTask(effect, { name: "poller" })
            return Effect.never
          }),
          { name: "L" }
        ).pipe(Effect.provide(logger), Effect.exit)
        expect(crashOf(exit).cause).toBe(boom)
        expect(crashOf(exit).source).toContain("poller")
        expect(logged.map(({ annotations, level }) => [level, annotations])).toEqual([
          ["ERROR", { loop: "L", kind: "background" }]
        ])
      }
    })
  )

  it.live("not a background Effect that is interrupted, by its handle or by itself (C2)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const value = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const handle = loop.runEffectTask(Effect.never)
          loop.runEffectTask(Effect.interrupt)
          yield* Loop.synchronize
          handle.cancel()
          yield* settle
          expect(loop.statistics().effects).toBe(0)
          return 1
        }),
        { exceptionHandler }
      )
      expect(value).toBe(1)
      expect(reports).toEqual([])
    })
  )

  it.live("a background Effect with a failing finalizer, although it was interrupted (C2)", () =>
    Effect.gen(function* () {
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const handle = loop.runEffectTask(Effect.ensuring(Effect.never, Effect.die(boom)))
          yield* Loop.synchronize
          handle.cancel()
          yield* Effect.never
        }),
        quietly()
      ).pipe(Effect.exit)
      expect(crashOf(exit).cause).toBe(boom)
    })
  )

  it.live("several failures of one background Effect, as a group (C2)", () =>
    Effect.gen(function* () {
      const other = new Error("other")
      const exit = yield* scoped(
        Effect.flatMap(Loop, (loop) => {
          loop.runEffectTask(Effect.ensuring(Effect.fail(boom), Effect.die(other)))
          return Effect.never
        }),
        quietly()
      ).pipe(Effect.exit)
      const group = crashOf(exit).cause
      expect(group).toBeInstanceOf(AggregateError)
      expect((group as AggregateError).errors).toEqual([boom, other])
    })
  )

  it.live("a failed task that nobody looked at, where the option asks for it (C1, L6)", () =>
    Effect.gen(function* () {
      const { layer: logger, logged } = capturing()
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const start = () => void loop.createTask(async () => thrower(), { name: "lost" })
          start()
          yield* Loop.synchronize
          yield* settle
          yield* Effect.promise(() => collect(() => loop.statistics().unretrieved === 0))
          yield* Effect.never
        }),
        { unretrieved: "crash" }
      ).pipe(Effect.provide(logger), Effect.exit)
      expect(crashOf(exit).cause).toBe(boom)
      expect(crashOf(exit).source).toContain("never retrieved")
      expect(logged).toHaveLength(1)
    })
  )

  it.live("not a failed task that nobody looked at, where nothing is said: it is logged (C1, L6)", () =>
    Effect.gen(function* () {
      const { layer: logger, logged } = capturing()
      let task: Task<never> | undefined
      const value = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          task = loop.createTask(async () => thrower())
          yield* settle
          return 1
        })
      ).pipe(Effect.provide(logger))
      expect(value).toBe(1)
      expect(task?.done()).toBe(true)
      expect(logged.map(({ annotations, level }) => [level, annotations["kind"]])).toEqual([
        ["ERROR", "unretrieved"]
      ])
    })
  )

  it.live("not what a handler of the program keeps for itself, unless that asks for it (C1, L6)", () =>
    Effect.gen(function* () {
      const { exceptionHandler, reports } = collecting()
      const kept = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          yield* Loop.synchronize
          return 1
        }),
        { exceptionHandler }
      )
      expect(kept).toBe(1)
      expect(reports).toHaveLength(1)
      const { layer: logger, logged } = capturing()
      const exit = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.callSoon(thrower)
          yield* Effect.never
        }),
        { exceptionHandler: (loop, report) => loop.defaultExceptionHandler(report) }
      ).pipe(Effect.provide(logger), Effect.exit)
      expect(crashOf(exit).cause).toBe(boom)
      expect(logged).toHaveLength(1)
    })
  )
})
