import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as FiberId from "effect/FiberId"
import * as Runtime from "effect/Runtime"
import { currentSignal, fromAio, Loop, toAio } from "effect-aio"
import { openLoop, ours } from "../loops.js"
import { heap } from "../measure.js"
import { type Case, type Contender, fail, peer } from "../case.js"
import { abortable, macrotask } from "../waits.js"

/** Keeps n of what `make` makes. The array itself is there before the first look at the heap. */
const keep = (n: number, make: (i: number) => unknown) => {
  const kept = new Array<unknown>(n).fill(undefined)
  return async (): Promise<ReadonlyArray<unknown>> => {
    for (let i = 0; i < n; i++) kept[i] = make(i)
    await macrotask()
    return kept
  }
}

const keeper = (name: string, make: (i: number) => unknown): Contender => peer(name, (n) => keep(n, make))

/** A promise and the two functions that settle it: what a promise needs to stay alive and be of use. */
class Pending {
  declare resolve: () => void
  declare reject: (error: unknown) => void
  readonly promise = new Promise<void>((resolve, reject) => {
    this.resolve = resolve
    this.reject = reject
  })
}

/** What runs, with the promise it waits for. */
const waiting = (start: (promise: Promise<void>) => unknown): unknown => {
  const pending = new Pending()
  return [pending, start(pending.promise)]
}

/** Timers that are cleared at the end. */
const nodeTimers: Contender = {
  name: "setTimeout",
  ours: false,
  fraction: 1,
  prepare: (n) => {
    const timers: Array<NodeJS.Timeout> = []
    return {
      go: keep(n, (i) => (timers[i] = setTimeout(() => {}, 3_600_000 + (i % 500)))),
      close: () => {
        for (const timer of timers) clearTimeout(timer)
      }
    }
  }
}

/**
 * Fibers that are interrupted at the end: what they wait for would keep them. A fiber does not keep the promise that
 * it waits for; `alive` does.
 */
const fibers = (
  name: string,
  effect: (alive: Array<unknown>) => Effect.Effect<unknown, unknown>
): Contender => ({
  name,
  ours: false,
  fraction: 1 / 10,
  prepare: (n) => {
    const started: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
    const waiting = effect([])
    return {
      go: keep(n, (i) => (started[i] = Effect.runFork(waiting))),
      close: () => Effect.runPromise(Fiber.interruptAll(started))
    }
  }
})

/** Fibers in `fromAio`, which the loop's close interrupts. */
const pendingFromAio = ours(async ({ run }, n) => {
  const call = fromAio(() => abortable(currentSignal()))
  const fork = Runtime.runFork(await run(Effect.runtime<Loop>()))
  const hold = keep(n, () => fork(call))
  return async () => {
    const held = await hold()
    await run(Loop.synchronize)
    await macrotask()
    return held
  }
})

/** The same by hand: interruption aborts, and waits. */
const pendingByHand = Effect.async<never, unknown>((resume) => {
  const controller = new AbortController()
  const ended = abortable(controller.signal).catch((error: unknown) => resume(Effect.fail(error)))
  return Effect.promise(() => {
    controller.abort()
    return ended
  })
})

/** What a crossing may leave behind, in bytes: less than the smallest object. The fixed part is code, and the loop's own. */
const LEFT = { each: 1, fixed: 2 ** 20 }

/** An Effect calls promise code, which calls an Effect: fails when that leaves anything. */
const crossings = (asyncContext: boolean): Contender => ({
  name: `effect-aio${asyncContext ? "" : ", asyncContext: false"}`,
  ours: true,
  fraction: 1,
  prepare: async (n) => {
    const { close, run } = await openLoop(asyncContext)
    const back = await run(toAio((i: number) => Effect.succeed(i)))
    const there = fromAio(async (i: number) => await back(i))
    const cross = (n: number) =>
      Effect.gen(function* () {
        for (let i = 0; i < n; i++) if ((yield* there(i)) !== i) fail(`the crossing ${i}`)
        return n
      })
    await run(cross(1_000))
    return {
      go: async () => {
        const before = await heap()
        const done = await run(cross(n))
        const left = (await heap()) - before
        return left <= n * LEFT.each + LEFT.fixed ? done : fail(`${left} bytes are left after ${n} crossings`)
      },
      close
    }
  }
})

export const memory: ReadonlyArray<Case> = [
  {
    name: "task",
    what: "tasks that wait for a Future",
    n: 10_000,
    measures: "memory",
    contenders: [
      ...ours(({ asyncContext, loop, run }, n) => {
        const hold = keep(n, () =>
          loop.createTask(async (task) => {
            const future = loop.createFuture()
            await (asyncContext ? future : task.link(future))
          })
        )
        return async () => {
          const held = await hold()
          await run(Loop.synchronize)
          await macrotask()
          return held
        }
      }),
      keeper("async function on a promise", () => waiting(async (promise) => await promise)),
      keeper("async function, AbortController", () => {
        const controller = new AbortController()
        void abortable(controller.signal).catch(() => {})
        return controller
      }),
      fibers("fiber, Effect.promise", (alive) =>
        Effect.promise(() => {
          const pending = new Pending()
          alive.push(pending)
          return pending.promise
        })
      ),
      fibers("fiber, Effect.tryPromise with signal", () => Effect.tryPromise((signal) => abortable(signal)))
    ]
  },
  {
    name: "future",
    what: "pending ones",
    n: 20_000,
    measures: "memory",
    contenders: [
      ...ours(({ loop }, n) => keep(n, () => loop.createFuture())),
      keeper("promise with its resolvers", () => new Pending()),
      keeper("Effect Deferred", () => Deferred.unsafeMake(FiberId.none))
    ]
  },
  {
    name: "timer",
    what: "scheduled ones",
    n: 20_000,
    measures: "memory",
    contenders: [
      ...ours(({ loop }, n) => keep(n, (i) => loop.callLater(3_600_000 + (i % 500), () => {}))),
      nodeTimers,
      fibers("fiber, Effect.sleep", () => Effect.sleep(3_600_000))
    ]
  },
  {
    name: "pending fromAio",
    what: "fibers that wait for an async function with its signal",
    n: 20_000,
    measures: "memory",
    contenders: [
      ...pendingFromAio,
      fibers("fiber, Effect.tryPromise with signal", () => Effect.tryPromise((signal) => abortable(signal))),
      fibers("fiber, by hand: Effect.async, aborts and waits", () => pendingByHand)
    ]
  },
  {
    name: "left after a million crossings",
    what: "crossings there and back that have ended",
    n: 500_000,
    measures: "memory",
    once: true,
    contenders: [crossings(true), crossings(false)]
  }
]
