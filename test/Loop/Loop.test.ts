// The tag, and loops that belong to a Scope: opening, running in one, closing.
// Covers: EffectLoop, Settings, host/Inside
import { AsyncLocalStorage } from "node:async_hooks"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Context, Deferred, Effect, Exit, Fiber, Layer, Scope, TestClock } from "effect"
import fc from "fast-check"
import { vi } from "vitest"
import { interruptFork, poll } from "../../src/effect.js"
import {
  CancelledError,
  type EventLoop,
  fromAio,
  Loop,
  LoopClosedError,
  LoopCrash,
  type LoopOptions,
  runAioFuture,
  runEffect
} from "../../src/index.js"
import { capturing, layer, open, scoped, settle, track } from "../support/scopedLoops.js"
import { collect } from "../support/closedLoops.js"

// A pipe that is made when it is first asked for, by whoever logs first.
void process.stdout
const resources = () => process.getActiveResourcesInfo().filter((name) => name !== "Immediate")

/** What holds the process beyond `before`. The test runner has timers of its own, which come and go. */
const beyond = (before: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    for (let attempt = 0; ; attempt++) {
      const more = resources()
      for (const name of before) if (more.includes(name)) more.splice(more.indexOf(name), 1)
      if (more.length === 0 || attempt === 20) return more
      yield* settle
    }
  })

