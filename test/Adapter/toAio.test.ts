import { describe, expect, it } from "@effect/vitest"
import {
  Cause,
  Context,
  Deferred,
  Effect,
  Exit,
  Fiber,
  FiberRef,
  RuntimeFlags,
  RuntimeFlagsPatch,
  TestClock
} from "effect"
import {
  AioError,
  CancelledError,
  currentFlavor,
  fromAio,
  type Future,
  isCancelledError,
  isFuture,
  Loop,
  LoopClosedError,
  QueueFullError,
  runAioCoroutine,
  runEffect,
  toAio,
  runAioFuture
} from "../../src/index.js"
import { collecting, scoped, settle } from "../support/scopedLoops.js"
import { collect } from "../support/closedLoops.js"

class Greeting extends Context.Tag("test/Greeting")<Greeting, { readonly text: string }>() {}

const thrown = (future: Future<unknown>): unknown => {
  try {
    return { value: future.result() }
  } catch (error) {
    return error
  }
}

describe("toAio", () => {
  it.live("brings a value back through both layers, and runs in Effect flavor (bridge-005)", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<unknown> = []
        const eight = yield* toAio((n: number) =>
          Effect.gen(function* () {
            log.push(currentFlavor())
            yield* Effect.sleep(10)
            log.push(currentFlavor())
            return n
          })
        )
        const result = yield* runAioCoroutine(async () => {
          log.push(currentFlavor())
          const value = await eight(8)
          log.push(currentFlavor())
          return value
        })
        expect(result).toBe(8)
        expect(log).toEqual(["aio", "effect", "effect", "aio"])
      })
    )
  )

  it.live("throws the very error an Effect failed with at the await (bridge-019)", () =>
    scoped(
      Effect.gen(function* () {
        const failure = new Error("failure")
        const defect = new Error("defect")
        const fails = yield* toAio(() => Effect.fail(failure))
        const dies = yield* toAio(() => Effect.die(defect))
        const caught = yield* runAioCoroutine(async () => {
          const errors: Array<unknown> = []
          await fails().catch((error: unknown) => errors.push(error))
          try {
            await dies()
          } catch (error) {
            errors.push(error)
          }
          return errors
        })
        expect(caught[0]).toBe(failure)
        expect(caught[1]).toBe(defect)
      })
    )
  )

  it.live("passes an error unchanged through aio, Effect, aio and Effect (bridge-022)", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const log: Array<string> = []
        const innermost = fromAio(async (): Promise<number> => {
          log.push("innermost")
          throw boom
        })
        const middle = yield* toAio(() =>
          Effect.tapError(innermost(), () => Effect.sync(() => log.push("inner")))
        )
        const outer = fromAio(async () => {
          try {
            return await middle()
          } catch (error) {
            log.push(error === boom ? "same" : "different")
            throw error
          }
        })
        const outermost = yield* toAio(() => outer())
        const caught = yield* runAioCoroutine(async () => {
          try {
            return await outermost()
          } catch (error) {
            return error
          }
        })
        expect(caught).toBe(boom)
        expect(log).toEqual(["innermost", "inner", "same"])
      })
    )
  )

  it.live("J8 rejects with exactly what the aio function threw", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const f = fromAio(() => Promise.reject(boom))
        const back = yield* toAio(() => f())
        const future = back()
        future.addDoneCallback(() => {})
        yield* settle
        expect(thrown(future)).toBe(boom)
      })
    )
  )

  it.live(
    "an Effect that interrupts itself is CancelledError at the await, and a failure for the Effect above (bridge-026)",
    () =>
      scoped(
        Effect.gen(function* () {
          const log: Array<unknown> = []
          const gives = yield* toAio(() =>
            Effect.gen(function* () {
              log.push("begin")
              yield* Effect.interrupt
              log.push("not reached")
            })
          )
          const error = yield* Effect.flip(
            runAioCoroutine(async () => {
              try {
                await gives()
              } catch (error) {
                log.push(isCancelledError(error))
                throw error
              }
            })
          )
          expect(error).toBeInstanceOf(CancelledError)
          expect(log).toEqual(["begin", true])
        })
      )
  )

  it.live("T4 cancelling the task that awaits it interrupts the fiber (bridge-028)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        const sleep = yield* toAio(() =>
          Effect.gen(function* () {
            yield* Effect.sleep("1 hour")
            log.push("not reached")
          }).pipe(
            Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted"))),
            Effect.ensuring(Effect.sync(() => log.push("finalizer")))
          )
        )
        const task = loop.createTask(async () => {
          try {
            await sleep()
          } catch (error) {
            log.push(isCancelledError(error) ? "CancelledError" : "other")
            throw error
          }
        })
        yield* settle
        task.cancel()
        const seen = loop.createTask(async () => {
          try {
            await task
          } catch (error) {
            log.push(isCancelledError(error) ? "awaiter: CancelledError" : "other")
          }
        })
        yield* settle
        expect(log).toEqual(["interrupted", "finalizer", "CancelledError", "awaiter: CancelledError"])
        expect(seen.done() && task.cancelled()).toBe(true)
      })
    )
  )

  it.live("T4 an AbortSignal interrupts the fiber, and its reason is kept", () =>
    scoped(
      Effect.gen(function* () {
        const controller = new AbortController()
        const log: Array<string> = []
        const never = yield* toAio(
          (_options: { readonly signal: AbortSignal }) =>
            Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("interrupted"))),
          { signal: ({ signal }) => signal }
        )
        const future = never({ signal: controller.signal })
        yield* settle
        const reason = new Error("enough")
        controller.abort(reason)
        yield* settle
        expect(log).toEqual(["interrupted"])
        expect(future.cancelled()).toBe(true)
        expect(thrown(future)).toMatchObject({ _tag: "CancelledError", reason })
      })
    )
  )

  it.live("T4 a signal that was aborted before runs nothing, and listeners are taken off", () =>
    scoped(
      Effect.gen(function* () {
        const signal = AbortSignal.abort("too late")
        let ran = 0
        const f = yield* toAio(() => Effect.sync(() => void ran++), { signal })
        const future = f()
        expect(future.cancelled()).toBe(true)
        yield* settle
        expect(ran).toBe(0)
        expect(thrown(future)).toMatchObject({ reason: "too late" })

        const live = new AbortController().signal
        let listeners = 0
        const add = live.addEventListener.bind(live)
        const remove = live.removeEventListener.bind(live)
        live.addEventListener = (...args: Parameters<typeof add>) => (listeners++, add(...args))
        live.removeEventListener = (...args: Parameters<typeof remove>) => (listeners--, remove(...args))
        const loop = yield* Loop
        const options = { signal: live }
        const ends = [
          loop.effectAsFuture(Effect.succeed(1), options),
          loop.effectAsFuture(Effect.as(Effect.sleep(1), 1), options),
          loop.effectAsFuture(Effect.fail("no"), options),
          loop.effectAsFuture(Effect.never, options),
          loop.effectAsFuture(Effect.never, options),
          loop.effectAsFuture(Effect.never as Effect.Effect<number>, options)
        ] as const
        expect(listeners).toBe(6)
        ends[3].cancel()
        expect(listeners).toBe(5)
        ends[5].setResult(1)
        ends[2].catch(() => {})
        yield* runAioFuture(ends[1])
        ends[4].cancel()
        yield* settle
        expect(listeners).toBe(0)
      })
    )
  )

  it.live("T1 captures the caller's Context and FiberRefs once, for callers that are no fiber", () =>
    scoped(
      Effect.gen(function* () {
        const ref = FiberRef.unsafeMake("default")
        const read = Effect.all([Effect.map(Greeting, (g) => g.text), FiberRef.get(ref)])
        const greet = yield* Effect.locally(
          Effect.provideService(
            toAio(() => read),
            Greeting,
            { text: "hello" }
          ),
          ref,
          "captured"
        )
        const future = yield* Effect.async<Future<[string, string]>>((resume) => {
          setTimeout(() => resume(Effect.succeed(greet())), 1)
        })
        yield* settle
        expect(future.result()).toEqual(["hello", "captured"])
      })
    )
  )

  it.live("T1 a function wrapped in an uninterruptible region gives interruptible fibers", () =>
    scoped(
      Effect.gen(function* () {
        const flags: Array<boolean> = []
        const wrapped = yield* Effect.uninterruptible(
          toAio(() =>
            Effect.zipRight(
              Effect.map(Effect.getRuntimeFlags, (f) => void flags.push(RuntimeFlags.interruption(f))),
              Effect.never
            )
          )
        )
        const future = wrapped()
        yield* settle
        future.cancel()
        yield* settle
        expect(flags).toEqual([true])
        expect(future.cancelled()).toBe(true)
      })
    )
  )

  it.live("T1 nor does a caller in an uninterruptible region", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const futures: Array<Future<never>> = []
        yield* Effect.uninterruptible(
          fromAio(() => {
            futures.push(loop.effectAsFuture(Effect.never))
          })()
        )
        yield* settle
        futures[0]?.cancel()
        yield* settle
        expect(futures[0]?.cancelled()).toBe(true)
      })
    )
  )

  it.effect("T2 the Future is pending until the fiber has ended, finalizers included", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const work = yield* toAio(() =>
          Effect.ensuring(
            Effect.sleep("1 second"),
            Effect.zipRight(
              Effect.sleep("1 second"),
              Effect.sync(() => log.push("finalizer"))
            )
          )
        )
        const succeeded = work()
        const cancelled = work()
        succeeded.addDoneCallback(() => log.push("succeeded"))
        cancelled.addDoneCallback(() => log.push("cancelled"))
        yield* settle
        expect(cancelled.cancel("stop")).toBe(true)
        yield* settle
        expect(cancelled.done()).toBe(false)
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(log).toEqual(["finalizer", "cancelled"])
        expect(succeeded.done()).toBe(false)
        yield* TestClock.adjust("1 second")
        yield* settle
        expect(log).toEqual(["finalizer", "cancelled", "finalizer", "succeeded"])
        expect(thrown(cancelled)).toMatchObject({ _tag: "CancelledError", reason: "stop" })
      })
    )
  )

  it.live("T2 a cancel that comes while finalizers run is kept, whatever has held it off", () =>
    scoped(
      Effect.gen(function* () {
        const log: Array<string> = []
        const go = yield* Deferred.make<void>()
        const finalizers = Effect.forEach(
          [Deferred.await(go), Effect.sync(() => log.push("first"))],
          (finalizer) => Effect.addFinalizer(() => finalizer)
        )
        const work = yield* toAio(() =>
          Effect.zipRight(
            Effect.uninterruptibleMask((restore) => Effect.exit(restore(Effect.scoped(finalizers)))),
            Effect.never
          )
        )
        const future = work()
        while (log.length === 0) yield* settle
        future.cancel("stop")
        yield* Deferred.succeed(go, undefined)
        yield* settle
        expect(future.cancelled()).toBe(true)
      })
    )
  )

  it.live("T2 a fiber that still succeeds or fails after cancel delivers that", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        // A region that ends before the fiber does gives way to the interruption: this one lasts to the end.
        const deaf = Effect.patchRuntimeFlags(RuntimeFlagsPatch.disable(RuntimeFlags.Interruption))
        const succeeds = yield* toAio(() => Effect.zipRight(deaf, Effect.as(Effect.sleep(20), "value")))
        const fails = yield* toAio(() =>
          Effect.uninterruptible(Effect.zipRight(Effect.sleep(20), Effect.fail(boom)))
        )
        const one = succeeds()
        const two = fails()
        two.addDoneCallback(() => {})
        yield* settle
        one.cancel()
        two.cancel()
        yield* Effect.exit(runAioFuture(one))
        yield* Effect.exit(runAioFuture(two))
        expect(thrown(one)).toEqual({ value: "value" })
        expect(thrown(two)).toBe(boom)
      })
    )
  )

  it.live("T3 cancelled before its turn the effect never runs, and the Future is cancelled at once", () =>
    scoped(
      Effect.gen(function* () {
        let ran = 0
        const f = yield* toAio(() => Effect.sync(() => ++ran))
        const future = f()
        expect(future.cancel("never mind")).toBe(true)
        expect(future.cancelled()).toBe(true)
        expect(future.cancel()).toBe(false)
        yield* settle
        expect(ran).toBe(0)
        expect(thrown(future)).toMatchObject({ reason: "never mind" })
      })
    )
  )

  it.live("an effect that ends at once settles in one pass, a cancel from inside included", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const handle: { future?: Future<string> } = {}
        const self = loop.effectAsFuture(
          Effect.sync(() => {
            handle.future?.cancel()
            return "still a value"
          })
        )
        handle.future = self
        yield* settle
        expect(thrown(self)).toEqual({ value: "still a value" })
        const waits: { future?: Future<never> } = {}
        waits.future = loop.effectAsFuture(
          Effect.zipRight(
            Effect.sync(() => waits.future?.cancel("self")),
            Effect.never
          )
        )
        yield* settle
        expect(thrown(waits.future as Future<never>)).toMatchObject({ reason: "self" })
      })
    )
  )

  it.live("keeps this, arguments, and one fiber for every call of 10,000", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        class Counter {
          constructor(readonly start: number) {}
        }
        const add = yield* toAio(function (this: Counter, n: number, m: number = 1) {
          return Effect.succeed(this.start + n + m)
        })
        const counter = Object.assign(new Counter(10), { add })
        const sum = yield* runAioCoroutine(async () => {
          const all = await Promise.all(Array.from({ length: 10_000 }, (_, i) => counter.add(i)))
          return all.reduce((a, b) => a + b, 0) + (await counter.add(1, 2))
        })
        expect(sum).toBe(10_000 * 11 + (9_999 * 10_000) / 2 + 13)
        expect(loop.statistics()).toMatchObject({ effects: 0, tasks: 0, ready: 0 })
      })
    )
  )
})

