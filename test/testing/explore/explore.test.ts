// What an exploration says, and how: its options, its errors, its steps, and that the same seed is the same everywhere.
// Covers: errors, options, Steps, Outside, World, run, answer
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { type AddressInfo, connect, createServer } from "node:net"
import { describe, expect, it } from "vitest"
import { Cause, Context, Effect, Exit, Fiber } from "effect"
import { fromAio, getRunningLoop, Loop, SyncLoop, sleep, type Task } from "effect-aio"
import { TestLoop } from "effect-aio/testing"
import { line } from "../../support/effect/line.js"

type Program = Effect.Effect<unknown, unknown, Loop>

const task = <A>(name: string, f: () => Promise<A>): Task<A> =>
  getRunningLoop().createTask(f, { name }) as Task<A>

const main = (f: () => Promise<unknown>): Program =>
  Effect.suspend(() => fromAio(() => getRunningLoop().createTask(f, { name: "main" }))())

const explored = (
  program: Program,
  options: TestLoop.ExploreOptions = { seeds: 50 }
): Promise<TestLoop.Exploration> => Effect.runPromise(TestLoop.explore(program, options))

const failed = <E extends TestLoop.ScheduleError | TestLoop.NonDeterminismError>(
  Kind: new (...args: Array<never>) => E,
  program: Program,
  options: TestLoop.ExploreOptions = { seeds: 200 }
): Promise<E> =>
  Effect.runPromise(Effect.flip(TestLoop.explore(program, options))).then((error) => {
    expect(error).toBeInstanceOf(Kind)
    return error as unknown as E
  })

/** Answers to `ab` that overtake those to `a`. */
const overtaken = main(async () => {
  let shown = ""
  const search = async (text: string): Promise<void> => {
    shown = await TestLoop.answer(text, { name: text })
  }
  await Promise.all(["a", "ab"].map((text) => task(text, () => search(text))))
  if (shown !== "ab") throw new Error(`shows ${shown}`)
})

