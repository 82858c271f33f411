// A clock that jumps when nothing but timers waits.
// Covers: autojump, Timeline, inFlight
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readFile } from "node:fs/promises"
import { connect, createServer, type AddressInfo } from "node:net"
import { setInterval as every } from "node:timers/promises"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Clock, Deferred, Duration, Effect, Exit, Fiber, Schedule, TestClock } from "effect"
import { TestLoop } from "effect-aio/testing"
import { vi } from "vitest"
import { fromAio, Loop, runEffect } from "../../src/index.js"

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const defectsOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "no failure"

/** A test under a clock that jumps for all of it. */
const jumps = <A, E>(
  name: string,
  test: Effect.Effect<A, E, Loop>,
  options: TestLoop.AutojumpOptions | true = true
) => it.effect(name, () => Effect.provide(test, TestLoop.layer({ autojump: options })))

describe("TestLoop.layer with autojump", () => {
  jumps(
    "jumps to loop timers, setTimeout of promise code and sleeps of fibers, each at its time",
    Effect.gen(function* () {
      const loop = yield* Loop
      const log: Array<string> = []
      loop.callLater(3_000, () => void log.push(`callLater ${loop.time()}`))
      const code = fromAio(async () => {
        await wait(1_000)
        log.push(`setTimeout ${Date.now()}`)
        await loop.sleep(1_000)
        log.push(`loop.sleep ${performance.now()}`)
      })
      const fiber = Effect.gen(function* () {
        yield* Effect.sleep("1500 millis")
        log.push(`Effect.sleep ${yield* Clock.currentTimeMillis}`)
        yield* Effect.sleep("1 day")
      })
      yield* Effect.all([code(), fiber], { concurrency: "unbounded" })
      expect(log).toEqual(["setTimeout 1000", "Effect.sleep 1500", "loop.sleep 2000", "callLater 3000"])
      expect(yield* Clock.currentTimeMillis).toBe(86_401_500)
    })
  )

  jumps(
    "has a retry with a schedule, a timeout and an interval of a library run in no time",
    Effect.gen(function* () {
      let calls = 0
      const flaky = fromAio(async () => {
        await wait(100)
        if (++calls < 5) throw new Error("not yet")
        return calls
      })
      const retried = Effect.retry(flaky(), Schedule.exponential("10 seconds"))
      expect(yield* Effect.timeout(retried, "1 hour")).toBe(5)
      expect(yield* Clock.currentTimeMillis).toBe(500 + 150_000)
      const ticks = fromAio(async () => {
        const seen: Array<number> = []
        for await (const _ of every(60_000)) if (seen.push(Date.now()) === 3) return seen
        return seen
      })
      expect(yield* ticks()).toEqual([210_500, 270_500, 330_500])
    })
  )

  jumps(
    "does not jump for what nobody waits for any more",
    Effect.gen(function* () {
      const loop = yield* Loop
      yield* Effect.timeout(Effect.sleep("1 second"), "1 hour")
      const future = loop.sleep(7_200_000)
      loop.callLater(10_000_000, () => {}).cancel()
      yield* Loop.synchronize
      future.cancel()
      yield* fromAio(async () => clearTimeout(setTimeout(() => {}, 20_000)))()
      yield* Effect.promise(async () => {
        for (let i = 0; i < 30; i++) await new Promise((resolve) => setImmediate(resolve))
      })
      expect(yield* Clock.currentTimeMillis).toBe(1_000)
    })
  )

  jumps(
    "stands still while the test moves the clock by hand",
    Effect.gen(function* () {
      const log: Array<number> = []
      const fiber = yield* Effect.fork(
        fromAio(async () => {
          for (let i = 0; i < 5; i++) {
            await wait(1_000)
            log.push(Date.now())
          }
        })()
      )
      yield* TestClock.adjust("500 millis")
      yield* Fiber.join(fiber)
      expect(log).toEqual([1, 2, 3, 4, 5].map((n) => log[0]! + (n - 1) * 1_000))
    })
  )

  jumps(
    "jumps by fractions of a nanosecond, and not to infinity",
    Effect.gen(function* () {
      const loop = yield* Loop
      const forever = yield* Effect.fork(Effect.sleep(Duration.infinity))
      for (const ms of [0.1, 0.2, 0.7, 1 / 3, 1e-7]) yield* fromAio(() => loop.sleep(ms))()
      expect(loop.time()).toBeCloseTo(0.1 + 0.2 + 0.7 + 1 / 3, 5)
      yield* Fiber.interrupt(forever)
    })
  )

  it.effect("drives a loop that closes: what does not stop is given up in no time of ours", () =>
    Effect.gen(function* () {
      const reports: Array<string> = []
      const begun = performance.now()
      const stubborn = Effect.flatMap(Loop, (loop) =>
        Effect.zipRight(
          Effect.sync(() => void loop.createTask(() => new Promise(() => {}), { name: "stubborn" })),
          TestLoop.settle
        )
      )
      yield* Effect.provide(
        stubborn,
        TestLoop.layer({
          autojump: true,
          expectClean: false,
          exceptionHandler: (_, { message }) => void reports.push(message)
        })
      )
      expect(reports.map((text) => text.split("\n")[0])).toEqual([
        expect.stringMatching(/^closing loop-\d+ has waited 1000ms for 1 to stop/),
        expect.stringMatching(/^1 left over on loop-\d+ at the deadline of 10000ms/)
      ])
      expect(performance.now() - begun).toBeLessThan(1_900)
    })
  )

  it.effect("jumps past ten thousand that sleep", () =>
    Effect.gen(function* () {
      const sleepers = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 10_000 }, () => Effect.sleep("1 day")),
          { concurrency: "unbounded" }
        )
      )
      const count = fromAio(async () => {
        let n = 0
        for (; n < 20; n++) await wait(100)
        return n
      })
      expect(yield* count()).toBe(20)
      expect(yield* Clock.currentTimeMillis).toBe(2_000)
      yield* Fiber.interrupt(sleepers)
    }).pipe(Effect.provide(TestLoop.layer({ autojump: true })))
  )

  it("refuses what is no option of it, by name", () => {
    for (const bad of [1, "yes", null, () => {}]) {
      expect(() => TestLoop.layer({ autojump: bad as never })).toThrow(TypeError)
    }
    expect(() => TestLoop.layer({ autojump: { threshold: -1 } })).toThrow(
      new RangeError("threshold of autojump is a duration from 0 on, not -1")
    )
    expect(() => TestLoop.autojump({ heldAtMost: "soon" as never })).toThrow(
      new TypeError('heldAtMost of TestLoop.autojump takes milliseconds or a Duration, not "soon"')
    )
    expect(() => TestLoop.autojump((() => {}) as never)).toThrow(TypeError)
  })

  it.live("needs a clock that can be moved", () =>
    Effect.gen(function* () {
      const test = Effect.provide(Effect.asVoid(Loop), TestLoop.layer({ autojump: true }))
      expect(defectsOf(yield* Effect.exit(test))).toContain("TypeError: autojump needs a TestClock")
    })
  )
})