describe("calls of a toAio function that go wrong", () => {
  it.live("after the loop has closed: a failed Future, never a throw, nothing runs", () => {
    let ran = 0
    return Effect.gen(function* () {
      const f = yield* scoped(toAio(() => Effect.sync(() => void ran++)))
      const future = f()
      expect(isFuture(future)).toBe(true)
      expect(thrown(future)).toBeInstanceOf(LoopClosedError)
      const awaited = yield* Effect.promise(async () => f().catch((error: unknown) => error))
      expect(awaited).toBeInstanceOf(LoopClosedError)
      expect(ran).toBe(0)
    })
  })

  it.live("with a full queue: a Future that failed with QueueFullError", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const f = yield* toAio(() => Effect.succeed(1))
        loop.callSoon(() => {})
        expect(thrown(f())).toBeInstanceOf(QueueFullError)
        yield* settle
        const future = f()
        yield* settle
        expect(thrown(future)).toEqual({ value: 1 })
      }),
      { queueLength: 1 }
    )
  )

  it.live("with a function that throws: a Future that failed with that", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const f = yield* toAio((): Effect.Effect<number> => {
          throw boom
        })
        const future = f()
        future.addDoneCallback(() => {})
        yield* settle
        expect(thrown(future)).toBe(boom)
      })
    )
  )

  it.live("B1 with a function that returns no Effect: TypeError with a hint", () =>
    scoped(
      Effect.gen(function* () {
        for (const [returned, hint] of [
          [undefined, /takes a function returning an Effect; wrong returned undefined$/],
          [42, /returned 42$/],
          [Promise.resolve(1), /returned <Promise>, which is aio already/]
        ] as const) {
          const f = yield* toAio((() => returned) as unknown as () => Effect.Effect<unknown>, {
            name: "wrong"
          })
          const future = f()
          future.addDoneCallback(() => {})
          yield* settle
          expect(thrown(future)).toBeInstanceOf(TypeError)
          expect(String(thrown(future))).toMatch(hint)
        }
      })
    )
  )

  it.live("with a signal that is none, or chosen by a function that throws: a failed Future", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        let ran = 0
        const effect = Effect.sync(() => void ran++)
        const notSignal = yield* toAio(() => effect, { signal: {} as AbortSignal })
        const throwing = yield* toAio(() => effect, {
          signal: () => {
            throw boom
          }
        })
        expect(thrown(notSignal())).toBeInstanceOf(TypeError)
        expect(thrown(throwing())).toBe(boom)
        yield* settle
        expect(ran).toBe(0)
      })
    )
  )

  it("B2 refuses what is no function, Effect or Stream when it is wrapped", () => {
    expect(() => toAio(Promise.resolve() as never)).toThrow(/toAio takes a function.*aio already: await it/)
    expect(() => toAio(undefined as never)).toThrow(TypeError)
  })

  it.live(
    "T5 an error only settles the Future; one that nobody looked at is reported as unretrieved, once",
    () => {
      const { exceptionHandler, reports } = collecting()
      const boom = new Error("boom")
      return Effect.gen(function* () {
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const f = yield* toAio(() => Effect.fail(boom), { name: "lost" })
            f()
            yield* settle
            expect(loop.statistics().unretrieved).toBe(1)
            expect(reports).toEqual([])
          }),
          { exceptionHandler }
        )
        expect(reports.map((r) => [r.kind, r.exception])).toEqual([["unretrieved", boom]])
        expect(reports[0]?.message).toContain("Future of lost")
      })
    }
  )

  it.live("T5 a forgotten failed Future is reported when it is collected", () => {
    const { exceptionHandler, reports } = collecting()
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const f = yield* toAio(() => Effect.fail(new Error("boom")))
        void f()
        yield* settle
        yield* Effect.promise(() => collect(() => reports.length > 0))
        expect(reports.map((r) => r.kind)).toEqual(["unretrieved"])
        expect(loop.statistics().unretrieved).toBe(0)
      }),
      { exceptionHandler }
    )
  })

  it.live("a call from Effect code is the same call: the Future belongs to the loop", () =>
    scoped(
      Effect.gen(function* () {
        const f = yield* toAio(() => Effect.succeed(1))
        const future = f()
        expect(yield* fromAio(future)).toBe(1)
        const exit = yield* Effect.exit(Effect.sync(() => runEffect(Effect.void)))
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ _tag: "NoRunningLoopError" })
      })
    )
  )

  it.live("AioError of one border is taken off at the other, also when it comes with others", () =>
    scoped(
      Effect.gen(function* () {
        const boom = new Error("boom")
        const inner = fromAio(() => Promise.reject(boom))
        const f = yield* toAio(() => Effect.ensuring(inner(), Effect.die("finalizer")))
        const future = f()
        future.addDoneCallback(() => {})
        yield* settle
        expect(thrown(future)).toBe(boom)
        expect(yield* Effect.flip(inner())).toBeInstanceOf(AioError)
      })
    )
  )

  it.live("a Future whose fiber ends after a Fiber.interrupt from outside is cancelled", () =>
    scoped(
      Effect.gen(function* () {
        let fiber: Fiber.RuntimeFiber<unknown, unknown> | undefined
        const f = yield* toAio(() =>
          Effect.withFiberRuntime<never>((self) => {
            fiber = self as Fiber.RuntimeFiber<unknown, unknown>
            return Effect.never
          })
        )
        const future = f()
        yield* settle
        yield* Fiber.interrupt(fiber as Fiber.RuntimeFiber<unknown, unknown>)
        expect(future.cancelled()).toBe(true)
      })
    )
  )
})
