/** The loop's methods for executors, and their documentation. `Executors.ts` is what they do. */
import type { DurationInput } from "../../effect.js"
import type { Future } from "../kernel/Future.js"
import type { Executor } from "./Executor.js"
import type { JobArguments, JobContext, JobValue, ModuleJob } from "./ModuleJob.js"

/**
 * Jobs in worker threads.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecutorMethods {
  /**
   * Runs a job in a worker thread, and gives its result. `executor` is `null` for the loop's default one, which is made
   * at its first job: as many threads as the machine can run at once, named `effect-aio-1` and so on. Jobs for which no
   * thread is free wait in line. asyncio: `run_in_executor`.
   *
   * A job is `{ module, export }`, which is the recommended form, or a function. Of a function its source is sent: it
   * may use its parameters, globals and `import()`, and nothing else of the file it stands in. Both see a JobContext as
   * `this` (arrow functions see none). Arguments and results are copied as `structuredClone` does, arguments at this
   * call; what is given through `transfer` moves instead.
   *
   * The Future fails with what the job threw (name, message, stack, cause, code and own fields), with
   * {@link JobRefusedError} where the job did not run because of what it is, or its result cannot be cloned, and with
   * {@link WorkerDiedError} where its thread died. Throws `JobRefusedError` for an argument that cannot be cloned, and
   * for a function that cannot be sent (a method, a class, a native or bound function); {@link ExecutorClosedError};
   * `TypeError` for anything else than jobs and executors; {@link LoopClosedError}. Nothing is queued then.
   *
   * Cancelling the Future takes a queued job out of the line at once. A running one is told through `this.signal` and
   * `this.cancelled()`, and its thread is terminated after the executor's `grace`; the Future is pending until the job
   * has ended. A value or error that it still gives is delivered, unless it is an AbortError. What was moved to a job that
   * never ran is closed.
   *
   * **Gotchas**
   * - What a function refers to outside of itself is missing only when it comes to use it: JobRefusedError then names
   *   it. Build tools may add such names (test coverage does).
   * - Workers of Node 20 do not take on `--import`, so modules in TypeScript need JavaScript there.
   * - A job that the system holds up (`openSync` of a FIFO that nobody writes to) cannot be terminated until that
   *   returns.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   const sum = await loop.runInExecutor(null, (a: number, b: number) => a + b, 40, 2)
   *   const job: ModuleJob<typeof import("node:path").join> = { module: "node:path", export: "join" }
   *   const path = await loop.runInExecutor(null, job, "a", "b")
   *   console.log(sum, path) // => 42 a/b
   * })
   * await loop.close()
   */
  runInExecutor<Args extends ReadonlyArray<unknown>, R>(
    executor: Executor | null,
    job: (this: JobContext, ...args: Args) => R,
    ...args: JobArguments<Args>
  ): Future<JobValue<R>>
  runInExecutor<
    F extends (this: JobContext, ...args: never) => unknown = (...args: Array<unknown>) => unknown
  >(
    executor: Executor | null,
    job: ModuleJob<F>,
    ...args: JobArguments<Parameters<F>>
  ): Future<JobValue<ReturnType<F>>>

  /**
   * Makes `executor` the one that `null` stands for. It belongs to this loop then, which shuts it down when it closes;
   * one that was set before goes back to its owner. Throws `TypeError` for anything but an Executor. asyncio:
   * `set_default_executor`.
   *
   * @example
   * const loop = SyncLoop.make()
   * loop.setDefaultExecutor(Executor.make({ maxWorkers: 8 }))
   * await loop.close()
   */
  setDefaultExecutor(executor: Executor): void

  /**
   * Shuts the default executor down, and waits for the jobs it has; `null` stands for none from now on. When `deadline`
   * has passed, the jobs that are left are reported as leftovers, by name, and their threads are terminated. Cancelling
   * the Future only stops waiting. Closing the loop does all this by itself. asyncio: `shutdown_default_executor`.
   *
   * @example
   * const loop = SyncLoop.make()
   * await loop.runUntilComplete(async () => {
   *   await loop.shutdownDefaultExecutor("5 seconds")
   * })
   * await loop.close()
   */
  shutdownDefaultExecutor(deadline?: DurationInput): Future<void>
}
