import type * as Path from "node:path"
import { describe, expectTypeOf, it } from "vitest"
import type { Effect, Scope } from "effect"
import {
  type EventLoop,
  Executor,
  type Future,
  type JobContext,
  type Limiter,
  type ModuleJob,
  toThread,
  transfer,
  type Transfer
} from "../../src/index.js"

declare const loop: EventLoop
declare const executor: Executor
declare const limiter: Limiter
declare const bytes: Uint8Array<ArrayBuffer>

describe("jobs that are functions", () => {
  it("give what they return, awaited", () => {
    expectTypeOf(loop.runInExecutor(null, (a: number, b: number) => a + b, 1, 2)).toEqualTypeOf<
      Future<number>
    >()
    expectTypeOf(loop.runInExecutor(executor, async (a: string) => a.length, "x")).toEqualTypeOf<
      Future<number>
    >()
    expectTypeOf(toThread(() => "x")).toEqualTypeOf<Future<string>>()
  })

  it("take their arguments, optional ones too", () => {
    const job = (a: number, b?: string) => `${a}${b}`
    loop.runInExecutor(null, job, 1)
    loop.runInExecutor(null, job, 1, "x")
    loop.runInExecutor(null, (...all: Array<number>) => all.length, 1, 2, 3)
    // @ts-expect-error the argument is of another type
    loop.runInExecutor(null, job, "x")
    // @ts-expect-error an argument is missing
    loop.runInExecutor(null, job)
    // @ts-expect-error there is no such argument
    toThread(job, 1, "x", 3)
    // @ts-expect-error the executor is missing
    loop.runInExecutor(job, 1)
  })

  it("may declare their context as `this`", () => {
    function job(this: JobContext, a: number) {
      return [this.name, this.worker, this.threadId, this.cancelled(), this.signal.aborted, a] as const
    }
    expectTypeOf(toThread(job, 1)).toEqualTypeOf<
      Future<readonly [string, string, number, boolean, boolean, number]>
    >()
    // @ts-expect-error another `this` is not what a job has
    toThread(function (this: Date) {})
  })

  it("move arguments and results", () => {
    const job = function (this: JobContext, given: Uint8Array<ArrayBuffer>) {
      return this.transfer(given, [given.buffer])
    }
    expectTypeOf(transfer(bytes, [bytes.buffer])).toEqualTypeOf<Transfer<Uint8Array<ArrayBuffer>>>()
    expectTypeOf(toThread(job, transfer(bytes, [bytes.buffer]))).toEqualTypeOf<
      Future<Uint8Array<ArrayBuffer>>
    >()
    expectTypeOf(toThread(job, bytes)).toEqualTypeOf<Future<Uint8Array<ArrayBuffer>>>()
    // @ts-expect-error what moves is of the argument's type
    toThread(job, transfer("x", []))
  })
})

describe("jobs that are exports", () => {
  it("are unknown, unless their type is said", () => {
    expectTypeOf(loop.runInExecutor(null, { module: "x", export: "y" }, 1, "a")).toEqualTypeOf<
      Future<unknown>
    >()
    const basename: ModuleJob<typeof Path.basename> = {
      module: "node:path",
      export: "basename"
    }
    expectTypeOf(loop.runInExecutor(null, basename, "/a")).toEqualTypeOf<Future<string>>()
    expectTypeOf(toThread(basename, "/a", ".b")).toEqualTypeOf<Future<string>>()
    // @ts-expect-error the argument is of another type
    toThread(basename, 7)
    const context: ModuleJob<(this: JobContext, n: number) => Promise<Transfer<string>>> = { module: "x" }
    expectTypeOf(toThread(context, 1)).toEqualTypeOf<Future<string>>()
    // @ts-expect-error the module is missing
    toThread({ export: "y" })
  })
})

describe("Executor", () => {
  it("is made, scoped and given to a loop", () => {
    expectTypeOf(
      Executor.make({ maxWorkers: 1, limiter, grace: "1 second", idleTimeout: Infinity })
    ).toEqualTypeOf<Executor>()
    expectTypeOf(Executor.make({ limiter: 1, resourceLimits: { stackSizeMb: 4 } })).toEqualTypeOf<Executor>()
    expectTypeOf(Executor.scoped()).toEqualTypeOf<Effect.Effect<Executor, never, Scope.Scope>>()
    expectTypeOf(executor.shutdown({ deadline: "1 second" })).toEqualTypeOf<Promise<void>>()
    expectTypeOf(loop.shutdownDefaultExecutor(100)).toEqualTypeOf<Future<void>>()
    // @ts-expect-error an executor is not made with new
    new Executor({})
    // @ts-expect-error null is no executor
    loop.setDefaultExecutor(null)
  })
})
