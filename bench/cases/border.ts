import { run as runOperation, until, useAbortSignal, useScope } from "effection"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Runtime from "effect/Runtime"
import { CancelledError, currentSignal, currentTask, fromAio, Loop, toAio } from "effect-aio"
import { ours } from "../loops.js"
import { type Case, fail, peer, type Prepared } from "../case.js"
import { abortable, macrotask, oneByOne } from "../waits.js"

/** Effect to promise to Effect and back, n times. */
const pingpong = <R>(n: number, there: (i: number) => Effect.Effect<number, unknown, R>) =>
  Effect.gen(function* () {
    let sum = 0
    for (let i = 0; i < n; i++) sum += yield* there(i)
    return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
  })

/** Counts what has cleaned up. */
class Unwound {
  count = 0
  /** Waits for its signal. */
  readonly heed = async (signal: AbortSignal): Promise<never> => {
    try {
      return await abortable(signal)
    } catch (error) {
      this.count++
      throw error
    }
  }
  /** Waits for interruption. */
  readonly effect = Effect.onInterrupt(Effect.never, () => Effect.sync(() => void this.count++))
}

/**
 * Interrupts one fiber after the other; each waits for promise code. Those of ours must have unwound by then: that is
 * what joining means. Effect's own do not wait.
 */
const interrupting = async (
  n: number,
  { count }: { readonly count: () => number },
  effect: Effect.Effect<unknown, unknown>
): Promise<Prepared["go"]> => {
  const fibers = Array.from({ length: n }, () => Effect.runFork(effect))
  await macrotask()
  await macrotask()
  return () =>
    oneByOne(n, async (i) => {
      await Effect.runPromise(Fiber.interrupt(fibers[i] as Fiber.RuntimeFiber<unknown, unknown>))
      if (count() !== i + 1) fail("interrupting did not reach the promise code")
    })
}

/** Cancels one call after the other; each runs an Effect that waits. */
const cancelling = async (
  n: number,
  unwound: Unwound,
  call: () => { readonly done: PromiseLike<unknown>; readonly cancel: () => unknown },
  isCancelled: (error: unknown) => boolean
): Promise<Prepared["go"]> => {
  const calls = Array.from({ length: n }, call)
  const ended = calls.map(({ done }) =>
    Promise.resolve(done).then(
      () => fail("a cancelled call ended well"),
      (error: unknown) => (isCancelled(error) ? undefined : fail(String(error)))
    )
  )
  await macrotask()
  await macrotask()
  return () =>
    oneByOne(n, async (i) => {
      calls[i]?.cancel()
      await ended[i]
      if (unwound.count !== i + 1) fail("cancelling did not reach the Effect")
    })
}

const withController = (run: (signal: AbortSignal) => Promise<unknown>) => () => {
  const controller = new AbortController()
  return { done: run(controller.signal), cancel: () => controller.abort() }
}

const isInterrupted = (error: unknown): boolean => String(error).includes("interrupted")

