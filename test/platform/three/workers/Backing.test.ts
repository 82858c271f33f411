// A worker without a manager, on Effect 3, and the protocol of @effect/rpc, which stands on it.
import { Worker as Thread } from "node:worker_threads"
import * as Worker from "@effect/platform/Worker"
import { WorkerError } from "@effect/platform/WorkerError"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Loop, LoopClosedError, WorkerEndedError } from "../../../../src/index.js"
import { LoopWorker } from "../../../../src/platform/index.js"
import { open, scoped } from "../../../support/scopedLoops.js"

/** A worker that says what it is sent. */
const echo = () =>
  new Thread(
    `const { parentPort } = require("node:worker_threads")
     parentPort.on("message", ([kind, message]) => kind === 1 ? parentPort.close() : parentPort.postMessage([1, message]))
     parentPort.postMessage([0])
     parentPort.postMessage("noise")`,
    { eval: true }
  )

const on = <A, E>(
  effect: Effect.Effect<A, E, Worker.PlatformWorker | Worker.Spawner | Loop>,
  spawn: () => Thread = echo,
  options: LoopWorker.WorkerOptions = {}
) => scoped(Effect.provide(effect, LoopWorker.layer(spawn, options)))

const spawned = Effect.flatMap(Worker.PlatformWorker, (platform) => platform.spawn<unknown, unknown>(0))

const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
  })

const failure = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined

describe("a worker without a manager", () => {
  it.live("gets what was sent before it was started, in order, and says that it is ready", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* spawned
        const heard: Array<unknown> = []
        yield* worker.send("a")
        yield* worker.send("b")
        const running = yield* Effect.fork(worker.run((message) => Effect.sync(() => heard.push(message))))
        yield* until(() => heard.length === 3)
        yield* worker.send("c")
        yield* until(() => heard.length === 4)
        expect(heard).toEqual([[0], [1, "a"], [1, "b"], [1, "c"]])
        yield* Fiber.interrupt(running)
        expect((yield* Loop).statistics().workers).toBe(0)
      })
    )
  )

  it.live("ends with the failure of whoever handles a message, and interrupts who still does", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* spawned
        let interrupted = 0
        yield* worker.send("wait")
        yield* worker.send("fail")
        const exit = yield* Effect.exit(
          worker.run(([, message]) =>
            message === "fail"
              ? Effect.fail("no")
              : Effect.onInterrupt(Effect.never, () => Effect.sync(() => interrupted++))
          )
        )
        expect(failure(exit)).toBe("no")
        expect(interrupted).toBe(2)
      })
    )
  )

  it.live("fails when it dies, with its code, and is another one when it is run again", () =>
    on(
      Effect.gen(function* () {
        const worker = yield* spawned
        const exit = yield* Effect.exit(worker.run(() => Effect.void))
        expect(failure(exit)).toMatchObject({ reason: "unknown", cause: { code: 5 } })
        expect(failure(exit)).toBeInstanceOf(WorkerError)
        expect((failure(exit) as WorkerError).cause).toBeInstanceOf(WorkerEndedError)
        expect(failure(yield* Effect.exit(worker.run(() => Effect.void)))).toMatchObject({
          cause: { code: 5 }
        })
      }),
      () =>
        new Thread(`require("node:worker_threads").parentPort.postMessage([0]); process.exit(5)`, {
          eval: true
        })
    )
  )

  it.live(
    "a message that cannot be cloned is a WorkerError, and one that waited for the start fails that",
    () =>
      on(
        Effect.gen(function* () {
          const worker = yield* spawned
          yield* worker.send(() => 1)
          expect(failure(yield* Effect.exit(worker.run(() => Effect.void)))).toMatchObject({ reason: "send" })
          let up = false
          const running = yield* Effect.fork(worker.run(() => Effect.sync(() => void (up = true))))
          yield* until(() => up)
          expect(yield* Effect.flip(worker.send(() => 1))).toMatchObject({ reason: "send" })
          yield* Fiber.interrupt(running)
        })
      )
  )

  it.live("a spawn function that gives no worker is a WorkerError", () =>
    on(
      Effect.gen(function* () {
        const exit = yield* Effect.exit(Effect.flatMap(spawned, (worker) => worker.run(() => Effect.void)))
        expect(failure(exit)).toMatchObject({ reason: "spawn", cause: expect.any(TypeError) })
      }),
      () => ({}) as Thread
    )
  )

  it.live("C3 who runs a worker of a loop that is closed at once fails, and nothing is left", () =>
    Effect.gen(function* () {
      const loop = yield* open()
      const services = LoopWorker.layer(echo, { grace: "1 minute" })
      const worker = yield* Effect.provideService(Effect.provide(spawned, services), Loop, loop)
      let up = false
      const running = yield* Effect.fork(worker.run(() => Effect.sync(() => void (up = true))))
      yield* until(() => up)
      yield* Effect.promise(async () => loop.close())
      expect(failure(yield* Fiber.await(running))).toMatchObject({ cause: expect.any(LoopClosedError) })
    }).pipe(Effect.scoped)
  )
})