describe("opening a loop", () => {
  it.live("gives a running loop that is closed with its Scope, by open, layer and scoped (S5)", () =>
    Effect.gen(function* () {
      const states: Array<string> = []
      const look = (loop: EventLoop) => void states.push(loop.statistics().state)
      const kept: Array<EventLoop> = []
      yield* Effect.scoped(Effect.tap(open(), (loop) => Effect.sync(() => (look(loop), kept.push(loop)))))
      yield* Effect.provide(
        Effect.tap(Loop, (loop) => Effect.sync(() => (look(loop), kept.push(loop)))),
        layer()
      )
      yield* scoped(Effect.tap(Loop, (loop) => Effect.sync(() => (look(loop), kept.push(loop)))))
      yield* Effect.tap(Loop, (loop) => Effect.sync(() => (look(track(loop)), kept.push(loop)))).pipe(
        Loop.scoped({ name: "data last" })
      )
      kept.forEach(look)
      expect(states).toEqual([...Array(4).fill("running"), ...Array(4).fill("closed")])
      expect(kept.at(-1)?.name).toBe("data last")
    })
  )

  it.live("gives the body's value, failure and defect on, as they are", () =>
    Effect.gen(function* () {
      const defect = new Error("defect")
      expect(yield* scoped(Effect.succeed(1))).toBe(1)
      expect(yield* Effect.exit(scoped(Effect.fail("failure")))).toEqual(Exit.fail("failure"))
      const exit = yield* Effect.exit(scoped(Effect.die(defect)))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(defect)
      expect(Exit.isInterrupted(yield* Effect.exit(scoped(Effect.interrupt)))).toBe(true)
    })
  )

  it.live(
    "ends as interrupted where the fiber is interrupted already, and neither hangs nor leaks (bridge-065)",
    () =>
      Effect.gen(function* () {
        const before = resources()
        let bodies = 0
        for (const way of [
          scoped(
            Effect.zipRight(
              Effect.sync(() => void bodies++),
              Effect.never
            )
          ),
          Effect.scoped(Effect.zipRight(open(), Effect.never)),
          Effect.provide(Effect.zipRight(Loop, Effect.never), layer())
        ]) {
          const fiber = yield* Effect.fork(
            Effect.withFiberRuntime<never>((self) => {
              interruptFork(self)
              return way as Effect.Effect<never>
            })
          )
          expect(Exit.isInterrupted(yield* Fiber.await(fiber))).toBe(true)
          const atOnce = yield* Effect.fork(way)
          expect(Exit.isInterrupted(yield* Fiber.interrupt(atOnce))).toBe(true)
        }
        yield* settle
        expect(yield* beyond(before)).toEqual([])
      })
  )

  const bad: ReadonlyArray<readonly [string, unknown, typeof TypeError | typeof RangeError, RegExp]> = [
    ["no object", 7, TypeError, /options of a loop are an object, not 7/],
    ["null", null, TypeError, /an object/],
    ["a negative closeDeadline", { closeDeadline: -1 }, RangeError, /closeDeadline is a duration from 0 on/],
    ["a closeDeadline of NaN", { closeDeadline: NaN }, RangeError, /closeDeadline/],
    ["a closeDeadline of -Infinity", { closeDeadline: -Infinity }, RangeError, /closeDeadline/],
    ["a closeDeadline in the past, as a text", { closeDeadline: "-5 seconds" }, RangeError, /closeDeadline/],
    ["a closeDeadline that is no duration", { closeDeadline: "soon" }, TypeError, /closeDeadline .*"soon"/],
    ["a closeDeadline of null", { closeDeadline: null }, TypeError, /closeDeadline/],
    ["a closeDeadline of an object", { closeDeadline: {} }, TypeError, /closeDeadline/],
    ["a negative slowJoin", { slowJoin: -1 }, RangeError, /slowJoin/],
    ["a slowJoin of a boolean", { slowJoin: true }, TypeError, /slowJoin/],
    ["a negative grace", { grace: "-1 second" }, RangeError, /grace/],
    ["a grace of a function", { grace: () => 1 }, TypeError, /grace/],
    ["a cancel that is no function", { cancel: "stop" }, TypeError, /cancel is a function/],
    ["a cancelled that is no function", { cancelled: 57014 }, TypeError, /cancelled is a function/],
    ["a name that is no text", { name: 7 }, TypeError, /name is a string/],
    ["a debug that is no boolean", { debug: 1 }, TypeError, /debug is a boolean/],
    ["an asyncContext that is no boolean", { asyncContext: "no" }, TypeError, /asyncContext is a boolean/],
    ["a spawnHelper that is no boolean", { spawnHelper: 1 }, TypeError, /spawnHelper is a boolean/],
    [
      "an exceptionHandler that is no function",
      { exceptionHandler: {} },
      TypeError,
      /exceptionHandler is a function/
    ],
    ["a queueLength of 0", { queueLength: 0 }, RangeError, /queueLength/],
    ["a queueLength of NaN", { queueLength: NaN }, RangeError, /queueLength/],
    ["a queueLength of 1.5", { queueLength: 1.5 }, RangeError, /queueLength/],
    ["a queueLength of a text", { queueLength: "1" }, TypeError, /queueLength is a number/],
    ["a negative slowCallbackDuration", { slowCallbackDuration: -1 }, RangeError, /slowCallbackDuration/],
    ["a slowCallbackDuration of NaN", { slowCallbackDuration: NaN }, RangeError, /slowCallbackDuration/],
    ["an unretrieved that is neither", { unretrieved: "log" }, RangeError, /"report" or "crash", not "log"/]
  ]
  for (const [name, options, error, message] of bad) {
    it(`refuses ${name} with a ${error.name}, before anything is opened (S5, B2)`, () => {
      const given = options as LoopOptions
      for (const call of [
        () => Loop.open(given),
        () => Loop.layer(given),
        () => Loop.scoped(Effect.void, given),
        () => Loop.scoped(given),
        () => Loop.run(Effect.void, given)
      ]) {
        expect(call).toThrow(error)
        expect(call).toThrow(message)
      }
    })
  }

  it("refuses to run what is no Effect with a TypeError, and opens nothing (shutdown-010)", async () => {
    const before = process.listenerCount("SIGINT")
    const [future] = await Effect.runPromise(scoped(Effect.map(Loop, (loop) => [loop.createFuture<void>()])))
    for (const program of [1, undefined, null, "x", () => 1, Promise.resolve(1), future, async () => 1]) {
      expect(() => Loop.run(program as never)).toThrow(TypeError)
    }
    expect(() => Loop.run(Effect.void, { teardown: 7 as never })).toThrow(TypeError)
    expect(process.listenerCount("SIGINT")).toBe(before)
  })
})

