// Whatever happens to a worker's Scope, its loop or its job, in whatever state the worker is: it goes, and nobody waits for ever.
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientError } from "effect/rpc/RpcClientError"
import * as Scope from "effect/Scope"
import { Worker as Thread } from "node:worker_threads"
import { describe, expect, it } from "vitest"
import { type EventLoop, Loop, LoopCrash } from "../../../src/index.js"
import { LoopWorker } from "../../../src/platform/index.js"
import { Jobs } from "../../fixtures/platform/four/jobs.js"
import { compiledUrl } from "../../support/compiled.js"

const runner = compiledUrl("test/fixtures/platform/four/runner.ts")

const states = ["starting", "idle", "busy", "dying"] as const
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
  Cause.hasInterruptsOnly(exit.cause) ||
  Cause.squash(exit.cause) instanceof RpcClientError

const settle = Effect.promise(async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
})

describe.each(states)("a worker that is %s", (state) => {
  it.each(actions)("C3 S5 goes when %s", async (action) => {
    const fibers: Array<Fiber.Fiber<unknown, unknown>> = []
    let opened!: EventLoop
    const gone: Array<Promise<unknown>> = []
    let online!: Promise<unknown>
    const spawn = () => {
      const thread = state === "starting" ? new Thread(silent, { eval: true }) : new Thread(runner)
      online = new Promise((resolve) => thread.once("online", resolve))
      gone.push(new Promise((resolve) => thread.once("exit", resolve)))
      return thread
    }
    // Nobody closes it but one of the actions.
    const scope = Effect.runSync(Scope.make())
    const body = Effect.gen(function* () {
      const loop = (opened = yield* Loop)
      const protocol = RpcClient.layerProtocolWorker({ size: 1 }).pipe(
        Layer.provide(LoopWorker.layer(spawn, { grace: 100 }))
      )
      const services = yield* Layer.buildWithScope(protocol, scope)
      const worker = yield* Effect.provide(Scope.provide(RpcClient.make(Jobs), scope), services)
      if (state !== "starting") yield* worker.Add({ n: 1 })
      if (state === "busy") fibers.push(yield* Effect.forkDetach(worker.Spin()))
      if (state === "dying") fibers.push(yield* Effect.forkDetach(worker.Exit({ code: 3 })))
      if (state === "starting") fibers.push(yield* Effect.forkDetach(worker.Add({ n: 1 })))
      yield* settle
      yield* Effect.promise(() => online)
      switch (action) {
        case "its Scope closes":
          yield* Scope.close(scope, Exit.void)
          return expect(loop.statistics().workers).toBe(0)
        case "the loop is closed at once":
          return yield* Effect.promise(async () => loop.close())
        case "the loop crashes":
          loop.callSoon(() => {
            throw new Error("crash")
          })
          return yield* Effect.never
        case "the job is interrupted":
          return yield* Effect.forEach(fibers, (fiber) => Fiber.interrupt(fiber))
      }
    })
    const exit = await Effect.runPromiseExit(Loop.scoped(body))
    if (action === "the loop crashes")
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBeInstanceOf(LoopCrash)
    else expect(exit).toMatchObject({ _tag: "Success" })
    await Promise.all(gone)
    // RPC tries again each second as long as its Scope is open.
    await Effect.runPromise(Scope.close(scope, Exit.void))
    for (const fiber of fibers) expect(endedWell(await Effect.runPromise(Fiber.await(fiber)))).toBe(true)
    expect(opened.statistics()).toMatchObject({ state: "closed", workers: 0, tasks: 0 })
  })
})
