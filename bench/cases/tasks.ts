import Bluebird from "bluebird"
import { run as runOperation, spawn, suspend, type Task as OperationTask } from "effection"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CancelledError, type EventLoop, type Future, Loop, type Task } from "effect-aio"
import { type Opened, ours } from "../loops.js"
import { type Case, fail, peer, python } from "../case.js"
import { abortable, macrotask, oneByOne } from "../waits.js"

// Before its first promise, or it refuses.
Bluebird.config({ cancellation: true })

/** Sequential: creates one, waits for it, creates the next. */
const createAwait = async (n: number, one: (i: number) => PromiseLike<number>): Promise<number> => {
  let sum = 0
  for (let i = 0; i < n; i++) sum += await one(i)
  return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
}

/** n tasks that wait for a Future and count when they unwind. */
const waitingTasks = async (
  { asyncContext, loop, run }: Opened,
  n: number
): Promise<{ readonly tasks: ReadonlyArray<Task<void>>; readonly unwound: () => number }> => {
  let unwound = 0
  const body = async (task: Task<unknown>): Promise<void> => {
    try {
      const future = loop.createFuture<void>()
      await (asyncContext ? future : task.link(future))
    } catch (error) {
      if (error instanceof CancelledError) unwound++
      throw error
    }
  }
  const tasks = Array.from({ length: n }, () => loop.createTask(body))
  await run(Loop.synchronize)
  await macrotask()
  return { tasks, unwound: () => unwound }
}

/** n async functions that wait for their signal. */
const waitingPromises = (n: number) => {
  let unwound = 0
  const body = async (signal: AbortSignal): Promise<void> => {
    try {
      await abortable(signal)
    } catch {
      unwound++
    }
  }
  const controllers = Array.from({ length: n }, () => new AbortController())
  const promises = controllers.map(({ signal }) => body(signal))
  return { controllers, promises, unwound: () => unwound }
}

/** n fibers that wait, and count when they are interrupted. */
const waitingFibers = async (n: number) => {
  let unwound = 0
  const body = Effect.async<never>(() => Effect.sync(() => void unwound++))
  const fibers = Array.from({ length: n }, () => Effect.runFork(body))
  await macrotask()
  return { fibers, unwound: () => unwound }
}

/** n tasks of Effection that wait, and count when they are halted. */
const waitingOperations = async (n: number) => {
  let unwound = 0
  const tasks: Array<OperationTask<void>> = Array.from({ length: n }, () =>
    runOperation(function* () {
      try {
        yield* suspend()
      } finally {
        unwound++
      }
    })
  )
  for (const task of tasks) task.catch(() => {})
  await macrotask()
  return { tasks, unwound: () => unwound }
}

/** n promises of Bluebird that nobody settles, and count when they are cancelled. */
const waitingBluebirds = (n: number) => {
  let unwound = 0
  const promises = Array.from(
    { length: n },
    () => new Bluebird<void>((_, __, onCancel) => onCancel?.(() => void unwound++))
  )
  return { promises, unwound: () => unwound }
}

const ended = async (future: Future<unknown>): Promise<void> => {
  try {
    await future
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error
  }
}

const generator = (loop: EventLoop, n: number, done: (count: number) => void): void => {
  let count = 0
  const body = function* () {
    count++
  }
  let last = loop.createTask(body)
  for (let i = 1; i < n; i++) last = loop.createTask(body)
  last.addDoneCallback(() => done(count))
}