describe("leaving a loop", () => {
  it.effect("by a timeout happens at once, and no clock moves for it (bridge-051)", () =>
    Effect.gen(function* () {
      const fiber = yield* scoped(
        Effect.flatMap(Loop, (loop) => {
          loop.createTask(() => loop.sleep(1e9))
          return Effect.never
        })
      ).pipe(Effect.timeoutOption("1 seconds"), Effect.zip(Clock.currentTimeMillis), Effect.fork)
      yield* settle
      yield* TestClock.adjust("999 millis")
      expect(poll(fiber)).toBeUndefined()
      yield* TestClock.adjust(1)
      const [result, now] = yield* Fiber.join(fiber)
      expect(result._tag).toBe("None")
      expect(now).toBe(1_000)
    })
  )

  /** The body is protected until 1.5 s; its aio task sleeps 1 s, then runs an Effect of 1 s. Interrupted at 1.25 s. */
  const windingDown = (shielded: boolean, then: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const at = (what: string) =>
        Effect.map(Clock.currentTimeMillis, (now) => void log.push(`${what} at ${now}`))
      const inner = Effect.sleep(1_000).pipe(
        Effect.onExit((exit) => at(Exit.isSuccess(exit) ? "Effect completed" : "Effect interrupted")),
        shielded ? Effect.uninterruptible : (effect) => effect
      )
      const fiber = yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          const task = loop.createTask(async () => {
            try {
              await loop.sleep(1_000)
              await runEffect(inner)
              log.push(`task completed at ${loop.time()}`)
            } catch (error) {
              const what = error instanceof CancelledError ? "CancelledError" : String(error)
              log.push(`task saw ${what} at ${loop.time()}`)
              throw error
            }
          })
          yield* Effect.uninterruptible(
            Effect.gen(function* () {
              // Interruption of a fiber goes to its children at once, shielded or not: hence a daemon.
              const waiting = yield* Effect.forkDaemon(Effect.interruptible(runAioFuture(task)))
              yield* Effect.sleep(1_500)
              yield* Fiber.interrupt(waiting)
            })
          )
        }).pipe(
          Effect.onExit(() => at("body ended")),
          Effect.onInterrupt(() => then)
        )
      ).pipe(
        Effect.onExit(() => at("scope ended")),
        Effect.fork
      )
      yield* TestClock.adjust(1_250)
      const interrupting = yield* Effect.fork(Fiber.interrupt(fiber))
      yield* TestClock.adjust(249)
      expect(log).toEqual([])
      yield* TestClock.adjust(1_000)
      const exit = yield* Fiber.join(interrupting)
      return { log, exit }
    })

  it.effect("while its task awaits an Effect: Effect, task and body end in that order (bridge-052)", () =>
    Effect.gen(function* () {
      const plain = yield* windingDown(false, Effect.void)
      expect(plain.log).toEqual([
        "Effect interrupted at 1500",
        "task saw CancelledError at 1500",
        "body ended at 1500",
        "scope ended at 1500"
      ])
      expect(Exit.isFailure(plain.exit) && Cause.isInterruptedOnly(plain.exit.cause)).toBe(true)
    })
  )

  it.effect("lets a shielded Effect complete first, then task and body end (bridge-052)", () =>
    Effect.gen(function* () {
      const { log } = yield* windingDown(true, Effect.void)
      expect(log).toEqual([
        "Effect completed at 2000",
        "task saw CancelledError at 2000",
        "body ended at 2000",
        "scope ended at 2000"
      ])
    })
  )

  for (const shielded of [false, true]) {
    it.effect(
      `with what its body throws when it is interrupted, after all have ended; shielded: ${shielded} (bridge-053)`,
      () =>
        Effect.gen(function* () {
          const hi = new Error("hi")
          const { exit, log } = yield* windingDown(shielded, Effect.die(hi))
          expect(Exit.isFailure(exit) && [...Cause.defects(exit.cause)]).toEqual([hi])
          const time = shielded ? 2000 : 1500
          expect(log.slice(-2)).toEqual([`body ended at ${time}`, `scope ended at ${time}`])
          expect(log[0]).toBe(shielded ? "Effect completed at 2000" : "Effect interrupted at 1500")
        })
    )
  }
})