export const border: ReadonlyArray<Case> = [
  {
    name: "ping-pong",
    what: "Effect to promise to Effect and back",
    n: 5_000,
    contenders: [
      ...ours(async ({ run }, n) => {
        const back = await run(toAio((i: number) => Effect.succeed(i)))
        const there = fromAio(async (i: number) => await back(i))
        return () => run(pingpong(n, there))
      }),
      peer("Effect.tryPromise, Runtime.runPromise", async (n) => {
        const back = Runtime.runPromise(await Effect.runPromise(Effect.runtime<never>()))
        return () =>
          Effect.runPromise(
            pingpong(n, (i) =>
              Effect.tryPromise({
                try: async () => await back(Effect.succeed(i)),
                catch: (error) => error
              })
            )
          )
      }),
      peer(
        "the same, both with signal",
        async (n) => {
          const back = Runtime.runPromise(await Effect.runPromise(Effect.runtime<never>()))
          return () =>
            Effect.runPromise(
              pingpong(n, (i) =>
                Effect.tryPromise({
                  try: async (signal) => await back(Effect.succeed(i), { signal }),
                  catch: (error) => error
                })
              )
            )
        },
        1 / 4
      ),
      peer(
        "Effection until, scope.run",
        (n) => () =>
          runOperation(function* () {
            const scope = yield* useScope()
            let sum = 0
            for (let i = 0; i < n; i++)
              sum += yield* until(
                scope.run(function* () {
                  return i
                })
              )
            return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
          }),
        1 / 4
      )
    ]
  },
  {
    name: "cancel into promise code",
    what: "fibers interrupted and joined",
    n: 1_000,
    measures: "latency",
    contenders: [
      ...ours(async ({ loop }, n) => {
        const unwound = new Unwound()
        const effect = fromAio(async () => unwound.heed(currentSignal()))
        return interrupting(n, { count: () => unwound.count }, Effect.provideService(effect, Loop, loop))
      }, "signal"),
      ...ours(async ({ loop }, n) => {
        let count = 0
        const effect = fromAio(async () => {
          try {
            await currentTask()?.link(loop.createFuture())
          } catch (error) {
            if (error instanceof CancelledError) count++
            throw error
          }
        })
        return interrupting(n, { count: () => count }, Effect.provideService(effect, Loop, loop))
      }, "Future"),
      peer("Effect.tryPromise with signal (does not wait)", async (n) => {
        const unwound = new Unwound()
        const effect = Effect.tryPromise((signal) => unwound.heed(signal))
        return interrupting(n, { count: () => unwound.count }, effect)
      }),
      peer("Effect.async with AbortController (does not wait)", async (n) => {
        const unwound = new Unwound()
        const effect = Effect.async<never>(() => {
          const controller = new AbortController()
          unwound.heed(controller.signal).catch(() => {})
          return Effect.sync(() => controller.abort())
        })
        return interrupting(n, { count: () => unwound.count }, effect)
      }),
      peer("by hand: Effect.async, aborts and waits", async (n) => {
        const unwound = new Unwound()
        const effect = Effect.async<never>(() => {
          const controller = new AbortController()
          const ended = unwound.heed(controller.signal).catch(() => {})
          return Effect.promise(() => {
            controller.abort()
            return ended
          })
        })
        return interrupting(n, { count: () => unwound.count }, effect)
      }),
      peer("Effection useAbortSignal, halt (does not wait)", async (n) => {
        const unwound = new Unwound()
        const tasks = Array.from({ length: n }, () =>
          runOperation(function* () {
            const signal = yield* useAbortSignal()
            yield* until(unwound.heed(signal))
          })
        )
        for (const task of tasks) task.catch(() => {})
        await macrotask()
        await macrotask()
        return () =>
          oneByOne(n, async (i) => {
            await tasks[i]?.halt()
            if (unwound.count !== i + 1) fail("halting did not reach the promise code")
          })
      })
    ]
  },
  {
    name: "cancel into Effect",
    what: "calls cancelled and ended",
    n: 1_000,
    measures: "latency",
    contenders: [
      ...ours(async ({ run }, n) => {
        const unwound = new Unwound()
        const handle = await run(toAio(() => unwound.effect))
        return cancelling(
          n,
          unwound,
          () => {
            const done = handle()
            return { done, cancel: () => done.cancel() }
          },
          (error) => error instanceof CancelledError
        )
      }),
      peer("Runtime.runPromise with signal", async (n) => {
        const unwound = new Unwound()
        const run = Runtime.runPromise(await Effect.runPromise(Effect.runtime<never>()))
        return cancelling(
          n,
          unwound,
          withController((signal) => run(unwound.effect, { signal })),
          isInterrupted
        )
      }),
      peer("ManagedRuntime.runPromise with signal", async (n) => {
        const unwound = new Unwound()
        const runtime = ManagedRuntime.make(Layer.empty)
        return cancelling(
          n,
          unwound,
          withController((signal) => runtime.runPromise(unwound.effect, { signal })),
          isInterrupted
        )
      }),
      peer("Effect.runFork, Fiber.interrupt", async (n) => {
        const unwound = new Unwound()
        return cancelling(
          n,
          unwound,
          () => {
            const fiber = Effect.runFork(unwound.effect)
            return {
              done: Effect.runPromise(Fiber.join(fiber)),
              cancel: () => Effect.runFork(Fiber.interrupt(fiber))
            }
          },
          isInterrupted
        )
      })
    ]
  }
]