export const tasks: ReadonlyArray<Case> = [
  {
    name: "create and run",
    what: "tasks, all at once",
    programs: python("task_create_and_run"),
    n: 50_000,
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            new Promise((resolve) => {
              let count = 0
              const body = async (): Promise<void> => void count++
              let last = loop.createTask(body)
              for (let i = 1; i < n; i++) last = loop.createTask(body)
              last.addDoneCallback(() => resolve(count))
            })
      ),
      ...ours(
        ({ loop }, n) =>
          () =>
            new Promise((resolve) => generator(loop, n, resolve)),
        "generator"
      ),
      peer("async function, one microtask later", (n) => async () => {
        let count = 0
        const body = async (): Promise<void> => {
          await undefined
          count++
        }
        let last = body()
        for (let i = 1; i < n; i++) last = body()
        await last
        return count
      }),
      peer(
        "async function, AbortController",
        (n) => async () => {
          let count = 0
          const body = async (signal: AbortSignal): Promise<void> => {
            await undefined
            if (!signal.aborted) count++
          }
          let last = body(new AbortController().signal)
          for (let i = 1; i < n; i++) last = body(new AbortController().signal)
          await last
          return count
        },
        1 / 5
      ),
      peer(
        "Effect.fork",
        (n) => () =>
          Effect.runPromise(
            Effect.gen(function* () {
              let count = 0
              const body = Effect.sync(() => void count++)
              let last = yield* Effect.fork(body)
              for (let i = 1; i < n; i++) last = yield* Effect.fork(body)
              yield* Fiber.join(last)
              return count
            })
          ),
        1 / 20
      ),
      peer("Bluebird, a function called later", (n) => async () => {
        let count = 0
        const body = (): void => void count++
        let last = Bluebird.resolve().then(body)
        for (let i = 1; i < n; i++) last = Bluebird.resolve().then(body)
        await last
        return count
      }),
      peer(
        "Effection spawn",
        (n) => () =>
          runOperation(function* () {
            let count = 0
            const body = function* (): Generator<never, void> {
              count++
            }
            let last = yield* spawn(body)
            for (let i = 1; i < n; i++) last = yield* spawn(body)
            yield* last
            return count
          }),
        1 / 20
      ),
      peer(
        "Effect.runFork",
        (n) => async () => {
          let count = 0
          const body = Effect.sync(() => void count++)
          let last = Effect.runFork(body)
          for (let i = 1; i < n; i++) last = Effect.runFork(body)
          await Effect.runPromise(Fiber.join(last))
          return count
        },
        1 / 2
      )
    ]
  },
  {
    name: "create and await",
    what: "tasks, one after the other",
    programs: python("task_create_and_await"),
    n: 30_000,
    contenders: [
      ...ours(
        ({ loop }, n) =>
          () =>
            loop.createTask(() =>
              createAwait(n, (i) => loop.createTask(async () => i))
            ) as unknown as Promise<number>
      ),
      peer("async function (no scheduling)", (n) => () => createAwait(n, async (i) => i)),
      peer(
        "async function, setImmediate",
        (n) => () =>
          createAwait(n, async (i) => {
            await macrotask()
            return i
          })
      ),
      peer(
        "Effect.fork and join",
        (n) => () =>
          Effect.runPromise(
            Effect.gen(function* () {
              let sum = 0
              for (let i = 0; i < n; i++) sum += yield* Fiber.join(yield* Effect.fork(Effect.succeed(i)))
              return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
            })
          ),
        1 / 10
      ),
      peer(
        "Effection spawn",
        (n) => () =>
          runOperation(function* () {
            let sum = 0
            for (let i = 0; i < n; i++)
              sum += yield* yield* spawn(function* () {
                return i
              })
            return sum === (n * (n - 1)) / 2 ? n : fail(`the values add up to ${sum}`)
          }),
        1 / 10
      )
    ]
  },
  {
    name: "cancel, all at once",
    what: "waiting tasks cancelled and ended",
    programs: python("task_cancel_all"),
    n: 20_000,
    contenders: [
      ...ours(async (opened, n) => {
        const { tasks, unwound } = await waitingTasks(opened, n)
        return async () => {
          for (const task of tasks) task.cancel()
          await ended(tasks[n - 1] as Task<void>)
          return tasks.every((task) => task.cancelled()) ? unwound() : fail("a task was not cancelled")
        }
      }),
      peer(
        "async function, AbortController",
        (n) => {
          const { controllers, promises, unwound } = waitingPromises(n)
          return async () => {
            for (const controller of controllers) controller.abort()
            await promises[n - 1]
            return unwound()
          }
        },
        1 / 2
      ),
      peer(
        "Effect.async, Fiber.interruptAll",
        async (n) => {
          const { fibers, unwound } = await waitingFibers(n)
          return async () => {
            await Effect.runPromise(Fiber.interruptAll(fibers))
            return unwound()
          }
        },
        1 / 10
      ),
      peer(
        "Effection halt",
        async (n) => {
          const { tasks, unwound } = await waitingOperations(n)
          return async () => {
            await Promise.all(tasks.map((task) => task.halt()))
            return unwound()
          }
        },
        1 / 10
      ),
      peer("Bluebird cancel (its onCancel, no task unwinds)", (n) => {
        const { promises, unwound } = waitingBluebirds(n)
        return async () => {
          for (const promise of promises) promise.cancel()
          await macrotask()
          return unwound()
        }
      })
    ]
  },
  {
    name: "cancel, one",
    what: "waiting tasks cancelled and ended, one after the other",
    programs: python("task_cancel_one"),
    n: 2_000,
    measures: "latency",
    contenders: [
      ...ours(async (opened, n) => {
        const { tasks, unwound } = await waitingTasks(opened, n)
        return () =>
          oneByOne(n, async (i) => {
            const task = tasks[i] as Task<void>
            task.cancel()
            await ended(task)
            if (unwound() !== i + 1) fail("the task has not unwound")
          })
      }),
      peer("async function, AbortController", (n) => {
        const { controllers, promises, unwound } = waitingPromises(n)
        return () =>
          oneByOne(n, async (i) => {
            controllers[i]?.abort()
            await promises[i]
            if (unwound() !== i + 1) fail("the function has not unwound")
          })
      }),
      peer("Effect.async, Fiber.interrupt", async (n) => {
        const { fibers, unwound } = await waitingFibers(n)
        return () =>
          oneByOne(n, async (i) => {
            const exit = await Effect.runPromise(Fiber.interrupt(fibers[i] as Fiber.RuntimeFiber<never>))
            if (Exit.isSuccess(exit) || unwound() !== i + 1) fail("the fiber has not unwound")
          })
      }),
      peer("Effection halt", async (n) => {
        const { tasks, unwound } = await waitingOperations(n)
        return () =>
          oneByOne(n, async (i) => {
            await tasks[i]?.halt()
            if (unwound() !== i + 1) fail("the task has not unwound")
          })
      })
    ]
  }
]
