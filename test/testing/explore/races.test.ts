// Planted races, each of which passes in the plain order, and the same program without it.
// Covers: World, run, ExploredHost
import { describe, expect, it } from "vitest"
import { Effect } from "effect"
import { Executor, fromAio, getRunningLoop, Loop, sleep, type Task, toAio } from "effect-aio"
import { TestLoop } from "effect-aio/testing"

type Program = Effect.Effect<unknown, unknown, Loop>

/** A task, with a name that is the same in every run. */
const task = <A>(name: string, f: () => Promise<A>): Task<A> =>
  getRunningLoop().createTask(f, { name }) as Task<A>

/** Promise code as the main task of a program. */
const main = (f: () => Promise<unknown>): Program =>
  Effect.suspend(() => fromAio(() => getRunningLoop().createTask(f, { name: "main" }))())

const failing = (program: Program, options: TestLoop.ExploreOptions = {}): Promise<TestLoop.ScheduleError> =>
  Effect.runPromise(
    Effect.flip(
      TestLoop.explore(program, { seeds: 1_000, ...options })
    ) as Effect.Effect<TestLoop.ScheduleError>
  )

const passing = (program: Program, options: TestLoop.ExploreOptions = {}): Promise<TestLoop.Exploration> =>
  Effect.runPromise(TestLoop.explore(program, { seeds: 100, ...options }))

/** That a race is found, by the smallest schedule there is, and that this schedule alone shows it again. */
const isFound = async (
  program: Program,
  why: string,
  options: TestLoop.ExploreOptions = {}
): Promise<void> => {
  const found = await failing(program, options)
  expect(found).toBeInstanceOf(TestLoop.ScheduleError)
  expect(String(found.cause)).toContain(why)
  expect(found.schedule).toHaveLength(1)
  expect(found.seed).toBeTypeOf("number")
  const replayed = await failing(program, { ...options, schedule: found.schedule })
  expect([replayed.schedule, replayed.steps, String(replayed.cause)]).toEqual([
    found.schedule,
    found.steps,
    String(found.cause)
  ])
  const [seed] = [found.seed ?? -1]
  expect((await failing(program, { ...options, seeds: [seed] })).schedule).toEqual(found.schedule)
}

