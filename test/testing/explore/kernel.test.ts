// The rules of the library under schedules and cancels that nobody would write down: each of these explores a program that must
// hold whatever comes first.
import { describe, it } from "vitest"
import assert from "node:assert/strict"
import { Effect, Fiber } from "effect"
import {
  acquireAio,
  Executor,
  fromAio,
  getRunningLoop,
  Loop,
  shield,
  sleep,
  TaskGroup,
  type TimerHandle,
  timeout,
  toAio
} from "effect-aio"
import { TestLoop } from "effect-aio/testing"

type Program = Effect.Effect<unknown, unknown, Loop>

const holds = (program: Program, options: TestLoop.ExploreOptions = {}): Promise<TestLoop.Exploration> =>
  Effect.runPromise(TestLoop.explore(program, { seeds: 150, cancels: 2, ...options }))

describe("under every schedule, and cancels at any await", () => {
  it("J1 an interrupted fromAio ends after its work has, with all cleanups", async () => {
    const program = Effect.suspend(() => {
      let running = 0
      const work = fromAio(async () => {
        running++
        try {
          await sleep(3)
          await TestLoop.answer("row")
        } finally {
          try {
            await shield(sleep(1))
          } finally {
            running--
          }
        }
      })
      const timed = Effect.exit(Effect.timeout(work(), 4))
      return Effect.ensuring(
        Effect.all([timed, timed, Effect.exit(work())], { concurrency: "unbounded" }),
        Effect.sync(() => assert.equal(running, 0))
      )
    })
    await holds(program)
  })

  it("T2 the Future of toAio is done after its fiber has ended, finalizers included", async () => {
    const program = Effect.gen(function* () {
      let open = 0
      const use = yield* toAio(() =>
        Effect.ensuring(
          Effect.andThen(
            Effect.sync(() => open++),
            Effect.sleep(2)
          ),
          Effect.andThen(
            Effect.sleep(1),
            Effect.sync(() => open--)
          )
        )
      )
      yield* fromAio(async () => {
        const future = use()
        getRunningLoop().callLater(1, () => void future.cancel())
        await future.then(undefined, () => undefined)
        if (future.done()) assert.equal(open, 0)
      })()
    })
    await holds(program)
  })

  it("J7 what acquireAio has opened is closed once, whatever comes between", async () => {
    const program = Effect.suspend(() => {
      let opened = 0
      let closed = 0
      const resource = acquireAio({
        open: async () => {
          await TestLoop.answer("opened")
          await sleep(1)
          return ++opened
        },
        close: async () => {
          await sleep(1)
          closed++
        }
      })
      const use = Effect.scoped(Effect.andThen(resource, Effect.sleep(2)))
      return Effect.ensuring(
        Effect.all([Effect.exit(Effect.timeout(use, 3)), Effect.exit(use)], { concurrency: "unbounded" }),
        Effect.sync(() => assert.equal(opened, closed))
      )
    })
    await holds(program)
  })

  it("a TaskGroup has no task left when it ends, and a cancel of one is no cancel of others", async () => {
    const program = Effect.suspend(() => {
      const running = new Set<string>()
      const member = (name: string) => async (): Promise<void> => {
        running.add(name)
        try {
          await TestLoop.answer(name)
          await sleep(2)
          if (name === "b") throw new Error("b fails")
        } finally {
          running.delete(name)
        }
      }
      return fromAio(async () => {
        try {
          await TaskGroup.run(async (group) => {
            for (const name of ["a", "b", "c"]) group.createTask(member(name), { name })
            await sleep(1)
          })
        } catch {
          // The failure of b, or a cancel.
        } finally {
          assert.deepEqual([...running], [])
        }
      })()
    })
    await holds(program)
  })

  it("L2 no timer is early, none overtakes an earlier one, and a cancelled one never runs", async () => {
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      const ran: Array<number> = []
      const timers = [5, 3, 8, 3, 1].map((delay) => {
        const timer: TimerHandle = loop.callLater(delay, () => {
          assert.ok(loop.time() >= timer.when())
          assert.ok((ran.at(-1) ?? 0) <= timer.when())
          ran.push(timer.when())
          if (delay === 3) timers[2]?.cancel()
        })
        return timer
      })
      yield* Effect.sleep(200)
      assert.equal(ran.length, 4)
    })
    await holds(program, { cancels: 0 })
  })

  it("L1 callbacks of one source run in its order, and done callbacks of one Future in theirs", async () => {
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      const log: Array<string> = []
      const future = loop.createFuture<void>()
      for (const n of [1, 2, 3]) {
        future.addDoneCallback(() => log.push(`done ${n}`))
        loop.callSoon(() => log.push(`soon ${n}`))
      }
      loop.createTask(
        async () => {
          await TestLoop.answer(1)
          future.setResult()
        },
        { name: "settles" }
      )
      yield* fromAio(() => future)()
      yield* Loop.synchronize
      for (const kind of ["done", "soon"]) {
        assert.deepEqual(
          log.filter((line) => line.startsWith(kind)),
          [1, 2, 3].map((n) => `${kind} ${n}`)
        )
      }
    })
    await holds(program, { cancels: 0 })
  })

  it("S1 Loop.synchronize completes after what was queued before it", async () => {
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      let ran = 0
      for (let i = 0; i < 3; i++) loop.callSoon(() => ran++)
      yield* Loop.synchronize
      assert.equal(ran, 3)
    })
    await holds(program, { cancels: 0, order: "any" })
  })

  it("timeout() and what it times agree on who was first", async () => {
    const program = Effect.suspend(() =>
      fromAio(async () => {
        let late = false
        const outcome = await timeout(3, async () => {
          await TestLoop.answer(1)
          await sleep(3)
          late = true
          return "in time"
        }).then(
          (value) => value,
          () => "late"
        )
        if (outcome === "in time") assert.equal(late, true)
      })()
    )
    await holds(program)
  })

  it("two fibers that interrupt each other's work both end", async () => {
    const program = Effect.gen(function* () {
      const nap = fromAio(() => sleep(5))
      const one = yield* Effect.fork(Effect.exit(nap()))
      const two = yield* Effect.fork(Effect.andThen(Effect.sleep(5), Fiber.interrupt(one)))
      yield* Fiber.await(one)
      yield* Fiber.await(two)
    })
    await holds(program)
  })

  it("jobs of an executor end once, and none is left, with cancels", async () => {
    const program = Effect.scoped(
      Effect.gen(function* () {
        const executor = yield* Executor.scoped({ maxWorkers: 2 })
        const loop = yield* Loop
        const run = fromAio((n: number) => loop.runInExecutor(executor, (given: number) => given * 2, n))
        yield* Effect.all(
          [1, 2, 3, 4].map((n) => Effect.exit(run(n))),
          { concurrency: "unbounded" }
        )
        assert.equal(loop.statistics().jobs, 0)
      })
    )
    await holds(program, { seeds: 10 })
  })
})
