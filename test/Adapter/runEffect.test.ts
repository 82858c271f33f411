import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Fiber, Logger } from "effect"
import {
  causeOf,
  type EventLoop,
  fromAio,
  type Future,
  Loop,
  LoopClosedError,
  LoopCrash,
  NoRunningLoopError,
  runAioCoroutine,
  runEffect,
  runEffectTask
} from "../../src/index.js"
import { collecting, scoped, settle, track } from "../support/scopedLoops.js"
import { perLine } from "../support/effect/line.js"

class Greeting extends Context.Tag("test/Greeting")<Greeting, { readonly text: string }>() {}

const quiet = Effect.provide(Logger.remove(Logger.defaultLogger))

const thrown = (future: Future<unknown>): unknown => {
  try {
    return { value: future.result() }
  } catch (error) {
    return error
  }
}

describe("runEffect", () => {
  it.live("runs an Effect on the running loop, from tasks, callbacks and after an await", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const values = yield* runAioCoroutine(async () => {
          const first = await runEffect(Effect.succeed(1))
          await loop.sleep(1)
          const second = await runEffect(Effect.as(Effect.sleep(1), 2))
          const future = loop.createFuture<Future<number>>()
          loop.callSoon(() => future.setResult(runEffect(Effect.succeed(3))))
          return [first, second, await await future]
        })
        expect(values).toEqual([1, 2, 3])
      })
    )
  )

  it.live("gives the Effect the Loop, and the Context of the fiber that called the aio code", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const inside = fromAio(async () => {
          const same = await runEffect(
            Effect.map(Effect.serviceOption(Loop), (l) => l._tag === "Some" && l.value)
          )
          const greeting = await runEffect(Effect.map(Effect.serviceOption(Greeting), (g) => g._tag))
          return [same === loop, greeting]
        })
        expect(yield* inside()).toEqual([true, "None"])
        expect(yield* Effect.provideService(inside(), Greeting, { text: "hi" })).toEqual([true, "Some"])
      })
    )
  )

  it.live("B1 called in Effect code or outside of a loop: NoRunningLoopError with a hint", () =>
    scoped(
      Effect.gen(function* () {
        const inEffect = yield* Effect.exit(Effect.sync(() => runEffect(Effect.void)))
        const error = Exit.isFailure(inEffect) && Cause.squash(inEffect.cause)
        expect(error).toBeInstanceOf(NoRunningLoopError)
        expect(String(error)).toMatch(/runEffect\(\) was called in Effect code.*yield\* the Effect/)
        const outside = yield* Effect.async<unknown>((resume) => {
          setTimeout(() => {
            try {
              runEffectTask(Effect.void)
            } catch (error) {
              resume(Effect.succeed(error))
            }
          }, 1)
        })
        expect(outside).toBeInstanceOf(NoRunningLoopError)
        expect(String(outside)).toMatch(/runEffectTask\(\) needs a running loop/)
      })
    )
  )

  it.live("B2 refuses what is no Effect, and a signal that is none, before anything is scheduled", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        for (const wrong of [undefined, null, 1, async () => 1, {}]) {
          expect(() => loop.effectAsFuture(wrong as never)).toThrow(/effectAsFuture takes an Effect, not/)
          expect(() => loop.runEffectTask(wrong as never)).toThrow(/runEffectTask takes an Effect, not/)
        }
        expect(() => loop.effectAsFuture(Promise.resolve(1) as never)).toThrow(
          /a promise needs none, await it/
        )
        expect(() => loop.effectAsFuture(Effect.void, { signal: "no" as never })).toThrow(
          /takes an AbortSignal/
        )
        expect(loop.statistics()).toMatchObject({ ready: 0, effects: 0 })
      })
    )
  )

  it.live("throws LoopClosedError on a closed loop", () =>
    Effect.gen(function* () {
      const loop = yield* Effect.scoped(Effect.map(Loop.open(), track))
      expect(() => loop.effectAsFuture(Effect.void)).toThrow(LoopClosedError)
      expect(() => loop.runEffectTask(Effect.void)).toThrow(LoopClosedError)
    })
  )

  it.live(
    "what had not started when the loop was closed at once does not run, and fails with LoopClosedError",
    () =>
      Effect.scoped(
        Effect.gen(function* () {
          const loop = track(yield* Loop.open())
          let ran = 0
          const controller = new AbortController()
          const future = loop.effectAsFuture(
            Effect.sync(() => void ran++),
            { signal: controller.signal }
          )
          loop.runEffectTask(Effect.sync(() => void ran++))
          loop.close()
          yield* settle
          expect(ran).toBe(0)
          expect(thrown(future)).toBeInstanceOf(LoopClosedError)
        })
      )
  )

  it.live("cancel after the end is false; before, its message is delivered (bridge-040)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const done = loop.effectAsFuture(Effect.succeed(1))
        yield* settle
        expect(done.cancel("m")).toBe(false)
        expect(done.result()).toBe(1)
        const waiting = loop.effectAsFuture(Effect.never)
        yield* settle
        expect(waiting.cancel("m")).toBe(true)
        // On line 4 it has ended in the first call.
        expect(waiting.cancel("another")).toBe(perLine("E5", { 3: true, 4: false }))
        yield* settle
        expect(thrown(waiting)).toMatchObject({ _tag: "CancelledError", reason: "m" })
      })
    )
  )

  it.live("a finalizer that throws after cancel is what the Future holds (bridge-037)", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const hi = new Error("hi")
        const future = loop.effectAsFuture(
          Effect.ensuring(
            Effect.never,
            Effect.sync(() => {
              throw hi
            })
          )
        )
        const awaited = loop.createTask(async () => {
          try {
            await future
          } catch (error) {
            return error
          }
          return undefined
        })
        yield* settle
        future.cancel()
        yield* settle
        expect(future.cancelled()).toBe(false)
        expect(awaited.result()).toBe(hi)
        expect(Cause.isInterrupted(causeOf(hi) as Cause.Cause<unknown>)).toBe(true)
      })
    )
  )

  for (const failing of [false, true]) {
    const how = failing ? "holds the Error of its cleanup" : "is cancelled"
    it.live(`interrupted with the loop's scope, the Future ${how}`, () => interruptedWithTheLoop(failing))
  }

  it.live(
    "a loop that is interrupted from outside settles effectAsFuture: cancelled, or the Error of its cleanup (bridge-036)",
    () => Effect.zipRight(interruptedWithTheLoop(false), interruptedWithTheLoop(true))
  )

  const interruptedWithTheLoop = (failing: boolean) =>
    Effect.gen(function* () {
      const hi = new Error("hi")
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      let future: Future<never> | undefined
      const fiber = yield* Effect.fork(
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const effect = Effect.ensuring(
              Effect.never,
              Effect.suspend(() => {
                log.push("cleanup")
                return failing ? Effect.die(hi) : Effect.void
              })
            )
            future = loop.effectAsFuture(effect)
            yield* Effect.never
          }),
          { exceptionHandler }
        )
      )
      yield* settle
      const exit = yield* Fiber.interrupt(fiber)
      log.push("scope ended")
      expect(log).toEqual(["cleanup", "scope ended"])
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      const settled = future as unknown as Future<never>
      expect(settled.done()).toBe(true)
      expect(settled.cancelled()).toBe(!failing)
      if (failing) expect(thrown(settled)).toBe(hi)
      expect(reports.map((r) => [r.kind, r.exception])).toEqual(failing ? [["unretrieved", hi]] : [])
    })
})