describe("TestLoop.explore finds planted races", () => {
  const account = (safe: boolean): Program =>
    main(async () => {
      let balance = 100
      const withdraw = async (amount: number): Promise<void> => {
        if (safe) {
          await sleep(1)
          balance -= amount
        } else {
          const before = balance
          await sleep(1)
          balance = before - amount
        }
      }
      const first = task("first", () => withdraw(30))
      await sleep(2)
      await task("second", () => withdraw(30))
      await first
      if (balance !== 40) throw new Error(`${balance} is left`)
    })

  it("an update that is lost between a look and a write with an await in between", async () => {
    await isFound(account(false), "70 is left")
    const { runs, schedules } = await passing(account(true))
    expect([runs, schedules > 20]).toEqual([102, true])
  })

  const tie = (safe: boolean): Program =>
    main(async () => {
      const loop = getRunningLoop()
      let written = false
      const read = (): void => {
        if (!written && !safe) throw new Error("nothing was written yet")
      }
      const write = (): void => {
        written = true
      }
      loop.callLater(5, () => void loop.callLater(15, write))
      loop.callLater(10, () => void loop.callLater(10, read))
      await sleep(40)
    })

  it("two timers that are due at the same time, set at different times, in every order of the queue", async () => {
    await isFound(tie(false), "nothing was written yet", { order: "fifo" })
    await passing(tie(true), { order: "fifo" })
  })

  const search = (safe: boolean): Program =>
    main(async () => {
      let shown = ""
      const last = 2
      const type = async (text: string, mine: number): Promise<void> => {
        const results = await TestLoop.answer(() => `results of ${text}`, { name: text })
        if (!safe || mine === last) shown = results
      }
      await Promise.all(["n", "no", "node"].map((text, at) => task(text, () => type(text, at))))
      if (shown !== "results of node") throw new Error(`shows ${shown}`)
    })

  it("answers from outside that come in another order than they were asked for", async () => {
    await isFound(search(false), "shows results of n")
    await passing(search(true))
  })

  const pool = (safe: boolean): Program =>
    Effect.scoped(
      Effect.gen(function* () {
        let free = 1
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            if (free !== 1) throw new Error("a connection is lost")
          })
        )
        const use = fromAio(async () => {
          free--
          try {
            await sleep(5)
          } finally {
            if (safe) free++
          }
          if (!safe) free++
        })
        yield* use()
        yield* use()
      })
    )

  it("a cancel at an await after which nobody gives back what was taken", async () => {
    await isFound(pool(false), "a connection is lost", { cancels: true })
    await passing(pool(true), { cancels: 2 })
    await passing(pool(false))
  })

  const close = (safe: boolean): Program =>
    main(async () => {
      const loop = getRunningLoop()
      let open = true
      const onSignal = (): void => {
        if (!open && !safe) throw new Error("called after it was closed")
      }
      const listens = task("listens", async () => {
        await TestLoop.answer("SIGHUP", { name: "SIGHUP" })
        loop.callSoon(onSignal)
      })
      await TestLoop.answer("bye", { name: "the end" })
      await sleep(1)
      open = false
      await listens
    })

  it("a callback that comes after what it is for was closed", async () => {
    await isFound(close(false), "called after it was closed")
    await passing(close(true))
  })

  /** The threads are there before the first run: to start some for each takes longer than all the rest. */
  const jobs = (executor: Executor, safe: boolean): Program =>
    Effect.gen(function* () {
      const loop = yield* Loop
      const order: Array<number> = []
      const run = fromAio(async (n: number) => {
        order.push(await loop.runInExecutor(executor, (given: number) => given, n))
      })
      yield* Effect.all([run(1), run(2)], { concurrency: "unbounded" })
      const [first] = safe ? order.sort() : order
      if (first !== 1) throw new Error(order.join(" before "))
    })

  it("answers of workers in an order that their threads need not have had", async () => {
    const executor = Executor.make({ maxWorkers: 2 })
    try {
      await Effect.runPromise(Loop.scoped(jobs(executor, true)))
      await passing(jobs(executor, true), { seeds: 20 })
      await isFound(jobs(executor, false), "2 before 1")
    } finally {
      await executor.shutdown()
    }
  })

  const fibers = (safe: boolean): Program =>
    Effect.gen(function* () {
      let written = 0
      const add = (begins: number, takes: number): Effect.Effect<void> =>
        Effect.gen(function* () {
          yield* Effect.sleep(begins)
          const before = written
          yield* Effect.sleep(takes)
          written = (safe ? written : before) + 1
        })
      yield* Effect.all([add(1, 10), add(12, 1)], { concurrency: "unbounded" })
      if (written !== 2) return yield* Effect.fail(`written ${written}`)
    })

  it("the same between fibers, on the clock of Effect", async () => {
    await isFound(fibers(false), "written 1")
    await passing(fibers(true))
  })

  const callsBack = (safe: boolean): Program =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const slow = yield* toAio((name: string) =>
        Effect.as(
          Effect.sync(() => log.push(name)),
          name
        )
      )
      yield* fromAio(async () => {
        const one = task("one", async () => {
          await TestLoop.answer(1)
          await slow("one")
        })
        const two = task("two", async () => {
          if (safe) await one
          await TestLoop.answer(2)
          await slow("two")
        })
        await Promise.all([one, two])
      })()
      if (log[0] !== "one") return yield* Effect.fail(log.join(" "))
    })

  it("effects that aio code starts", async () => {
    await isFound(callsBack(false), "two one")
    await passing(callsBack(true))
  })

  it("code that waits with setTimeout", async () => {
    const program = main(async () => {
      const seen: Array<string> = []
      const wait = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms))
      const slow = task("slow", async () => {
        await wait(10)
        await null
        await sleep(0)
        seen.push("slow")
      })
      await wait(11)
      seen.push("main")
      await slow
      if (seen[0] !== "slow") throw new Error(seen.join(" "))
    })
    await isFound(program, "main slow")
  })
})