describe("whatever happens, at whatever step", () => {
  // Before the next one, in which a coroutine that is given up may wait for ever, and its loop's state with it.
  it.live("a thousand loops leave no listener, handle, timer or storage behind (S5, L5)", () =>
    Effect.gen(function* () {
      yield* settle
      const disable = vi.spyOn(AsyncLocalStorage.prototype, "disable")
      const listeners = () => process.eventNames().map((name) => [name, process.listenerCount(name as never)])
      const before = { listeners: listeners(), resources: resources() }
      const life = Loop.scoped(
        Effect.flatMap(Loop, (loop) => {
          loop.callLater(1e6, () => {})
          return fromAio(async () => await loop.sleep(0))()
        })
      )
      yield* Effect.repeatN(life, 499)
      yield* Effect.all(
        Array.from({ length: 500 }, () => life),
        { concurrency: 50, discard: true }
      )
      yield* settle
      expect(listeners()).toEqual(before.listeners)
      expect(yield* beyond(before.resources)).toEqual([])
      expect(disable).toHaveBeenCalled()
      const calls = disable.mock.calls.length
      yield* scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          yield* fromAio(async () => await loop.sleep(0))()
          yield* life
          expect(disable.mock.calls.length).toBe(calls)
        })
      )
      // Only the last loop that closes disables the storage.
      expect(disable.mock.calls.length).toBe(calls + 1)
    })
  )

  const hops = (n: number) =>
    Effect.promise(async () => {
      for (let i = 0; i < n; i++) await null
    })

  it.live("an interruption leaves nothing open and hangs nowhere: every microtask of a short life (S5)", () =>
    Effect.gen(function* () {
      yield* settle
      const before = resources()
      for (const way of ["scoped", "open", "layer"] as const) {
        for (let n = 0; n < 40; n++) {
          const log: Array<string> = []
          const body = Effect.gen(function* () {
            const loop = track(yield* Loop)
            yield* Effect.addFinalizer(() => Effect.sync(() => void log.push("finalizer")))
            loop.createTask(async () => {
              await loop.sleep(1e6)
            })
            loop.runEffectTask(Effect.never)
            yield* fromAio(() => loop.sleep(0))()
            yield* fromAio(async () => 1)()
          }).pipe(Effect.scoped)
          const life =
            way === "scoped"
              ? Loop.scoped(body)
              : way === "open"
                ? Effect.scoped(
                    Effect.flatMap(Loop.open(), (loop) => Effect.provideService(body, Loop, loop))
                  )
                : Effect.provide(body, Loop.layer())
          const fiber = yield* Effect.fork(life)
          yield* hops(n)
          yield* Fiber.interrupt(fiber)
          expect(log.length).toBeLessThanOrEqual(1)
        }
      }
      yield* settle
      expect(yield* beyond(before)).toEqual([])
    })
  )

  type Step =
    "crash" | "interrupt" | "close" | "stop" | "task" | "effect" | "timer" | "throw" | "end" | "wait"
  const steps: ReadonlyArray<Step> = [
    "crash",
    "interrupt",
    "close",
    "stop",
    "task",
    "effect",
    "timer",
    "throw",
    "end",
    "wait"
  ]

  it.live(
    "any interleaving of crash, interruption, close and stop ends, cleans up, and hides no crash (S5)",
    () =>
      Effect.gen(function* () {
        yield* settle
        const before = resources()
        const { layer: silent } = capturing()
        yield* Effect.promise(() =>
          fc.assert(
            fc.asyncProperty(
              fc.array(fc.tuple(fc.constantFrom(...steps), fc.nat(6)), { maxLength: 10 }),
              (script) =>
                Effect.gen(function* () {
                  const opened = yield* Deferred.make<EventLoop>()
                  const end = yield* Deferred.make<void>()
                  let crashed = false
                  let cleanups = 0
                  let started = 0
                  const fiber = yield* Loop.scoped(
                    Effect.gen(function* () {
                      yield* Deferred.succeed(opened, track(yield* Loop))
                      yield* Effect.ensuring(
                        Deferred.await(end),
                        Effect.sync(() => void cleanups++)
                      )
                    })
                  ).pipe(Effect.fork)
                  const loop = yield* Deferred.await(opened)
                  // Where the loop refuses by now, that is its right.
                  const attempt = (f: () => unknown) =>
                    Effect.sync(() => {
                      try {
                        f()
                        return true
                      } catch (error) {
                        expect(error).toBeInstanceOf(LoopClosedError)
                        return false
                      }
                    })
                  let interrupting: Fiber.RuntimeFiber<unknown> | undefined
                  for (const [step, n] of script) {
                    if (step === "crash" || step === "throw") {
                      const thrower = () => {
                        crashed = true
                        throw new Error("boom")
                      }
                      yield* attempt(() =>
                        step === "throw"
                          ? loop.callLater(0, thrower)
                          : loop.runEffectTask(Effect.sync(thrower))
                      )
                    } else if (step === "interrupt")
                      interrupting ??= yield* Effect.fork(Fiber.interrupt(fiber))
                    else if (step === "close") loop.close()
                    else if (step === "stop") loop.stop()
                    else if (step === "timer") yield* attempt(() => loop.callLater(n, () => {}))
                    else if (step === "end") yield* Deferred.succeed(end, undefined)
                    else if (step === "task") {
                      yield* attempt(() =>
                        loop.createTask(async () => {
                          started++
                          try {
                            await loop.sleep(1e6)
                          } finally {
                            started--
                            if (!loop.isClosed()) await loop.sleep(0)
                          }
                        })
                      )
                    } else if (step === "effect") {
                      yield* attempt(() =>
                        loop.runEffectTask(Effect.ensuring(Effect.never, Effect.yieldNow()))
                      )
                    }
                    yield* n === 6 ? settle : hops(n)
                  }
                  yield* Deferred.succeed(end, undefined)
                  const exit = yield* Fiber.await(fiber).pipe(Effect.timeout("5 seconds"), Effect.orDie)
                  if (interrupting !== undefined) yield* Fiber.join(interrupting)
                  expect(cleanups).toBe(1)
                  expect(loop.isClosed()).toBe(true)
                  if (!script.some(([step]) => step === "close")) expect(started).toBe(0)
                  const failures = Exit.isFailure(exit) ? [...Cause.failures(exit.cause)] : []
                  expect(failures.some((failure) => failure instanceof LoopCrash)).toBe(crashed)
                  yield* settle
                }).pipe(Effect.provide(silent), Effect.runPromise)
            ),
            { numRuns: 80 }
          )
        )
        yield* settle
        expect(yield* beyond(before)).toEqual([])
      })
  )

  it.live("a closed loop is collected, with its tasks (S5)", () =>
    Effect.gen(function* () {
      const refs: Array<WeakRef<object>> = []
      yield* Loop.scoped(
        Effect.gen(function* () {
          const loop = yield* Loop
          refs.push(new WeakRef(loop), new WeakRef(loop.createTask(() => loop.sleep(1e6))))
          yield* fromAio(async () => await loop.sleep(0))()
        })
      )
      yield* settle
      expect(yield* Effect.promise(() => collect(() => refs.every((ref) => ref.deref() === undefined)))).toBe(
        true
      )
    })
  )
})

describe("the loop as a service", () => {
  it.live("gives its numbers", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        loop.callLater(1e6, () => {})
        loop.createTask(() => loop.sleep(1e6))
        loop.runEffectTask(Effect.never)
        yield* Loop.synchronize
        expect(yield* Loop.statistics).toMatchObject({
          name: loop.name,
          state: "running",
          timers: 2,
          tasks: 1,
          effects: 1
        })
      })
    )
  )

  it.live("is there for the fibers that its aio code starts, whoever opened it", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Scope.extend(Layer.build(layer()), scope)
      const loop = Context.get(context, Loop)
      const seen = yield* Effect.provide(
        fromAio(async () => await runEffect(Loop as never as Effect.Effect<EventLoop>))(),
        context
      )
      expect(seen).toBe(loop)
      yield* Scope.close(scope, Exit.void)
    })
  )
})
