// Whatever happens to a worker's Scope, its loop or its job, in whatever state the worker is: it goes, and nobody waits for ever.
import { Worker as Thread } from "node:worker_threads"
import * as Worker from "@effect/platform/Worker"
import { WorkerError } from "@effect/platform/WorkerError"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { Loop, LoopCrash } from "../../../src/index.js"
import { LoopWorker } from "../../../src/platform/index.js"
import { compiledUrl } from "../../support/compiled.js"
import { collecting, scoped, settle } from "../../support/scopedLoops.js"
import type { Job } from "../../fixtures/platform/three/runner.js"

const runner = compiledUrl("test/fixtures/platform/three/runner.ts")

/** The job that brings a worker into a state; none where it is in it without one. */
const states: Record<string, Job | undefined> = {
  starting: undefined,
  idle: undefined,
  busy: { _tag: "Spin" },
  dying: { _tag: "Exit", code: 3 }
}

const actions = [
  "its Scope closes",
  "the loop is closed at once",
  "the loop crashes",
  "the job is interrupted"
] as const

/** One that never says that it is ready. It loads no file, which it would leave open where it is terminated meanwhile. */
const silent = "setInterval(() => {}, 1e6)"

/** It has ended, and not with a defect. */
const endedWell = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isSuccess(exit) ||
  Cause.isInterruptedOnly(exit.cause) ||
  Cause.squash(exit.cause) instanceof WorkerError

describe.each(Object.keys(states))("a worker that is %s", (state) => {
  it.live.each(actions)("C3 S5 goes when %s", (action) =>
    Effect.gen(function* () {
      const fibers: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      const { exceptionHandler } = collecting()
      let gone!: Promise<unknown>
      let online!: Promise<unknown>
      const spawn = () => {
        const thread = state === "starting" ? new Thread(silent, { eval: true }) : new Thread(runner)
        online = new Promise((resolve) => thread.once("online", resolve))
        gone = new Promise((resolve) => thread.once("exit", resolve))
        return thread
      }
      const body = Effect.gen(function* () {
        const loop = yield* Loop
        // Nobody closes it but one of the actions.
        const scope = yield* Scope.make()
        const services = yield* Layer.buildWithScope(LoopWorker.layer(spawn, { grace: 100 }), scope)
        const spawned = Effect.flatMap(Worker.WorkerManager, (manager) =>
          manager.spawn<Job, unknown, string>({})
        )
        const spawning = yield* Effect.forkDaemon(Effect.provide(Scope.extend(spawned, scope), services))
        fibers.push(spawning)
        const worker = state === "starting" ? undefined : yield* Fiber.join(spawning)
        const job = states[state]
        if (job !== undefined && worker !== undefined)
          fibers.push(yield* Effect.forkDaemon(worker.executeEffect(job)))
        yield* settle
        yield* Effect.promise(() => online)
        switch (action) {
          case "its Scope closes":
            yield* Scope.close(scope, Exit.void)
            return expect(loop.statistics().workers).toBe(0)
          case "the loop is closed at once":
            return yield* Effect.promise(async () => loop.close())
          case "the loop crashes":
            loop.setExceptionHandler(null)
            loop.callSoon(() => {
              throw new Error("crash")
            })
            return yield* Effect.never
          case "the job is interrupted":
            return yield* Effect.forEach(fibers, Fiber.interrupt)
        }
      })
      const exit = yield* Effect.exit(scoped(body, { exceptionHandler }))
      if (action === "the loop crashes")
        expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopCrash)
      else expect(exit).toMatchObject({ _tag: "Success" })
      yield* Effect.promise(() => gone)
      for (const fiber of fibers) expect(endedWell(yield* Fiber.await(fiber))).toBe(true)
    })
  )
})