describe("what an exploration reports", () => {
  it("the seed, the steps with those that are not in the plain order, how to run it again, and the error itself", async () => {
    const error = new Error("the very error")
    const program = Effect.gen(function* () {
      const seen: Array<number> = []
      const first = Effect.andThen(Effect.sleep(1), Effect.sleep(1))
      yield* Effect.all(
        [Effect.map(first, () => void seen.push(1)), Effect.map(Effect.sleep(3), () => void seen.push(2))],
        { concurrency: "unbounded" }
      )
      if (seen[0] !== 1) return yield* Effect.fail(error)
    })
    const found = await failed(TestLoop.ScheduleError, program)
    expect(found.cause).toBe(error)
    expect(found._tag).toBe("ScheduleError")
    const lines = found.message.split("\n")
    expect(lines[0]).toMatch(
      /^the program fails under a schedule with 1 change of the plain order, found by seed \d+: Error: the very error$/
    )
    expect(lines.at(-1)).toBe(
      `run it again: TestLoop.explore(program, { schedule: ${JSON.stringify(found.schedule)} })`
    )
    expect(lines.slice(1, -1)).toEqual(found.steps)
    expect(found.steps.filter((line) => line.startsWith("*"))).toHaveLength(1)
  })

  it("names of tasks and of answers are in the steps", async () => {
    const found = await failed(TestLoop.ScheduleError, overtaken, { seeds: 200, order: "fifo" })
    // Lines are numbered, and on Effect 4 the task that starts `main` has one.
    expect(
      found.steps
        .filter((line) => !line.includes("createTask"))
        .map((line) => line.replace(/^(.) +\d+/, "$1   n"))
    ).toEqual([
      "    n  0ms       task main starts",
      "    n  0ms       task a starts",
      "    n  0ms       task ab starts",
      "*   n  0ms       the answer of ab comes, before the answer of a comes",
      "    n  0ms       task ab goes on",
      "    n  0ms       task main goes on",
      "    n  0ms       the answer of a comes",
      "    n  0ms       task a goes on",
      "    n  0ms       task main goes on"
    ])
    expect(found.message).toContain(`, order: "fifo" })`)
  })

  it("a program that fails in the plain order is no race", async () => {
    const found = await failed(
      TestLoop.ScheduleError,
      main(async () => {
        await sleep(1)
        throw new Error("always")
      })
    )
    expect([found.schedule, found.seed]).toEqual([[], undefined])
    expect(found.message).toMatch(
      /^the program fails in the plain order, with nothing changed: this is no race: /
    )
    expect(found.message).not.toContain("run it again")
    expect(String(found.cause)).toContain("always")
  })

  it("a deadlock is a failure, with the dump", async () => {
    const program = main(async () => {
      const event = getRunningLoop().createFuture<void>()
      let waits = false
      const waiter = task("waiter", async () => {
        await TestLoop.answer(1, { name: "row" })
        waits = true
        await event
      })
      task("notifier", async () => {
        await TestLoop.answer(2, { name: "go" })
        if (waits) event.setResult()
      })
      await waiter
    })
    const { cause } = await failed(TestLoop.ScheduleError, program, { seeds: 200, order: "fifo" })
    expect(cause).toBeInstanceOf(TestLoop.StuckError)
    const { dump, message } = cause as TestLoop.StuckError
    expect(message).toMatch(/^everything waits, and nothing is left that could go on\n/)
    expect(dump).toMatch(/task +waiter +0ms +pending +<Future pending>/)
  })

  it("a program that goes on for ever is a failure after maxSteps, with the dump and its middle left out", async () => {
    const program = main(async () => {
      for (;;) await sleep(1)
    })
    const { cause, message } = await failed(TestLoop.ScheduleError, program, { maxSteps: 500 })
    expect(String(cause)).toMatch(/it has not ended after 500 steps\nexplored: running/)
    expect(String(cause)).toMatch(/task +main/)
    expect(message).toMatch(/\n {2}\.\.\. \d+ more\n/)
  })

  it("one that does not end when it is told to is let go", async () => {
    const program = Effect.uninterruptible(Effect.never)
    const { cause } = await failed(TestLoop.ScheduleError, program, { seeds: 1 })
    expect(String(cause)).toContain("everything waits")
  })

  it("what comes from outside is waited for, no longer than timeout", async () => {
    await explored(
      Effect.promise(() => readFile(import.meta.filename)),
      { seeds: 2 }
    )
    const { close, silent } = await silence()
    const { cause } = await failed(TestLoop.ScheduleError, silent, { seeds: 1, timeout: "30 millis" })
    expect(String(cause)).toMatch(/\w+ outside has not come within 30ms of real time/)
    await close()
  })

  it("timers of Node in real time are not waited for, and named", async () => {
    const program = Effect.promise(() => new Promise((resolve) => void nodeTimeout(resolve, 100)))
    const { cause } = await failed(TestLoop.ScheduleError, program, { seeds: 1 })
    expect(String(cause)).toContain("but for timers of Node in real time (wait with Effect.sleep")
  })

  it("a crash of the loop is a failure", async () => {
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      loop.callSoon(() => {
        throw new Error("in a callback")
      })
      yield* Effect.never
    })
    expect(String((await failed(TestLoop.ScheduleError, program)).cause)).toContain("in a callback")
  })

  it("what is left on the loop is a failure, unless expectClean is false", async () => {
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      loop.createTask(() => sleep(100), { name: "nap" })
      yield* Loop.synchronize
    })
    const { cause } = await failed(TestLoop.ScheduleError, program)
    expect(cause).toBeInstanceOf(TestLoop.NotCleanError)
    expect(String(cause)).toMatch(/task +nap/)
    await explored(program, { seeds: 5, expectClean: false })
  })

  it("what a cancel has struck is named, and the schedule says that there are cancels", async () => {
    const program = main(async () => {
      try {
        await sleep(5)
      } catch {
        throw new Error("the cleanup fails")
      }
    })
    const found = await failed(TestLoop.ScheduleError, program, { seeds: 200, cancels: true })
    expect(String(found.cause)).toContain("the cleanup fails")
    expect(found.steps.filter((line) => line.startsWith("*")).join("\n")).toMatch(
      /a cancel strikes (task main|the program)$/
    )
    expect(found.message).toContain(`, cancels: 1 })`)
  })

  it.each([
    ["chance", main(() => sleep(Math.random() * 10)), /ms/],
    ["what is kept from run to run", main(countsRuns()), /task main goes on|timer/]
  ])("%s is no race, and said to be none", async (_what, program, parted) => {
    const found = await failed(TestLoop.NonDeterminismError, program)
    expect(found.message).toMatch(
      /^two runs of the same schedule went different ways, so it is not only the order/
    )
    expect(found.parted.join(" ")).toMatch(parted)
    expect(found.parted[0]).not.toBe(found.parted[1])
  })

  it("chance that only some seeds come to is named with the seed", async () => {
    let runs = 0
    const program = main(async () => {
      const seen: Array<string> = []
      const load = async (name: string): Promise<void> => {
        await TestLoop.answer(name)
        seen.push(name)
      }
      await Promise.all(["a", "b"].map((name) => task(name, () => load(name))))
      if (seen[0] === "b" && runs++ === 0) throw new Error("once")
    })
    const found = await failed(TestLoop.NonDeterminismError, program)
    expect(found.seed).toBeTypeOf("number")
    expect(found.message).toMatch(/\(seed \d+\)/)
  })
})