describe("runEffectTask", () => {
  it.live(
    "cancelled at once it never runs; cancelled later it is interrupted: the loop closes without error (bridge-042)",
    () => {
      const { exceptionHandler, reports } = collecting()
      const log: Array<string> = []
      return Effect.gen(function* () {
        yield* scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            const logged = (name: string) =>
              Effect.onInterrupt(
                Effect.zipRight(
                  Effect.sync(() => log.push(`${name} begins`)),
                  Effect.never
                ),
                () => Effect.sync(() => log.push(`${name} interrupted`))
              )
            const first = loop.runEffectTask(logged("first"))
            first.cancel()
            expect(first.cancelled()).toBe(true)
            const second = loop.runEffectTask(logged("second"))
            yield* settle
            expect(loop.statistics().effects).toBe(1)
            second.cancel()
            second.cancel()
            yield* settle
            expect(loop.statistics().effects).toBe(0)
          }),
          { exceptionHandler }
        )
        expect(log).toEqual(["second begins", "second interrupted"])
        expect(reports).toEqual([])
      })
    }
  )

  it.live("gives the exception handler exactly its error, and several as one group (bridge-043)", () => {
    const { exceptionHandler, reports } = collecting()
    const boom = new Error("boom")
    const bang = new Error("bang")
    return scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        loop.runEffectTask(Effect.fail(boom), { name: "failing" })
        loop.runEffectTask(Effect.die(bang))
        loop.runEffectTask(Effect.ensuring(Effect.fail(boom), Effect.die(bang)))
        loop.runEffectTask(fromAioFailing(boom, loop))
        yield* settle
        expect(reports.map((r) => r.kind)).toEqual(Array(4).fill("background"))
        expect(reports[0]?.exception).toBe(boom)
        expect(reports[0]?.message).toBe("background effect failing failed")
        expect(reports[1]?.exception).toBe(bang)
        const group = reports[2]?.exception as AggregateError
        expect(group).toBeInstanceOf(AggregateError)
        expect(group.errors).toEqual([boom, bang])
        expect(reports[3]?.exception).toBe(boom)
      }),
      { exceptionHandler }
    )
  })

  const fromAioFailing = (error: unknown, loop: EventLoop) =>
    Effect.provideService(fromAio(() => Promise.reject(error))(), Loop, loop)

  it.live("T5 is supervised: by default its failure crashes the loop, and interruption alone does not", () =>
    Effect.gen(function* () {
      const boom = new Error("boom")
      const log: Array<string> = []
      const exit = yield* Effect.exit(
        scoped(
          Effect.gen(function* () {
            const loop = yield* Loop
            loop.runEffectTask(Effect.interrupt)
            yield* settle
            log.push("not crashed")
            loop.runEffectTask(Effect.fail(boom))
            yield* Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("body interrupted")))
          })
        )
      ).pipe(quiet)
      expect(log).toEqual(["not crashed", "body interrupted"])
      const error = Exit.isFailure(exit) && Cause.squash(exit.cause)
      expect(error).toBeInstanceOf(LoopCrash)
      expect((error as LoopCrash).cause).toBe(boom)
    })
  )

  it.live("starts from aio code too, and a cancel from inside the effect interrupts it", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        const log: Array<string> = []
        yield* runAioCoroutine(async () => {
          const handle = runEffectTask(
            Effect.gen(function* () {
              log.push("begins")
              handle.cancel()
              yield* Effect.yieldNow()
              log.push("not reached")
            }).pipe(Effect.onInterrupt(() => Effect.sync(() => log.push("interrupted"))))
          )
        })
        yield* settle
        expect(log).toEqual(["begins", "interrupted"])
        expect(loop.statistics().effects).toBe(0)
      })
    )
  )
})
