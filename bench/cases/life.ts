import { createScope, suspend } from "effection"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Scope from "effect/Scope"
import { Loop, type Task } from "effect-aio"
import { type Opened, openLoop } from "../loops.js"
import { type Case, type Contender, fail, peer } from "../case.js"
import { abortable, macrotask, oneByOne } from "../waits.js"

/** Opens a loop, looks at it, closes it. Without a loop around it, unlike all other cases. */
const openClose = (asyncContext: boolean): Contender => ({
  name: `effect-aio, Loop.scoped${asyncContext ? "" : ", asyncContext: false"}`,
  ours: true,
  fraction: 1,
  prepare: (n) => ({
    go: () =>
      oneByOne(n, async () => {
        const loop = await Effect.runPromise(Loop.scoped(Loop, { asyncContext }))
        if (!loop.isClosed()) fail("the loop is open")
      })
  })
})

const openCloseInScope: Contender = {
  name: "effect-aio, Effect.scoped(Loop.open())",
  ours: true,
  fraction: 1,
  prepare: (n) => ({
    go: () =>
      oneByOne(n, async () => {
        const loop = await Effect.runPromise(Effect.scoped(Loop.open()))
        if (!loop.isClosed()) fail("the loop is open")
      })
  })
}

/** A FiberSet with n fibers in it, each waiting for a promise; closing its scope is what is timed. */
const fiberSet = (name: string, pending: Effect.Effect<never, unknown>): Contender =>
  peer(
    name,
    async (n) => {
      const scope = await Effect.runPromise(Scope.make())
      const set = await Effect.runPromise(Scope.extend(FiberSet.make<never, unknown>(), scope))
      const fibers = await Effect.runPromise(
        Effect.forEach(Array.from({ length: n }), () => FiberSet.run(set, pending))
      )
      let ended = 0
      for (const fiber of fibers) fiber.addObserver(() => void ended++)
      await macrotask()
      return async () => {
        await Effect.runPromise(Scope.close(scope, Exit.void))
        return ended
      }
    },
    1 / 4
  )

/** Loops with n tasks in them; closing them is what is timed. */
const shutdown = (
  what: string,
  body: (task: Task<unknown>, opened: Opened) => PromiseLike<unknown>
): ReadonlyArray<Contender> =>
  [true, false].map((asyncContext) => ({
    name: `effect-aio, ${what}${asyncContext ? "" : ", asyncContext: false"}`,
    ours: true,
    fraction: 1,
    prepare: async (n) => {
      const opened = await openLoop(asyncContext)
      const { close, loop, run } = opened
      let unwound = 0
      const tasks = Array.from({ length: n }, () =>
        loop.createTask(async (task) => {
          try {
            await body(task, opened)
          } finally {
            unwound++
          }
        })
      )
      await run(Loop.synchronize)
      await macrotask()
      return {
        go: async () => {
          await close()
          return tasks.every((task) => task.cancelled()) ? unwound : fail("a task was not cancelled")
        }
      }
    }
  }))

export const life: ReadonlyArray<Case> = [
  {
    name: "open and close",
    what: "empty ones",
    n: 500,
    measures: "latency",
    contenders: [
      openClose(true),
      openClose(false),
      openCloseInScope,
      peer(
        "FiberSet.makeRuntimePromise",
        (n) => () =>
          oneByOne(n, async () => {
            await Effect.runPromise(Effect.scoped(FiberSet.makeRuntimePromise()))
          })
      ),
      peer(
        "ManagedRuntime",
        (n) => () =>
          oneByOne(n, async () => {
            const runtime = ManagedRuntime.make(Layer.empty)
            await runtime.runPromise(Effect.void)
            await runtime.dispose()
          })
      ),
      peer(
        "Effection createScope",
        (n) => () =>
          oneByOne(n, async () => {
            const [, destroy] = createScope()
            await destroy()
          })
      )
    ]
  },
  {
    name: "shutdown",
    what: "waiting tasks cancelled and ended by closing",
    n: 10_000,
    contenders: [
      ...shutdown("tasks on a Future", (task, { asyncContext, loop }) => {
        const future = loop.createFuture()
        return asyncContext ? future : task.link(future)
      }),
      ...shutdown("tasks on a promise with signal", ({ signal }) => abortable(signal)),
      fiberSet(
        "FiberSet, Effect.promise",
        Effect.promise(() => new Promise<never>(() => {}))
      ),
      fiberSet(
        "FiberSet, Effect.tryPromise with signal",
        Effect.tryPromise((signal) => abortable(signal))
      ),
      peer(
        "Effection scope, halted",
        async (n) => {
          const [scope, destroy] = createScope()
          let unwound = 0
          for (let i = 0; i < n; i++)
            scope
              .run(function* () {
                try {
                  yield* suspend()
                } finally {
                  unwound++
                }
              })
              .catch(() => {})
          await macrotask()
          return async () => {
            await destroy()
            return unwound
          }
        },
        1 / 4
      )
    ]
  }
]