/** Waits for a server that says nothing. */
const silence = async (): Promise<{
  readonly silent: Effect.Effect<unknown>
  readonly close: () => Promise<unknown>
}> => {
  const server = createServer()
  await once(server.listen(0), "listening")
  const { port } = server.address() as AddressInfo
  const silent = Effect.acquireUseRelease(
    Effect.sync(() => connect(port)),
    (socket) => Effect.promise(() => once(socket, "data")),
    (socket) => Effect.promise(() => once(socket.destroy(), "close"))
  )
  return { silent, close: () => once(server.close(), "close") }
}

const nodeTimeout = globalThis.setTimeout

/** Waits once more in each run than in the one before. */
function countsRuns(): () => Promise<void> {
  let runs = 0
  return async () => {
    runs++
    for (let i = 0; i < runs; i++) await sleep(1)
  }
}

describe("the same seed", () => {
  it("takes the same way on every machine and every version of Node; Effect 3 and 4 differ in what there is to choose", async () => {
    const ways: Array<string> = []
    const program = main(async () => {
      const way: Array<string> = []
      const work = async (name: string): Promise<void> => {
        for (const ms of [1, 2, 3]) {
          await sleep(ms)
          way.push(name)
          await TestLoop.answer(name)
        }
      }
      await Promise.all(["a", "b", "c"].map((name) => task(name, () => work(name))))
      ways.push(way.join(""))
    })
    await explored(program, { seeds: [1, 2, 3, 2 ** 40] })
    // The plain order twice, then one for each seed.
    expect(ways.join(" ")).toBe(
      line === 3
        ? "abcabcabc abcabcabc abcabcabc bacbacbca abcabcabc abcabcabc"
        : "abcabcabc abcabcabc bcaacbacb cbacababc acbacbabc abcabcabc"
    )
    const before = ways.splice(0)
    await explored(program, { seeds: [1, 2, 3, 2 ** 40] })
    expect(ways).toEqual(before)
  })
})

describe("the time of an explored program", () => {
  it("is its own: an hour takes none, and fibers, promise code and the loop have the same", async () => {
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      const begun = loop.time()
      yield* Effect.sleep("1 hour")
      yield* fromAio(async () => {
        await new Promise((resolve) => setTimeout(resolve, 3_600_000))
        expect(Date.now()).toBeGreaterThanOrEqual(7_200_000)
      })()
      expect(loop.time() - begun).toBeGreaterThanOrEqual(7_200_000)
      expect(loop.time() - begun).toBeLessThan(7_200_001)
    })
    const begun = performance.now()
    await explored(program)
    expect(performance.now() - begun).toBeLessThan(60_000)
  })

  it("moves only when everything else has happened, in the plain order", async () => {
    const seen: Array<number> = []
    const program = Effect.gen(function* () {
      const loop = yield* Loop
      loop.callLater(10, () => seen.push(loop.time()))
      loop.callLater(20, () => seen.push(loop.time()))
      yield* Effect.sleep(30)
      seen.push(loop.time())
    })
    await explored(program, { schedule: [] })
    expect(seen).toEqual([10, 20, 30, 10, 20, 30])
  })
})

