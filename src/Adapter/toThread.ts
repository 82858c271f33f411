/** Running a job in another thread from aio code: asyncio's `to_thread`. */
import { executorsOf } from "../Loop/executor/Executors.js"
import type { JobArguments, JobContext, JobValue, ModuleJob } from "../Loop/executor/ModuleJob.js"
import type { Future } from "../Loop/kernel/Future.js"
import { getRunningLoop } from "./current.js"

/**
 * Runs a job in a worker thread of the running loop's default executor: `loop.runInExecutor(null, job, ...args)` of the
 * loop whose aio code this is, and everything said there holds. Throws {@link NoRunningLoopError} elsewhere. asyncio:
 * `to_thread`.
 *
 * **Flavor** aio; in Effect code, `fromAio(() => toThread(job))` is interruptible, and waits until the job has ended.
 *
 * @example
 * const zip = fromAio((text: string) => toThread({ module: "node:zlib", export: "gzipSync" }, text))
 * const zipped = await Effect.runPromise(Loop.scoped(zip("a long text")))
 *
 * @category conveniences
 * @since 0.1.0
 */
export function toThread<Args extends ReadonlyArray<unknown>, R>(
  job: (this: JobContext, ...args: Args) => R,
  ...args: JobArguments<Args>
): Future<JobValue<R>>
export function toThread<
  F extends (this: JobContext, ...args: never) => unknown = (...args: Array<unknown>) => unknown
>(job: ModuleJob<F>, ...args: JobArguments<Parameters<F>>): Future<JobValue<ReturnType<F>>>
export function toThread(job: unknown, ...args: ReadonlyArray<unknown>): Future<unknown> {
  return executorsOf(getRunningLoop("toThread")).run(null, job, args)
}
