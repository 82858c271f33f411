/** What can be run in another thread, and what a job sees, takes and gives: types only. */
import type { Transfer, Transferred } from "./transfer.js"

/**
 * What a job sees as `this`, in its worker thread.
 *
 * @category models
 * @since 0.1.0
 */
export interface JobContext {
  /** The job's name, as in reports. */
  readonly name: string
  /** The worker thread's name. */
  readonly worker: string
  /** Node's number of the worker thread. */
  readonly threadId: number
  /**
   * Aborts when the job is cancelled. For jobs that await: while one computes, nothing else runs in its thread, listeners
   * included.
   */
  readonly signal: AbortSignal
  /** Whether the job is cancelled by now: for loops that compute. */
  cancelled(): boolean
  /** Lets parts of the result move instead of being copied: `return this.transfer(bytes, [bytes.buffer])`. */
  transfer<A>(value: A, list: ReadonlyArray<Transferred>): Transfer<A>
}

type AnyJob = (this: JobContext, ...args: never) => unknown

declare const signature: unique symbol

/**
 * A job that is the export of a module: the recommended form, which may import what it likes. `F` is the type of the
 * export, and is only said, not checked.
 *
 * @example
 * const loop = SyncLoop.make()
 * const zip: ModuleJob<typeof import("node:zlib").gzipSync> = { module: "node:zlib", export: "gzipSync" }
 * await loop.runUntilComplete(async () => {
 *   const zipped = await loop.runInExecutor(null, zip, "a".repeat(1_000))
 *   console.log(zipped.length < 100) // => true
 * })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export interface ModuleJob<F extends AnyJob = (...args: Array<unknown>) => unknown> {
  /** A URL, an absolute path, or the name of a module of Node or of a package, sought from the working directory. */
  readonly module: string | URL
  /** The name of the export. Default: `default`. */
  readonly export?: string | undefined
  readonly [signature]?: F
}

/**
 * The arguments of a job: each as it is, or as a Transfer.
 *
 * @category models
 * @since 0.1.0
 */
export type JobArguments<Args extends ReadonlyArray<unknown>> = {
  readonly [K in keyof Args]: Args[K] | Transfer<Args[K]>
}

/**
 * What comes back of what a job returns.
 *
 * @category models
 * @since 0.1.0
 */
export type JobValue<R> = Awaited<R> extends Transfer<infer A> ? A : Awaited<R>