describe("the program of an exploration", () => {
  it("has the services and the Scope of who explores it, and a loop of its own in every run", async () => {
    class Name extends Context.Tag("test/Name")<Name, string>() {}
    const loops = new Set<unknown>()
    const program = Effect.gen(function* () {
      loops.add(yield* Loop)
      yield* Effect.addFinalizer(() => Effect.void)
      return yield* Name
    })
    const { runs } = await Effect.runPromise(
      Effect.provideService(TestLoop.explore(program, { seeds: 3 }), Name, "ann")
    )
    expect([runs, loops.size]).toEqual([5, 5])
  })

  it("that is interrupted is let go, and nothing of it is left", async () => {
    const { close, silent } = await silence()
    let loop: { isClosed(): boolean } | undefined
    const program = Effect.flatMap(Loop, (its) => {
      loop = its
      return silent
    })
    const exit = await Effect.runPromise(
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(TestLoop.explore(program))
        while (loop === undefined)
          yield* Effect.promise(() => new Promise((resolve) => void nodeTimeout(resolve, 1)))
        yield* Fiber.interrupt(fiber)
        return yield* Fiber.await(fiber)
      })
    )
    expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
    expect(loop?.isClosed()).toBe(true)
    await close()
    expect(globalThis.setTimeout).toBe(nodeTimeout)
  })

  it("runs with asyncContext: false and timers: false", async () => {
    const { runs } = await explored(
      main(() => sleep(1)),
      { seeds: 3, asyncContext: false, timers: false }
    )
    expect(runs).toBe(5)
  })
})

describe("TestLoop.answer", () => {
  it("comes in the next pass of a loop that is not explored", async () => {
    const loop = SyncLoop.make()
    expect(await loop.runUntilComplete(() => TestLoop.answer(42))).toBe(42)
    await loop.close()
  })

  it("calls a function when it comes, and fails with what that throws", async () => {
    const program = main(async () => {
      const log: Array<string> = []
      const answer = TestLoop.answer(() => log.push("asked"))
      log.push("waits")
      await answer
      expect(log).toEqual(["waits", "asked"])
      const failing = TestLoop.answer(() => {
        throw new Error("no row")
      })
      await expect(failing).rejects.toThrow("no row")
    })
    await explored(program)
  })

  it("that is cancelled is dropped", async () => {
    const program = main(async () => {
      const answer = TestLoop.answer(1)
      answer.cancel()
      await TestLoop.answer(2)
      expect(answer.cancelled()).toBe(true)
    })
    await explored(program)
  })

  it("needs a running loop, and a name that is a string", () => {
    expect(() => TestLoop.answer(1)).toThrow("TestLoop.answer needs a running loop")
    expect(() => TestLoop.answer(1, { name: 5 as never })).toThrow(
      new TypeError("the name of TestLoop.answer is a string, not 5")
    )
  })
})

describe("bad options", () => {
  const given =
    (options: unknown): (() => unknown) =>
    () =>
      TestLoop.explore(Effect.void, options as TestLoop.ExploreOptions)

  it.each([
    [null, TypeError, "the options of TestLoop.explore are an object, not null"],
    [{ seeds: 0 }, RangeError, "seeds is a number from 1 on, or a list"],
    [{ seeds: [] }, RangeError, "seeds is a number from 1 on, or a list"],
    [{ seeds: [1, -1] }, RangeError, "seeds is a number from 1 on, or a list"],
    [{ seeds: "7" }, TypeError, "seeds is a number from 1 on, or a list"],
    [{ schedule: "1" }, TypeError, "schedule is a list of [place, choice]"],
    [
      {
        schedule: [
          [2, 1],
          [1, 1]
        ]
      },
      TypeError,
      "schedule is a list of [place, choice]"
    ],
    [{ schedule: [[2, 0]] }, TypeError, "schedule is a list of [place, choice]"],
    [{ order: "lifo" }, RangeError, `order is "fifo", "fifo-per-source" or "any"`],
    [{ cancels: -1 }, RangeError, "cancels is true, false or a number from 0 on"],
    [{ maxSteps: 0 }, RangeError, "maxSteps is a number from 1 on"],
    [{ lateness: -1 }, RangeError, "lateness is a duration from 0 on"],
    [{ timeout: -1 }, RangeError, "timeout is a duration from 0 on"],
    [{ timers: 1 }, TypeError, "timers is a boolean"],
    [{ expectClean: 1 }, TypeError, "expectClean is a boolean"],
    [{ asyncContext: 1 }, TypeError, "asyncContext is a boolean"],
    [{ asyncContext: false }, RangeError, "timers: true needs async-local state"]
  ])("%o are refused before anything runs", (options, Kind, message) => {
    expect(given(options)).toThrow(Kind)
    expect(given(options)).toThrow(message)
  })

  it("what is no Effect is refused", () => {
    expect(() => TestLoop.explore(Promise.resolve() as never)).toThrow(
      "TestLoop.explore takes an Effect, not "
    )
  })
})
