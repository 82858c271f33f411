/**
 * A pool of worker threads that runs jobs of any number of loops, and outlives them unless it belongs to one. That a
 * job has a permit of a limiter beside its thread is taken from trio-asyncio's `TrioExecutor`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DurationInput } from "../../effect.js"
import { executorSettings, type ExecutorOptions, type ExecutorSettings } from "./ExecutorOptions.js"
import { closeMoved } from "./closeMoved.mjs"
import { Job, type JobGiver } from "./Job.js"
import { JobQueue } from "./JobQueue.js"
import { packArguments, shipmentOf } from "./shipment.js"
import { inRealTime, type Timer, timerOf } from "./Timer.js"
import { errorText } from "../kernel/describe.js"
import { ExecutorClosedError, JobRefusedError, WorkerDiedError } from "../errors.js"
import { tableOf } from "../closing/table.js"
import { millis } from "../Settings.js"
import { tellIfSlow } from "../fiber/SlowJoin.js"
import { checkThreadFiles } from "./threadFiles.js"
import type { Ending } from "./JobLine.js"
import { Workers } from "./Workers.js"
import { unpackError } from "../parcel/unpackError.js"
import type { Home } from "../ports.js"

/**
 * What an executor holds, as numbers. A snapshot.
 *
 * @category models
 * @since 0.1.0
 */
export interface ExecutorStatistics {
  readonly name: string
  readonly state: "open" | "closing" | "closed"
  /** Worker threads that have not ended, idle ones included. */
  readonly workers: number
  readonly maxWorkers: number
  /** Jobs in a thread. */
  readonly running: number
  /** Jobs that wait for a thread or a permit. */
  readonly queued: number
}

/**
 * A pool of worker threads for `loop.runInExecutor`. Making one starts no thread; the first job does. Idle threads do
 * not keep the process alive, and end after `idleTimeout`; a running job keeps it alive. Jobs start in the order in
 * which they were given.
 *
 * Legal states: open, closing (refuses new jobs, and waits for those it has), closed.
 *
 * **Gotchas**
 * - A worker thread runs one job at a time, and many in its life: what a job leaves in it (timers, globals, modules) is
 *   there for the next one.
 * - Each thread takes 30 milliseconds to start and some megabytes.
 *
 * @example
 * const loop = SyncLoop.make()
 * const executor = Executor.make({ maxWorkers: 4, limiter: 2, name: "sums" })
 * await loop.runUntilComplete(async () => {
 *   const sum = await loop.runInExecutor(executor, (a: number, b: number) => a + b, 40, 2)
 *   console.log(executor.name, sum) // => sums 42
 * })
 * await executor.shutdown({ deadline: "5 seconds" })
 * await loop.close()
 *
 * @category models
 * @since 0.1.0
 */
export class Executor {
  readonly #settings: ExecutorSettings
  readonly #workers: Workers
  /** The jobs for which no thread is free and which the threads have been given, to take them when they are; before `#queue`. */
  readonly #line = new JobQueue()
  /** The jobs for which no thread is free, in the order in which they were given. */
  readonly #queue = new JobQueue()
  /** The jobs for which a thread is free, and that wait for a permit of the limiter. */
  readonly #waiting = new Set<Job>()
  readonly #running = new Set<Job>()
  #closing: Promise<void> | undefined
  #closed = false
  #onIdle: Array<() => void> = []

  private constructor(settings: ExecutorSettings) {
    this.#settings = settings
    this.#workers = new Workers(settings, (job, ending) => this.#ended(job, ending))
  }

  /**
   * Makes an executor. Nobody closes it by itself, but for one that `setDefaultExecutor` was given: see
   * `Executor.scoped`. Throws `TypeError` or `RangeError` for options that are none.
   */
  static make(options: ExecutorOptions = {}): Executor {
    return new Executor(executorSettings(options))
  }

  /**
   * `Executor.make` in a Scope, which cancels the jobs that are left, waits for them, and ends the threads.
   *
   * **Flavor** Effect. **Starts** no thread. **Cancel** closing asks the jobs to stop, terminates the threads of those
   * that have not after `grace`, and waits until they have ended. **Loop closed** the executor is of no loop.
   *
   * @example
   * const program = Effect.gen(function* () {
   *   const loop = yield* Loop
   *   const executor = yield* Executor.scoped({ maxWorkers: 2 })
   *   return yield* fromAio(() => loop.runInExecutor(executor, (n: number) => n * n, 7))()
   * })
   * console.log(await Effect.runPromise(Loop.scoped(Effect.scoped(program)))) // => 49
   */
  static scoped(options: ExecutorOptions = {}): Effect.Effect<Executor, never, Scope.Scope> {
    executorSettings(options)
    return Effect.acquireRelease(
      Effect.sync(() => Executor.make(options)),
      (executor) => Effect.promise(() => executor._cancelAll())
    )
  }

  /** The first part of its threads' names. */
  get name(): string {
    return this.#settings.name
  }

