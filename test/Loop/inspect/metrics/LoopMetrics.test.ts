// A loop in Effect's metrics.
// Covers: startMetrics, Lag
import { createServer, request } from "node:http"
import { once } from "node:events"
import type { AddressInfo } from "node:net"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Executor, fromAio, Loop, type LoopOptions, Server, SyncLoop } from "../../../../src/index.js"
import { seriesOf } from "../../../support/metrics.js"
import { collecting, scoped, settle } from "../../../support/scopedLoops.js"

/** Runs an effect on a loop that counts, in a program of its own. */
const counting = <A, E>(name: string, effect: Effect.Effect<A, E, Loop>, options: LoopOptions = {}) =>
  scoped(effect, { name, metrics: { interval: Infinity }, ...options })

/** The series after a look. */
const looked = (name: string) => Effect.map(Loop.sampleMetrics, () => seriesOf(name))

const never = (): Promise<never> => new Promise(() => {})

describe("metrics of a loop", () => {
  it.live("are none where nobody has asked for them", () =>
    Effect.map(scoped(Loop.synchronize, { name: "silent" }), () => expect(seriesOf("silent")).toEqual({}))
  )

  it.live("tell what waits and runs, and the tasks by their names", () =>
    Effect.gen(function* () {
      const series = yield* counting(
        "busy",
        Effect.gen(function* () {
          const loop = yield* Loop
          for (const name of ["load", "load", "store"]) loop.createTask(() => loop.sleep(60_000), { name })
          loop.callLater(60_000, () => {})
          const fiber = yield* Effect.fork(Effect.never)
          loop.effectAsFuture(Effect.never)
          yield* settle
          const during = yield* looked("busy")
          yield* Fiber.interrupt(fiber)
          return during
        })
      )
      expect(series).toMatchObject({
        effect_aio_ready: 0,
        effect_aio_timers: 4,
        effect_aio_effects: 1,
        effect_aio_jobs: 0,
        effect_aio_children: 0,
        effect_aio_unretrieved: 0,
        effect_aio_late_total: 0,
        "effect_aio_tasks{task=load}": 2,
        "effect_aio_tasks{task=store}": 1,
        effect_aio_abandoned_total: 0,
        effect_aio_leftovers_total: 0
      })
      expect(series["effect_aio_callbacks_total"]).toBeGreaterThan(3)
    })
  )

  it.live("of a loop that has closed are what it has counted, and no longer what was there", () =>
    Effect.gen(function* () {
      yield* counting(
        "closed",
        Effect.gen(function* () {
          const loop = yield* Loop
          loop.createTask(() => loop.sleep(60_000), { name: "load" })
          yield* settle
          expect(yield* looked("closed")).toMatchObject({ "effect_aio_tasks{task=load}": 1 })
        })
      )
      const after = seriesOf("closed")
      expect(after).toMatchObject({ "effect_aio_tasks{task=load}": 0, effect_aio_timers: 0 })
      expect(after["effect_aio_callbacks_total"]).toBeGreaterThan(0)
    })
  )

  it.live("of loops of one name, and of loops without one, are their sums", () =>
    Effect.gen(function* () {
      const one = SyncLoop.make({ metrics: true })
      const two = SyncLoop.make({ metrics: true })
      one.callLater(60_000, () => {})
      two.callLater(60_000, () => {})
      two.callLater(60_000, () => {})
      for (const loop of [one, two]) loop.sampleMetrics()
      expect(seriesOf("loop")).toMatchObject({ effect_aio_timers: 3 })
      yield* Effect.promise(() => one.close())
      expect(seriesOf("loop")).toMatchObject({ effect_aio_timers: 2 })
      yield* Effect.promise(() => two.close())
      expect(seriesOf("loop")).toMatchObject({ effect_aio_timers: 0 })
      expect(() => two.sampleMetrics()).not.toThrow()
    })
  )

  it.live(
    "tell how long interrupted fibers join, what they abandon, what a closing leaves, and every report",
    () =>
      Effect.gen(function* () {
        const { exceptionHandler } = collecting()
        yield* counting(
          "ends",
          Effect.gen(function* () {
            const loop = yield* Loop
            const stops = fromAio((signal: number) => loop.sleep(signal), { name: "stops" })
            const ignores = fromAio(never, { name: "ignores", grace: 5 })
            const leaves = fromAio(never, { name: "leaves", onInterrupt: "abandon" })
            const slow = fromAio(
              async (ms: number) => {
                await loop.sleep(60_000).then(undefined, () => new Promise((done) => setTimeout(done, ms)))
              },
              { name: "slow" }
            )
            const fibers = yield* Effect.all(
              [stops(60_000), ignores(), leaves(), slow(20)].map((effect) => Effect.fork(effect))
            )
            yield* settle
            yield* Fiber.interruptAll(fibers)
            loop.callExceptionHandler({ message: "the program's own" })
          }),
          { closeDeadline: 50, exceptionHandler }
        )
        const series = seriesOf("ends")
        expect(series).toMatchObject({
          effect_aio_abandoned_total: 2,
          // The one whose grace was over was told of then.
          effect_aio_leftovers_total: 1,
          "effect_aio_reports_total{kind=leftover}": 2,
          "effect_aio_reports_total{kind=program}": 1
        })
        expect(series["effect_aio_join_seconds"]).toBeGreaterThanOrEqual(2)
      })
  )

  it.live("count late outcomes that were dropped without a report", () =>
    Effect.gen(function* () {
      yield* counting(
        "late",
        Effect.gen(function* () {
          let finish = (_: number): void => {}
          const load = fromAio(() => new Promise<number>((done) => (finish = done)), { grace: 1 })
          const fiber = yield* Effect.fork(load())
          yield* settle
          yield* Fiber.interrupt(fiber)
          finish(1)
          yield* settle
        }),
        { exceptionHandler: () => {} }
      )
      expect(seriesOf("late")).toMatchObject({ effect_aio_late_total: 1 })
    })
  )

  it.live("tell of jobs and children", () =>
    counting(
      "parts",
      Effect.gen(function* () {
        const loop = yield* Loop
        const executor = yield* Executor.scoped({ maxWorkers: 1 })
        const job = loop.runInExecutor(executor, () =>
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
        )
        yield* Loop.subprocess("cat")
        expect(yield* looked("parts")).toMatchObject({ effect_aio_jobs: 1, effect_aio_children: 1 })
        yield* Effect.promise(() => job)
        expect(yield* looked("parts")).toMatchObject({ effect_aio_jobs: 0 })
      }).pipe(Effect.scoped)
    )
  )

  it.live("tell of requests by their phase", () =>
    counting(
      "served",
      Effect.gen(function* () {
        const node = createServer((request, response) => {
          if (request.url === "/answering") response.write("a")
        })
        yield* Server.scoped(node, { port: 0, host: "127.0.0.1", answer: 10, drain: 10 })
        const { port } = node.address() as AddressInfo
        const asked = ["/waits", "/answering", "/answering"].map((path) =>
          request({ port, path, host: "127.0.0.1" })
        )
        for (const one of asked) one.on("error", () => {}).end()
        yield* Effect.promise(() =>
          Promise.all(
            asked
              .slice(1)
              .map((one) =>
                once(one, "response").then(([response]) => void (response as { resume(): void }).resume())
              )
          )
        )
        expect(yield* looked("served")).toMatchObject({
          "effect_aio_requests{phase=not answered}": 1,
          "effect_aio_requests{phase=answering}": 2,
          "effect_aio_requests{phase=uploading}": 0,
          "effect_aio_requests{phase=over}": 0
        })
        for (const one of asked) one.destroy()
      }).pipe(Effect.scoped)
    )
  )

  it.live("tell how late the thread is", () =>
    counting(
      "lagging",
      Effect.gen(function* () {
        // The timer that is expected must have come once.
        yield* Effect.sleep(40)
        yield* Loop.sampleMetrics
        yield* Effect.sleep(30)
        const until = performance.now() + 120
        while (performance.now() < until);
        yield* Effect.sleep(30)
        const series = yield* looked("lagging")
        expect(series["effect_aio_lag_max_seconds"]).toBeGreaterThan(0.08)
        expect(series["effect_aio_lag_p50_seconds"]).toBeLessThanOrEqual(
          series["effect_aio_lag_max_seconds"] ?? 0
        )
      })
    )
  )

  it.live("are looked at by themselves every interval, in real time", () =>
    scoped(
      Effect.gen(function* () {
        const loop = yield* Loop
        loop.callLater(60_000, () => {})
        const look = Effect.sync(() => seriesOf("often")["effect_aio_timers"] === 1)
        yield* Effect.zipRight(Effect.sleep(5), look).pipe(Effect.repeat({ until: (seen) => seen }))
      }),
      { name: "often", metrics: { interval: 10 } }
    )
  )

  it.live("have the labels of the fiber that has opened the loop", () =>
    Effect.gen(function* () {
      yield* counting("tagged", Loop.synchronize).pipe(Effect.tagMetrics("service", "shop"))
      expect(seriesOf("tagged")).toMatchObject({ "effect_aio_timers{service=shop}": 0 })
    })
  )

  it.live("of a hundred thousand tasks take no longer than a turn may, and leave none out", () =>
    Effect.gen(function* () {
      const loop = SyncLoop.make({ name: "many", metrics: { interval: Infinity, taskLabels: 3 } })
      for (let i = 0; i < 100_000; i++) loop.createTask(never, { name: `request ${i}` })
      const since = performance.now()
      loop.sampleMetrics()
      const took = performance.now() - since
      const series = seriesOf("many")
      expect(series).toMatchObject({
        "effect_aio_tasks{task=request 0}": 1,
        "effect_aio_tasks{task=request 2}": 1,
        "effect_aio_tasks{task=(other)}": 99_997
      })
      expect(Object.keys(series).filter((key) => key.includes("task=")).length).toBe(4)
      expect(took).toBeLessThan(500)
      for (const task of loop.allTasks()) task.cancel()
      yield* Effect.promise(() => loop.close())
    })
  )

  it("refuse what they cannot be told", () => {
    const bad = (metrics: unknown) => () => SyncLoop.make({ metrics: metrics as boolean })
    expect(bad("yes")).toThrow(new TypeError('metrics is a boolean or an object, not "yes"'))
    expect(bad({ interval: 1 })).toThrow(new RangeError("metrics.interval is 10ms or more, not 1"))
    expect(bad({ interval: "soon" })).toThrow(TypeError)
    expect(bad({ taskLabels: -1 })).toThrow(
      new RangeError("metrics.taskLabels is a whole number from 0 on, not -1")
    )
    expect(bad({ taskLabels: 1.5 })).toThrow(RangeError)
    expect(bad({ taskLabel: "name" })).toThrow(TypeError)
  })

  it.live("that are off cannot be looked at, and the error says how they are switched on", () =>
    Effect.gen(function* () {
      const loop = SyncLoop.make({ name: "off", metrics: false })
      expect(() => loop.sampleMetrics()).toThrow(
        "sampleMetrics() on off, which writes no metrics: open it with { metrics: true }"
      )
      yield* Effect.promise(() => loop.close())
    })
  )
})