describe("TestLoop.autojump", () => {
  it.effect("jumps while its Effect runs, for fibers and code that were there before, and not after it", () =>
    Effect.gen(function* () {
      const before = yield* Effect.fork(Effect.as(Effect.sleep("1 minute"), "fiber"))
      const code = yield* Effect.fork(Effect.as(fromAio(() => wait(90_000))(), "code"))
      yield* TestLoop.settle
      expect(yield* Clock.currentTimeMillis).toBe(0)
      expect(yield* TestLoop.autojump(Effect.all([Fiber.join(before), Fiber.join(code)]))).toEqual([
        "fiber",
        "code"
      ])
      expect(yield* Clock.currentTimeMillis).toBe(90_000)
      const after = yield* Effect.fork(Effect.sleep("1 second"))
      yield* TestLoop.settle
      yield* TestLoop.settle
      expect(yield* Clock.currentTimeMillis).toBe(90_000)
      yield* Fiber.interrupt(after)
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("may be in another, and beside another", () =>
    Effect.gen(function* () {
      const nap = (ms: number) => TestLoop.autojump(fromAio(() => wait(ms))())
      yield* TestLoop.autojump(Effect.all([nap(10), nap(20), nap(30)], { concurrency: "unbounded" }))
      expect(yield* Clock.currentTimeMillis).toBe(30)
      yield* Effect.all([nap(10), nap(20), nap(30)], { concurrency: "unbounded" })
      expect(yield* Clock.currentTimeMillis).toBe(60)
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect(
    "wakes all who are due at once, also where the first of them ends it, or a move by hand was interrupted",
    () =>
      Effect.gen(function* () {
        const due = () => Effect.fork(Effect.sleep("1 second"))
        const [first, second] = [yield* due(), yield* due()]
        yield* TestLoop.settle
        yield* TestLoop.autojump(Fiber.join(first))
        yield* TestLoop.autojump(Fiber.join(second))
        const [third, fourth] = [yield* due(), yield* due()]
        yield* TestLoop.settle
        yield* Effect.raceFirst(TestClock.adjust("1 second"), Fiber.join(third))
        yield* TestLoop.autojump(Fiber.join(fourth))
        expect(yield* Clock.currentTimeMillis).toBe(2_000)
      }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("ends as its Effect ends: by a failure, a defect, an interruption", () =>
    Effect.gen(function* () {
      const sleepy = <E>(end: Effect.Effect<never, E>) => TestLoop.autojump(Effect.delay(end, "1 second"))
      expect(yield* Effect.flip(sleepy(Effect.fail("enough")))).toBe("enough")
      expect(defectsOf(yield* Effect.exit(sleepy(Effect.die(new Error("broken")))))).toContain("broken")
      const exit = yield* Effect.exit(sleepy(Effect.interrupt))
      expect(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause)).toBe(true)
      expect(yield* Clock.currentTimeMillis).toBe(3_000)
    }).pipe(Effect.provide(TestLoop.layer()))
  )

  it.effect("needs a loop of TestLoop.layer under its clock", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.provide(TestLoop.autojump(Effect.void), Loop.layer()))
      expect(defectsOf(exit)).toMatch(/TestLoop.autojump: loop-\d+ is no loop of TestLoop.layer/)
    })
  )

  it.effect("two loops under one clock: it waits for both to settle", () =>
    Effect.gen(function* () {
      const outer = yield* Loop
      const log: Array<string> = []
      yield* Effect.gen(function* () {
        const begun = outer.createTask(async () => {
          for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
          await wait(5)
          log.push(`outer ${outer.time()}`)
        })
        yield* TestLoop.autojump(fromAio(() => wait(10))())
        log.push(`inner ${outer.time()}`)
        expect(begun.done()).toBe(true)
      }).pipe(Effect.provide(TestLoop.layer()))
      expect(log).toEqual(["outer 5", "inner 10"])
    }).pipe(Effect.provide(TestLoop.layer()))
  )
})

describe("what holds a jump back", () => {
  /** Runs beside a sleep of a fiber, and says at what time of the clock it has ended. */
  const timed = (outside: () => Promise<unknown>) =>
    Effect.gen(function* () {
      const sleeper = yield* Effect.fork(Effect.sleep("1 hour"))
      yield* fromAio(outside)()
      const at = yield* Clock.currentTimeMillis
      yield* Fiber.interrupt(sleeper)
      return at
    })

  jumps(
    "a socket on which something comes in, a file that is read, a child process",
    Effect.gen(function* () {
      const talk = async (): Promise<void> => {
        const server = createServer((socket) => {
          socket.on("data", (data) => socket.write(data))
          socket.on("end", () => socket.end())
        })
        await once(server.listen(0, "127.0.0.1"), "listening")
        const client = connect((server.address() as AddressInfo).port, "127.0.0.1")
        for (let i = 0; i < 100; i++) {
          client.write("ping")
          await once(client, "data")
        }
        client.end()
        await once(client, "close")
        server.close()
        await once(server, "close")
      }
      expect(yield* timed(talk)).toBe(0)
      const read = async () => {
        for (let i = 0; i < 50; i++) await readFile(new URL(import.meta.url))
      }
      expect(yield* timed(read)).toBe(0)
      const child = () => once(spawn(process.execPath, ["-e", "setTimeout(() => {}, 300)"]), "exit")
      expect(yield* timed(child)).toBe(0)
    }),
    // However busy the machine is.
    { heldAtMost: "1 minute" }
  )

  jumps(
    "a job of a worker, and a child process of the loop",
    Effect.gen(function* () {
      const loop = yield* Loop
      const busy = () =>
        loop.runInExecutor(null, () => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300))
      expect(yield* timed(async () => void (await busy()))).toBe(0)
      const child = async () => {
        const process = await loop.createSubprocessExec("sleep", ["0.3"])
        await process.wait()
      }
      expect(yield* timed(child)).toBe(0)
      yield* fromAio(() => loop.shutdownDefaultExecutor())()
    }),
    // However busy the machine is.
    { heldAtMost: "1 minute" }
  )

  it.effect("for heldAtMost of real time at most, which is told", () =>
    Effect.gen(function* () {
      const printed = vi.spyOn(console, "error").mockImplementation(() => {})
      const server = createServer(() => {})
      yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
      const test = Effect.gen(function* () {
        const begun = performance.now()
        const client = connect((server.address() as AddressInfo).port, "127.0.0.1")
        yield* Effect.promise(() => once(client, "connect"))
        yield* Effect.sleep("1 hour")
        yield* Effect.sleep("1 hour")
        client.destroy()
        yield* Effect.promise(() => once(client, "close"))
        return performance.now() - begun
      })
      const took = yield* Effect.provide(test, TestLoop.layer({ autojump: { heldAtMost: 100 } }))
      expect(took).toBeGreaterThan(100)
      expect(printed.mock.calls.map(([text]) => String(text))).toEqual([
        expect.stringMatching(
          /^TestLoop.autojump: the clock jumps while \d TCPSocketWrap may still be in flight, where nothing has happened for 100ms/
        )
      ])
      yield* Effect.promise(() => once(server.close(), "close"))
    })
  )

  it.effect("a threshold of real time in which nothing happens", () =>
    Effect.gen(function* () {
      const answered = yield* Deferred.make<void>()
      const { setTimeout } = globalThis
      // Real time, outside of the loop.
      setTimeout(() => void Effect.runFork(Deferred.succeed(answered, undefined)), 100)
      const late = Effect.timeoutOption(Deferred.await(answered), "1 second")
      const options = { autojump: { threshold: "1 second" } } as const
      expect((yield* Effect.provide(Effect.zipLeft(late, Loop), TestLoop.layer(options)))._tag).toBe("Some")
    })
  )

  jumps(
    "not a server that only listens, nor aio code that calls back into Effect",
    Effect.gen(function* () {
      const server = createServer()
      yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
      const both = fromAio(async () => {
        await runEffect(Effect.sleep("1 minute"))
        await wait(60_000)
        return Date.now()
      })
      expect(yield* both()).toBe(120_000)
      yield* Effect.promise(() => once(server.close(), "close"))
    })
  )
})