  /**
   * Refuses new jobs from now on, waits for those that are queued or running, and ends the threads. When `deadline` has
   * passed (real time), the jobs that are left are reported to their loops as leftovers, the threads are terminated,
   * and the Futures become cancelled. Every call waits for the same end. Throws for a `deadline` that is no duration.
   * asyncio: `Executor.shutdown`.
   *
   * @example
   * const executor = Executor.make()
   * await executor.shutdown({ deadline: "5 seconds" })
   * console.log(executor.statistics().state) // => closed
   */
  shutdown(options: { readonly deadline?: DurationInput | undefined } = {}): Promise<void> {
    return this._shutdown(millis("deadline", options.deadline, Infinity), inRealTime)
  }

  /** `await using`: see `shutdown`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown()
  }

  /** What it holds, as numbers. */
  statistics(): ExecutorStatistics {
    return {
      name: this.name,
      state: this.#closed ? "closed" : this.#closing === undefined ? "open" : "closing",
      workers: this.#workers.size,
      maxWorkers: this.#settings.maxWorkers,
      running: this.#running.size,
      queued: this.#line.size + this.#queue.size + this.#waiting.size
    }
  }

  toString(): string {
    const { maxWorkers, name, queued, running, state, workers } = this.statistics()
    return `<Executor ${name} ${state} workers=${workers}/${maxWorkers} running=${running} queued=${queued}>`
  }

  toJSON(): unknown {
    return { _id: "Executor", ...this.statistics() }
  }

  /** @internal How Node shows it. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString()
  }

  /** @internal All threads have ended, and none will start. */
  get _closed(): boolean {
    return this.#closed
  }

  /** @internal The jobs that have not ended, of every loop. */
  _jobs(): ReadonlyArray<Job> {
    return [...this.#running, ...this.#waiting, ...this.#line, ...this.#queue]
  }

  /** @internal Queues a job. Throws for what cannot be run; nothing is queued then. */
  _submit(what: string, loop: Home, work: unknown, args: ReadonlyArray<unknown>, giver: JobGiver): Job {
    if (this.#closing !== undefined) {
      throw new ExecutorClosedError(`${what}(): ${this.name} was shut down, and takes no more jobs`)
    }
    const shipment = shipmentOf(what, work)
    checkThreadFiles(shipment.name)
    const job = new Job(this, loop, shipment, packArguments(shipment.name, args), giver)
    this.#queue.push(job)
    this.#pump()
    return job
  }

  /** @internal Tells a job to stop. False where it has not begun, and is forgotten. */
  _cancel(job: Job, reason: unknown): boolean {
    switch (job.state) {
      case "queued":
        if (job.slot < 0) this.#queue.remove(job)
        else {
          this.#line.remove(job)
          if (!this.#workers.takeBack(job)) {
            // A thread has begun with it, and its reply to the job before is on its way.
            this.#running.add(job)
            return this.#stop(job, reason)
          }
        }
        this.#forget(job)
        return false
      case "waiting":
        this.#waiting.delete(job)
        this.#settings.limiter?._withdraw(job.granted)
        this.#forget(job)
        this.#pump()
        return false
      case "running":
        return this.#stop(job, reason)
      default:
        return true
    }
  }

  #stop(job: Job, reason: unknown): true {
    job.state = "cancelling"
    job.reason = reason
    this.#workers.raise(job)
    this.#awaitGrace(job)
    return true
  }

  /** @internal Where a job is, for reports. */
  _place(job: Job): string {
    if (job.state === "queued") return `a thread of ${this.name}`
    if (job.state === "waiting") return `a permit of the limiter of ${this.name}`
    return `worker ${this.#workers.threadOf(job) || "that is starting"}`
  }

  /** @internal Lets go of a job at once: its thread is terminated, and nobody waits for that. */
  _drop(job: Job, reason: unknown): void {
    if (!this._cancel(job, reason)) return
    if (job.state === "cancelling") this.#terminate(job)
  }

  /** @internal Cancels the jobs it has, waits for them, and closes. */
  _cancelAll(): Promise<void> {
    const closed = this._shutdown(Infinity, inRealTime)
    const reason = new ExecutorClosedError(`${this.name} was closed before this was done`)
    for (const job of this._jobs()) job.cancel(reason)
    return closed
  }

  /** @internal `shutdown`, by the time of whoever waits. */
  _shutdown(deadline: number, timer: Timer): Promise<void> {
    const closed = (this.#closing ??= this.#close())
    if (this.#closed) return closed
    const disarm = timer(deadline, () => this.#expire(deadline))
    return closed.finally(disarm)
  }

  /** @internal Ends everything now, without asking and without waiting. */
  _terminate(reason: unknown): void {
    this.#closing ??= this.#close()
    for (const job of this._jobs()) {
      if (job.state === "queued" || job.state === "waiting") job.cancel(reason)
      else this._drop(job, reason)
    }
  }

  async #close(): Promise<void> {
    if (this.#busy) await new Promise<void>((resolve) => this.#onIdle.push(resolve))
    await this.#workers.close()
    this.#closed = true
  }

  get #busy(): boolean {
    return this.#line.size + this.#queue.size + this.#waiting.size + this.#running.size > 0
  }

  /** The deadline of a shutdown has passed: reports what is left, and terminates it. */
  #expire(deadline: number): void {
    const jobs = this._jobs()
    for (const loop of new Set(jobs.map((job) => job.loop))) {
      const left = jobs.filter((job) => job.loop === loop).map((job) => job.describe())
      loop.callExceptionHandler({
        kind: "leftover",
        message:
          `${left.length} left over in ${this.name} at the deadline of ${deadline}ms for its shutdown:\n` +
          tableOf(left)
      })
    }
    this._terminate(new ExecutorClosedError(`${this.name} was shut down before this was done`))
  }

  /** Gives the first jobs to the threads and permits that are free, and the next ones to threads that will be. */
  #pump(): void {
    const { limiter, maxWorkers } = this.#settings
    while (
      this.#running.size + this.#waiting.size < maxWorkers &&
      (this.#line.size > 0 || this.#workers.room > this.#waiting.size)
    ) {
      const given = this.#line.first
      if (given !== undefined) {
        this.#line.remove(given)
        this.#start(given)
        continue
      }
      const job = this.#queue.first
      if (job === undefined) return
      this.#queue.remove(job)
      if (limiter === undefined) this.#start(job)
      else {
        job.state = "waiting"
        this.#waiting.add(job)
        job.granted = () => this.#start(job)
        limiter._acquire(job.granted)
      }
    }
    // A permit is for a job that runs.
    if (limiter !== undefined) return
    for (let job = this.#queue.first; job !== undefined && this.#workers.ahead > 0; job = this.#queue.first) {
      this.#queue.remove(job)
      this.#workers.give(job)
      this.#line.push(job)
    }
  }

  #start(job: Job): void {
    this.#waiting.delete(job)
    this.#running.add(job)
    job.state = "running"
    this.#workers.run(job)
  }

  /** The threads say that a job has ended. One in the line was begun and ended before that was known here. */
  #ended(job: Job, ending: Ending): void {
    if (job.state === "queued") this.#line.remove(job)
    const { host } = job.loop
    if (host.arrives === undefined) this.#settle(job, ending)
    else host.arrives(job, () => this.#settle(job, ending))
    this.#running.delete(job)
    this.#forget(job)
    this.#settings.limiter?._release()
    this.#pump()
  }

  /** The job has ended, or never began. */
  #forget(job: Job): void {
    job.state = "ended"
    job.disarm()
    // Only what never began has them still.
    closeMoved(job.unpack().list)
    job.giver._ended(job)
    if (this.#busy) return
    for (const idle of this.#onIdle.splice(0)) idle()
  }

  /**
   * Terminates the thread after the grace. A long one is reported, so that it is no silence: a closing loop says so
   * itself.
   */
  #awaitGrace(job: Job): void {
    const { loop } = job
    const { grace } = this.#settings
    const timers = [timerOf(loop)(grace, () => this.#terminate(job))]
    job.disarm = () => timers.forEach((cancel) => cancel())
    if (grace <= loop._slowJoin || loop._closing.begun || loop.isClosed()) return
    timers.push(
      tellIfSlow(loop, () => ({
        message:
          `the job ${job.name} (${this._place(job)}) was cancelled ${loop._slowJoin}ms ago and has not ended; ` +
          (grace === Infinity
            ? "its grace has no end"
            : `its thread is terminated after a grace of ${grace}ms`),
        future: job.future
      }))
    )
  }

  #terminate(job: Job): void {
    if (job.terminated || job.state !== "cancelling") return
    job.terminated = true
    job.disarm()
    this.#workers.terminate(job)
    if (job.loop.isClosed()) return
    job.disarm = tellIfSlow(job.loop, () => ({
      message:
        `the thread of the job ${job.name} (${this._place(job)}) was terminated ${job.loop._slowJoin}ms ago and has not ` +
        `ended: is it in a synchronous call of the system?`,
      future: job.future
    }))
  }

  #settle(job: Job, ending: Ending): void {
    const { future, name } = job
    if ("died" in ending) {
      if (job.terminated) return future._settleCancelled(job.reason)
      const { died } = ending
      return future._settleError(new WorkerDiedError({ job: name, why: errorText(died), cause: died }))
    }
    const { reply } = ending
    switch (reply.kind) {
      case "value":
        return future._settleValue(reply.value)
      case "cancelled":
        return future._settleCancelled(job.reason)
      case "error":
        return future._settleError(unpackError(reply.error))
      case "refused": {
        const { error, why } = reply
        const cause = error === undefined ? undefined : unpackError(error)
        const also = cause === undefined || why.startsWith("it uses") ? why : `${why}: ${errorText(cause)}`
        return future._settleError(new JobRefusedError({ job: name, why: also, cause }))
      }
    }
  }
}
